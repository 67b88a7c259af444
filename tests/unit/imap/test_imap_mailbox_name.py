"""Mailbox names between the wire and text."""

from __future__ import annotations

import pytest

from idlebell.imap.mailbox_name import decode, encode

# RFC 3501 section 5.1.3, and names seen at real servers.
PAIRS = [
    (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
    (b"Entw&APw-rfe", "Entwürfe"),
    (b"&g0l6P3ux-", "草稿箱"),
    (b"&2D3eAA-", "😀"),
    (b"Black &- White", "Black & White"),
    (b"[Gmail]/All Mail", "[Gmail]/All Mail"),
    (b"a&AAE-b", "a\x01b"),
    (b"", ""),
]


@pytest.mark.parametrize(("raw", "name"), PAIRS)
def test_modified_utf7_is_read_and_written(raw: bytes, name: str) -> None:
    assert decode(raw) == name
    assert encode(name) == raw


@pytest.mark.parametrize("raw", [b"INBOX", b"inbox", b"Inbox"])
@pytest.mark.parametrize("utf8", [True, False])
def test_inbox_is_inbox_in_any_case(raw: bytes, utf8: bool) -> None:
    assert decode(raw, utf8=utf8) == "INBOX"
    assert encode(raw.decode(), utf8=utf8) == b"INBOX"


def test_only_the_ascii_name_is_inbox() -> None:
    """``"ı".upper()`` is ``"I"``, but that is another mailbox."""
    assert encode("ınbox") != b"INBOX"
    assert decode(b"INBOX/x") == "INBOX/x"


@pytest.mark.parametrize(("raw", "name"), [("Entwürfe".encode(), "Entwürfe"), (b"a & b", "a & b"), (b"&APw-", "&APw-")])
def test_utf8_is_read_and_written_where_it_is_enabled(raw: bytes, name: str) -> None:
    assert decode(raw, utf8=True) == name
    assert encode(name, utf8=True) == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"a&b",  # no end
        b"&AGE-",  # base64 of what needed none
        b"&A-",  # no base64
        b"&2D0-",  # half a surrogate pair
        b"&APw-&APw-",  # two shifts where one would do
        b"Entw\xfcrfe",  # plain 8-bit
        b"\xff\xfe",
        b"a\x7fb\x01",
        b"&8CY-",  # the character that marks a kept &
        b"a&AA0-b",  # an encoded CR
    ],
)
@pytest.mark.parametrize("utf8", [True, False])
def test_what_is_no_valid_name_can_still_be_sent_back(raw: bytes, utf8: bool) -> None:
    name = decode(raw, utf8=utf8)
    name.encode()
    if "\r" not in name:
        assert encode(name, utf8=utf8) == raw


def test_a_kept_byte_is_private_use_and_the_rest_stays_readable() -> None:
    assert decode(b"Entw\xfcrfe & so") == "Entw\uf0fcrfe \uf026 so"


@pytest.mark.parametrize("name", ["a\0", "a\rb", "\n", "\ud800"])
@pytest.mark.parametrize("utf8", [True, False])
def test_a_name_that_would_end_the_line_is_refused(name: str, utf8: bool) -> None:
    with pytest.raises(ValueError):
        encode(name, utf8=utf8)


def test_no_kept_byte_can_bring_a_line_end_back() -> None:
    for byte in (0, 10, 13):
        assert bytes((byte,)) not in encode(chr(0xF000 + byte))
