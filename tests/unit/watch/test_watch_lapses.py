"""What a server was caught not doing, and for how long it is done without."""

from __future__ import annotations

from idlebell.imap.responses import Condition, PlainCode, StatusResponse
from idlebell.watch.lapses import REFUSALS, TRUSTED_AGAIN_SECONDS, Lapses, Promise, events_lost

IDLE, NOTIFY = Promise.IDLE, Promise.NOTIFY


def test_a_server_is_trusted_until_it_shows_otherwise() -> None:
    lapses = Lapses()

    assert lapses.trusts(IDLE, 0)
    assert lapses.reason(IDLE) == ""
    assert lapses.rung is None


def test_mail_that_lay_there_for_long_is_enough_once() -> None:
    lapses = Lapses()

    assert lapses.unsaid(IDLE, 100, sure=True)
    assert not lapses.trusts(IDLE, 101)
    assert lapses.reason(IDLE) == "the server accepts IDLE and then says nothing of new mail"
    assert lapses.trusts(NOTIFY, 101)


def test_mail_that_may_have_come_that_moment_counts_twice_in_a_row() -> None:
    lapses = Lapses()

    assert not lapses.unsaid(NOTIFY, 1, sure=False)
    assert lapses.trusts(NOTIFY, 1)
    lapses.told(NOTIFY)
    assert not lapses.unsaid(NOTIFY, 2, sure=False)
    assert lapses.unsaid(NOTIFY, 3, sure=False)
    assert not lapses.trusts(NOTIFY, 3)


def test_given_up_is_told_once() -> None:
    lapses = Lapses()
    lapses.unsaid(IDLE, 1, sure=True)

    assert not lapses.unsaid(IDLE, 2, sure=True)
    lapses.told(IDLE)
    assert not lapses.trusts(IDLE, 3)


def test_refusals_count_in_a_row() -> None:
    lapses = Lapses()
    for _ in range(REFUSALS - 1):
        assert not lapses.refused(IDLE, 1, "no")
    lapses.accepted(IDLE)
    lapses.accepted(NOTIFY)
    for _ in range(REFUSALS - 1):
        assert not lapses.refused(IDLE, 1, "no")

    assert lapses.refused(IDLE, 1, "never")
    assert lapses.reason(IDLE) == "the server refuses IDLE: never"


def test_a_refusal_for_good_is_enough() -> None:
    lapses = Lapses()

    assert lapses.refused(NOTIFY, 1, "BADEVENT", for_good=True)
    assert not lapses.trusts(NOTIFY, 1)


def test_a_server_is_trusted_again_after_a_day() -> None:
    lapses = Lapses()
    lapses.unsaid(IDLE, 100, sure=True)

    assert not lapses.trusts(IDLE, 99 + TRUSTED_AGAIN_SECONDS)
    assert lapses.trusts(IDLE, 100 + TRUSTED_AGAIN_SECONDS)
    assert lapses.reason(IDLE) == ""


def test_events_that_were_dropped_are_told_by_code_or_in_dovecots_words() -> None:
    assert events_lost(StatusResponse(Condition.OK, PlainCode("NOTIFICATIONOVERFLOW"), "too much"))
    assert events_lost(StatusResponse(Condition.NO, None, "NOTIFY error, some events may have got lost"))
    assert not events_lost(StatusResponse(Condition.OK, None, "NOTIFY is fun"))
    assert not events_lost(StatusResponse(Condition.NO, PlainCode("ALERT"), "over quota"))
