"""Header fields and encoded words, as mails really have them."""

from __future__ import annotations

import time

import pytest

from idlebell.rules.charsets import codec_named
from idlebell.rules.header_text import ENCODED_WORDS, FIELDS, fields, header_text


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b" Hello", "Hello"),
        (b" Hello\r\n  world\r\n", "Hello world"),
        (b"=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        (b"=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?iso-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>", "Keld Jørn Simonsen <keld@dkuug.dk>"),
        (b"(=?ISO-8859-1?Q?a?=)", "(a)"),
        (b"(=?ISO-8859-1?Q?a?= b)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
        (b"(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
        (b"(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        (b"=?utf-8?q?=E2=98?= =?utf-8?q?=A0?=", "☠"),
        (b"=?utf-8*en?q?a?=", "a"),
        (b"=?utf-8?q?a==41=b=4=?=", "a=A=b=4="),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"=?x-nobody-knows?q?caf=C3=A9?=", "café"),
        (b"=?us-ascii?q?caf=E9?=", "café"),
        (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
        (b"=?iso-2022-jp?B?GyRCJDMkcyRLJEEkTxsoQg==?=", "こんにちは"),
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"=?utf-8?q?a", "=?utf-8?q?a"),
        (b"=?utf-8?b?!!!?=", "=?utf-8?b?!!!?="),
        (b"=?utf-8?b?YQ?=", "a"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "café"),
        (b"a\x00b\rc\nd", "a\x00b c d"),
    ],
)
def test_value_reads_as_it_was_meant(raw: bytes, text: str) -> None:
    assert header_text(raw) == text


def test_fields_are_found_by_name_in_their_order() -> None:
    raw = b"Subject: one\r\nReceived: a\r\n\tb\r\nX-Y : spaced\r\nsubject:two\r\n\r\nSubject: body\r\n"

    assert fields(raw) == {"subject": (b" one\r", b"two\r"), "received": (b" a\r\n\tb\r",), "x-y": (b" spaced\r",)}


@pytest.mark.parametrize("raw", [b"", b"\r\n", b"no colon\r\n", b" begins folded\r\n", b"\xff: x\r\n", b": empty\r\n"])
def test_what_is_no_field_is_passed_over(raw: bytes) -> None:
    assert fields(raw) == {}


def test_field_that_is_cut_counts_as_far_as_it_goes() -> None:
    assert fields(b"Subject: very lo") == {"subject": (b" very lo",)}


def test_encoded_words_are_bounded() -> None:
    text = header_text(b"=?utf-8?q?a?= " * (ENCODED_WORDS + 1))
    assert text == "a" * ENCODED_WORDS + " =?utf-8?q?a?="


def test_fields_are_bounded() -> None:
    assert len(fields(b"".join(b"X-%d: a\r\n" % number for number in range(2 * FIELDS)))) == FIELDS


@pytest.mark.parametrize(
    "charset", ["unicode_escape", "punycode", "idna", "zlib", "rot13", "hex", "undefined", "os", "../x"]
)
def test_charset_that_no_mail_needs_is_not_known(charset: str) -> None:
    assert codec_named(charset) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"=?" * 8_000,
        b"=?a?q?" * 2_500,
        b"=?utf-8?b?" + b"A" * 16_000,
        b"=?utf-8?q?" + b"=41" * 5_000 + b"?=",
        b"=?utf-8?q?a?= " * 1_100,
        b" \t" * 8_000,
        b"\r\n" * 8_000,
        b"=?utf-7?q?+" * 1_300,
    ],
)
def test_pathological_value_costs_no_more_than_a_long_one(raw: bytes) -> None:
    started = time.process_time()
    header_text(raw[:16_384])
    assert time.process_time() - started < 0.05  # a quadratic reading takes a second
