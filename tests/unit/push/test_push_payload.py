"""The JSON body of every notification."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

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
    Test,
    Verification,
)
from idlebell.push.payload import body, fit, instant

AT = datetime(2026, 11, 22, 3, 16, 42, 972_500, tzinfo=UTC)


def notification(content: Content) -> Notification:
    return Notification(
        NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 1795310202972, AT, AT + timedelta(days=1), 0
    )


def mail(*messages: MessageSummary, mailbox: str = "INBOX") -> Notification:
    return notification(NewMail(mailbox, 1, max(1, len(messages)), 4, messages))


def cut(whole: Notification, limit: int) -> Any:
    return json.loads(fit(whole, limit))


LUNCH = MessageSummary(
    uid=11,
    message_id="<a@example.org>",
    sender="Boss <boss@example.org>",
    subject="Lunch?",
    size=1234,
    preview="Shall we",
    received_at=datetime(2026, 11, 22, 3, 16, 40, tzinfo=UTC),
)


def test_an_alert_says_that_there_is_mail_and_nothing_of_it() -> None:
    assert body(mail()) == (
        b'{"type":"new_mail","subscription":"sub_a","version":1795310202972,"at":"2026-11-22T03:16:42.972Z",'
        b'"mailbox":"INBOX","uid_validity":1,"count":1,"unseen":4}'
    )


def test_a_summary_describes_each_message_with_the_members_of_the_interface() -> None:
    assert json.loads(body(mail(LUNCH)))["messages"] == [
        {
            "uid": 11,
            "message_id": "<a@example.org>",
            "from": "Boss <boss@example.org>",
            "subject": "Lunch?",
            "size": 1234,
            "preview": "Shall we",
            "received_at": "2026-11-22T03:16:40Z",
            "truncated": False,
        }
    ]


def test_what_is_not_known_of_a_message_is_null() -> None:
    described = json.loads(body(mail(MessageSummary(uid=11))))["messages"][0]
    assert described == {
        **dict.fromkeys(("message_id", "from", "subject", "size", "preview", "received_at")),
        "uid": 11,
        "truncated": False,
    }


def test_each_other_type_has_its_own_members_and_no_more() -> None:
    common = {"subscription": "sub_a", "version": 1795310202972, "at": "2026-11-22T03:16:42.972Z"}
    for content, members in (
        (Reconnect(LossReason.RESTART), {"type": "reconnect", "reason": "restart"}),
        (Expiring(AT), {"type": "expiring", "expires_at": "2026-11-22T03:16:42.972Z"}),
        (Verification("c0de"), {"type": "verification", "code": "c0de"}),
        (Heartbeat(), {"type": "heartbeat"}),
        (
            Reminder("INBOX", 1, (11, 12)),
            {"type": "new_mail", "mailbox": "INBOX", "uid_validity": 1, "count": 2, "unseen": None, "reminder": True}
            | {"uids": [11, 12]},
        ),
        (Test(), {"type": "test"}),
    ):
        assert json.loads(body(notification(content))) == {**common, **members}


def test_an_instant_is_in_utc_whatever_zone_it_came_in() -> None:
    there = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert instant(there) == "2025-12-31T22:30:00.000Z"


def test_text_stays_utf8_and_half_a_surrogate_pair_becomes_a_question_mark() -> None:
    encoded = body(mail(replace(LUNCH, subject="Grüße \ud83d 🔔")))
    assert "Grüße ? 🔔".encode() in encoded


def test_a_body_that_fits_is_the_whole_body() -> None:
    whole = mail(LUNCH)
    assert fit(whole, len(body(whole))) == body(whole)


def test_the_newest_messages_are_kept_first() -> None:
    messages = tuple(replace(LUNCH, uid=uid, preview=None, subject=None) for uid in range(1, 11))
    fitted = cut(mail(*messages), 1_000)
    kept = [message["uid"] for message in fitted["messages"]]
    assert kept == list(range(11 - len(kept), 11))
    assert 0 < len(kept) < 10
    assert (fitted["truncated"], fitted["count"]) == (True, 10)


def test_the_first_message_that_does_not_fit_has_its_preview_cut() -> None:
    whole = mail(replace(LUNCH, uid=1, preview="x" * 500), replace(LUNCH, uid=2))
    limit = len(body(whole)) - 100
    older, newest = cut(whole, limit)["messages"]
    assert (newest["preview"], newest["truncated"]) == ("Shall we", False)
    assert 350 < len(older["preview"]) < 500
    assert older["truncated"] is True


def test_a_preview_of_which_nothing_fits_is_null() -> None:
    whole = mail(replace(LUNCH, preview="🔔" * 20))
    bare = len(body(mail(replace(LUNCH, preview=None, truncated=True)))) + len(',"truncated":true')
    (message,) = cut(whole, bare)["messages"]
    assert (message["preview"], message["subject"]) == (None, "Lunch?")


def test_a_subject_is_cut_when_even_no_preview_is_not_enough() -> None:
    whole = mail(replace(LUNCH, subject="s" * 900))
    (message,) = cut(whole, 600)["messages"]
    assert message["preview"] is None
    assert 0 < len(message["subject"]) < 900
    assert len(fit(whole, 600)) == 600


def test_below_everything_is_a_body_without_messages() -> None:
    fitted = cut(mail(LUNCH), 0)
    assert (fitted["messages"], fitted["truncated"], fitted["count"]) == ([], True, 1)


def test_what_has_no_messages_is_never_cut() -> None:
    for whole in (mail(), notification(Test())):
        assert fit(whole, 0) == body(whole)
