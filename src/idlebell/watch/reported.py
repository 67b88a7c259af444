"""Where a mailbox stands after a report of its mail server. Pure: a cursor and a UID in, a cursor out.

Reports come from several delivering processes at once, so one of a later message may overtake one of an earlier: what it leaves
out below itself stays open for a while. What is never told of was no delivery (RFC 9051 sections 6.3.12 and 6.4.7: APPEND and
COPY take UIDs too), or was lost; a session that looks here later decides on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.cursor import Cursor, Gap

OPEN_UIDS: Final = 256
"""In all gaps of a mailbox, the highest ones: an import that takes thousands of UIDs leaves no list of them."""
OPEN_FOR: Final = timedelta(minutes=10)
"""A mail server gives up on a report within seconds; ten minutes are those of one that was stopped while it made it."""


def after(cursor: Cursor | None, uid_validity: int, uid: int, now: datetime, *, awaited: bool = False) -> Cursor | None:
    """Where the mailbox stands once the message with ``uid`` is decided on. None: it has been.

    In a mailbox that nobody has looked at the gap begins below the first report: what was delivered beside it may be told of
    after it. ``awaited``: of the gap that this report leaves.
    """
    if cursor is None or uid_validity != cursor.uid_validity:
        # RFC 9051 section 2.3.1.1: they only grow. A mailbox out of a backup may not know, and would be mute for ever.
        below = Gap(max(1, uid - OPEN_UIDS), uid - 1, now, awaited)
        return Cursor(uid_validity, uid + 1, looked_at=now, gaps=_bounded((below,)))
    if uid >= cursor.uid_next:
        gaps = _bounded((*cursor.gaps, Gap(cursor.uid_next, uid - 1, now, awaited)))
        return replace(cursor, uid_next=uid + 1, count=None, gaps=gaps)
    gap = next((one for one in cursor.gaps if uid in one), None)
    if gap is None or now - gap.since >= OPEN_FOR:
        return None
    parts = (replace(gap, last=uid - 1), replace(gap, first=uid + 1))
    return replace(cursor, gaps=_bounded(part for one in cursor.gaps for part in (parts if one is gap else (one,))))


def _bounded(gaps: Iterable[Gap]) -> tuple[Gap, ...]:
    """Without those that are empty, and of the rest the highest UIDs."""
    kept: list[Gap] = []
    room = OPEN_UIDS
    for gap in sorted(gaps, key=lambda one: one.first, reverse=True):
        if gap.last < gap.first or not room:
            continue
        first = max(gap.first, gap.last - room + 1)
        kept.append(replace(gap, first=first))
        room -= gap.last - first + 1
    return tuple(reversed(kept))
