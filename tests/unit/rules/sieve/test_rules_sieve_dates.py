from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from idlebell.rules.sieve.dates import PARTS, moved, read_date, read_zone


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Thu, 26 Nov 2026 09:28:07 +0100", "2026-11-26T09:28:07+01:00"),
        ("26 Nov 2026 09:28 -0330", "2026-11-26T09:28:00-03:30"),
        ("Thu , 26  Nov  2026 9:28:07 GMT (a comment)", "2026-11-26T09:28:07Z"),
        ("by x; Thu, 26 Nov 2026 09:28:07 EST", "2026-11-26T09:28:07-05:00"),
        ("Thu, 26 November 26 09:28:07 Q", "2026-11-26T09:28:07Z"),
        ("Thu, 26 Nov 99 09:28:07", "1999-11-26T09:28:07Z"),
        ("Thu, 26 Nov 126 09:28:60 +0000", "2026-11-26T09:28:59Z"),
    ],
)
def test_date_is_read_as_programs_write_it(text: str, said: str) -> None:
    moment = read_date(text)

    assert moment is not None
    assert PARTS["iso8601"](moment) == said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "31 Feb 2026 00:00 +0000",
        "1 Foo 2026 00:00",
        "1 Jan 2026 25:00",
        "1 Jan 2026 00:00 +9999",
        "x" * 300,
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert read_date(text) is None or text.endswith("+9999")


def test_parts_are_those_of_rfc_5260() -> None:
    moment = datetime(2026, 11, 1, 9, 8, 7, tzinfo=timezone(-timedelta(hours=9, minutes=30)))

    assert {name: part(moment) for name, part in PARTS.items()} == {
        "year": "2026",
        "month": "11",
        "day": "01",
        "date": "2026-11-01",
        "julian": "61345",
        "hour": "09",
        "minute": "08",
        "second": "07",
        "time": "09:08:07",
        "iso8601": "2026-11-01T09:08:07-09:30",
        "std11": "Sun, 01 Nov 2026 09:08:07 -0930",
        "zone": "-0930",
        "weekday": "0",
    }


def test_julian_day_is_that_of_the_rfc() -> None:
    # RFC 5260 section 4.2: the modified Julian day; 1970-01-01 is 40587.
    assert PARTS["julian"](datetime(1970, 1, 1, tzinfo=UTC)) == "40587"


def test_where_the_calendar_ends_nothing_is_moved() -> None:
    last = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)

    assert moved(last, timezone(timedelta(hours=1))) == last


@pytest.mark.parametrize("text", ["", "0100", "+100", "+0160", "+2400", "Berlin"])
def test_what_is_no_zone_is_none(text: str) -> None:
    assert read_zone(text) is None
