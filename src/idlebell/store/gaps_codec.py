"""A cursor's gaps as text, and back. Pure."""

from __future__ import annotations

from idlebell.model.cursor import Gap
from idlebell.store.json_text import dump_ascii, load
from idlebell.store.routes import microseconds, moment


def encode_gaps(gaps: tuple[Gap, ...]) -> str | None:
    """None: there are none."""
    return dump_ascii([[gap.first, gap.last, microseconds(gap.since), gap.awaited] for gap in gaps]) if gaps else None


def decode_gaps(encoded: str | None) -> tuple[Gap, ...]:
    if encoded is None:
        return ()
    return tuple(Gap(first, last, moment(since), awaited) for first, last, since, awaited in load(encoded))
