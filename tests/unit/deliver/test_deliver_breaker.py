"""When a whole push service is left alone, and when it is asked again."""

from __future__ import annotations

import pytest

from idlebell.deliver.breaker import (
    NEXT,
    PAUSE_SECONDS_MAX,
    TRIPS_AT,
    Breaker,
    Event,
    Reply,
    State,
    reply_of,
)
from idlebell.push.exchange import AnyAnswer, CommandEnded, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry, TooLarge


def troubled(breaker: Breaker, reply: Reply, endpoints: range, at: float = 0.0) -> Breaker:
    for endpoint in endpoints:
        breaker = breaker.heard(reply, endpoint, at, at)
    return breaker


def opened(at: float = 0.0) -> Breaker:
    return troubled(Breaker(), Reply.SILENT, range(4), at)


def test_every_event_has_its_next_state_and_time_alone_opens_only_half() -> None:
    answered = {(state, event) for state in State for event in Event if event is not Event.DUE}
    assert set(NEXT) == answered | {(State.OPEN, Event.DUE)}


@pytest.mark.parametrize(("reply", "many"), TRIPS_AT.items())
def test_trouble_with_several_endpoints_in_a_row_trips_it(reply: Reply, many: int) -> None:
    almost = troubled(Breaker(), reply, range(many - 1))
    assert almost.state is State.CLOSED
    tripped = almost.heard(reply, many, 0.0, 0.0)
    assert (tripped.state, tripped.opened) == (State.OPEN, 1)


def test_one_endpoint_however_often_it_fails_trips_nothing() -> None:
    breaker = Breaker()
    for reply in [*TRIPS_AT] * 20:
        breaker = breaker.heard(reply, 1, 0.0, 0.0)
    assert breaker.state is State.CLOSED


def test_troubles_of_all_kinds_together_trip_it() -> None:
    breaker = troubled(troubled(Breaker(), Reply.SILENT, range(3)), Reply.FAILED, range(3, 6))
    breaker = breaker.heard(Reply.BUSY, 6, 0.0, 0.0)
    assert breaker.state is State.CLOSED
    assert breaker.heard(Reply.FAILED, 7, 0.0, 0.0).state is State.OPEN


def test_any_answer_ends_the_run() -> None:
    breaker = troubled(Breaker(), Reply.SILENT, range(3)).heard(Reply.ANSWERED, 9, 0.0, 0.0)
    assert troubled(breaker, Reply.SILENT, range(3)).state is State.CLOSED


def test_after_its_pause_it_is_half_open_and_the_first_answer_decides() -> None:
    breaker = opened()
    assert (breaker.at(0.9).state, breaker.at(1.0).state) == (State.OPEN, State.HALF_OPEN)
    closed = breaker.heard(Reply.ANSWERED, 1, 1.0, 1.5)
    assert (closed.state, closed.opened, closed.run) == (State.CLOSED, 0, {})
    again = breaker.heard(Reply.FAILED, 1, 1.0, 1.5)
    assert (again.state, again.until - again.since, again.opened) == (State.OPEN, 2.0, 2)


def test_pauses_double_to_a_minute_and_are_jittered_downwards() -> None:
    breaker, pauses = opened(), []
    for _ in range(10):
        pauses.append(breaker.until - breaker.since)
        breaker = breaker.heard(Reply.SILENT, 1, breaker.until, breaker.until)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    jittered = troubled(Breaker(), Reply.SILENT, range(3)).heard(Reply.SILENT, 9, 0.0, 0.0, share=1.0)
    assert jittered.until == 0.5


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 1.0), (0.5, 1.0), (20.0, 20.0), (3_600.0, PAUSE_SECONDS_MAX)])
def test_a_service_that_asks_for_a_pause_gets_it_up_to_a_minute(asked: float, pause: float) -> None:
    breaker = Breaker().heard(Reply.BUSY, 1, 0.0, 0.0, asked_seconds=asked)
    assert breaker.state is State.CLOSED
    assert breaker.heard(Reply.BUSY, 2, 0.0, 0.0, asked_seconds=asked).until == pause


def test_what_was_begun_before_it_opened_says_nothing_new_against_the_service() -> None:
    breaker = opened(at=10.0)
    for endpoint in range(20):
        breaker = breaker.heard(Reply.SILENT, endpoint, 5.0, 10.5)
    assert breaker == opened(at=10.0)
    assert breaker.heard(Reply.SILENT, 30, 5.0, 15.0).state is State.HALF_OPEN


def test_what_was_begun_before_it_opened_and_is_answered_lets_it_be_asked_at_once() -> None:
    breaker = opened(at=10.0).heard(Reply.ANSWERED, 1, 9.0, 10.2)
    assert (breaker.state, breaker.opened) == (State.HALF_OPEN, 1)
    assert breaker.heard(Reply.ANSWERED, 1, 10.3, 10.4).state is State.CLOSED


def test_a_failure_while_it_is_open_changes_nothing() -> None:
    breaker = opened()
    assert breaker.heard(Reply.FAILED, 50, 0.5, 0.6).state is State.OPEN
    assert breaker.heard(Reply.FAILED, 50, 0.5, 0.6).until == breaker.until


def test_what_it_remembers_of_a_run_is_bounded() -> None:
    breaker = troubled(Breaker(), Reply.SILENT, range(4))
    for round_ in range(30):
        breaker = breaker.heard(Reply.SILENT, 100 + round_, breaker.until, breaker.until)
    assert len(breaker.run) <= max(TRIPS_AT.values())


@pytest.mark.parametrize(
    ("answer", "outcome", "reply"),
    [
        (HttpResponse(201, {}), Accepted(201), Reply.ANSWERED),
        (HttpResponse(410, {}), Gone(410), Reply.ANSWERED),
        (HttpResponse(413, {}), TooLarge(413), Reply.ANSWERED),
        (HttpResponse(400, {}), Refused("", 400), Reply.ANSWERED),
        (HttpResponse(404, {}), Retry("", 404), Reply.ANSWERED),
        (HttpResponse(429, {}), Retry("", 429, 1.0, slow_down=True), Reply.BUSY),
        (HttpResponse(500, {}), Retry("", 500), Reply.FAILED),
        (NoResponse("timeout"), Retry(""), Reply.SILENT),
        (CommandEnded(1), Refused("", 1), Reply.ANSWERED),
        (CommandEnded(1), Retry(""), Reply.ANSWERED),
    ],
)
def test_what_an_answer_says_of_the_service(answer: AnyAnswer, outcome: Outcome, reply: Reply) -> None:
    assert reply_of(answer, outcome) is reply
