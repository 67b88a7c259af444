"""The text of a message, as it is told."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hostile_mail import every
from idlebell.imap.responses import BodyPart, FetchData, Section
from idlebell.model.message import MessageSummary, Textless
from idlebell.model.preferences import Preferences
from idlebell.rules.content import (
    BEGINNING_BYTES,
    CONTENT_LIMIT_BYTES_DEFAULT,
    TEXT_CHARACTERS,
    content_limit_bytes,
    readable,
    with_text,
)
from idlebell.testing import mail

SUMMARY = MessageSummary(11)
FIELDS = "BODY[HEADER.FIELDS (CONTENT-TYPE CONTENT-TRANSFER-ENCODING CONTENT-DISPOSITION)]"


def fetched(raw: bytes, size: int | None = 500) -> FetchData:
    header, _, text = raw.partition(b"\r\n\r\n")
    sections = (Section(FIELDS, 0, header), Section("BODY[TEXT]", 0, text[:BEGINNING_BYTES]))
    return FetchData(1, uid=11, size=size, sections=sections)


def told(raw: bytes, *, size: int | None = 500, limit: int = 1_000) -> MessageSummary:
    return with_text(SUMMARY, fetched(raw, size), limit)


def made(kind: bytes, body: bytes, more: bytes = b"") -> bytes:
    return b"Content-Type: " + kind + b"\r\n" + more + b"\r\n" + body


def test_a_small_message_is_told_whole() -> None:
    assert told(mail.make(text="At noon?\n\nBoss\n")) == MessageSummary(11, text="At noon?\n\nBoss")


@pytest.mark.parametrize("size", [1_001, None])
def test_a_large_one_is_not(size: int | None) -> None:
    assert told(mail.make(), size=size) == MessageSummary(11, truncated=True)


def test_one_that_is_gone_before_it_could_be_read_is_not() -> None:
    assert with_text(SUMMARY, FetchData(1, uid=11, size=10), 1_000) == MessageSummary(11, truncated=True)


def test_plain_text_is_told_before_html_and_html_as_text() -> None:
    assert told(mail.make(text="Plain\n", html="<p>HTML")).text == "Plain"
    assert told(mail.make(text="\n", html="<p>One<p>two")).text == "One\n\ntwo"
    assert told(made(b"text/html", b"<p>One<p>two")).text == "One\n\ntwo"


def test_what_a_mailing_list_puts_below_is_not_the_text() -> None:
    raw = made(
        b"multipart/mixed; boundary=b",
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>Hello\r\n--b\r\n\r\nunsubscribe\r\n--b--\r\n",
    )
    assert told(raw).text == "Hello"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (
            made(
                b"multipart/encrypted; protocol=application/pgp-encrypted; boundary=b",
                b"--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b\r\n"
                b"Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n--b--",
            ),
            Textless.ENCRYPTED,
        ),
        (made(b"application/pkcs7-mime; smime-type=enveloped-data", b"MIAG"), Textless.ENCRYPTED),
        (made(b"text/calendar; method=REQUEST", b"BEGIN:VCALENDAR"), Textless.CALENDAR),
        (made(b"application/pdf", b"%PDF"), Textless.OTHER),
        (made(b"text/plain", b" \r\n"), Textless.OTHER),
    ],
)
def test_what_has_no_text_says_why(raw: bytes, why: Textless) -> None:
    assert told(raw) == MessageSummary(11, textless=why)


def test_a_signed_message_is_told_and_an_invitation_by_the_text_beside_it() -> None:
    signed = made(
        b"multipart/signed; boundary=b",
        b"--b\r\nContent-Type: text/plain\r\n\r\nSigned text\r\n--b\r\nContent-Type: application/pgp-signature\r\n"
        b"\r\n-----BEGIN\r\n--b--",
    )
    invitation = made(
        b"multipart/alternative; boundary=b",
        b"--b\r\n\r\nCome at noon\r\n--b\r\nContent-Type: text/calendar\r\n\r\nBEGIN:VCALENDAR\r\n--b--",
    )
    assert told(signed).text == "Signed text"
    assert told(invitation).text == "Come at noon"


def test_flowing_lines_are_joined() -> None:
    text = b"One two \r\nthree.\r\n> quoted \r\n> on\r\n>> deeper\r\n-- \r\nBoss\r\n From: stuffed\r\n"
    assert told(made(b"text/plain; format=flowed", text)).text == (
        "One two three.\n> quoted on\n>> deeper\n--\nBoss\nFrom: stuffed"
    )
    assert told(made(b"text/plain; format=flowed; delsp=yes", b"bell \r\nrings")).text == "bellrings"


def test_a_text_that_was_cut_says_so_and_ends_with_a_whole_character() -> None:
    found = told(made(b"text/plain; charset=utf-8", b"x" + "é".encode() * 40_000))
    assert found.truncated
    assert found.text == "x" + "é" * (TEXT_CHARACTERS - 1)
    part = BodyPart("text", "plain", (), None, None, "8bit", 9)
    assert readable(part, "éé".encode()[:-1], cut=True) == ("é", True)


def test_the_limit_has_a_default() -> None:
    assert content_limit_bytes(Preferences()) == CONTENT_LIMIT_BYTES_DEFAULT
    assert content_limit_bytes(Preferences(content_limit_bytes=2_000)) == 2_000


@pytest.mark.parametrize("name", [name for name, _ in every()])
def test_a_hostile_one_is_read_in_bounds_or_has_no_text(name: str) -> None:
    raw = dict(every())[name]
    started = time.thread_time()
    found = told(raw)
    assert time.thread_time() - started < 0.5  # a bomb takes minutes
    assert len(found.text or "") <= TEXT_CHARACTERS
    if name in ("tags within tags", "tables within tables"):
        assert found.truncated  # nothing but tags for as long as they are looked at
    elif name in ("parts within parts", "empty html", "no text"):
        assert found.textless is Textless.OTHER
    elif name != "charset that expands":
        assert "BEL" in (found.text or "")  # a mark may stand on the last letter
    assert not set(found.text or "") & set("\x00\x1b\x07\u202e\u2066\u2067\u200f")


@given(
    st.binary(max_size=300),
    st.sampled_from(["html", "plain"]),
    st.sampled_from(["base64", "quoted-printable", "x"]),
    st.booleans(),
)
def test_whatever_a_part_holds_it_is_read(raw: bytes, subtype: str, encoding: str, cut: bool) -> None:
    part = BodyPart("text", subtype, (("charset", raw[:20]), ("format", b"flowed")), None, None, encoding, len(raw))
    text, truncated = readable(part, raw, cut=cut)
    assert len(text) <= TEXT_CHARACTERS
    assert truncated or not cut
