"""What a person is told, and what a service's answer means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from idlebell.model.endpoint import AppriseEndpoint, PushUrl
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import (
    Content,
    Expiring,
    Heartbeat,
    LossReason,
    NewMail,
    Notification,
    Reconnect,
    Reminder,
    Seen,
    Test,
    Verification,
)
from idlebell.push import apprise
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import AppriseAnswered, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry
from idlebell.push.wording import BODY_CHARACTERS, TITLE_CHARACTERS

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
NTFY = AppriseEndpoint(PushUrl("ntfys://ntfy.example/alice"))
SMS = AppriseEndpoint(PushUrl("twilio://sid:token@15550000000/15551234567"))
LUNCH = MessageSummary(1, sender="Boss <boss@example.org>", subject="Lunch?", preview="At twelve")


def told(content: Content, endpoint: AppriseEndpoint = NTFY) -> tuple[str, str]:
    notification = Notification(
        NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, NOW, NOW + timedelta(days=1), 0
    )
    call = apprise.build(notification, endpoint, Attempt(NOW, bytes))
    assert call.url == endpoint.url
    return call.title, call.body


@pytest.mark.parametrize(
    ("content", "title", "body"),
    [
        (NewMail("INBOX", 1, 1, 4), "New mail", "in INBOX"),
        (NewMail("INBOX", 1, 3, 4), "3 new messages", "in INBOX"),
        (NewMail(None, None, 3, None, mailboxes=(("INBOX", 2), ("Work", 1))), "3 new messages", "2 in INBOX, 1 in Work"),
        (NewMail(None, None, 3, None), "3 new messages", "3 new messages"),
        (NewMail("INBOX", 1, 1, 4, (LUNCH,)), "Boss <boss@example.org>", "Lunch?\nAt twelve"),
        (NewMail("INBOX", 1, 1, 4, (MessageSummary(1, sender="a", subject="b", text="whole"),)), "a", "b\nwhole"),
        (NewMail("INBOX", 1, 1, 4, (MessageSummary(1),)), "New mail", "New mail"),
        (NewMail("INBOX", 1, 2, 4, (MessageSummary(1), LUNCH)), "2 new messages",
         "Boss <boss@example.org>: Lunch?\n(no sender): (no subject)"),
        (Seen("INBOX", 1, (1, 2), 0), "Read elsewhere", "2 in INBOX"),
        (Reminder("INBOX", 1, (1, 2)), "2 messages are still unread", "in INBOX"),
        (Reminder("INBOX", 1, (1,)), "Still unread", "in INBOX"),
        (Reconnect(LossReason.REJECTED), "Mail is not watched", "Idlebell needs your mail password again. Open your mail app."),
        (Expiring(NOW), "Mail will not be watched", "The registration ends 2026-11-22 04:00 UTC."),
        (Verification("c0de"), "Idlebell", "Your code: c0de"),
        (Heartbeat(), "Idlebell", "All is well: mail is being watched."),
        (Test(), "Idlebell", "This is a test."),
    ],
)  # fmt: skip
def test_a_notification_in_words(content: Content, title: str, body: str) -> None:
    assert told(content) == (title, body)


def test_words_are_bounded() -> None:
    long = MessageSummary(1, sender="s" * 500, subject="x" * 2_000, text="y" * 60_000)
    title, body = told(NewMail("INBOX", 1, 1, 4, (long,)))
    assert (len(title), len(body), title[-1], body[-1]) == (TITLE_CHARACTERS, BODY_CHARACTERS, "…", "…")
    _, body = told(NewMail("INBOX", 1, 50, 4, (LUNCH,) * 20))
    assert body.count("\n") == 7


def test_an_sms_has_no_title_and_its_token() -> None:
    assert told(NewMail("INBOX", 1, 1, 4, (LUNCH,)), SMS) == (
        "",
        "Boss <boss@example.org>: Lunch? idlebell:1:sub_a:7:1",
    )


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (AppriseAnswered(True, 200), Accepted(200)),
        (AppriseAnswered(True), Accepted(0)),
        (AppriseAnswered(False), Retry("The service did not take it.")),
        (AppriseAnswered(False, silence="timeout"), Retry("The push service did not answer in time.")),
        (AppriseAnswered(False, 200), Refused("The service answered that it does not take it.", 200)),
        (AppriseAnswered(False, 401), Refused("The push service answered 401.", 401)),
        (AppriseAnswered(False, 302), Refused("The push service answered 302; redirects are not followed.", 302)),
        (AppriseAnswered(False, 404), Refused("The push service answered 404.", 404)),
        (AppriseAnswered(False, 410), Gone(410)),
        (AppriseAnswered(False, 429, "30"), Retry("The push service answered 429.", 429, 30.0, slow_down=True)),
        (AppriseAnswered(False, 500), Retry("The push service answered 500.", 500)),
        (NoResponse("timeout"), Retry("The push service did not answer in time.")),
        (NoResponse("not-allowed", "10.0.0.1"), Retry("The push service cannot be reached.")),
    ],
)
def test_what_an_answer_means(answer: AppriseAnswered | NoResponse, outcome: Outcome) -> None:
    assert apprise.read(answer, NOW) == outcome
