"""The data of a FETCH response (RFC 9051 section 7.5.2 and the extensions that add items).

An item that is unknown, or whose value is not what its RFC says (UID 0, a date that is none), is kept with its raw value
in :attr:`FetchData.unknown <idlebell.imap.responses.FetchData.unknown>`; the others of the same response still count.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, Final

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.parse_structure import parse_body, parse_envelope
from idlebell.imap.responses import FetchData, Section
from idlebell.imap.tokens import NUMBER64_MAX, Cursor, GrammarError, visible_text

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_MONTH_NUMBERS: Final[Mapping[bytes, int]] = MappingProxyType(
    {month.upper().encode(): number for number, month in enumerate(MONTHS, 1)}
)

_DATE_TIME: Final = re.compile(
    rb"([ 0-3]?[0-9])-([A-Za-z]{3})-([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-5][0-9])"
)

YEARS: Final = range(2, 9999)
"""Within these a date can be moved to any zone. Beyond them it is no date: 9999-12-31 in New York overflows in UTC."""

GMAIL_ID_MAX: Final = 2**64 - 1

_WHOLE_SECTIONS: Final = frozenset({"RFC822", "RFC822.HEADER", "RFC822.TEXT"})


_OVER: Final = frozenset({"too-deep", "too-many-items"})
"""Bounds that the sender of a mail can have its server cross."""


def parse_fetch(number: int, cursor: Cursor, *, cut: bool = False) -> FetchData:
    """The parenthesised items of the FETCH of message ``number``. What is over a bound is left out with all that follows it,
    and so is the end of one that was ``cut``: strangers wrote it, and framing has kept the boundary of what comes next."""
    fields: dict[str, Any] = {}
    sections: list[Section] = []
    unknown: list[tuple[str, bytes]] = []
    try:
        _read_items(cursor, fields, sections, unknown)
    except GrammarError:
        if not cut:
            raise
    except RemoteProtocolError as error:
        if error.reason not in _OVER:
            raise
        cut = True
        cursor.to_end()
    if sections:
        fields["sections"] = tuple(sections)
    if unknown:
        fields["unknown"] = tuple(unknown)
    return FetchData(number, cut=cut, **fields)


def _read_items(
    cursor: Cursor, fields: dict[str, Any], sections: list[Section], unknown: list[tuple[str, bytes]]
) -> None:
    cursor.open()
    while cursor.more():
        name, origin = read_item_name(cursor)
        cursor.space()
        start = cursor.mark()
        known = _ITEMS.get(name)
        try:
            if known is not None:
                value = known[1](cursor)
                _end_of_value(cursor)
                fields[known[0]] = value
                continue
            if name in _WHOLE_SECTIONS or name.endswith("]"):
                section = Section(name, origin, cursor.nstring())
                _end_of_value(cursor)
                sections.append(section)
                continue
        except GrammarError:
            cursor.rewind(start)
        if origin is not None:
            name = f"{name}<{origin}>"
        unknown.append((name, cursor.skip_value()))


def read_item_name(cursor: Cursor) -> tuple[str, int | None]:
    """``FLAGS``, or ``BODY[HEADER]`` with its origin."""
    name = cursor.name()
    if cursor.peek() != 0x5B:
        return name, None
    return name + cursor.section(), cursor.origin()


def parse_date_time(raw: bytes) -> datetime:
    """``17-Jul-1996 02:44:25 -0700`` (RFC 9051 ``date-time``); GrammarError where it is none."""
    found = _DATE_TIME.fullmatch(raw)
    if found is None:
        raise GrammarError("date-time expected")
    day, month, year, hour, minute, second, sign, zone_hours, zone_minutes = found.groups()
    month_number = _MONTH_NUMBERS.get(month.upper())
    if month_number is None or int(year) not in YEARS or int(zone_hours) > 23:
        raise GrammarError("date-time expected")
    offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
    zone = timezone(-offset if sign == b"-" else offset)
    try:
        return datetime(int(year), month_number, int(day), int(hour), int(minute), int(second), tzinfo=zone)
    except ValueError:
        raise GrammarError("date-time expected") from None


def _end_of_value(cursor: Cursor) -> None:
    """``12x`` is no number: the value must end where the item does."""
    if cursor.peek() not in (0x20, 0x29):
        raise GrammarError("end of the item expected")


def _uid(cursor: Cursor) -> int:
    return cursor.number(minimum=1)


def _date_time(cursor: Cursor) -> datetime:
    return parse_date_time(cursor.nstring() or b"")


def _save_date(cursor: Cursor) -> datetime | None:
    """RFC 8514: NIL where the mailbox keeps none."""
    raw = cursor.nstring()
    return None if raw is None else parse_date_time(raw)


def _size(cursor: Cursor) -> int:
    return cursor.number(NUMBER64_MAX)


def _mod_seq(cursor: Cursor) -> int:
    """``(12121130956)`` (RFC 7162 section 7). 0 is no mod-sequence, though Dovecot has sent it."""
    cursor.open()
    value = cursor.number(NUMBER64_MAX)
    cursor.close()
    return value


def _object_id(cursor: Cursor) -> str | None:
    """``(M123)``, or NIL for a thread that is unknown (RFC 8474 section 5)."""
    if cursor.nil():
        return None
    cursor.open()
    value = visible_text(cursor.atom())
    cursor.close()
    return value


def _preview(cursor: Cursor) -> bytes | None:
    """A string, or NIL (RFC 8970). Drafts of it named the algorithm: ``(FUZZY "text")``."""
    if cursor.peek() != 0x28:
        return cursor.nstring()
    cursor.open()
    cursor.atom()
    cursor.space()
    value = cursor.nstring()
    cursor.close()
    return value


def _gmail_id(cursor: Cursor) -> int:
    return cursor.number(GMAIL_ID_MAX)


def _gmail_labels(cursor: Cursor) -> tuple[bytes, ...]:
    return cursor.strings()


_ITEMS: Final[Mapping[str, tuple[str, Callable[[Cursor], Any]]]] = MappingProxyType(
    {
        "UID": ("uid", _uid),
        "FLAGS": ("flags", Cursor.flags),
        "INTERNALDATE": ("internal_date", _date_time),
        "RFC822.SIZE": ("size", _size),
        "ENVELOPE": ("envelope", parse_envelope),
        "BODY": ("body", parse_body),
        "BODYSTRUCTURE": ("body", parse_body),
        "MODSEQ": ("mod_seq", _mod_seq),
        "EMAILID": ("email_id", _object_id),
        "THREADID": ("thread_id", _object_id),
        "PREVIEW": ("preview", _preview),
        "SAVEDATE": ("save_date", _save_date),
        "X-GM-MSGID": ("gmail_message_id", _gmail_id),
        "X-GM-LABELS": ("gmail_labels", _gmail_labels),
    }
)
"""Item name -> field of FetchData and how its value is read."""
