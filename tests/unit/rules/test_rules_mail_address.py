"""Addresses in header fields."""

from __future__ import annotations

import pytest

from idlebell.rules.mail_address import ADDRESSES, TOKENS, MailAddress, read_addresses


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"a@b.c", [("", "a@b.c")]),
        (b"Ann <a@b.c>", [("Ann", "a@b.c")]),
        (b'"Smith, Ann" <a@b.c>, x@y.z', [("Smith, Ann", "a@b.c"), ("", "x@y.z")]),
        (b'"A \\"B\\" C" <a@b.c>', [('A "B" C', "a@b.c")]),
        (b"=?utf-8?q?J=C3=B6rg=2C?= B <a@b.c>", [("Jörg, B", "a@b.c")]),
        (b"a@b.c (Ann (the boss))", [("", "a@b.c")]),
        (b"Friends: a@b.c, Bob <b@c.d>;", [("", "a@b.c"), ("Bob", "b@c.d")]),
        (b"undisclosed-recipients:;", []),
        (b"<@relay.example,@other:a@b.c>", [("", "a@b.c")]),
        (b"Ann\r\n <a@b.c>", [("Ann", "a@b.c")]),
        (b"a @ b . c", [("", "a@b.c")]),
        (b"Ann <>", []),
        (b"Ann <a@b.c", [("Ann", "a@b.c")]),
        (b'"unclosed <a@b.c>', [("", '"unclosed<a@b.c>')]),
        (b"(unclosed a@b.c", []),
        (b"Boss", [("", "Boss")]),
        (b"", []),
        (b",,;;", []),
        (b"a@b.c> , d@e.f", [("", "a@b.c>"), ("", "d@e.f")]),
    ],
)
def test_addresses_are_told_apart(raw: bytes, found: list[tuple[str, str]]) -> None:
    assert [(one.name, one.address) for one in read_addresses(raw)] == found


def test_parts_of_an_address() -> None:
    assert (MailAddress("", "a@x@b.c").local_part, MailAddress("", "a@x@b.c").domain) == ("a@x", "b.c")
    assert (MailAddress("", "root").local_part, MailAddress("", "root").domain) == ("root", "")


def test_what_follows_more_words_than_addresses_have_is_not_looked_at() -> None:
    assert [one.address for one in read_addresses(b"a@b.c," + b": " * TOKENS + b",d@e.f")] == ["a@b.c"]
    assert len(read_addresses(b'"Ann Example" <ann@mail.example.org>, ' * 220)) == 220  # 8 KiB


@pytest.mark.parametrize("raw", [b"(" * 16_000, b"<" * 16_000, b'"\\' * 8_000, b"a@b," * 4_000, b"((((a)" * 2_000])
def test_pathological_field_is_read_in_bounds(raw: bytes) -> None:
    assert len(read_addresses(raw)) <= ADDRESSES
