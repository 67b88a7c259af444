"""What a rule may know of a message."""

from __future__ import annotations

from datetime import UTC, datetime

from idlebell.imap.responses import Address, BodyPart, Envelope, FetchData, Multipart, Section
from idlebell.rules.evidence import HEADER_BYTES, Evidence
from idlebell.rules.mail_address import MailAddress

BOSS = Address(b"=?utf-8?q?B=C3=B6ss?=", None, b"boss", b"example.org")
COMMA = Address(b'Sm"ith, Ann', None, b"ann", b"example.org")
ENVELOPE = Envelope(b"date", b"=?utf-8?q?Caf=C3=A9?=", (BOSS, COMMA), (), (), (), (), (), None, b"<1@x>")


def with_header(*contents: bytes | None, envelope: Envelope | None = None) -> Evidence:
    sections = tuple(Section(f"BODY[HEADER.FIELDS (A{number})]", 0, content) for number, content in enumerate(contents))
    return Evidence(FetchData(1, uid=1, sections=sections, envelope=envelope), "INBOX")


def test_header_is_decoded_by_any_spelling_of_its_name() -> None:
    evidence = with_header(b"SUBJECT: =?utf-8?q?Caf=C3=A9?=\r\nX-A: 1\r\nX-A: 2\r\n\r\n")

    assert evidence.header("Subject") == ("Café",)
    assert evidence.folded_header("subject") == "cafe"
    assert evidence.header("x-a") == ("1", "2")
    assert evidence.header("to") == ()


def test_a_field_that_comes_in_two_sections_is_there_once() -> None:
    assert with_header(b"Message-ID: <1@x>\r\n\r\n", b"Message-ID: <1@x>\r\nTo: a@b\r\n\r\n", None).header(
        "message-id"
    ) == ("<1@x>",)


def test_all_header_fields_together_are_decoded_within_their_bound() -> None:
    evidence = with_header(
        b"X-A: " + b"a" * 5_000 + b"\r\nX-B: " + b"b" * 2_000 + b"\r\n" + (b"X-C: " + b"c" * 999 + b"\r\n") * 3
    )

    found = [value for name in ("x-a", "x-b", "x-c", "x-a") for value in evidence.header(name)]
    assert [len(value) for value in found[:3]] == [5_000, 2_000, 999]
    assert sum(map(len, found[:5])) <= HEADER_BYTES
    assert found[5] == "a" * 5_000


def test_header_over_its_bound_is_cut() -> None:
    (value,) = with_header(b"Subject: " + b"x" * 1_000_000).header("subject")

    assert len(value) == HEADER_BYTES - 1  # the space before it


def test_envelope_stands_in_for_the_header() -> None:
    evidence = with_header(envelope=ENVELOPE)

    assert evidence.header("subject") == ("Café",)
    assert evidence.header("message-id") == ("<1@x>",)
    assert evidence.addresses("from") == (
        MailAddress("Böss", "boss@example.org"),
        MailAddress('Sm"ith, Ann', "ann@example.org"),
    )
    assert evidence.header("to") == ()


def test_header_counts_more_than_the_envelope() -> None:
    assert with_header(b"Subject: header\r\n\r\n", envelope=ENVELOPE).header("subject") == ("header",)


def test_flags_are_keywords_as_jmap_spells_them() -> None:
    flags = ("\\Seen", "\\FLAGGED", "$Junk", "\\Recent")

    assert Evidence(FetchData(1, flags=flags), "INBOX").keywords == {"$seen", "$flagged", "$junk", "\\recent"}


def test_text_is_that_of_the_part_that_is_shown_first() -> None:
    plain = BodyPart("TEXT", "PLAIN", (), None, None, "BASE64", 12)
    html = BodyPart("TEXT", "HTML", (), None, None, "7BIT", 12)
    sections = (Section("BODY[2]", 0, b"<b>html</b>"), Section("BODY[1]", 0, b"Q2Fmw6kKYmFy"))
    evidence = Evidence(FetchData(1, body=Multipart((plain, html), "ALTERNATIVE"), sections=sections), "INBOX")

    assert (evidence.text(), evidence.folded_text(), evidence.text_missed) == ("Café\nbar", "cafe bar", False)


def test_text_that_was_not_fetched_is_missed_only_when_it_is_asked_for() -> None:
    evidence = Evidence(FetchData(1, body=BodyPart("TEXT", "PLAIN", (), None, None, "7BIT", 12)), "INBOX")

    assert not evidence.text_missed
    assert evidence.text() == ""
    assert evidence.text_missed


def test_message_without_a_text_part_misses_none() -> None:
    evidence = Evidence(FetchData(1, body=BodyPart("IMAGE", "PNG", (), None, None, "BASE64", 12)), "INBOX")

    assert (evidence.text(), evidence.text_missed) == ("", False)


def test_what_was_not_fetched_is_empty() -> None:
    evidence = Evidence(FetchData(1), "Work")

    assert (evidence.size, evidence.received_at, evidence.has_attachment, evidence.mailbox) == (0, None, False, "Work")
    assert (evidence.keywords, evidence.addresses("from")) == (frozenset(), ())


def test_size_and_date_are_the_servers() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)

    evidence = Evidence(FetchData(1, size=7, internal_date=at), "INBOX")
    assert (evidence.size, evidence.received_at) == (7, at)
