"""The parts of a message, read from its beginning."""

from __future__ import annotations

import time
from email import message_from_bytes
from email.message import Message as Peer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.imap.responses import BodyPart, Multipart
from idlebell.rules.mime import DEPTH, PARTS, read_message
from idlebell.testing import mail


def read(raw: bytes):  # type: ignore[no-untyped-def]
    header, _, text = raw.partition(b"\r\n\r\n")
    return read_message(header, text)


def leaves(body: BodyPart | Multipart) -> list[BodyPart]:
    return [body] if isinstance(body, BodyPart) else [leaf for part in body.parts for leaf in leaves(part)]


def test_a_message_without_parts_is_one() -> None:
    found = read_message(
        b'Content-Type: text/HTML; charset="x y"; a=b\r\nContent-Transfer-Encoding: base64\r\n', b"eA=="
    )
    assert found.body == BodyPart("text", "html", (("charset", b"x y"), ("a", b"b")), None, None, "base64", 4)
    assert (found.contents, found.open) == ({"1": b"eA=="}, "1")


@pytest.mark.parametrize("header", [b"", b"Content-Type: nonsense", b"Content-Type: multipart/mixed"])
def test_what_says_nothing_of_its_kind_is_one_part(header: bytes) -> None:
    found = read_message(header, b"--x\r\nbody")
    assert isinstance(found.body, BodyPart)
    assert found.contents == {"1": b"--x\r\nbody"}


@pytest.mark.parametrize(
    "raw",
    [
        mail.make(),
        mail.make(html="<p>At noon</p>"),
        mail.make(html="<p>At noon</p>", attachment=b"x" * 2_000),
    ],
)
def test_sections_are_those_that_others_find(raw: bytes) -> None:
    peer = message_from_bytes(raw)
    found = read(raw)
    numbered = {"1": peer} if not peer.is_multipart() else dict(_numbered("", peer))
    assert {number: part.get_payload(decode=False).splitlines() for number, part in numbered.items()} == {
        number: content.decode().splitlines() for number, content in found.contents.items()
    }
    assert [f"{one.type}/{one.subtype}" for one in leaves(found.body)] == [
        one.get_content_type() for one in numbered.values()
    ]
    assert (found.open is None) is peer.is_multipart()


def _numbered(prefix: str, parent: Peer):  # type: ignore[no-untyped-def]
    for number, part in enumerate(parent.get_payload(), 1):
        if part.is_multipart():
            yield from _numbered(f"{prefix}{number}.", part)
        else:
            yield f"{prefix}{number}", part


def test_every_beginning_of_a_message_is_read() -> None:
    header, _, text = mail.make(html="<p>At noon</p>", attachment=b"x" * 500).partition(b"\r\n\r\n")
    whole = read_message(header, text).contents
    for end in range(len(text)):
        found = read_message(header, text[:end])
        for section, content in found.contents.items():
            assert section == found.open or whole[section].startswith(content)


def test_a_part_whose_end_did_not_come_is_open() -> None:
    header = b"Content-Type: multipart/mixed; boundary=b"
    assert read_message(header, b"--b\r\n\r\none\r\n--b\r\n\r\ntw").open == "2"
    assert read_message(header, b"--b\r\n\r\none\r\n--b--\r\nepilogue").open is None


def test_an_inner_multipart_that_does_not_end_is_ended_by_the_outer() -> None:
    found = read_message(
        b"Content-Type: multipart/mixed; boundary=outer",
        b"--outer\nContent-Type: multipart/alternative; boundary=inner\n\n--inner\n\none\n--outer\n\ntwo\n--outer--\n",
    )
    assert found.contents == {"1.1": b"one", "2": b"two"}


def test_parts_and_their_depth_are_bounded() -> None:
    wide = read_message(b"Content-Type: multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n" * 10_000)
    assert len(wide.contents) == PARTS - 1
    deep = b"\r\n".join(b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n" % (n, n + 1) for n in range(500))
    found = read_message(b"Content-Type: multipart/mixed; boundary=b0", deep)
    assert [one.count(".") for one in found.contents] == [DEPTH - 1]


LINES = st.sampled_from(
    [
        b"--a",
        b"--a--",
        b"--b",
        b"--b--",
        b"",
        b"Content-Type: multipart/mixed; boundary=b",
        b"x",
        b"--",
        b"--a \t",
        b'Content-Type: x/y; a="',
    ],
)


@given(st.lists(LINES | st.binary(max_size=20), max_size=30), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_whatever_it_is_there_is_an_answer_of_no_more_than_was_given(lines: list[bytes], end: bytes) -> None:
    text = end.join(lines)
    found = read_message(b"Content-Type: multipart/mixed; boundary=a", text)
    assert sum(map(len, found.contents.values())) <= len(text)
    assert found.open is None or found.open in found.contents
    assert len(leaves(found.body)) == len(found.contents)


@pytest.mark.parametrize(
    "line", [b"--a" + b" " * 48_000 + b"x", b"--a" + b" \t" * 700 + b"x\r\n"], ids=["long", "many"]
)
def test_spaces_behind_what_may_be_a_boundary_are_passed_over_once(line: bytes) -> None:
    started = time.process_time()
    read_message(b"Content-Type: multipart/mixed; boundary=a", (line * 34)[:49_152])
    assert time.process_time() - started < 0.1  # a reading for each character of a boundary takes 0.2 s
