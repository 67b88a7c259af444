"""Senders and mailing lists that ring no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.imap.responses import Address, Envelope, FetchData, Section
from idlebell.model.preferences import Hushed, HushedBy
from idlebell.rules.evidence import Evidence
from idlebell.rules.hush import hush_needs, hushed_by, hushed_of, list_id, sender
from idlebell.rules.rule import NO_NEEDS

BOSS = Hushed(HushedBy.SENDER, "boss@example.org")
NEWS = Hushed(HushedBy.LIST_ID, "news.lists.example.org")


def mail(header: bytes) -> Evidence:
    return Evidence(
        FetchData(1, uid=1, sections=(Section("BODY[HEADER.FIELDS (FROM LIST-ID)]", None, header),)), "INBOX"
    )


def test_only_what_is_hushed_is_fetched() -> None:
    assert hush_needs(()) is NO_NEEDS
    assert hush_needs((BOSS,)).headers == {"from"}
    assert hush_needs((NEWS, BOSS)).headers == {"from", "list-id"}


def test_a_sender_is_known_by_address_whatever_the_name_and_the_case() -> None:
    assert hushed_by((NEWS, BOSS), mail(b'From: "B. Oss" <Boss@Example.ORG>\r\n')) == BOSS
    assert hushed_by((BOSS,), mail(b"From: friend@example.org, boss@example.org\r\n")) == BOSS
    assert hushed_by((BOSS,), mail(b'From: "boss@example.org" <other@example.org>\r\n')) is None
    assert hushed_by((), mail(b"From: boss@example.org\r\n")) is None


def test_a_sender_is_known_by_the_envelope_where_there_is_one() -> None:
    envelope = Envelope(None, None, (Address(None, None, b"boss", b"example.org"),), (), (), (), (), (), None, None)
    assert hushed_by((BOSS,), Evidence(FetchData(1, uid=1, envelope=envelope), "INBOX")) == BOSS


def test_a_list_is_known_by_its_id_whatever_describes_it() -> None:
    assert hushed_by((NEWS,), mail(b"List-Id: The news <News.lists.example.org>\r\n")) == NEWS
    assert hushed_by((NEWS,), mail(b"List-Id: news.lists.example.org\r\n")) == NEWS
    assert hushed_by((NEWS,), mail(b"List-Id: <news.lists.example.org> <other>\r\n")) is None


@pytest.mark.parametrize(
    ("given_text", "value"),
    [
        ("Boss <Boss@Example.org>", "boss@example.org"),
        ("boss@example.org", "boss@example.org"),
        ("", None),
        ("nobody", None),
        ("a b@c", "ab@c"),
        ("x" * 900 + "@example.org", None),
    ],
)
def test_a_sender_is_read_from_what_a_notification_shows(given_text: str, value: str | None) -> None:
    assert sender(given_text) == value


@pytest.mark.parametrize(
    ("given_text", "value"),
    [
        ("<A.B>", "a.b"),
        ("a.b", "a.b"),
        ("News <a.b>", "a.b"),
        ("", None),
        ("two words", None),
        ("x" * 256, None),
        ("<>", None),
    ],
)
def test_a_list_is_read_from_its_field(given_text: str, value: str | None) -> None:
    assert list_id(given_text) == value


def test_a_list_goes_before_its_sender() -> None:
    assert hushed_of(mail(b"From: boss@example.org\r\nList-Id: <News.lists.example.org>\r\n")) == NEWS
    assert hushed_of(mail(b"List-Id: two words\r\nFrom: boss@example.org\r\n")) == BOSS
    assert hushed_of(mail(b"Subject: x\r\n")) is None


@given(st.text(), st.binary(max_size=300))
def test_whatever_was_written_is_read(text: str, raw: bytes) -> None:
    for value in (sender(text), list_id(text)):
        assert value is None or (value == value.lower() and value.isprintable() and " " not in value)
    evidence = mail(b"From: " + raw + b"\r\nList-Id: " + raw + b"\r\n")
    one = hushed_of(evidence)
    assert one is None or hushed_by((one,), evidence) == one
