"""A cursor's gaps as text, and back. Pure."""

from __future__ import annotations

from idlebell.model.cursor import Gap
from idlebell.store.json_text import dump_ascii, load
from idlebell.store.routes import microseconds, moment


def encode_gaps(gaps: tuple[Gap, ...]) -> str | None:
    """None: there are none."""
    return dump_ascii([[gap.first, gap.last, microseconds(gap.since)] for gap in gaps]) if gaps else None


def decode_gaps(encoded: str | None) -> tuple[Gap, ...]:
    return () if encoded is None else tuple(Gap(first, last, moment(since)) for first, last, since in load(encoded))
