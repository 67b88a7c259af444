from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from idlebell.gateway.shapes import SubtreeView
from idlebell.gateway.standing import state_of, unproven_view, verdict, view
from idlebell.model.account import Retention
from idlebell.model.endpoint import Endpoints, PushUrl, SimplePushEndpoint
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import LossReason
from idlebell.model.problem import Fault
from idlebell.model.proof import USUAL_DEMANDS
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.subscription import Activity, Counts, LastPush, Loss, Payload, Phase, StandingProblem, Subscription
from idlebell.telemetry.status import AccountStatus, MailboxStatus, Mode, Watch

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SUBSCRIPTION = Subscription(
    id=SubscriptionId("sub_x"),
    account_id=AccountId("acc_x"),
    key_digest=b"k",
    owner=None,
    mailboxes=("INBOX", "Work"),
    endpoints=Endpoints(SimplePushEndpoint(PushUrl("https://push.example/x"))),
    payload=Payload.ALERT,
    retention=Retention.SESSION,
    lease_seconds=60,
    created_at=NOW,
    expires_at=NOW + timedelta(seconds=60),
    phase=Phase.ACTIVE,
)
NOTHING = Activity(Counts())
GONE = Fault("no-such-mailbox", "There is no Work.")


def status(**watches: Watch) -> AccountStatus:
    return AccountStatus(
        {
            name: MailboxStatus(name, watch, Mode.IDLE, fault=GONE if watch is Watch.FAILED else None)
            for name, watch in watches.items()
        }
    )


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"phase": Phase.PENDING}, "connecting"),
        ({"phase": Phase.PENDING, "loss": Loss(LossReason.RESTART, NOW)}, "needs_credentials"),
        ({"loss": Loss(LossReason.CONNECTION_LOST, NOW)}, "needs_credentials"),
        ({"loss": Loss(LossReason.REJECTED, NOW)}, "rejected"),
        (
            {
                "loss": Loss(LossReason.REJECTED, NOW),
                "problem": StandingProblem("token-refused", "by the provider, not by the mail server", NOW),
            },
            "needs_credentials",
        ),
        ({"phase": Phase.REJECTED}, "rejected"),
        ({"phase": Phase.EXPIRED}, "expired"),
        ({"phase": Phase.ENDED}, "ended"),
        ({"paused": True}, "paused"),
        ({}, "watching"),
    ],
)
def test_the_state_follows_from_phase_pause_and_loss(changes: dict[str, Any], state: str) -> None:
    live = status(INBOX=Watch.WATCHING, Work=Watch.WATCHING)
    assert state_of(replace(SUBSCRIPTION, **changes), live) == state


@pytest.mark.parametrize(
    ("inbox", "work", "state"),
    [
        (Watch.WATCHING, Watch.WATCHING, "watching"),
        (Watch.WATCHING, Watch.FAILED, "watching"),
        (Watch.WATCHING, Watch.CONNECTING, "connecting"),
        (Watch.WATCHING, Watch.RECONNECTING, "reconnecting"),
        (Watch.CONNECTING, Watch.CONNECTING, "connecting"),
        (Watch.FAILED, Watch.FAILED, "reconnecting"),
    ],
)
def test_the_state_follows_from_all_mailboxes(inbox: Watch, work: Watch, state: str) -> None:
    assert state_of(SUBSCRIPTION, status(INBOX=inbox, Work=work)) == state


def test_an_account_of_which_nothing_is_known_is_connecting() -> None:
    assert state_of(SUBSCRIPTION, None) == "connecting"
    assert state_of(SUBSCRIPTION, status(Other=Watch.WATCHING)) == "connecting"


def test_the_first_verdict() -> None:
    both, inbox = SUBSCRIPTION, replace(SUBSCRIPTION, mailboxes=("INBOX",))
    assert verdict(both, None) is False
    assert verdict(both, status(INBOX=Watch.WATCHING)) is False
    assert verdict(both, status(INBOX=Watch.WATCHING, Work=Watch.WATCHING)) is True
    assert verdict(both, status(INBOX=Watch.CONNECTING, Work=Watch.FAILED)) == GONE
    assert verdict(inbox, status(INBOX=Watch.WATCHING, Work=Watch.FAILED)) is True
    unexplained = AccountStatus({"INBOX": MailboxStatus("INBOX", Watch.FAILED)})
    assert isinstance(verdict(inbox, unexplained), Fault)


