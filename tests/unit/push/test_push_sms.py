"""One SMS is one segment, whatever a sender wrote."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.model.ids import NotificationId, subscription_id
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Content, LossReason, NewMail, Notification, Reconnect, Test, Verification
from idlebell.push.sms import SEGMENT_SEPTETS, Token, gsm, segment, septets, token_of

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
ID = subscription_id(bytes(range(15)))
VERSION = 1795310202972


def notification(content: Content) -> Notification:
    return Notification(NotificationId("ntf_a"), ID, content, VERSION, NOW, NOW + timedelta(days=1), 0)


def mail(*messages: MessageSummary, count: int | None = None) -> NewMail:
    return NewMail("INBOX", 1, count or len(messages), None, messages)


@pytest.mark.parametrize(
    ("content", "line", "count"),
    [
        (mail(MessageSummary(1, sender="Boss <boss@example.org>", subject="Lunch?")), "Boss <boss@example.org>: Lunch?", 1),
        (mail(MessageSummary(1, sender="a", subject="b"), count=7), "7 mails. a: b", 7),
        (mail(count=3), "3 new messages: in INBOX", 3),
        (mail(count=1), "New mail: in INBOX", 1),
        (Test(), "Idlebell: This is a test.", 0),
        (Verification("384-117"), "Idlebell code: 384-117", 0),
        (Reconnect(LossReason.REJECTED),
         "Mail is not watched: Idlebell needs your mail password again. Open your mail app.", 0),
    ],
)  # fmt: skip
def test_a_line_for_a_person_and_a_token_for_an_app(content: Content, line: str, count: int) -> None:
    text = segment(notification(content))
    assert text == f"{line} idlebell:1:{ID}:{VERSION}:{count}"
    assert token_of(text) == Token(ID, VERSION, count)


def test_the_line_is_cut_and_the_token_is_not() -> None:
    text = segment(notification(mail(MessageSummary(1, sender="€" * 200, subject="x"))))
    assert septets(text) <= SEGMENT_SEPTETS
    assert text.startswith("€€€€")
    assert text.endswith(f" idlebell:1:{ID}:{VERSION}:1")
    full = segment(notification(mail(MessageSummary(1, sender="x" * 300, subject="y"))))
    assert septets(full) == SEGMENT_SEPTETS


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("Grüße, Škoda", "Grüße, Skoda"),
        ("“quoted” – and…", '"quoted" - and...'),
        ("[a] {b} ~", "[a] {b} ~"),
        ("Δέλτα", "Δ????"),
        ("日本", "??"),
        ("a\u202eb\tc\r\nd", "a?b c d"),
        ("Ą\N{COMBINING ACUTE ACCENT}", "A?"),
    ],
)
def test_what_is_not_in_the_alphabet_is_written_so_that_it_is(given: str, sent: str) -> None:
    assert gsm(given) == sent
    septets(sent)


def test_a_character_outside_the_alphabet_has_no_length() -> None:
    assert septets("a€") == 3
    with pytest.raises(ValueError, match="U\\+65E5"):
        septets("日")


@pytest.mark.parametrize(
    "text", ["", "idlebell:2:sub_a:1:1", "idlebell:1:sub_a:x:1", "idlebell:1:sub_a:1:1 more", "xidlebell:1:sub_a:1:1"]
)
def test_other_texts_have_no_token(text: str) -> None:
    assert token_of(text) is None


@settings(max_examples=25)
@given(sender=st.text(max_size=90), subject=st.text(max_size=90), count=st.integers(1, 10**9 - 1))
def test_every_sender_and_subject_fits_one_segment(sender: str, subject: str, count: int) -> None:
    text = segment(notification(mail(MessageSummary(1, sender=sender, subject=subject), count=count)))
    assert septets(text) <= SEGMENT_SEPTETS
    assert token_of(text) == Token(ID, VERSION, count)
    assert "\n" not in text
