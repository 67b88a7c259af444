"""What COI's clients are sent."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Content, LossReason, NewMail, Notification, Reconnect, Verification
from idlebell.push import coi
from idlebell.push.encryption import MAX_PLAINTEXT_BYTES

AT = datetime(2026, 11, 22, 3, 16, 42, tzinfo=UTC)
MESSAGE = MessageSummary(
    11, "<1@example.org>", "The Boss <Boss@Example.org>", "Lunch?", 1234, "At", AT, text="At one, in the café."
)


def notification(content: Content) -> Notification:
    return Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, AT, AT + timedelta(days=1), 0)


def mail(*messages: MessageSummary, mailbox: str | None = "INBOX") -> Notification:
    return notification(NewMail(mailbox, 3, max(1, len(messages)), 4, messages))


def told(whole: Notification, limit: int = MAX_PLAINTEXT_BYTES) -> Any:
    return json.loads(coi.fit(whole, limit))


def test_a_message_is_told_as_cois_members() -> None:
    assert told(mail(replace(MESSAGE, uid=10), MESSAGE)) == {
        "from-email": "boss@example.org",
        "from-name": "The Boss",
        "subject": "Lunch?",
        "date": "2026-11-22T03:16:42Z",
        "msg-id": "<1@example.org>",
        "uid": 11,
        "content": "At one, in the café.",
        "uidvalidity": 3,
        "folder": "INBOX",
    }


def test_the_text_goes_whole_or_not_at_all() -> None:
    assert "content" not in told(mail(replace(MESSAGE, text="a" * 4_000)))
    assert "content" not in told(mail(replace(MESSAGE, truncated=True)))
    assert "content" in told(mail(replace(MESSAGE, text="a" * 3_700)))


def test_strings_keep_100_bytes_and_get_an_ellipsis_between_characters() -> None:
    long = replace(
        MESSAGE, text=None, subject="é" * 150, sender="ü" * 120 + " <a@example.org>", message_id="<" + "m" * 200
    )
    found = told(mail(long), 700)
    assert found["subject"] == "é" * 50 + "…"
    assert found["from-name"] == "ü" * 50 + "…"
    assert found["from-email"] == "a@example.org"
    assert len(coi.fit(mail(long), 0)) < 900  # there is no less to say


def test_a_folder_over_200_bytes_and_what_is_not_known_are_left_out() -> None:
    assert told(mail(mailbox="ü" * 101)) == {"uidvalidity": 3}
    assert told(mail(MessageSummary(5), mailbox=None)) == {"uid": 5, "uidvalidity": 3}


@pytest.mark.parametrize(
    ("sender", "name", "email"),
    [
        ("a@example.org", "", "a@example.org"),
        ("<a@example.org>", "", "a@example.org"),
        ("A B <a@example.org>", "A B", "a@example.org"),
        ("undisclosed", "undisclosed", ""),
        ("A <a@exam…", "A <a@exam…", ""),
        ("", "", ""),
    ],
)
def test_name_and_address_are_told_apart(sender: str, name: str, email: str) -> None:
    assert coi.sender(sender) == (name, email)


def test_a_code_and_what_coi_has_no_word_for() -> None:
    assert told(notification(Verification("c0de"))) == {"validation": "c0de"}
    assert told(notification(Reconnect(LossReason.REJECTED)))["type"] == "reconnect"


TEXT = st.none() | st.text(max_size=400)
MESSAGES = st.builds(
    MessageSummary, uid=st.integers(1, 2**32 - 1), message_id=TEXT, sender=TEXT, subject=TEXT, text=TEXT
)


@given(st.lists(MESSAGES, max_size=3), st.none() | st.text(max_size=300), st.sampled_from([0, 2_641, 3_993]))
@settings(max_examples=60)
def test_whatever_a_mail_says_it_is_json_and_fits(
    messages: list[MessageSummary], mailbox: str | None, limit: int
) -> None:
    body = coi.fit(mail(*messages, mailbox=mailbox), limit)
    assert len(body) <= max(limit, 1_300)
    assert isinstance(json.loads(body), dict)
