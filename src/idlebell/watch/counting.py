"""Counts and finds messages of the open mailbox without fetching what is in them."""

from __future__ import annotations

from idlebell.imap.responses import ESearchData, FetchData, SearchData
from idlebell.imap.sequence_set import STAR, SequenceSet
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
        return await _count(session, f"UID {first}:{last} {criteria}")
    count = 0
    for window in range(WINDOWS):
        start = first + window * SEARCH_WINDOW
        if start > last:
            break
        count += len(await uids_of(session, f"UID {start}:{min(start + SEARCH_WINDOW - 1, last)} {criteria}"))
    return count


async def newest(session: MailboxSession, first: int, last: int, criteria: str, most: int) -> list[int]:
    """UIDs of the newest messages of those that :func:`count_new` counts, in their order."""
    found: list[int] = []
    for window in range(WINDOWS):
        end = last - window * SEARCH_WINDOW
        if end < first or len(found) >= most:
            break
        found = await uids_of(session, f"UID {max(first, end - SEARCH_WINDOW + 1)}:{end} {criteria}") + found
    return found[-most:]


async def last_message(session: MailboxSession) -> FetchData | None:
    """UID and date of the last message; None where there is none."""
    fetched = await session.fetch(SequenceSet(((STAR, STAR),)), ("UID", "INTERNALDATE")) if session.exists else ()
    return max((one for one in fetched if one.uid is not None), key=lambda one: one.uid or 0, default=None)


async def _count(session: MailboxSession, criteria: str) -> int:
    """Where the server has ESEARCH."""
    told = await session.search(criteria, "COUNT")
    return (told.count or 0) if isinstance(told, ESearchData) else len(told.numbers) if told is not None else 0


async def uids_of(session: MailboxSession, criteria: str) -> list[int]:
    """Without ESEARCH, for an answer that is short."""
    told = await session.search(criteria)
    return sorted(told.numbers) if isinstance(told, SearchData) else []


async def count_unseen(session: MailboxSession) -> int | None:
    """Unseen messages of the open mailbox; None where only a long answer would tell, or the server refuses one."""
    if session.has("ESEARCH"):
        try:
            return await _count(session, "UNSEEN")
        except LookRefusedError:
            return None  # a number that is nice to have holds up no notification
    status = await session.status(session.open_mailbox or "INBOX", ("UNSEEN",))
    return status.unseen if status else None