def test_a_mailbox_that_was_found_fails_for_itself_alone() -> None:
    found = replace(SUBSCRIPTION, selection=Personal(), resolved=True)
    assert verdict(found, status(INBOX=Watch.CONNECTING, Work=Watch.FAILED)) is False
    assert verdict(found, status(INBOX=Watch.WATCHING, Work=Watch.FAILED)) is True


@pytest.mark.parametrize(
    ("selection", "shown"),
    [(None, None), (Personal(), "personal"), (Subscribed(), "subscribed"), (Subtree("L"), SubtreeView(subtree="L"))],
)
def test_what_was_asked_for_is_shown_beside_what_was_found(selection: Selection | None, shown: object) -> None:
    asked = replace(SUBSCRIPTION, selection=selection, also=frozenset({"seen", "appended"}), heartbeat_seconds=60)
    found = view(asked, None, NOTHING, USUAL_DEMANDS)
    assert (found.selection, found.also, found.heartbeat_seconds) == (shown, ("appended", "seen"), 60)
    assert [one.name for one in found.mailboxes] == ["INBOX", "Work"]


def test_the_view_shows_what_the_mailboxes_and_the_pushes_came_to() -> None:
    early, late = NOW, NOW + timedelta(seconds=9)
    found = view(
        SUBSCRIPTION,
        AccountStatus(
            {
                "INBOX": MailboxStatus("INBOX", Watch.WATCHING, Mode.IDLE, None, 1, 11, early, late),
                "Work": MailboxStatus("Work", Watch.WATCHING, Mode.POLL, "one connection is gone", 2, 5, late, early),
            }
        ),
        Activity(Counts(detected=2, accepted=2), LastPush(NOW, 7, 201, "accepted"), NOW),
        USUAL_DEMANDS,
    )
    assert (found.state, found.mode, found.mode_reason) == ("watching", "idle", "one connection is gone")
    assert [(one.name, one.uid_next, one.mode) for one in found.mailboxes] == [
        ("INBOX", 11, "idle"),
        ("Work", 5, "poll"),
    ]
    assert (found.last_seen_alive_at, found.next_check_at) == (early, early)
    assert found.last_push is not None
    assert found.last_push.version == 7
    assert found.counts.accepted == 2
    assert found.problem is None


def test_what_is_not_live_shows_nothing_of_the_accounts_sessions() -> None:
    """A pending subscription has no right yet to know how the mailbox of another's account is doing."""
    live = status(INBOX=Watch.WATCHING, Work=Watch.WATCHING)
    for changes in ({"phase": Phase.PENDING}, {"loss": Loss(LossReason.RESTART, NOW)}, {"phase": Phase.EXPIRED}):
        found = view(replace(SUBSCRIPTION, **changes), live, NOTHING, USUAL_DEMANDS)  # type: ignore[arg-type]
        assert found.mode is None
        assert all(one.mode is None for one in found.mailboxes)


def test_the_problem_is_the_standing_one_or_a_mailboxs() -> None:
    live = status(INBOX=Watch.WATCHING, Work=Watch.FAILED)
    found = view(SUBSCRIPTION, live, NOTHING, USUAL_DEMANDS).problem
    assert found is not None
    assert (found.type, found.detail) == ("/problems/no-such-mailbox", "There is no Work.")
    standing = replace(SUBSCRIPTION, problem=StandingProblem("endpoint-failing", "It fails.", NOW))
    found = view(standing, live, NOTHING, USUAL_DEMANDS).problem
    assert found is not None
    assert found.type == "/problems/endpoint-failing"


def test_who_has_shown_no_right_sees_an_empty_picture() -> None:
    found = unproven_view(SUBSCRIPTION, ("INBOX",), NOW)
    assert (found.state, found.problem, found.counts.detected) == ("connecting", None, 0)
