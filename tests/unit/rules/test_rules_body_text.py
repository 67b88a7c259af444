"""The words of a text part."""

from __future__ import annotations

import time

import pytest

from idlebell.imap.responses import BodyPart
from idlebell.rules.body_text import TEXT_BYTES, part_text, words_of_html


def part(subtype: str = "PLAIN", encoding: str = "7BIT", charset: bytes = b"utf-8") -> BodyPart:
    return BodyPart("TEXT", subtype, (("CHARSET", charset),), None, None, encoding, 0)


@pytest.mark.parametrize(
    ("encoding", "charset", "raw", "text"),
    [
        ("7BIT", b"utf-8", b"hello", "hello"),
        ("8BIT", b"utf-8", "grüße".encode(), "grüße"),
        ("QUOTED-PRINTABLE", b"iso-8859-1", b"gr=FC=DFe so=\r\nft", "grüße soft"),
        ("BASE64", b"utf-8", b"Z3LDvMOf\r\nZQ==", "grüße"),
        ("BASE64", b"utf-8", b"aGVsbG8gd29ybG", "hello worl"),
        ("x-unknown", b"x-unknown", b"plain", "plain"),
    ],
)
def test_encoding_and_charset_are_undone(encoding: str, charset: bytes, raw: bytes, text: str) -> None:
    assert part_text(part(encoding=encoding, charset=charset), raw) == text


def test_text_is_bounded() -> None:
    assert part_text(part(), b"x" * 99_999) == "x" * TEXT_BYTES


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("<p>Hello <b>world</b></p>", "Hello world"),
        ("<head><title>no</title></head><body>yes</body>", "yes"),
        ("a<style>b{}</style>c<script>d()</script>e", "a c e"),
        ("a<!-- <b>hidden</b> -->b", "ab"),
        ("a<!-- never closed", "a"),
        ("<script>never closed", ""),
        ('<img src="x" alt="a picture" title=\'its title\'>', "a picture its title"),
        ("<img alt=word>", "word"),
        ("caf&eacute; &amp; &#8364;5", "café & €5"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<!DOCTYPE html>text", "text"),
        ("&#" + "9" * 5_000 + ";", "&#" + "9" * 5_000 + ";"),
    ],
)
def test_markup_is_left_out(markup: str, words: str) -> None:
    assert " ".join(words_of_html(markup).split()) == words


def test_html_part_is_read_as_html() -> None:
    assert part_text(part("HTML"), b"<i>a</i>").split() == ["a"]


@pytest.mark.parametrize(
    "markup",
    [
        "<" * TEXT_BYTES,
        "<a " * (TEXT_BYTES // 3),
        "<script>" * (TEXT_BYTES // 8),
        "<!--" * (TEXT_BYTES // 4),
        "<a " + "alt=" * (TEXT_BYTES // 4),
        "<a " + "alt " * (TEXT_BYTES // 4) + ">",
        "&" * TEXT_BYTES,
        "&ampersand" * (TEXT_BYTES // 10),
    ],
)
def test_pathological_markup_costs_no_more_than_a_long_text(markup: str) -> None:
    started = time.process_time()
    words_of_html(markup)
    assert time.process_time() - started < 0.1  # a quadratic reading takes seconds
