"""What is new mail (RFC 9051 section 2.3.1.1). Pure: what the server said in, a decision out.

A message is new when its UID is at or above the cursor's ``uid_next`` under the same UIDVALIDITY, and it is not \\Seen (it was
filed as read), \\Deleted or \\Draft. Never EXISTS arithmetic: EXISTS only says that a look is worth while.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from idlebell.imap.responses import FetchData
from idlebell.model.cursor import Cursor

FLOOD_MESSAGES = 500
"""More than this at once is announced as a count: describing them helps nobody and holds their envelopes in memory."""
NOT_NEW = ("\\Seen", "\\Deleted", "\\Draft")


@dataclass(frozen=True, slots=True)
class Baseline:
    """Never looked at before: what is there is not announced."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Rebased:
    """Not the mailbox that we knew (another UIDVALIDITY): nothing of it is announced."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class UpToDate:
    """The server says that nothing came."""


@dataclass(frozen=True, slots=True)
class Behind:
    """There may be messages from ``first_uid`` on. ``span``: how many there can be at most, where the server told."""

    first_uid: int
    span: int | None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Nothing to announce. The cursor may have moved all the same: over messages that are not new mail."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class NewUids:
    messages: tuple[FetchData, ...]
    """In order of UID, each once."""
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Flood:
    """More than is worth fetching: announced as a count."""

    count: int
    cursor: Cursor


Position: TypeAlias = Baseline | Rebased | UpToDate | Behind
Decision: TypeAlias = Quiet | NewUids


def locate(cursor: Cursor | None, uid_validity: int, uid_next: int | None, exists: int | None) -> Position:
    """Compares the cursor with what the server says of the mailbox.

    ``uid_next`` None: the server told none (Courier does not). Without a cursor it must be known.
    """
    if cursor is None:
        if uid_next is None:
            raise ValueError("a baseline needs to know where the mailbox ends")
        return Baseline(Cursor(uid_validity, uid_next, count=exists))
    if cursor.uid_validity != uid_validity:
        # RFC 9051 section 2.3.1.1: no UID of the old epoch means anything. Where it ends is where we begin.
        if uid_next is None:
            raise ValueError("a baseline needs to know where the mailbox ends")
        return Rebased(Cursor(uid_validity, uid_next, count=exists))
    if uid_next is None:
        return Behind(cursor.uid_next, None)
    if uid_next <= cursor.uid_next:
        # Below: a replica that lags. UIDNEXT never goes back under one UIDVALIDITY (RFC 9051 section 2.3.1.1), and following
        # it back would announce again what was announced.
        return UpToDate()
    return Behind(cursor.uid_next, uid_next - cursor.uid_next)


def decide(cursor: Cursor, fetched: Iterable[FetchData], uid_next: int | None, exists: int | None) -> Decision:
    """What of ``fetched`` is new. ``UID FETCH n:*`` also returns the last message when nothing came (RFC 9051 section 6.4.9):
    UIDs below the cursor are not looked at. A UID may come twice."""
    seen: dict[int, FetchData] = {}
    for message in fetched:
        if message.uid is not None and message.uid >= cursor.uid_next:
            # An unsolicited FETCH of flags may come beside the answer: the fuller one stands, the later flags count.
            seen[message.uid] = _merged(seen.get(message.uid), message)
    reached = max((*(uid + 1 for uid in seen), uid_next or 0, cursor.uid_next))
    moved = replace(cursor, uid_next=reached, count=exists)
    new = tuple(seen[uid] for uid in sorted(seen) if not any(seen[uid].has_flag(flag) for flag in NOT_NEW))
    if not new:
        return Quiet(moved)
    return NewUids(new, moved)


def decide_count(cursor: Cursor, count: int, uid_next: int, exists: int | None) -> Quiet | Flood:
    """The same where the new messages were counted instead of fetched."""
    moved = replace(cursor, uid_next=max(uid_next, cursor.uid_next), count=exists)
    return Flood(count, moved) if count else Quiet(moved)


def _merged(old: FetchData | None, new: FetchData) -> FetchData:
    if old is None:
        return new
    fuller, other = (old, new) if old.envelope is not None or new.envelope is None else (new, old)
    return replace(fuller, flags=new.flags if new.flags is not None else other.flags)
