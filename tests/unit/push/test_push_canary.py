"""A canary's mail is told from any other by the token in its subject."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from idlebell.model.endpoint import CanaryEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Content, NewMail, Notification, Test
from idlebell.push import canary
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import NoResponse, Tokens, TokensHeard
from idlebell.push.outcome import Accepted, Refused

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ONE, TWO = bytes(16), bytes(range(16))


def built(content: Content) -> Tokens:
    note = Notification(NotificationId("ntf_1"), SubscriptionId("sub_1"), content, 42, NOW, NOW + timedelta(hours=1), 0)
    return canary.build(note, CanaryEndpoint(), Attempt(NOW, bytes))


@pytest.mark.parametrize("before", ["", "[EXTERNAL] ", "***SPAM*** "])
def test_a_token_is_found_behind_whatever_a_mail_system_puts_before_it(before: str) -> None:
    assert canary.token_of(before + canary.subject(TWO)) == TWO.hex()


@pytest.mark.parametrize(
    "line", ["", "Lunch?", "Idlebell canary", f"Idlebell canary {ONE.hex()}0", f"Idlebell canary {ONE.hex()[1:]}"]
)
def test_other_subjects_have_no_token(line: str) -> None:
    assert canary.token_of(line) is None


def test_every_token_of_a_notification_is_handed_over() -> None:
    messages = (
        MessageSummary(1, subject=canary.subject(ONE)),
        MessageSummary(2, subject="Lunch?"),
        MessageSummary(3),
        MessageSummary(4, subject=canary.subject(TWO)),
    )
    assert built(NewMail("INBOX", 1, 4, None, messages)) == Tokens((ONE.hex(), TWO.hex()))


def test_what_is_no_mail_has_no_token() -> None:
    assert built(Test()) == built(NewMail("INBOX", 1, 700, None)) == Tokens(())


def test_it_is_heard_or_it_is_given_up() -> None:
    assert canary.read(TokensHeard(), NOW) == Accepted(0)
    assert canary.read(NoResponse("not-allowed", "this process has no canary"), NOW) == Refused("not-allowed")
