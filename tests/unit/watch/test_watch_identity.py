"""Which mail a message is, wherever it lies."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.imap.responses import Envelope, FetchData, Section
from idlebell.watch.identity import MESSAGE_ID_BYTES, MESSAGE_ID_ITEM, identity, identity_items

DATE = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
ENVELOPE = Envelope(None, b"hi", (), (), (), (), (), (), None, b"<a@example.org>")
PLAIN = FetchData(1, uid=10, internal_date=DATE, size=1_000, envelope=ENVELOPE)


def header(content: bytes | None, name: str = "BODY[HEADER.FIELDS (MESSAGE-ID)]") -> FetchData:
    return replace(PLAIN, envelope=None, sections=(Section(name, None, content),))


def items(*capabilities: str) -> tuple[str, ...]:
    return identity_items(lambda name: name in capabilities)


def test_what_says_it_best_is_asked_for() -> None:
    assert items("OBJECTID", "X-GM-EXT-1") == ("EMAILID",)
    assert items("X-GM-EXT-1") == ("X-GM-MSGID",)
    assert items() == ("RFC822.SIZE", MESSAGE_ID_ITEM)


def test_emailid_counts_before_gmails_and_both_before_the_message_id() -> None:
    gmail = replace(PLAIN, gmail_message_id=1 << 63)
    assert identity(replace(gmail, email_id="M1")) == b"EM1"
    assert identity(gmail) == b"G9223372036854775808"


def test_copy_has_the_same_identity_and_another_delivery_has_not() -> None:
    assert identity(PLAIN) == identity(replace(PLAIN, number=4, uid=99, flags=("\\Seen",)))
    assert identity(PLAIN) != identity(replace(PLAIN, internal_date=DATE + timedelta(seconds=1)))
    assert identity(PLAIN) != identity(replace(PLAIN, size=1_001))
    assert identity(PLAIN) != identity(replace(PLAIN, envelope=replace(ENVELOPE, message_id=b"<b@example.org>")))


@pytest.mark.parametrize(
    "content",
    [
        b"Message-ID: <a@example.org>\r\n\r\n",
        b"MESSAGE-ID:<a@example.org>",
        b"Message-Id:\r\n <a@example.org>\r\n\r\n",
    ],
)
def test_header_and_envelope_agree(content: bytes) -> None:
    assert identity(header(content)) == identity(PLAIN)


@pytest.mark.parametrize(
    "message",
    [
        replace(PLAIN, internal_date=None),
        replace(PLAIN, size=None),
        replace(PLAIN, envelope=None),
        replace(PLAIN, envelope=replace(ENVELOPE, message_id=None)),
        replace(PLAIN, envelope=replace(ENVELOPE, message_id=b"  ")),
        header(b"\r\n"),
        header(None),
        header(b"Message-ID: <a@example.org>", "BODY[TEXT]"),
    ],
)
def test_without_any_of_them_it_cannot_be_told(message: FetchData) -> None:
    assert identity(message) is None


def test_endless_message_id_is_cut() -> None:
    whole = identity(header(b"Message-ID: " + b"x" * 5_000))
    assert whole is not None
    assert whole.endswith(b" " + b"x" * MESSAGE_ID_BYTES)
