"""GETMETADATA and SETMETADATA: which are ours, and what is wrong with those that are."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.dialect_bench import command_of
from idlebell.front.annotations import Get, Refused, Set, claims, found, read_get, read_set, within
from idlebell.front.own import OwnCommand
from idlebell.imap.framing import Frame
from idlebell.imap.responses import Condition, PlainCode

ROOT = "/private/vendor/vendor.x"


@pytest.mark.parametrize(
    ("opening", "ours"),
    [
        (b'GETMETADATA "" /private/vendor/vendor.x', True),
        (b'GETMETADATA (DEPTH 1) "" (/private/comment "/PRIVATE/vendor/vendor.x/a")', True),
        (b'GETMETADATA "" (DEPTH 1) /private/vendor/vendor.x/a', True),
        (b'GETMETADATA "" /private/vendor/vendor.xy', False),
        (b'GETMETADATA "" /private', False),
        (b'GETMETADATA "" (', False),
        (b"GETMETADATA {0}", False),
        (b'SETMETADATA "" (/private/vendor/vendor.x/a {5}', True),
        (b'SETMETADATA "" (/private/comment "b c" /private/vendor/vendor.x/a NIL)', True),
        (b'SETMETADATA "" (/private/comment "/private/vendor/vendor.x/a")', False),
        (b'SETMETADATA "" (/private/comment "a \\" /private/vendor/vendor.x/a")', False),
        (b'SETMETADATA "" (/private/comment "/private/vendor/vendor.x', False),
    ],
)
def test_a_command_is_ours_by_the_names_of_its_entries(opening: bytes, ours: bool) -> None:
    assert claims(opening.split(b" ")[0].decode(), opening, ROOT) is ours
    assert not claims("NOOP", opening, ROOT)


@pytest.mark.parametrize(
    ("line", "get"),
    [
        (b'GETMETADATA "" %', Get((ROOT + "/a",))),
        (b'GETMETADATA (DEPTH 1) "" (%)', Get((ROOT + "/a",), 1)),
        (b'GETMETADATA "" (depth INFINITY maxsize 10) (%)', Get((ROOT + "/a",), None, 10)),
        (b'GETMETADATA (MAXSIZE 0 DEPTH 0) "" %', Get((ROOT + "/a",), 0, 0)),
    ],
)
def test_options_stand_before_the_mailbox_or_behind_it(line: bytes, get: Get) -> None:
    assert read_get(command_of(line, ROOT.encode() + b"/a"), ROOT) == get


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"GETMETADATA", "takes a mailbox and entries"),
        (b'GETMETADATA (DEPTH) "" /private/vendor/vendor.x', "pairs"),
        (b'GETMETADATA "" "" /private/vendor/vendor.x', "pairs"),
        (b'GETMETADATA (DEPTH 2) "" /private/vendor/vendor.x', "DEPTH is 0, 1 or infinity"),
        (b'GETMETADATA (DEPTH NIL) "" /private/vendor/vendor.x', "DEPTH"),
        (b'GETMETADATA (MAXSIZE x) "" /private/vendor/vendor.x', "MAXSIZE"),
        (b'GETMETADATA (MAXSIZE (1)) "" /private/vendor/vendor.x', "MAXSIZE"),
        (b'GETMETADATA ((A) 1) "" /private/vendor/vendor.x', "an option"),
        (b'GETMETADATA "" ()', "1 to 32"),
        (b"GETMETADATA NIL /private/vendor/vendor.x", "the mailbox"),
        (b'GETMETADATA "" (/private/vendor/vendor.x NIL)', "entry 2 is not a name"),
        (b'GETMETADATA "" /private/vendor/vendor.x/', "entry 1 is not the name"),
        (b'GETMETADATA "" /private/vendor/vendor.x//a', "entry 1"),
        (b'GETMETADATA "" /private/vendor/vendor.x/*', "entry 1"),
        (b'GETMETADATA "" /private/vendor/vendor.x/\xc3\xa4', "entry 1"),
        (b'GETMETADATA "" /private/vendor/vendor.x/' + b"a" * 200, "entry 1"),
        (b'GETMETADATA "" ((((((((((a))))))))))', "nested"),
        (b'SETMETADATA ""', "takes a mailbox and a list"),
        (b'SETMETADATA "" ()', "without a value"),
        (b'SETMETADATA "" (/private/vendor/vendor.x)', "without a value"),
        (b'SETMETADATA "" (/private/vendor/vendor.x (a))', "the value of entry 1"),
        (b'SETMETADATA "" (/private/vendor/vendor.x "a)', "argument 2: quoted string without end"),
    ],
)
def test_wrong_syntax_is_bad_and_told_with_its_place(line: bytes, said: str) -> None:
    read = read_get if line.startswith(b"GET") else read_set
    with pytest.raises(Refused) as caught:
        read(command_of(line), ROOT)
    assert caught.value.answer.condition is Condition.BAD
    assert said in caught.value.answer.text


@pytest.mark.parametrize(
    "line",
    [
        b"GETMETADATA INBOX /private/vendor/vendor.x",
        b'GETMETADATA "" (/private/vendor/vendor.x /private/comment)',
        b'SETMETADATA INBOX (/private/vendor/vendor.x "a")',
        b'SETMETADATA "" (/private/vendor/vendor.x "a" /private/comment "b")',
        b'SETMETADATA "" (/private/vendor/vendor.x/a "a" /private/vendor/vendor.x/b "b")',
    ],
)
def test_what_is_no_fault_of_syntax_is_no(line: bytes) -> None:
    read = read_get if line.startswith(b"GET") else read_set
    with pytest.raises(Refused) as caught:
        read(command_of(line), ROOT)
    assert caught.value.answer.condition is Condition.NO
    assert caught.value.answer.code == PlainCode("CANNOT")


def test_a_value_is_a_string_a_literal_or_nil() -> None:
    assert read_set(command_of(b'SETMETADATA "" (/private/vendor/vendor.x/a %)', b'{"a": ")"}'), ROOT) == Set(
        ROOT + "/a", b'{"a": ")"}'
    )
    assert read_set(command_of(b'SETMETADATA "" (/private/vendor/vendor.x/a nil)'), ROOT).value is None


def test_values_over_maxsize_are_left_out_and_the_longest_is_told() -> None:
    entries = [(ROOT + "/a", b"x" * 11), (ROOT + "/b", b"x" * 12), (ROOT + "/c", b"x\r\n"), (ROOT + "/d", None)]
    answer = found(Get((ROOT,), None, 10), entries)
    assert answer.code == PlainCode("METADATA", b"LONGENTRIES 12")
    assert answer.untagged == (
        b'* METADATA "" ("/private/vendor/vendor.x/c" {3}\r\nx\r\n "/private/vendor/vendor.x/d" NIL)\r\n',
    )
    assert found(Get((ROOT,)), []).untagged == ()
    (long,) = found(Get((ROOT,)), [(ROOT, b"x" * 201)]).untagged
    assert long.endswith(b" {201}\r\n" + b"x" * 201 + b")\r\n")


@pytest.mark.parametrize(
    ("entry", "depth", "there"),
    [("/a", 0, False), ("", 0, True), ("/a", 1, True), ("/a/b", 1, False), ("/a/b", None, True), ("b", None, False)],
)
def test_depth_counts_from_what_is_asked_for(entry: str, depth: int | None, there: bool) -> None:
    assert within(ROOT + entry, ROOT.upper(), depth) is there


PIECES = st.sampled_from(
    [
        b'""',
        b"(",
        b")",
        b" ",
        b"DEPTH",
        b"1",
        b"NIL",
        b'"',
        b"\\",
        b"{3}",
        ROOT.encode(),
        ROOT.encode() + b"/a",
        b"\xff",
        b"*",
    ]
)


@given(st.sampled_from(["GETMETADATA", "SETMETADATA"]), st.lists(PIECES | st.binary(max_size=3), max_size=12))
@settings(max_examples=150)
def test_whatever_a_client_sends_is_read_or_refused(name: str, pieces: list[bytes]) -> None:
    rest = b"".join(pieces).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    opening = name.encode() + b" " + rest
    claims(name, opening, ROOT)
    command = OwnCommand("a1", name, Frame((b"a1 " + opening,)), 3 + len(name))
    with suppress(Refused):
        (read_get if name == "GETMETADATA" else read_set)(command, ROOT)
