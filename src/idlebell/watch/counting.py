"""Counts messages of the open mailbox without fetching them."""

from __future__ import annotations

from idlebell.watch.answers import LookRefusedError
from idlebell.watch.mailbox_session import MailboxSession

SEARCH_WINDOW = 5_000
"""UIDs asked about in one SEARCH without ESEARCH: its one-line answer stays under ``Limits.line_bytes``."""
WINDOWS = 200
"""Windows of a count that are asked for; a mailbox that gained a million UIDs at once is said to have gained many."""


async def count_new(session: MailboxSession, first: int, last: int, criteria: str) -> int:
    """How many messages with a UID from ``first`` to ``last`` fit ``criteria``, without fetching them. Never ``*``: what
    comes meanwhile would be counted now and found again later."""
    if last < first:
        return 0
    if session.has("ESEARCH"):
        return await session.search_count(f"UID {first}:{last} {criteria}", esearch=True)
    count = 0
    for window in range(WINDOWS):
        start = first + window * SEARCH_WINDOW
        if start > last:
            break
        count += await session.search_count(
            f"UID {start}:{min(start + SEARCH_WINDOW - 1, last)} {criteria}", esearch=False
        )
    return count


async def count_unseen(session: MailboxSession) -> int | None:
    """Unseen messages of the open mailbox; None where only a long answer would tell, or the server refuses one."""
    if session.has("ESEARCH"):
        try:
            return await session.search_count("UNSEEN", esearch=True)
        except LookRefusedError:
            return None  # a number that is nice to have holds up no notification
    status = await session.status(session.open_mailbox or "INBOX", ("UNSEEN",))
    return status.unseen if status else None
