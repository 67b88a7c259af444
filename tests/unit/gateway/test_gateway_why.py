"""Why a message did or did not ring, in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from idlebell.gateway.why import Kept, explain, nothing_kept
from idlebell.model.cursor import Cursor
from idlebell.model.ids import AccountId, NotificationId
from idlebell.model.notification import LossReason
from idlebell.model.subscription import Floor, Loss, Phase, StandingProblem
from idlebell.model.trail import KEPT_FOR, PASSED_ON, Delivery, KeptVerdict
from idlebell.model.verdict import Outcome
from idlebell.store.contract import Dropped, EndpointGone, Postponed, Settled, Settlement, Unverified
from idlebell.store.delivered import delivered
from idlebell.store.trail_codec import SURELY_KEPT
from store_samples import DAY, HOUR, NOW, SECOND, subscription

ID = NotificationId("ntf_1")
FIRST = subscription(AccountId("acc_1"), 1, created_at=NOW - DAY)
RINGS = KeptVerdict(FIRST.id, NOW, "INBOX", 7, 11, 11, Outcome.RINGS, took_ms=3.0, received_at=NOW, notification=ID)
ACCEPTED = Delivery(ID, 1, "new_mail", NOW, NOW + SECOND / 4, "accepted", 201, 12.3, "push.example.net")
RETRY = replace(ACCEPTED, outcome="retry", status=503, at=NOW + SECOND / 8, next_at=NOW + HOUR)
KEPT = Kept(FIRST, [RINGS], [ACCEPTED, RETRY], {})


def test_a_ring_is_told_with_its_attempts_and_how_long_it_took() -> None:
    told = explain([RINGS], KEPT, NOW)
    assert (told.rang, told.outcome) == (True, "accepted")
    assert told.answer == (
        "It rang: the push service took it 250 ms after the mail server's word, at the attempt number 2."
    )
    (fate,) = told.messages
    assert [(step.step, step.outcome) for step in fate.steps] == [
        ("seen", "seen"),
        ("verdict", "rings"),
        ("attempt", "retry"),
        ("attempt", "accepted"),
    ]
    assert fate.steps[0].detail == (
        "UID 11 in INBOX, dated 2026-11-22 04:00:00 UTC by the mail server; decided 3 ms after its word"
    )
    assert fate.steps[2].detail == ("push.example.net answered 503 after 12 ms; tried again at 2026-11-22 05:00:00 UTC")
    assert [one.since_ms for one in fate.attempts] == [125.0, 250.0]


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (replace(RETRY, status=None, next_at=None), "not taken by push.example.net after 12 ms"),
        (
            replace(RETRY, status=None, next_at=None, silence="tls"),
            "no answer from push.example.net after 12 ms (The push service's certificate does not verify, or its TLS failed)",
        ),
        (
            replace(RETRY, status=None, next_at=None, silence="of a later version", host=""),
            "no answer from the endpoint after 12 ms (The push service cannot be reached)",
        ),
        (replace(ACCEPTED, status=0, host=""), "done after 12 ms"),
        (replace(ACCEPTED, outcome="expired", took_ms=None, status=None), "nothing was sent"),
    ],
)
def test_an_attempt_without_an_answer_is_told_with_its_reason(delivery: Delivery, said: str) -> None:
    (fate,) = explain([RINGS], Kept(FIRST, [RINGS], [delivery], {}), NOW).messages
    assert next(step.detail for step in fate.steps if step.step == "attempt") == said


@pytest.mark.parametrize(
    ("kept", "outcome"),
    [
        (Kept(FIRST, [RINGS], [], {ID: NOW}), "pending"),
        (Kept(FIRST, [RINGS], [RETRY], {ID: NOW + HOUR}), "retry"),
        (Kept(FIRST, [RINGS], [replace(RETRY, outcome="unverified", took_ms=None)], {ID: NOW + HOUR}), "unverified"),
        (Kept(FIRST, [RINGS], [replace(RETRY, outcome="unverified", took_ms=None)], {}), "dropped"),
        (Kept(FIRST, [RINGS], [], {}), "dropped"),
        (Kept(FIRST, [RINGS], [RETRY], {}), "dropped"),
        (Kept(FIRST, [RINGS], [replace(ACCEPTED, outcome="refused", status=400)], {}), "refused"),
        (Kept(FIRST, [RINGS], [replace(ACCEPTED, outcome="gone", status=410)], {}), "gone"),
        (Kept(FIRST, [RINGS], [replace(ACCEPTED, outcome="refused", status=400)], {ID: NOW}), "pending"),
        (Kept(FIRST, [RINGS], [replace(ACCEPTED, outcome="gone", status=410)], {ID: NOW}), "pending"),
        (Kept(FIRST, [RINGS], [replace(ACCEPTED, outcome="expired", took_ms=None, status=None)], {}), "expired"),
    ],
)
def test_what_did_not_ring_is_told_with_how_it_stands(kept: Kept, outcome: str) -> None:
    told = explain([RINGS], kept, NOW)
    assert (told.rang, told.outcome) == (False, outcome)
    assert told.answer.startswith(("It did not ring", "It has not rung yet"))


@pytest.mark.parametrize(
    "settlement",
    [
        Settled(NOW, 201),
        Postponed(NOW, NOW + HOUR, 503),
        Dropped(NOW, "expired", None),
        Dropped(NOW, "refused", 400),
        EndpointGone(NOW, 410, StandingProblem("endpoint-gone", "It is gone.", NOW)),
        Unverified(NOW, NOW + HOUR),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.parametrize("waits", [True, False])
def test_there_is_a_sentence_for_whatever_a_delivery_comes_to(settlement: Settlement, waits: bool) -> None:
    attempt = delivered(ID, 1, "new_mail", NOW, settlement)
    assert explain([RINGS], Kept(FIRST, [RINGS], [attempt], {ID: NOW + HOUR} if waits else {}), NOW).answer


def test_what_went_to_the_next_endpoint_says_so_and_counts_as_no_attempt() -> None:
    passed = replace(ACCEPTED, outcome=PASSED_ON, status=None, took_ms=None, host="away.example.net")
    (told,) = explain([RINGS], replace(KEPT, deliveries=[ACCEPTED, passed]), NOW).messages
    assert [step.outcome for step in told.steps] == ["seen", "rings", "passed-on", "accepted"]
    assert told.steps[2].detail == "away.example.net has not taken it, so it goes to the next endpoint"
    assert "attempt number" not in told.answer
    (told,) = explain([RINGS], replace(KEPT, deliveries=[passed], waiting={ID: NOW}), NOW).messages
    assert told.outcome == "pending"


def test_what_a_newer_one_stood_for_rang() -> None:
    told = explain([RINGS], Kept(FIRST, [RINGS], [replace(ACCEPTED, outcome="coalesced", took_ms=None)], {}), NOW)
    assert (told.rang, told.outcome) == (True, "coalesced")
    assert told.messages[0].steps[-1].detail == "nothing was sent"


def test_without_an_endpoint_it_had_nowhere_to_go() -> None:
    assert explain([replace(RINGS, notification=None)], KEPT, NOW).outcome == "nowhere"


@pytest.mark.parametrize("outcome", [one for one in Outcome if one not in (Outcome.RINGS, Outcome.HELD)])
def test_every_other_verdict_says_why(outcome: Outcome) -> None:
    one = replace(RINGS, outcome=outcome, notification=None, because=("because of this",))
    told = explain([one], Kept(FIRST, [one], [], {}), NOW)
    assert (told.rang, told.outcome, len(told.messages[0].steps)) == (False, outcome.value, 2)
    assert told.answer.endswith(": because of this.")


def test_a_mark_is_told_in_words() -> None:
    one = replace(RINGS, outcome=Outcome.MARKED, because=("appended",))
    assert "filed here rather than delivered" in explain([one], KEPT, NOW).answer


HELD = replace(RINGS, outcome=Outcome.HELD)
SILENCED = replace(ACCEPTED, outcome="silenced", version=0, status=None, took_ms=None, host="")
OTHER = NotificationId("ntf_2")


@pytest.mark.parametrize(
    ("deliveries", "waiting", "outcome"),
    [
        ([], {ID: NOW + HOUR}, "held"),
        ([ACCEPTED], {}, "accepted"),
        ([RETRY], {ID: NOW + HOUR}, "retry"),
        ([SILENCED], {}, "silenced"),
        ([replace(ACCEPTED, notification=OTHER)], {}, "dropped"),
        ([replace(ACCEPTED, notification=OTHER), replace(SILENCED, outcome="merged", into=OTHER)], {}, "accepted"),
        ([replace(SILENCED, outcome="merged", into=OTHER)], {OTHER: NOW + HOUR}, "held"),
    ],
)
def test_what_became_of_a_hold_is_told_of_what_it_held(
    deliveries: list[Delivery], waiting: dict[NotificationId, datetime], outcome: str
) -> None:
    told = explain([HELD], Kept(FIRST, [HELD], deliveries, waiting), NOW)
    assert (told.outcome, told.rang) == (outcome, outcome == "accepted")
    if outcome == "held":
        assert told.answer.endswith("with what else comes, at 2026-11-22 05:00:00 UTC.")


def test_of_a_push_that_many_came_after_it_is_not_said_that_it_was_dropped() -> None:
    later = [replace(ACCEPTED, notification=OTHER, at=NOW + HOUR)] * (SURELY_KEPT + 1)
    assert explain([RINGS], Kept(FIRST, [RINGS], later, {}), NOW).outcome == "unknown"
    before = [*later, replace(ACCEPTED, notification=OTHER, at=NOW - HOUR)]
    assert explain([RINGS], Kept(FIRST, [RINGS], before, {}), NOW).outcome == "dropped"


def test_of_a_mail_in_several_mailboxes_the_one_that_rang_answers() -> None:
    copy = replace(RINGS, mailbox="Lists", uid=3, outcome=Outcome.ALREADY_TOLD, notification=None)
    told = explain([copy, RINGS], Kept(FIRST, [copy, RINGS], [ACCEPTED], {}), NOW)
    assert (told.rang, told.outcome, len(told.messages)) == (True, "accepted", 2)


def test_a_flood_is_told_as_a_span() -> None:
    told = explain([replace(RINGS, last_uid=610, received_at=None, took_ms=None)], KEPT, NOW)
    assert told.messages[0].steps[0].detail == "UIDs 11 to 610 in INBOX"


# Of what nothing is kept


def test_what_lies_above_the_cursor_has_not_been_seen() -> None:
    told = nothing_kept(Cursor(7, 11, looked_at=NOW), "INBOX", 11, KEPT, NOW)
    assert told.outcome == "not-seen"
    assert "last looked at, 2026-11-22 04:00:00 UTC" in told.answer
    assert "not been looked at yet" in nothing_kept(None, "INBOX", 11, KEPT, NOW).answer
    lost = replace(KEPT, subscription=replace(FIRST, loss=Loss(LossReason.CONNECTION_LOST, NOW)))
    assert "the session is lost since" in nothing_kept(Cursor(7, 11), "INBOX", 11, lost, NOW).answer
    over = replace(KEPT, subscription=replace(FIRST, phase=Phase.ENDED))
    assert "is over" in nothing_kept(Cursor(7, 11), "INBOX", 11, over, NOW).answer


def test_what_lies_below_it_is_not_kept_any_more() -> None:
    assert nothing_kept(Cursor(7, 11), "INBOX", 10, KEPT, NOW).outcome == "not-kept"


def test_what_was_there_before_the_subscription_came_is_told_as_that() -> None:
    floored = replace(KEPT, subscription=replace(FIRST, floors=(Floor("INBOX", 7, 9),)))
    assert nothing_kept(Cursor(7, 11), "INBOX", 8, floored, NOW).outcome == "below-floor"
    assert nothing_kept(Cursor(7, 11), "INBOX", 9, floored, NOW).outcome == "not-kept"
    assert nothing_kept(Cursor(8, 11), "INBOX", 8, floored, NOW).outcome == "not-kept"


def test_an_unknown_message_id_is_told_as_that() -> None:
    assert nothing_kept(None, "INBOX", None, KEPT, NOW).outcome == "not-known"


def test_it_says_from_when_on_all_is_kept() -> None:
    assert KEPT.since(NOW) == NOW
    none = replace(KEPT, verdicts=())
    assert none.since(NOW) == FIRST.created_at
    old = replace(none, subscription=replace(FIRST, created_at=NOW - timedelta(days=99)))
    assert old.since(NOW) == NOW - KEPT_FOR
