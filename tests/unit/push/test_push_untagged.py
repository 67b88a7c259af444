"""What clients of draft-gougeon-imap-webpush are sent: untagged responses, read back with our own parser."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import Address, ExistsData, FetchData
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
from idlebell.push import untagged
from idlebell.push.encryption import MAX_PLAINTEXT_BYTES

AT = datetime(2026, 11, 22, 3, 16, 42, tzinfo=UTC)
MESSAGE = MessageSummary(21, "<1@example.org>", "The Böss <boss@example.org>", "Lunch?", 1234, "At öne", AT, number=12)


def notification(content: Content) -> Notification:
    return Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, AT, AT + timedelta(days=1), 0)


def mail(*messages: MessageSummary, mailbox: str | None = "INBOX", count: int | None = None) -> Notification:
    return notification(NewMail(mailbox, 3, len(messages) if count is None else count, 4, messages))


def told(whole: Notification, limit: int = MAX_PLAINTEXT_BYTES) -> bytes:
    return untagged.fit(whole, limit, "phone-7f3a91")


def responses(body: bytes, prefix: bytes) -> list[object]:
    """As a client reads them that puts the ``*`` back."""
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(b"*" + body.removeprefix(prefix).replace(b"\r\n" + prefix + b" ", b"\r\n* ") + b"\r\n")
    found: list[object] = []
    while isinstance(frame := framer.next_frame(), Frame):
        found.append(parse_response(frame))
    return found


def test_a_message_is_exists_and_fetch_behind_the_mailboxs_name() -> None:
    body = told(mail(MESSAGE))
    assert body.startswith(b"INBOX 12 EXISTS\r\nINBOX 12 FETCH (UID 21 INTERNALDATE ")
    exists, fetch = responses(body, b"INBOX")
    assert exists == ExistsData(12)
    assert isinstance(fetch, FetchData)
    assert (fetch.number, fetch.uid, fetch.size, fetch.internal_date) == (12, 21, 1234, AT)
    assert fetch.preview == "At öne".encode()
    assert fetch.envelope is not None
    assert fetch.envelope.from_ == (Address(b"=?utf-8?b?VGhlIELDtnNz?=", None, b"boss", b"example.org"),)
    assert fetch.envelope.sender == fetch.envelope.reply_to == fetch.envelope.from_
    assert (fetch.envelope.subject, fetch.envelope.message_id) == (b"Lunch?", b"<1@example.org>")


def test_several_share_a_push_and_exists_is_the_greatest() -> None:
    lines = told(mail(MESSAGE, replace(MESSAGE, uid=22, number=13))).split(b"\r\n")
    assert [line.split(b" (")[0] for line in lines] == [b"INBOX 13 EXISTS", b"INBOX 12 FETCH", b"INBOX 13 FETCH"]


@pytest.mark.parametrize(
    "mails",
    [
        mail(),
        mail(MESSAGE, count=2),
        mail(replace(MESSAGE, number=None)),
        mail(MESSAGE, replace(MESSAGE, number=None)),
        mail(*[replace(MESSAGE, number=n) for n in range(1, 21)]),
        mail(replace(MESSAGE, received_at=datetime(2026, 1, 1))),  # noqa: DTZ001 - one that has no spelling
    ],
)
def test_what_cannot_be_told_or_is_longer_is_sync(mails: Notification) -> None:
    assert told(mails) == b"INBOX SYNC"


@pytest.mark.parametrize(
    ("mailbox", "prefix"),
    [
        ("Sent Mail", b'"Sent Mail"'),
        ("Entwürfe", b"Entw&APw-rfe"),
        ("^", b'"^"'),
        ('a"b\\c', b'"a\\"b\\\\c"'),
        ("a\r\nb", b"^"),
        ("\ud800", b"^"),
        ("\uf0ff", b"^"),
    ],
)
def test_a_mailbox_is_spelled_as_imap_spells_it(mailbox: str, prefix: bytes) -> None:
    assert told(mail(mailbox=mailbox)) == prefix + b" SYNC"
    assert told(mail(MESSAGE, mailbox=mailbox)).startswith(prefix + (b" SYNC" if prefix == b"^" else b" 12 EXISTS"))


def test_several_mailboxes_are_a_line_each() -> None:
    several = notification(NewMail(None, None, 3, None, mailboxes=(("INBOX", 2), ("A B", 1))))
    assert told(several) == b'INBOX SYNC\r\n"A B" SYNC'
    assert told(several, 10) == told(notification(NewMail(None, None, 3, None))) == b"^ SYNC"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (Verification("c0de"), b"^ WEBPUSH phone-7f3a91 INACTIVE c0de"),
        (Reconnect(LossReason.REJECTED), b"^ BYE [AUTHENTICATIONFAILED] "),
        (Reconnect(LossReason.RESTART), b"^ BYE [UNAVAILABLE] "),
        (Expiring(AT), b"^ OK WEBPUSH phone-7f3a91 ends at 2026-11-22T03:16:42Z"),
        (Heartbeat(), b"^ OK "),
        (Test(), b"^ OK "),
        (Seen("INBOX", 3, (1,), 0), b"INBOX SYNC"),
        (Reminder("INBOX", 3, (1,)), b"INBOX SYNC"),
    ],
)
def test_what_is_not_about_messages_begins_with_a_caret(content: Content, line: bytes) -> None:
    assert told(notification(content)).startswith(line)


TEXT = st.none() | st.text(max_size=120)
MESSAGES = st.builds(
    MessageSummary,
    uid=st.integers(1, 2**32 - 1),
    message_id=TEXT,
    sender=TEXT,
    subject=TEXT,
    preview=TEXT,
    number=st.just(7),
)


@given(MESSAGES, st.sampled_from(["INBOX", "A B", "^"]))
@settings(max_examples=80)
def test_whatever_a_mail_says_it_is_two_responses(message: MessageSummary, mailbox: str) -> None:
    body = told(mail(message, mailbox=mailbox))
    prefix = b"INBOX" if mailbox == "INBOX" else b'"%b"' % mailbox.encode()
    exists, fetch = responses(body, prefix)
    assert exists == ExistsData(7)
    assert isinstance(fetch, FetchData)
    assert fetch.uid == message.uid
