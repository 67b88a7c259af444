"""More mail at once than is described."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from idlebell.imap.responses import Address, Envelope, FetchData
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.preferences import Hushed, HushedBy, Preferences
from idlebell.rules.match import Hearing
from idlebell.watch.flood import counted, criteria
from unit.rules.test_rules_match import ONE

SINCE = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


def test_each_hears_the_number_of_what_was_asked_for() -> None:
    arrivals = [
        Arrival(FetchData(1, uid=1)),
        Arrival(FetchData(2, uid=2), frozenset({Mark.SEEN})),
        Arrival(FetchData(3, uid=3), frozenset({Mark.SEEN, Mark.APPENDED})),
    ]
    read_too = replace(ONE, also=frozenset({"seen"}))

    assert counted("INBOX", arrivals, [ONE, read_too]) == {Hearing(): 1, Hearing(frozenset({"seen"})): 2}
    assert counted("INBOX", arrivals, []) == {Hearing(): 1}


def test_what_a_filter_holds_back_is_not_counted() -> None:
    sizes = [Arrival(FetchData(number, uid=number, size=number)) for number in range(1, 11)]
    large = replace(ONE, preferences=Preferences(filter='{"minSize":8}'))

    assert counted("INBOX", sizes, [ONE, large]) == {Hearing(): 10, Hearing(filter='{"minSize":8}'): 3}


def test_who_is_hushed_is_not_counted() -> None:
    mails = [
        Arrival(FetchData(number, uid=number, envelope=Envelope(None, None, (sender,), (), (), (), (), (), None, None)))
        for number, sender in enumerate(
            [Address(None, None, b"boss", b"example.org"), Address(None, None, b"me", b"example.org")]
        )
    ]
    hushed = (Hushed(HushedBy.SENDER, "boss@example.org"),)
    quiet = replace(ONE, preferences=Preferences(hushed=hushed))

    assert counted("INBOX", mails, [ONE, quiet]) == {Hearing(): 2, Hearing(hushed=hushed): 1}


def test_the_server_is_asked_for_what_would_be_decided() -> None:
    day = "28-Feb-2026"
    assert criteria(frozenset(), SINCE) == f"UNDELETED UNDRAFT UNSEEN OR SINCE {day} SENTSINCE {day}"
    assert criteria(frozenset({"seen"}), SINCE) == f"UNDELETED UNDRAFT OR SINCE {day} SENTSINCE {day}"
    assert criteria(frozenset({"appended"}), SINCE) == "UNDELETED UNDRAFT UNSEEN"
    assert criteria(frozenset(), None) == "UNDELETED UNDRAFT UNSEEN"


def test_the_day_is_one_that_is_surely_before_by_any_calendar() -> None:
    there = SINCE.astimezone(timezone(timedelta(hours=-9)))
    assert criteria(frozenset(), there) == criteria(frozenset(), SINCE)
