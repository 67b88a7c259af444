"""What is new mail (RFC 9051 section 2.3.1.1). Pure: what the server said in, a decision out.

A message is looked at when its UID is at or above the cursor's ``uid_next`` under the same UIDVALIDITY. It is new mail unless
it is \\Deleted or a \\Draft; whether it is \\Seen, or was filed rather than delivered, is marked, for some want to hear of
those too. Never EXISTS arithmetic: EXISTS only says that a look is worth while.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, TypeAlias

from idlebell.imap.responses import FetchData
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.cursor import Cursor
from idlebell.model.ids import SubscriptionId
from idlebell.rules.match import Hearing

FLOOD_MESSAGES = 500
"""More than this at once is announced as a count: describing them helps nobody and holds their envelopes in memory."""
NOT_NEW = ("\\Deleted", "\\Draft")
"""Somebody has dealt with it already, or is still writing it."""
FILED_MARGIN = timedelta(hours=1)
"""A delivery is dated by the server that takes it (RFC 9051 section 2.3.3), so what was delivered after a look is dated after
it; mail that was scanned, held or fetched from elsewhere first, and clocks that differ, have this much."""
DATE_ITEM: Final = "BODY.PEEK[HEADER.FIELDS (DATE)]<0.256>"
"""What :func:`is_written_since` wants to know, where no envelope is fetched; no more of it than a date has."""


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
    """Nothing came. The cursor may have moved all the same: over messages that are nobody's new mail."""

    cursor: Cursor


@dataclass(frozen=True, slots=True)
class NewUids:
    arrivals: tuple[Arrival, ...]
    """In order of UID, each once."""
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class Flood:
    """More than is worth fetching: announced as a count, of all that somebody hears of."""

    counts: Mapping[Hearing, int]
    cursor: Cursor


Position: TypeAlias = Baseline | Rebased | UpToDate | Behind
Decision: TypeAlias = Quiet | NewUids


def locate(
    cursor: Cursor | None,
    uid_validity: int,
    uid_next: int | None,
    exists: int | None,
    *,
    floor: int | None = None,
    mod_seq: int | None = None,
) -> Position:
    """Compares the cursor with what the server says of the mailbox.

    ``uid_next`` None: the server told none (Courier does not). Without a cursor it must be known. ``floor``: the lowest UID
    that somebody is to be told of in a mailbox that was never looked at, as one that was made while its account was
    watched. ``mod_seq``: HIGHESTMODSEQ, where the server keeps one.
    """
    if cursor is None or cursor.uid_validity != uid_validity:
        # RFC 9051 section 2.3.1.1: no UID of the old epoch means anything. Where it ends is where we begin.
        if uid_next is None:
            raise ValueError("a baseline needs to know where the mailbox ends")
        start = uid_next if floor is None else min(floor, uid_next)
        # The count belongs to the place: of what lies above it nothing is known yet.
        begin = Cursor(uid_validity, start, mod_seq, exists if start == uid_next else None)
        return Baseline(begin) if cursor is None else Rebased(begin)
    if uid_next is None:
        if mod_seq is not None and mod_seq == cursor.highest_mod_seq and cursor.first_open == cursor.uid_next:
            return UpToDate()  # RFC 7162 section 3.1.2.1: every new message raises it
        return Behind(cursor.first_open, None)
    if uid_next <= cursor.uid_next and cursor.first_open == cursor.uid_next:
        # Below: a replica that lags. UIDNEXT never goes back under one UIDVALIDITY (RFC 9051 section 2.3.1.1), and following
        # it back would announce again what was announced.
        return UpToDate()
    return Behind(cursor.first_open, max(uid_next, cursor.uid_next) - cursor.first_open)


def decide(
    cursor: Cursor,
    fetched: Iterable[FetchData],
    exists: int | None,
    *,
    delivered_since: datetime | None = None,
    delivered: Container[int] = (),
    known: Mapping[int, frozenset[SubscriptionId]] | None = None,
    mod_seq: int | None = None,
) -> Decision:
    """What came. ``UID FETCH n:*`` also returns the last message when nothing did (RFC 9051 section 6.4.9): UIDs below the
    cursor are not looked at. A UID may come twice.

    ``delivered_since``: what is dated before it was not delivered since the last look (:func:`filed_before`), but for the UIDs
    that are ``delivered`` whatever their date. ``known``: by UID, whom the mail has passed before.

    UIDs in the cursor's gaps are decided on too, and the gaps closed.

    The cursor moves over what was seen and no further: what a replica that lags does not show yet has its UID still to come.
    """
    seen = _by_uid(cursor, fetched)
    if not seen:
        return Quiet(replace(cursor, count=exists, highest_mod_seq=mod_seq or cursor.highest_mod_seq, gaps=()))
    moved = replace(
        cursor,
        uid_next=max(max(seen) + 1, cursor.uid_next),
        count=exists,
        highest_mod_seq=mod_seq or cursor.highest_mod_seq,
        gaps=(),
    )
    arrivals = tuple(
        Arrival(
            message, _marks(message, None if uid in delivered else delivered_since), (known or {}).get(uid, frozenset())
        )
        for uid, message in sorted(seen.items())
        if not any(message.has_flag(flag) for flag in NOT_NEW)
    )
    return NewUids(arrivals, moved) if arrivals else Quiet(moved)


