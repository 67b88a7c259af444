"""Dates as RFC 5260 takes them apart, from header fields as programs write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from idlebell.rules.sieve.limits import DATE_CHARACTERS

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_ZONES: Final = MappingProxyType(
    {"ut": 0, "gmt": 0, "z": 0, "utc": 0, "est": -300, "edt": -240, "cst": -360, "cdt": -300, "mst": -420, "mdt": -360}
    | {"pst": -480, "pdt": -420}
)
"""RFC 5322 section 4.3, in minutes; all others say nothing: -0000."""
_COMMENT: Final = re.compile(r"\([^()]*+\)")
_DATE: Final = re.compile(
    r"(?:[a-z]{3}\s*+,?+\s*+)?([0-9]{1,2})\s++([a-z]{3})[a-z]{0,6}\s++([0-9]{2,4})"
    r"\s++([0-9]{1,2})\s*+:\s*+([0-9]{2})(?:\s*+:\s*+([0-9]{2}))?+(?:\s++([+-][0-9]{4}|[a-z]{1,5}))?+",
    re.IGNORECASE,
)
_ZONE: Final = re.compile(r"[+-]([0-9]{2})([0-5][0-9])")
_JULIAN_BEGINS: Final = date(1858, 11, 17).toordinal()
"""RFC 5260 section 4.2: the modified Julian day counts from here."""


def read_date(value: str) -> datetime | None:
    """Of a header field's value; what stands before its last semicolon is left out (``Received``, RFC 5260 section 4). Years
    of two digits as RFC 5322 section 4.3 has them. None: it has none."""
    text = value.rpartition(";")[2][: DATE_CHARACTERS + 1]
    if len(text) > DATE_CHARACTERS:
        return None
    found = _DATE.fullmatch(_COMMENT.sub(" ", text).strip())
    if found is None or found[2].lower() not in _MONTHS:
        return None
    year = int(found[3])
    if len(found[3]) < 4:
        year += 2000 if year < 50 else 1900
    zone = read_zone(found[7] or "") or timezone(timedelta(minutes=_ZONES.get((found[7] or "").lower(), 0)))
    try:
        return datetime(
            year, _MONTHS.index(found[2].lower()) + 1, int(found[1]),
            int(found[4]), int(found[5]), min(int(found[6] or 0), 59), tzinfo=zone,
        )  # fmt: skip
    except ValueError:
        return None


def read_zone(text: str) -> timezone | None:
    """``+hhmm`` or ``-hhmm``; None: it is none."""
    found = _ZONE.fullmatch(text)
    if found is None or int(found[1]) > 23:
        return None
    distance = timedelta(hours=int(found[1]), minutes=int(found[2]))
    return timezone(-distance if text[0] == "-" else distance)


def moved(moment: datetime, zone: timezone) -> datetime:
    """The same in ``zone``, or as it is where the calendar ends."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment


def _weekday(moment: datetime) -> int:
    return moment.isoweekday() % 7


def _zone(moment: datetime) -> str:
    offset = moment.utcoffset() or timedelta()
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02}{minutes % 60:02}"


def _time(moment: datetime) -> str:
    return f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}"


def _iso(moment: datetime) -> str:
    """RFC 3339 section 5.6."""
    zone = _zone(moment)
    offset = "Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}"
    return f"{moment.year:04}-{moment.month:02}-{moment.day:02}T{_time(moment)}{offset}"


def _std11(moment: datetime) -> str:
    month = _MONTHS[moment.month - 1].capitalize()
    return f"{_DAYS[_weekday(moment)]}, {moment.day:02} {month} {moment.year:04} {_time(moment)} {_zone(moment)}"


PARTS: Final[Mapping[str, Callable[[datetime], str]]] = MappingProxyType(
    {
        "year": lambda moment: f"{moment.year:04}",
        "month": lambda moment: f"{moment.month:02}",
        "day": lambda moment: f"{moment.day:02}",
        "date": lambda moment: f"{moment.year:04}-{moment.month:02}-{moment.day:02}",
        "julian": lambda moment: str(moment.toordinal() - _JULIAN_BEGINS),
        "hour": lambda moment: f"{moment.hour:02}",
        "minute": lambda moment: f"{moment.minute:02}",
        "second": lambda moment: f"{moment.second:02}",
        "time": _time,
        "iso8601": _iso,
        "std11": _std11,
        "zone": _zone,
        "weekday": lambda moment: str(_weekday(moment)),
    }
)
"""RFC 5260 section 4.2."""
