"""What is said of a message: decoded, cleaned, cut."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.imap.responses import Address, Envelope, FetchData
from idlebell.model.message import MessageSummary
from idlebell.rules.describe import MESSAGE_ID_CHARACTERS, SENDER_CHARACTERS, SUBJECT_CHARACTERS, describe

BOSS = Address(b"Boss", None, b"boss", b"example.org")


def summary(
    subject: bytes | None = None, sender: tuple[Address, ...] = (), message_id: bytes | None = None
) -> MessageSummary:
    return describe(
        FetchData(1, uid=11, envelope=Envelope(None, subject, sender, (), (), (), (), (), None, message_id))
    )


def test_message_without_envelope_is_its_uid() -> None:
    assert describe(FetchData(1, uid=11, size=5)) == MessageSummary(11, size=5)


def test_message_without_uid_cannot_be_named() -> None:
    with pytest.raises(ValueError, match="UID"):
        describe(FetchData(1))


def test_plain_message() -> None:
    when = datetime(2026, 11, 22, tzinfo=UTC)
    envelope = Envelope(None, b"Lunch?", (BOSS,), (), (), (), (), (), None, b"<1@example.org>")

    said = describe(FetchData(1, uid=11, size=1234, internal_date=when, envelope=envelope, preview=b"At\r\nnoon"))

    assert said == MessageSummary(11, "<1@example.org>", "Boss <boss@example.org>", "Lunch?", 1234, "At noon", when)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?utf-8?b?w7zDvA==?= =?utf-8?b?w58=?=", "üüß"),
        (b"Re: =?iso-8859-1?q?caf=E9?= now", "Re: café now"),
        ("rohes Grün".encode(), "rohes Grün"),
        (b"latin \xe9", "latin é"),
        (b"=?no-such-charset?q?x=41?=", "xA"),
        (b"=?utf-8?b?a?=", "=?utf-8?b?a?="),
        (b"=?utf-8?q?=FF=FE?=", "ÿþ"),
        (b"a\x00b\x1b[31mc", "ab[31mc"),
        ("invoice\u202egpj.exe".encode(), "invoicegpj.exe"),
        (b"two\r\n\tlines", "two lines"),
        ("e\u0301".encode(), "é"),
        (b"", ""),
    ],
)
def test_subject_is_decoded_and_cleaned(raw: bytes, said: str) -> None:
    assert summary(raw).subject == said


def test_long_text_is_cut_with_an_ellipsis() -> None:
    said = summary(b"x" * 1_000_000).subject

    assert said is not None
    assert len(said) == SUBJECT_CHARACTERS
    assert said.endswith("…")


def test_sender_without_a_name_is_its_address() -> None:
    assert summary(sender=(Address(None, None, b"a", b"b.org"),)).sender == "a@b.org"


def test_group_syntax_is_skipped_to_its_first_member() -> None:
    group = (Address(None, None, b"friends", None), BOSS, Address(None, None, None, None))

    assert summary(sender=group).sender == "Boss <boss@example.org>"


def test_no_sender_is_none() -> None:
    assert summary().sender is None
    assert summary(sender=(Address(None, None, b"friends", None),)).sender is None


@given(st.binary(max_size=3_000), st.binary(max_size=300), st.binary(max_size=600))
def test_whatever_was_sent_is_short_printable_text(subject: bytes, name: bytes, message_id: bytes) -> None:
    said = summary(subject, (Address(name, None, b"a", b"b"),), message_id)

    for text, bound in (
        (said.subject, SUBJECT_CHARACTERS),
        (said.sender, SENDER_CHARACTERS),
        (said.message_id, MESSAGE_ID_CHARACTERS),
    ):
        assert text is not None
        text.encode("utf-8")
        assert len(text) <= bound
        assert not any(ord(character) < 0x20 or character in "\u202e\u2066\u200f\x7f" for character in text)