def decide_count(cursor: Cursor, counts: Mapping[Hearing, int], uid_next: int, exists: int | None) -> Quiet | Flood:
    """The same where the new messages were counted instead of fetched."""
    moved = replace(cursor, uid_next=max(uid_next, cursor.uid_next), count=exists, gaps=())
    return Flood(counts, moved) if any(counts.values()) else Quiet(moved)


def too_many(span: int | None, exists_before: int | None, exists_now: int | None) -> bool:
    """May a FETCH of all that is new bring more than is worth fetching? UIDs have gaps, so a large span of them alone does
    not say so where the number of messages is known."""
    if exists_before is not None and exists_now is not None:
        grown = exists_now - exists_before
        return grown > FLOOD_MESSAGES and (span is None or span > FLOOD_MESSAGES)
    return span is not None and span > FLOOD_MESSAGES


def may_hide_many(span: int | None, exists_now: int | None) -> bool:
    """Where :func:`too_many` says no: can there be more all the same, because what was expunged meanwhile hides arrivals? Then
    only counting tells."""
    return span is not None and min(span, span if exists_now is None else exists_now) > FLOOD_MESSAGES


def filed_before(looked_at: datetime | None, clock_lag_seconds: float | None) -> datetime | None:
    """Mail dated before this was not delivered after ``looked_at``, it was filed: copied, moved or uploaded. None: that
    cannot be told, and then everything counts as delivered: a ring too many is better than one too few.

    ``clock_lag_seconds``: how far the server's clock can be behind ours at most (:mod:`idlebell.watch.hosts`).
    """
    if looked_at is None or clock_lag_seconds is None:
        return None
    return looked_at - FILED_MARGIN - timedelta(seconds=clock_lag_seconds)


def looks_filed(message: FetchData, delivered_since: datetime | None) -> bool:
    """By the date that the server gave it."""
    date = message.internal_date
    return delivered_since is not None and date is not None and date < delivered_since


def is_written_since(message: FetchData, moment: datetime, now: datetime) -> bool:
    """Does its sender say that it was written after ``moment``? Then it was not lying anywhere before, and where the server's
    date says otherwise the server's clock is not what it was. A date in the future says nothing. What is asked for is
    :data:`DATE_ITEM`, or the envelope."""
    written = _written_at(message)
    return written is not None and moment <= written <= now + FILED_MARGIN


def is_late(message: FetchData, looked_at: datetime, now: datetime, clock_lag_seconds: float, late: float) -> bool:
    """Has ``message`` certainly lain there for ``late`` seconds, unsaid? It was delivered since the last look (older mail was
    filed, and nobody knows when), and even by a clock as slow as the server's can be that is long ago."""
    date = message.internal_date
    return date is not None and looked_at <= date <= now - timedelta(seconds=clock_lag_seconds + late)


def _by_uid(cursor: Cursor, fetched: Iterable[FetchData]) -> dict[int, FetchData]:
    seen: dict[int, FetchData] = {}
    for message in fetched:
        if message.uid is not None and cursor.is_open(message.uid):
            # An unsolicited FETCH of flags may come beside the answer: the fuller one stands, the later flags count.
            seen[message.uid] = _merged(seen.get(message.uid), message)
    return seen


def _marks(message: FetchData, delivered_since: datetime | None) -> frozenset[str]:
    marks = []
    if message.has_flag("\\Seen"):
        marks.append(Mark.SEEN)
    if looks_filed(message, delivered_since):
        marks.append(Mark.APPENDED)
    return frozenset(marks)


def _written_at(message: FetchData) -> datetime | None:
    """The Date field of its header (RFC 5322 section 3.6.1), which is whatever the sender put there."""
    value = message.envelope.date if message.envelope is not None else None
    for section in message.sections:
        if section.name.upper().startswith("BODY[HEADER.FIELDS (DATE") and section.content is not None:
            value = section.content.partition(b":")[2]
    try:
        written = parsedate_to_datetime(value.decode("ascii").strip()) if value else None
        # "-0000" is a time in UTC whose local zone is not told (RFC 5322 section 3.3).
        return written.replace(tzinfo=UTC) if written is not None and written.tzinfo is None else written
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _merged(old: FetchData | None, new: FetchData) -> FetchData:
    if old is None:
        return new
    fuller, other = (new, old) if _told(new) > _told(old) else (old, new)
    return replace(fuller, flags=new.flags if new.flags is not None else other.flags)


def _told(message: FetchData) -> int:
    """How much an answer tells besides the flags, which come unasked."""
    return sum(
        one is not None
        for one in (message.envelope, message.internal_date, message.size, message.email_id, message.sections or None)
    )
