"""Declarative Web Push: what a browser shows by itself, beside what its worker is told."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import http_ece
import pytest

from idlebell.model.endpoint import Declarative, PushUrl, WebPushEndpoint
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
from idlebell.model.secret import Secret
from idlebell.push import webpush
from idlebell.push.attempt import Attempt
from idlebell.push.declarative import TEXT_CHARACTERS, TITLE_CHARACTERS, UNNAMED
from idlebell.push.encryption import MAX_PLAINTEXT_BYTES, point, private_key
from idlebell.push.payload import body

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
AUTH = bytes(range(16))
NAVIGATE = "https://app.example/#/inbox"
LUNCH = MessageSummary(11, "<1@example.org>", "Boss <boss@example.org>", "Lunch?", 1_234, "At noon", NOW)
MAIL = NewMail("INBOX", 1, 1, 4, (LUNCH,))


def counted(count: int) -> bytes:
    return hashlib.shake_256(b"declarative").digest(count)


BROWSER = private_key(counted)
PLAIN = WebPushEndpoint(PushUrl("https://web.push.apple.com/w/1"), point(BROWSER), Secret(AUTH))
WISH = replace(PLAIN, declarative=Declarative(NAVIGATE))


def notification(content: Content) -> Notification:
    return Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, NOW, NOW + timedelta(days=1), 0)


def plaintext(content: Content, endpoint: WebPushEndpoint = WISH, limit: int | None = None) -> bytes:
    """As the browser decrypts it."""
    request = webpush.build(notification(content), endpoint, Attempt(NOW, counted, None, limit))
    decrypted: bytes = http_ece.decrypt(request.body, private_key=BROWSER, auth_secret=AUTH)
    return decrypted


def arrived(content: Content, endpoint: WebPushEndpoint = WISH, limit: int | None = None) -> Any:
    return json.loads(plaintext(content, endpoint, limit))


def test_what_is_shown_stands_beside_what_a_worker_is_told() -> None:
    told = arrived(MAIL)
    assert {name: told.pop(name) for name in ("web_push", "notification", "app_badge", "mutable")} == {
        "web_push": 8030,
        "notification": {
            "title": "Boss <boss@example.org>",
            "body": "Lunch?\nAt noon",
            "navigate": NAVIGATE,
            "tag": webpush.topic(notification(MAIL)),
            "silent": False,
            "data": {name: value for name, value in json.loads(body(notification(MAIL))).items() if name != "messages"},
        },
        "app_badge": 4,
        "mutable": True,
    }
    assert told == json.loads(body(notification(MAIL)))


def test_an_endpoint_that_did_not_ask_gets_nothing_of_it() -> None:
    assert plaintext(MAIL, PLAIN) == body(notification(MAIL))


def test_a_title_of_the_app_s_own_stands_above_all_words() -> None:
    shown = arrived(MAIL, replace(PLAIN, declarative=Declarative(NAVIGATE, "Acme Mail")))["notification"]
    assert shown["title"] == "Acme Mail"
    assert shown["body"] == "Boss <boss@example.org>\nLunch?\nAt noon"


@pytest.mark.parametrize(
    ("content", "title"),
    [
        (replace(MAIL, messages=()), "New mail"),
        (Reminder("INBOX", 1, (11,)), "Still unread"),
        (Reconnect(LossReason.REJECTED), "Mail is not watched"),
        (Expiring(NOW), "Mail will not be watched"),
        (Test(), "Idlebell"),
        (Heartbeat(), "Idlebell"),
        (Seen("INBOX", 1, (11,), 0), "Read elsewhere"),
        (Verification("c0de"), "Idlebell"),
    ],
)
def test_no_push_shows_nothing(content: Content, title: str) -> None:
    """A browser ends a subscription after some that do."""
    told = arrived(content)
    assert told["notification"]["title"] == title
    assert told["notification"]["silent"] is isinstance(content, Seen | Verification)
    assert told["notification"]["data"] == {
        name: value for name, value in json.loads(body(notification(content))).items() if name != "messages"
    }


def test_what_was_read_takes_the_place_of_the_card_that_told_of_it() -> None:
    def tag_of(content: Content) -> str:
        tag: str = arrived(content)["notification"]["tag"]
        return tag

    read = Seen("INBOX", 1, (11,), 0)
    assert tag_of(read) == tag_of(replace(MAIL, messages=()))
    assert tag_of(read) not in (tag_of(Seen("Lists", 1, (11,), 0)), tag_of(replace(MAIL, messages=(), vip=True)))
    assert webpush.topic(notification(read)) != webpush.topic(notification(replace(MAIL, messages=())))
    assert arrived(read)["app_badge"] == 0


@pytest.mark.parametrize(
    "content",
    [replace(MAIL, unseen=None), replace(MAIL, mailbox="Lists"), replace(MAIL, mailbox=None), Test()],
)
def test_a_badge_is_the_figure_of_inbox_where_that_is_known(content: Content) -> None:
    assert "app_badge" not in arrived(content)


def test_nothing_read_is_a_badge_of_0() -> None:
    assert arrived(replace(MAIL, unseen=0))["app_badge"] == 0


@pytest.mark.parametrize("text", ["", "\u202e\u2066\x00\x1b[2J", "\ud800", "𝕏" * 9_000, '"\\' * 9_000, "\n\r\t" * 999])
@pytest.mark.parametrize("limit", [MAX_PLAINTEXT_BYTES, 2_641])
def test_hostile_words_are_harmless_on_few_lines_and_fit(text: str, limit: int) -> None:
    hostile = replace(LUNCH, sender=text[:2_000], subject=text, preview=text, text=text)
    endpoint = replace(PLAIN, declarative=Declarative(NAVIGATE + "x" * 470))
    sent = plaintext(replace(MAIL, messages=(hostile,) * 20, count=20), endpoint, limit)
    assert len(sent) <= limit
    assert json.loads(sent)["notification"]["navigate"] == NAVIGATE + "x" * 470
    shown = arrived(replace(MAIL, messages=(hostile,)), endpoint, limit)["notification"]
    assert 0 < len(shown["title"]) <= TITLE_CHARACTERS
    assert len(shown["body"]) <= TEXT_CHARACTERS
    assert all(line.isprintable() for line in (shown["title"], *shown["body"].split("\n")))


def test_a_sender_of_nothing_has_a_title() -> None:
    assert arrived(replace(MAIL, messages=(replace(LUNCH, sender="\u202e"),)))["notification"]["title"] == UNNAMED


def test_messages_make_room_for_it() -> None:
    long = replace(MAIL, messages=(LUNCH, replace(LUNCH, uid=12, preview="é" * 4_000)))
    told = arrived(long)
    assert told["truncated"] is True
    assert told["web_push"] == 8030
    assert [one["uid"] for one in told["messages"]] == [11, 12] or [one["uid"] for one in told["messages"]] == [12]


@pytest.mark.parametrize("content", [MAIL, replace(MAIL, messages=())])
def test_it_goes_where_the_body_without_messages_has_no_room_for_it(content: NewMail) -> None:
    told = arrived(content, limit=0)
    assert "web_push" not in told
    assert "notification" not in told
    assert told["messages" if content.messages else "type"] in ([], "new_mail")


def test_its_repr_tells_no_url() -> None:
    assert "app.example" not in repr(WISH)
