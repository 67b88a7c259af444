"""A command for each message: what it is given, and what its end means."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.model.endpoint import CommandEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification, Test
from idlebell.push import command
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import CommandEnded, NoResponse
from idlebell.push.outcome import Accepted, Refused

NOW = datetime(2026, 11, 22, tzinfo=UTC)
MAIL = NewMail(
    "INBOX", 1, 2, None,
    (MessageSummary(7, "<7@x>", "Boss <b@x>", "$(reboot); `id`\0", 12, None, NOW), MessageSummary(8)),
)  # fmt: skip
NOTE = Notification(NotificationId("ntf_1"), SubscriptionId("sub_1"), MAIL, 42, NOW, NOW + timedelta(hours=1), 0)
ENDPOINT = CommandEndpoint("notify-send $IDLEBELL_SUBJECT")
ATTEMPT = Attempt(NOW, bytes)


def test_runs_once_for_each_message_with_its_own_members() -> None:
    run = command.build(NOTE, ENDPOINT, ATTEMPT)

    first, second = (dict(one.environment) for one in run.inputs)
    assert run.command == ENDPOINT.command
    assert first["IDLEBELL_UID"] == "7"
    assert first["IDLEBELL_FROM"] == "Boss <b@x>"
    assert first["IDLEBELL_COUNT"] == "2"
    assert first["IDLEBELL_RECEIVED_AT"] == "2026-11-22T00:00:00+00:00"
    assert second["IDLEBELL_UID"] == "8"
    assert "IDLEBELL_SUBJECT" not in second
    assert json.loads(run.inputs[0].stdin)["count"] == 2


def test_what_a_sender_wrote_is_a_value_and_never_a_part_of_the_command() -> None:
    run = command.build(NOTE, ENDPOINT, ATTEMPT)

    assert dict(run.inputs[0].environment)["IDLEBELL_SUBJECT"] == "$(reboot); `id`"
    assert "reboot" not in run.command


def test_mail_that_is_only_counted_runs_it_once() -> None:
    (given,) = command.build(replace(NOTE, content=replace(MAIL, messages=())), ENDPOINT, ATTEMPT).inputs

    assert dict(given.environment)["IDLEBELL_COUNT"] == "2"


def test_other_notifications_run_it_once_with_their_type() -> None:
    (given,) = command.build(replace(NOTE, content=Test()), ENDPOINT, ATTEMPT).inputs

    assert dict(given.environment) == {
        "IDLEBELL_TYPE": "test",
        "IDLEBELL_SUBSCRIPTION": "sub_1",
        "IDLEBELL_VERSION": "42",
    }


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (CommandEnded(0), Accepted(0)),
        (CommandEnded(3), Refused("the command ended with status 3", 3)),
        (NoResponse("timeout", "too long"), Refused("too long")),
        (NoResponse("broken"), Refused("broken")),
    ],
)
def test_command_that_fails_is_not_run_again(answer: CommandEnded | NoResponse, outcome: object) -> None:
    assert command.read(answer, NOW) == outcome


def test_command_is_in_no_repr() -> None:
    assert "notify-send" not in repr(ENDPOINT)
    assert "notify-send" not in repr(command.build(NOTE, ENDPOINT, ATTEMPT))
    assert ENDPOINT.url.origin == "exec:"
