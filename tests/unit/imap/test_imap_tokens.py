"""The words of the grammar, and the bounds on how many and how deep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.sequence_set import STAR, SequenceSet
from idlebell.imap.tokens import (
    NUMBER64_MAX,
    NUMBER_MAX,
    Cursor,
    GrammarError,
    atom_text,
    parse_sequence_set,
    visible_text,
)


def at(*parts: bytes, limits: Limits = DEFAULT_LIMITS) -> Cursor:
    return Cursor(Frame(parts), limits)


def reason(act: Callable[[], Any]) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        act()
    return caught.value.reason


def test_what_stands_around_a_crossed_bound_is_kept_for_the_operator() -> None:
    cursor = at(b"x" * 100 + b"(((" + b"y" * 100, limits=Limits(depth=2))
    cursor.pos = 100
    with pytest.raises(RemoteProtocolError) as caught:
        cursor.skip_value()
    assert caught.value.where == b"x" * 37 + b"(((" + b"y" * 40


# --- places ---


def test_a_cursor_begins_where_it_is_told() -> None:
    assert Cursor(Frame((b"* LIST x",)), DEFAULT_LIMITS, 7).atom() == b"x"


def test_trailing_spaces_are_an_end() -> None:
    cursor = at(b"a  ")
    assert cursor.peek() == ord("a")
    cursor.atom()
    assert cursor.at_end()
    cursor.finish()
    cursor.skip_spaces()
    assert cursor.peek() == -1
    cursor.skip_spaces()
    assert cursor.peek() == -1


def test_what_follows_the_end_is_an_error() -> None:
    cursor = at(b"a b")
    cursor.atom()
    assert not cursor.at_end()
    with pytest.raises(GrammarError):
        cursor.finish()


def test_a_cursor_can_go_back_over_a_literal() -> None:
    cursor = at(b"x {1}", b"y", b" z")
    start = cursor.mark()
    assert [cursor.atom(), cursor.skip(b" "), cursor.astring(), cursor.skip(b" ")] == [b"x", True, b"y", True]
    assert cursor.raw_since(start) == b"x {1}\r\ny "
    assert cursor.rest() == b"z"
    cursor.rewind(start)
    assert cursor.rest() == b"x {1}\r\ny z"


def test_the_raw_form_within_one_text_is_that_text() -> None:
    cursor = at(b"ab cd")
    cursor.atom()
    start = cursor.mark()
    cursor.space()
    cursor.atom()
    assert cursor.raw_since(start) == b" cd"


def test_what_is_not_there_is_not_stepped_over() -> None:
    cursor = at(b"ab")
    assert not cursor.skip(b"b")
    with pytest.raises(GrammarError):
        cursor.space()


# --- words ---


@pytest.mark.parametrize("atom", [b"INBOX", b"a]b", b"a%*\\", b"\xff", b"INBOX.x"])
def test_an_atom_may_hold_what_servers_put_into_names(atom: bytes) -> None:
    assert at(atom + b" x").atom() == atom


@pytest.mark.parametrize("text", [b"", b" a", b'"a"', b"(a)", b"{1", b"\x01"])
def test_an_atom_begins_with_none_of_these(text: bytes) -> None:
    with pytest.raises(GrammarError):
        at(text).atom()


def test_a_name_is_upper_cased_and_ends_at_a_bracket() -> None:
    assert at(b"body[1]").name() == "BODY"
    with pytest.raises(GrammarError):
        at(b"[1]").name()
    with pytest.raises(GrammarError):
        at(b"\xff").name()


@pytest.mark.parametrize(("text", "is_nil"), [(b"NIL", True), (b"nil)", True), (b"NILS", False), (b'"NIL"', False)])
def test_nil_is_a_whole_word_in_any_case(text: bytes, is_nil: bool) -> None:
    assert at(text).nil() is is_nil


@pytest.mark.parametrize(("text", "value"), [(b"0", 0), (b"4294967295 ", NUMBER_MAX), (b"007)", 7)])
def test_a_number_is_unsigned_and_32_bits_wide(text: bytes, value: int) -> None:
    assert at(text).number() == value


@pytest.mark.parametrize("text", [b"4294967296", b"-1", b"", b"x"])
def test_a_number_out_of_range_is_ungrammatical_and_not_read(text: bytes) -> None:
    cursor = at(text)
    with pytest.raises(GrammarError):
        cursor.number()
    assert cursor.pos == 0


def test_a_number_has_the_bounds_it_is_given() -> None:
    assert at(b"9223372036854775807").number(NUMBER64_MAX) == NUMBER64_MAX
    with pytest.raises(GrammarError):
        at(b"0").number(minimum=1)


def test_more_digits_than_the_bound_end_the_connection() -> None:
    assert reason(lambda: at(b"1" * 21).number()) == "number-too-long"


def test_atoms_to_the_end_take_any_spaces_between_them() -> None:
    assert at(b" a  b]\xff ").atoms_to_end() == (b"a", b"b]\xff")
    assert at(b"").atoms_to_end() == ()
    assert reason(at(b"a b c", limits=Limits(items=2)).atoms_to_end) == "too-many-items"


@pytest.mark.parametrize("parts", [(b"a (b)",), (b'a "b"',), (b"a\x01",), (b"a {1}", b"b", b""), (b"a", b"b", b"")])
def test_anything_else_among_the_atoms_is_ungrammatical(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(GrammarError):
        at(*parts).atoms_to_end()


# --- strings ---


@pytest.mark.parametrize(
    ("parts", "value"),
    [
        ((b'"a b"',), b"a b"),
        ((b'""',), b""),
        ((b'"a\\"b\\\\c"',), b'a"b\\c'),
        ((b'"C:\\dir"',), b"C:dir"),
        ((b'"\xc3\xa9"',), b"\xc3\xa9"),
        ((b"{3}", b'"\0\r', b""), b'"\0\r'),
        ((b"{3+}", b"abc", b""), b"abc"),
        ((b"~{3}", b"abc", b""), b"abc"),
    ],
)
def test_a_string_is_quoted_or_a_literal(parts: tuple[bytes, ...], value: bytes) -> None:
    for read in (Cursor.quoted_or_literal, Cursor.nstring, Cursor.string, Cursor.astring):
        cursor = at(*parts)
        assert read(cursor) == value
        assert cursor.at_end()


def test_nil_is_none_or_the_empty_string_where_gmx_writes_it() -> None:
    assert at(b"NIL").nstring() is None
    assert at(b"NIL").string() == b""
    assert at(b"NIL").astring() == b"NIL"


@pytest.mark.parametrize("text", [b"atom", b"(x)", b"", b"{3}", b"~x", b"~"])
def test_what_is_no_string_is_not_read(text: bytes) -> None:
    cursor = at(text)
    assert cursor.quoted_or_literal() is None
    with pytest.raises(GrammarError):
        cursor.nstring()
    assert cursor.pos == 0


def test_a_brace_before_a_literal_announces_nothing() -> None:
    assert at(b"{1} {1}", b"x", b"").quoted_or_literal() is None


@pytest.mark.parametrize("text", [b'"a', b'"a\\"', b'"', b'"\\'])
def test_a_quoted_string_without_end_is_ungrammatical(text: bytes) -> None:
    with pytest.raises(GrammarError):
        at(text).quoted_or_literal()


# --- lists ---


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (b"()", ()),
        (b"(\\Seen $Junk)", ("\\Seen", "$Junk")),
        (b"( \\Seen  a]b )", ("\\Seen", "a]b")),
        (b"(\\* gr\xc3\xb6\xc3\x9fe \xff)", ("\\*", "größe", "\ufffd")),
    ],
)
def test_flags_are_words_of_any_bytes(text: bytes, flags: tuple[str, ...]) -> None:
    assert at(text).flags() == flags


@pytest.mark.parametrize("text", [b"NIL", b"(a", b'("a")', b"((a))", b""])
def test_what_is_no_list_of_flags_is_ungrammatical(text: bytes) -> None:
    with pytest.raises(GrammarError):
        at(text).flags()


def test_a_list_of_strings_takes_any_spacing() -> None:
    assert at(b'(a "b"{1}', b"c", b" )").strings() == (b"a", b"b", b"c")
    assert at(b"()").strings() == ()


def test_elements_are_counted_over_the_whole_response() -> None:
    limits = Limits(items=3)
    cursor = at(b"(a b)(c d)", limits=limits)
    cursor.flags()
    assert reason(cursor.flags) == "too-many-items"
    assert at(b"(a b c)", limits=limits).strings() == (b"a", b"b", b"c")
    assert reason(at(b"(a b c d)", limits=limits).strings) == "too-many-items"


def test_parentheses_deeper_than_the_bound_end_the_connection() -> None:
    limits = Limits(depth=2)
    assert at(b"((a)(b))", limits=limits).skip_value() == b"((a)(b))"
    assert reason(at(b"(((a)))", limits=limits).skip_value) == "too-deep"


# --- sequence sets ---


def test_a_sequence_set_is_read_as_written() -> None:
    assert at(b"1:5,9,*:12,* x").sequence_set() == SequenceSet(((1, 5), (9, 9), (STAR, 12), (STAR, STAR)))


@pytest.mark.parametrize("raw", [b"", b"1,", b",1", b"0", b"1:0", b"4294967296", b"1:2:3", b"1-2", b":5", b"**"])
def test_what_is_no_sequence_set_is_ungrammatical(raw: bytes) -> None:
    with pytest.raises(GrammarError):
        parse_sequence_set(raw, DEFAULT_LIMITS)


@pytest.mark.parametrize("text", [b"x", b"", b":5", b"(1)"])
def test_a_sequence_set_begins_with_a_digit_or_a_star(text: bytes) -> None:
    with pytest.raises(GrammarError):
        at(text).sequence_set()


def test_more_ranges_or_digits_than_the_bound_end_the_connection() -> None:
    limits = Limits(set_ranges=2, number_digits=10)
    assert len(parse_sequence_set(b"1,2", limits).ranges) == 2
    assert reason(lambda: parse_sequence_set(b"1,2,3", limits)) == "too-many-ranges"
    assert reason(lambda: parse_sequence_set(b"1:11111111111", limits)) == "number-too-long"


# --- sections ---


@pytest.mark.parametrize(
    ("parts", "section"),
    [
        ((b"[]",), "[]"),
        ((b"[1.2.mime]",), "[1.2.MIME]"),
        ((b"[header.fields (Subject FROM)]",), "[HEADER.FIELDS (Subject FROM)]"),
        ((b'[HEADER.FIELDS ("Subject" "a b" "a\\"b")]',), '[HEADER.FIELDS (Subject "a b" "a\\"b")]'),
        ((b"[HEADER.FIELDS ({4}", b"Date", b")]"), "[HEADER.FIELDS (Date)]"),
    ],
)
def test_a_section_has_one_spelling(parts: tuple[bytes, ...], section: str) -> None:
    cursor = at(*parts)
    assert cursor.section() == section
    assert cursor.at_end()


@pytest.mark.parametrize("parts", [(b"x",), (b"[1",), (b"[A (b]",), (b"[A ({2}", b"\r\n", b")]")])
def test_what_is_no_section_is_ungrammatical(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(GrammarError):
        at(*parts).section()


def test_an_origin_is_a_number_in_angle_brackets_or_missing() -> None:
    assert at(b"<0> ").origin() == 0
    assert at(b" ").origin() is None
    assert at(b"<x>").origin() is None
    with pytest.raises(GrammarError):
        at(b"<9999999999999999999>").origin()
    assert reason(at(b"<" + b"9" * 21 + b">").origin) == "number-too-long"


# --- values that nobody knows ---


@pytest.mark.parametrize(
    ("parts", "raw"),
    [
        ((b"abc def",), b"abc"),
        ((b"abc)",), b"abc"),
        ((b'"a b" c',), b'"a b"'),
        ((b'(a (b) "c )") d',), b'(a (b) "c )")'),
        ((b"(a {2}", b")(", b" b) c"), b"(a {2}\r\n)( b)"),
        ((b"{2}", b"ab", b" c"), b"{2}\r\nab"),
        ((b"a[1](b) c",), b"a[1](b)"),
        ((b"{x} c",), b"{x}"),
        ((b"() c",), b"()"),
    ],
)
def test_an_unknown_value_is_stepped_over_whole(parts: tuple[bytes, ...], raw: bytes) -> None:
    assert at(*parts).skip_value() == raw


@pytest.mark.parametrize("text", [b"", b" a", b")", b"(a", b'"a', b'(a "b)'])
def test_what_is_no_value_is_ungrammatical(text: bytes) -> None:
    with pytest.raises(GrammarError):
        at(text).skip_value()


def test_spaces_within_an_unknown_value_count_too() -> None:
    assert reason(at(b"(" + b" " * 10 + b")", limits=Limits(items=5)).skip_value) == "too-many-items"


def test_texts_are_shown_with_replacement_and_words_compared_in_capitals() -> None:
    assert visible_text(b"\xffa") == "\ufffda"
    assert atom_text(b"auth=plain\xc3\xa9") == "AUTH=PLAINé"
