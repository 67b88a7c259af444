"""What becomes of a notification, for every outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from idlebell.deliver.retry import (
    FAILING_AFTER,
    PAUSE_SECONDS_MAX,
    REFUSALS_MAX,
    decide,
    decide_test,
    pause_seconds,
    sentence,
    wait_unverified,
    word,
)
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Notification, Test
from idlebell.model.problem import PROBLEMS
from idlebell.model.subscription import StandingProblem
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry, TooLarge
from idlebell.store.contract import Dropped, EndpointGone, Postponed, Settled, Settlement, Unverified

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)


def lowest(count: int) -> bytes:
    return bytes(count)


def highest(count: int) -> bytes:
    return b"\xff" * count


def notification(attempts: int = 0, left: float = 86_400) -> Notification:
    return Notification(
        NotificationId("ntf_a"),
        SubscriptionId("sub_a"),
        Test(),
        7,
        NOW,
        NOW + timedelta(seconds=left),
        attempts,
    )


def shape(settlement: Settlement) -> tuple[object, ...]:
    match settlement:
        case Settled(status=status):
            return ("settled", status)
        case Postponed(due_at=due_at, status=status):
            return ("postponed", (due_at - NOW).total_seconds(), status)
        case Dropped(outcome=outcome, status=status, problem=problem):
            return (outcome, status, problem and problem.code)
        case EndpointGone(status=status, problem=problem):
            return ("gone", status, problem.code)
        case Unverified(due_at=due_at):
            return ("unverified", (due_at - NOW).total_seconds())


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Accepted(201), ("settled", 201)),
        (Gone(410), ("gone", 410, "endpoint-gone")),
        (Retry("no", 500), ("postponed", 1.0, 500)),
        (Retry("no"), ("postponed", 1.0, None)),
        (Retry("no", 429, 30.0, slow_down=True), ("postponed", 30.0, 429)),
        (TooLarge(413), ("refused", 413, "endpoint-refused")),
        (Refused("no", 400), ("refused", 400, "endpoint-refused")),
        (Refused("no"), ("refused", None, "endpoint-refused")),
        (Refused("no", 403), ("refused", 403, "endpoint-refused")),
    ],
)
def test_each_outcome_has_its_settlement(outcome: Outcome, expected: tuple[object, ...]) -> None:
    assert shape(decide(outcome, notification(), NOW, lowest)) == expected


def test_what_is_tried_in_vain_for_a_while_is_a_problem() -> None:
    least, most = (
        sum(pause_seconds(attempts, entropy) for attempts in range(FAILING_AFTER - 1)) for entropy in (highest, lowest)
    )
    assert 15 < least < most == 31
    for attempts, told in ((0, False), (FAILING_AFTER - 2, False), (FAILING_AFTER - 1, True), (40, True)):
        settlement = decide(Retry("The push service answered 500.", 500), notification(attempts), NOW, lowest)
        assert isinstance(settlement, Postponed)
        problem = StandingProblem("endpoint-failing", "The push service answered 500.", NOW)
        assert settlement.problem == (problem if told else None)


def test_what_would_be_due_after_its_end_has_expired() -> None:
    assert shape(decide(Retry("no", 500), notification(left=1.0), NOW, lowest)) == (
        "expired",
        500,
        "endpoint-failing",
    )
    assert shape(decide(Retry("no", 500), notification(left=1.1), NOW, lowest))[0] == "postponed"


def test_an_endpoint_that_refuses_a_good_key_for_ever_is_gone() -> None:
    refused = Refused("The push service answered 403.", 403)

    def after(refusals: int, key_works: bool) -> object:
        return shape(decide(refused, notification(), NOW, lowest, refusals=refusals, key_works=key_works))[0]

    assert after(REFUSALS_MAX, True) == "gone"
    assert after(REFUSALS_MAX - 1, True) == "refused"
    assert after(REFUSALS_MAX, False) == "refused"


def test_only_a_refused_key_makes_an_endpoint_gone() -> None:
    for status in (400, None):
        outcome = Refused("no", status)
        settlement = decide(outcome, notification(), NOW, lowest, refusals=99, key_works=True)
        assert shape(settlement)[0] == "refused"


def test_the_pause_doubles_from_a_second_to_an_hour() -> None:
    pauses = [pause_seconds(attempts, lowest) for attempts in range(40)]
    assert pauses[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == PAUSE_SECONDS_MAX
    assert pause_seconds(10**9, lowest) == PAUSE_SECONDS_MAX


def test_a_day_of_failures_is_some_forty_attempts() -> None:
    for entropy, bounds in ((lowest, (30, 40)), (highest, (50, 65))):
        waited, attempts = 0.0, 0
        while waited < 86_400:
            waited += pause_seconds(attempts, entropy)
            attempts += 1
        assert bounds[0] <= attempts <= bounds[1]


def test_jitter_takes_off_up_to_half_and_never_comes_before_the_service_said() -> None:
    assert 0.5 <= pause_seconds(0, highest) < 0.51
    assert pause_seconds(0, lowest, 60.0) == 60.0
    assert 65.9 < pause_seconds(0, highest, 60.0) <= 66.0


def test_a_service_that_always_asks_for_a_second_is_asked_less_and_less() -> None:
    assert [pause_seconds(attempts, lowest, 1.0) for attempts in (0, 1, 5)] == [1.0, 2.0, 32.0]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Accepted(200), ("settled", 200)),
        (Gone(404), ("gone", 404, "endpoint-gone")),
        (Retry("no", 503), ("expired", 503, None)),
        (Refused("no", 400), ("refused", 400, None)),
        (TooLarge(413), ("refused", 413, None)),
    ],
)
def test_a_test_is_never_postponed(outcome: Outcome, expected: tuple[object, ...]) -> None:
    assert shape(decide_test(outcome, NOW)) == expected


def test_an_unverified_endpoint_s_notification_waits_or_expires() -> None:
    due_at = NOW + timedelta(hours=1)
    assert shape(wait_unverified(notification(), NOW, due_at)) == ("unverified", 3600.0)
    assert shape(wait_unverified(notification(left=3600), NOW, due_at)) == (
        "expired",
        None,
        "endpoint-unverified",
    )


def test_words_and_sentences() -> None:
    outcomes = (Accepted(201), Retry("wait"), Gone(410), TooLarge(413), Refused("no"))
    assert [word(one) for one in outcomes] == ["accepted", "retry", "gone", "too-large", "refused"]
    assert sentence(Accepted(201)) == "The push service answered 201."
    assert sentence(Retry("wait")) == "wait"


def test_every_problem_is_in_the_table() -> None:
    for code in ("endpoint-gone", "endpoint-failing", "endpoint-refused", "endpoint-unverified"):
        assert code in PROBLEMS
