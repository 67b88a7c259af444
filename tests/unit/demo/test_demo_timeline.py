from __future__ import annotations

from idlebell.demo.timeline import Step, Timeline
from idlebell.model.ids import AccountId, NotificationId, SubscriptionId
from idlebell.telemetry.facts import MailDetected, PushAttempted
from idlebell.testing.imap_server import Note

DETECTED = MailDetected(account=AccountId("acc"), messages=1, notifications=1, took_ms=2)


def attempted(kind: str, took_ms: float) -> PushAttempted:
    return PushAttempted(
        subscription=SubscriptionId("sub"), notification=NotificationId("ntf"), kind="webpush", type=kind,
        outcome="accepted", status=201, took_ms=took_ms,
    )  # fmt: skip


def played() -> Timeline:
    timeline = Timeline()
    timeline.note(Note("delivered", 10.0, "alice"))
    timeline.note(Note("exists", 10.001, "alice"))
    timeline.note(Note("fetched", 10.002, "alice"))
    timeline.fact(DETECTED, 10.004)
    timeline.received(10.007)
    timeline.fact(attempted("new_mail", 3), 10.008)
    return timeline


def test_a_mail_takes_every_step_in_order() -> None:
    timeline = played()
    assert timeline.complete
    assert [(step, round(after)) for step, after in timeline.steps()] == [
        (Step.DELIVERED, 0), (Step.EXISTS, 1), (Step.FETCHED, 2), (Step.COMMITTED, 4), (Step.PUSHED, 5), (Step.RECEIVED, 7),
    ]  # fmt: skip
    assert round(timeline.total_ms) == 7


def test_the_first_moment_of_a_step_counts() -> None:
    timeline = played()
    timeline.note(Note("fetched", 11.0, "alice"))
    timeline.fact(DETECTED, 12.0)
    assert timeline.moments[Step.FETCHED] == 10.002
    assert timeline.moments[Step.COMMITTED] == 10.004


def test_what_was_before_the_delivery_belongs_to_another_mail() -> None:
    timeline = Timeline()
    timeline.note(Note("fetched", 9.0, "alice"))
    timeline.fact(DETECTED, 9.5)
    assert not timeline.moments
    assert timeline.total_ms == 0


def test_pushes_of_other_types_and_other_notes_are_no_step() -> None:
    timeline = Timeline()
    timeline.note(Note("delivered", 1.0, "alice"))
    timeline.fact(attempted("test", 1), 2.0)
    timeline.note(Note("left", 3.0, "alice"))
    assert [step for step, _ in timeline.steps()] == [Step.DELIVERED]
