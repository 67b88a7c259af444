"""What `idlebell watch` prints."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.model.endpoint import TerminalEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Content, LossReason, NewMail, Notification, Reconnect, Test
from idlebell.push import terminal
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import LinesWritten, NoResponse
from idlebell.push.outcome import Accepted, Refused

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LUNCH = MessageSummary(7, "<7@x>", "Boss <b@x>", "Lunch?", 12, None, NOW)
MAIL = NewMail("INBOX", 1, 2, None, (LUNCH, MessageSummary(8)))


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (MAIL, ["INBOX  Boss <b@x>: Lunch?", "INBOX  (no sender): (no subject)"]),
        (
            replace(MAIL, count=32),
            [
                "INBOX  30 more, and of them the newest:",
                "INBOX  Boss <b@x>: Lunch?",
                "INBOX  (no sender): (no subject)",
            ],
        ),
        (replace(MAIL, messages=(), count=600), ["INBOX  600 new"]),
        (
            NewMail(None, 0, 2, None, (replace(LUNCH, mailbox="Lists"),), mailboxes=(("INBOX", 1), ("Lists", 1))),
            ["INBOX, Lists  1 more, and of them the newest:", "Lists  Boss <b@x>: Lunch?"],
        ),
        (Reconnect(LossReason.RESTART), ["the session is lost: restart"]),
        (Test(), ["test"]),
    ],
)
def test_a_line_a_message_and_one_for_those_that_are_only_counted(content: Content, lines: list[str]) -> None:
    note = Notification(NotificationId("ntf_1"), SubscriptionId("sub_1"), content, 42, NOW, NOW + timedelta(hours=1), 0)
    written = terminal.build(note, TerminalEndpoint(), Attempt(NOW, bytes)).lines
    assert [line.split("  ", 1)[1] for line in written] == lines


def test_what_is_written_is_accepted() -> None:
    assert terminal.read(LinesWritten(), NOW) == Accepted(0)
    assert terminal.read(NoResponse("not-allowed"), NOW) == Refused("not-allowed")
