"""A subscription's own rules: who rings, and when an app is reminded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.model.account import ImapTarget, Retention, Tls
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import LossReason
from idlebell.model.subscription import REMINDERS, Floor, Loss, Payload, Phase, Subscription

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ONE = Subscription(
    SubscriptionId("sub_1"), AccountId("acc_1"), b"", None, ("INBOX",), Endpoints(None), Payload.ALERT,
    Retention.SESSION, 3600, NOW, NOW, Phase.ACTIVE, floors=(Floor("INBOX", 1, 5),),
)  # fmt: skip


@pytest.mark.parametrize("phase", list(Phase))
def test_only_an_active_one_rings_and_is_watched_for(phase: Phase) -> None:
    one = replace(ONE, phase=phase)

    assert one.rings == one.wanted == (phase is Phase.ACTIVE)
    assert phase.over == (phase in (Phase.EXPIRED, Phase.ENDED))


def test_paused_keeps_its_session_and_does_not_ring() -> None:
    paused = replace(ONE, paused=True)

    assert paused.wanted
    assert not paused.rings


def test_floor_is_found_by_its_mailbox() -> None:
    assert ONE.floor("INBOX") == Floor("INBOX", 1, 5)
    assert ONE.floor("Work") is None


def test_reminders_come_after_1_6_and_24_hours_then_no_more() -> None:
    loss = Loss(LossReason.RESTART, NOW)
    at = NOW
    waits = []
    while (loss := loss.accepted(at)).next_at is not None:
        waits.append(loss.next_at - at)
        at = loss.next_at
        loss = loss.reminded()

    assert tuple(waits) == REMINDERS == (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "imap.example.org:993"),
        (ImapTarget("::1", 143, Tls.STARTTLS), "[::1]:143"),
    ],
)
def test_target_is_spelled_as_host_and_port(target: ImapTarget, said: str) -> None:
    assert str(target) == said


def test_ports_have_the_default_of_their_tls() -> None:
    assert [tls.default_port for tls in (Tls.IMPLICIT, Tls.STARTTLS, Tls.NONE)] == [993, 143, 143]
