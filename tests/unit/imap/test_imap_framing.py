"""Bytes to frames, and every bound on size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced, join_raw
from idlebell.imap.limits import DEFAULT_LIMITS, Limits


def events(
    *chunks: bytes, limits: Limits = DEFAULT_LIMITS, server_side: bool = False
) -> list[Frame | LiteralAnnounced]:
    framer = Framer(limits, server_side=server_side)
    return list(_drained(framer, chunks))


def _drained(framer: Framer, chunks: Iterable[bytes]) -> Iterable[Frame | LiteralAnnounced]:
    for chunk in chunks:
        framer.feed(chunk)
        while (event := framer.next_frame()) is not None:
            yield event


def reason(*chunks: bytes, limits: Limits = DEFAULT_LIMITS, server_side: bool = False) -> str:
    with pytest.raises(RemoteProtocolError) as caught:
        events(*chunks, limits=limits, server_side=server_side)
    return caught.value.reason


# --- lines ---


def test_crlf_ends_a_line() -> None:
    assert events(b"* OK hi\r\n* 3 EXISTS\r\n") == [Frame((b"* OK hi",)), Frame((b"* 3 EXISTS",))]


def test_a_line_in_pieces_is_one_frame() -> None:
    assert events(b"* O", b"K", b" hi\r", b"\n", b"* 1", b" EXISTS\r\n") == [
        Frame((b"* OK hi",)),
        Frame((b"* 1 EXISTS",)),
    ]


def test_a_chunk_that_ends_within_the_next_line_gives_the_first_at_once() -> None:
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(b"* 1 EXISTS\r\n* 2 EX")
    assert framer.next_frame() == Frame((b"* 1 EXISTS",))
    assert framer.next_frame() is None
    framer.feed(b"ISTS")
    assert framer.next_frame() is None
    framer.feed(b"\r\n")
    assert framer.next_frame() == Frame((b"* 2 EXISTS",))


def test_an_empty_line_is_a_frame() -> None:
    assert events(b"\r\n") == [Frame((b"",))]


@pytest.mark.parametrize(
    ("wire", "why"),
    [(b"* OK\n", "bare-lf"), (b"* O\rK\r\n", "bare-cr"), (b"* \0\r\n", "nul-byte"), (b"\r\r\n", "bare-cr")],
)
def test_framing_is_strict_about_what_ends_a_line(wire: bytes, why: str) -> None:
    assert reason(wire) == why


def test_what_follows_an_error_is_never_looked_at() -> None:
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(b"* OK\n* 1 EXISTS\r\n")
    with pytest.raises(RemoteProtocolError) as first:
        framer.next_frame()
    assert framer.pending == 0
    with pytest.raises(RemoteProtocolError) as second:
        framer.next_frame()
    with pytest.raises(RemoteProtocolError) as third:
        framer.feed(b"* 2 EXISTS\r\n")
    assert first.value is second.value is third.value
    assert first.value.where.startswith(b"* OK")


# --- literals ---


def test_literal_bytes_stand_apart_from_the_text() -> None:
    [frame] = events(b"* 1 FETCH (BODY[] {4}\r\n\0)\r\n UID 1)\r\n")
    assert frame == Frame((b"* 1 FETCH (BODY[] {4}", b"\0)\r\n", b" UID 1)"))


def test_the_raw_form_is_what_came() -> None:
    wire = b"* X {1}\r\na ~{0}\r\n {2+}\r\nbc d"
    [frame] = events(wire + b"\r\n")
    assert isinstance(frame, Frame)
    assert frame.raw == wire
    assert join_raw((b"a",)) == b"a"


def test_a_literal_in_pieces_is_one_part() -> None:
    assert events(b"* X {6}\r\nab", b"cd", b"ef", b"\r\n") == [Frame((b"* X {6}", b"abcdef", b""))]


def test_a_literal_that_ends_its_chunk_waits_for_the_rest_of_the_line() -> None:
    assert events(b"* X {2}\r\n", b"ab", b"\r\n* 1 EXISTS\r\n") == [
        Frame((b"* X {2}", b"ab", b"")),
        Frame((b"* 1 EXISTS",)),
    ]


@pytest.mark.parametrize("line", [b"* X {}", b"* X {a}", b"* X 5}", b"* X }", b"}", b"* X {5} ", b"* X {-5}"])
def test_a_line_that_announces_no_literal_is_a_whole_frame(line: bytes) -> None:
    assert events(line + b"\r\n") == [Frame((line,))]


@pytest.mark.parametrize(
    "line",
    [
        b"* NO no such mailbox {99}",
        b"* ok [READ-ONLY] {99}",
        b"a1 NO [NONEXISTENT] {99}",
        b"* BYE {99}",
        b"+ {99}",
        b"* OK  {99}",
    ],
)
def test_the_text_of_a_status_response_announces_nothing(line: bytes) -> None:
    """A mailbox can be called ``{99}``, and a server may say its name."""
    assert events(line + b"\r\n* 1 EXISTS\r\n") == [Frame((line,)), Frame((b"* 1 EXISTS",))]


def test_a_response_code_that_is_still_open_may_hold_a_literal() -> None:
    assert events(b"a1 NO [BADCHARSET ({5}\r\nUTF-8)] no\r\n") == [
        Frame((b"a1 NO [BADCHARSET ({5}", b"UTF-8", b")] no"))
    ]


# --- the server side ---


@pytest.mark.parametrize(("sign", "synchronizing"), [(b"", True), (b"+", False), (b"-", False)])
def test_a_client_s_literal_is_announced_once(sign: bytes, synchronizing: bool) -> None:
    assert events(b"a LOGIN {1" + sign + b"}\r\n", b"x", b" y\r\n", server_side=True) == [
        LiteralAnnounced(1, synchronizing),
        Frame((b"a LOGIN {1" + sign + b"}", b"x", b" y")),
    ]


def test_a_line_of_a_client_that_looks_like_a_status_text_still_announces() -> None:
    assert events(b"a OK {1}\r\n", server_side=True) == [LiteralAnnounced(1, True)]


def test_a_refused_literal_gives_the_begun_command_and_the_next_line_is_a_new_one() -> None:
    framer = Framer(DEFAULT_LIMITS, server_side=True)
    framer.feed(b"a LOGIN {9}\r\n")
    assert framer.next_frame() == LiteralAnnounced(9, True)
    assert framer.refuse_literal() == b"a LOGIN {9}"
    assert framer.refuse_literal() == b""
    framer.feed(b"b NOOP\r\n")
    assert framer.next_frame() == Frame((b"b NOOP",))


# --- what is held ---


def test_nothing_is_held_between_frames() -> None:
    framer = Framer(DEFAULT_LIMITS)
    for chunk in (b"* X {2}\r\n", b"ab\r\n* 1 EXI", b"STS\r\n"):
        framer.feed(chunk)
        while framer.next_frame() is not None:
            pass
    assert framer.pending == 0
    assert framer.take_rest() == b""


def test_pending_counts_parts_and_buffer() -> None:
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(b"* X {2}\r\na")
    assert framer.next_frame() is None
    assert framer.pending == len(b"* X {2}") + 1


def test_the_rest_is_returned_as_it_came_and_forgotten() -> None:
    """Whatever is here when TLS starts was injected."""
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(b"a OK begin\r\n* X {2}\r\nab {5}\r\nxy")
    assert framer.next_frame() == Frame((b"a OK begin",))
    assert framer.next_frame() is None
    assert framer.take_rest() == b"* X {2}\r\nab {5}\r\nxy"
    assert framer.pending == 0
    framer.feed(b"* 1 EXISTS\r\n")
    assert framer.next_frame() == Frame((b"* 1 EXISTS",))


def test_the_rest_before_any_look_is_all_that_was_fed() -> None:
    framer = Framer(DEFAULT_LIMITS)
    framer.feed(b"a OK begin\r\n* 1 EXISTS\r\n")
    framer.next_frame()
    assert framer.take_rest() == b"* 1 EXISTS\r\n"


# --- bounds ---

SMALL = Limits(line_bytes=40, literal_bytes=10, response_bytes=60, literals=3)
"""Of a FETCH the end is passed over where it is too large: strangers wrote what it tells."""


@pytest.mark.parametrize("size", [11, 100])
def test_of_a_literal_that_is_too_large_a_fetch_keeps_the_beginning(size: int) -> None:
    raw = b"* 1 FETCH (X {%d}\r\n" % size + b"y" * size + b" Z 1)\r\n* 2 EXISTS\r\n"
    kept = Frame((b"* 1 FETCH (X {%d}" % size, b"y" * 10, b" Z 1)"), cut=True)

    assert events(raw, limits=SMALL) == [kept, Frame((b"* 2 EXISTS",))]
    assert events(*(raw[at : at + 1] for at in range(len(raw))), limits=SMALL) == [kept, Frame((b"* 2 EXISTS",))]


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"* 1 FETCH (X " + b"z" * 90 + b")\r\n", (b"* 1 FETCH (X " + b"z" * 27,)),
        (b"* 1 FETCH (X " + b"z" * 90 + b" {5}\r\n})\r\n( {3}\r\nabc)\r\n", (b"* 1 FETCH (X " + b"z" * 27,)),
        (b"* 1 FETCH (X {9}\r\nyyyyyyyyy zzzzzzzzzzzzzzz {9}\r\nyyyyyyyyy {9}\r\nyyyyyyyyy {0}\r\n)\r\n",
         (b"* 1 FETCH (X {9}", b"y" * 9, b" zzzzzzzzzzzzzzz {9}", b"y" * 9, b" {9}")),
        (b"* 1 FETCH (X {1}\r\na {1}\r\nb {1}\r\nc {11}\r\n" + b"y" * 11 + b" {2}\r\nab)\r\n",
         (b"* 1 FETCH (X {1}", b"a", b" {1}", b"b", b" {1}", b"c", b" {11}")),
    ],
)  # fmt: skip
def test_a_fetch_that_is_too_large_is_cut_and_the_next_response_is_found(raw: bytes, kept: tuple[bytes, ...]) -> None:
    whole = raw + b"* 2 EXISTS\r\n"
    found = [Frame(kept, cut=True), Frame((b"* 2 EXISTS",))]

    assert events(whole, limits=SMALL) == found
    assert events(*(whole[at : at + 1] for at in range(len(whole))), limits=SMALL) == found
    assert events(whole[:60], whole[60:], limits=SMALL) == found


def test_nothing_is_held_while_a_fetch_is_passed_over() -> None:
    framer = Framer(SMALL)
    framer.feed(b"* 1 FETCH (X {180}\r\n")
    assert framer.next_frame() is None
    for _ in range(17):
        framer.feed(b"y" * 10)
        assert framer.next_frame() is None
        assert framer.pending < 40
    framer.feed(b"y" * 10 + b" Z 1)\r\n")
    assert framer.next_frame() == Frame((b"* 1 FETCH (X {180}", b"y" * 10, b" Z 1)"), cut=True)
    assert framer.pending == 0


def test_what_breaks_the_grammar_does_so_where_it_is_passed_over_too() -> None:
    assert reason(b"* 1 FETCH (X " + b"z" * 60 + b"\0\r\n", limits=SMALL) == "nul-byte"
    assert reason(b"* 1 FETCH (X " + b"z" * 60 + b"\n", limits=SMALL) == "bare-lf"
    assert reason(b"* 1 FETCH (X " + b"z" * 60 + b"\rz", limits=SMALL) == "bare-cr"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"* 1 FETCH (X {501}\r\n", "literal-too-large"),
        (b"* 1 FETCH (X " + b"z" * 90 + b" {450}\r\n", "literal-too-large"),
        (b"* 1 FETCH (X " + b"z" * 600, "response-too-long"),
    ],
)
def test_what_is_passed_over_has_a_bound(raw: bytes, why: str) -> None:
    limits = replace(SMALL, passed_over_bytes=500)
    assert reason(raw, limits=limits) == why
    assert reason(*(raw[at : at + 1] for at in range(len(raw))), limits=limits) == why


def test_a_client_may_not_say_too_much_whatever_it_says() -> None:
    framer = Framer(SMALL, server_side=True)
    framer.feed(b"* 1 FETCH (X {11}\r\n")
    with pytest.raises(RemoteProtocolError):
        framer.next_frame()


def test_a_line_at_the_bound_is_taken_and_one_byte_more_is_not() -> None:
    limits = Limits(line_bytes=10)
    assert events(b"x" * 10 + b"\r\n", limits=limits) == [Frame((b"x" * 10,))]
    assert reason(b"x" * 11 + b"\r\n", limits=limits) == "line-too-long"
    assert reason(b"x" * 11, limits=limits) == "line-too-long"
    assert reason(b"x" * 10, b"x", limits=limits) == "line-too-long"


def test_the_texts_of_one_response_count_as_one_line() -> None:
    limits = Limits(line_bytes=10)
    assert reason(b"* X {1}\r\na12345\r\n", limits=limits) == "line-too-long"


@pytest.mark.parametrize("digits", [b"11", b"4294967295", b"99999999999999999999", b"9" * 5000])
def test_a_literal_over_the_bound_is_refused_before_a_byte_of_it_comes(digits: bytes) -> None:
    assert reason(b"* X {" + digits + b"}\r\n", limits=Limits(literal_bytes=10)) == "literal-too-large"


def test_a_literal_at_the_bound_is_taken() -> None:
    assert events(b"* X {10}\r\n" + b"y" * 10 + b"\r\n", limits=Limits(literal_bytes=10)) == [
        Frame((b"* X {10}", b"y" * 10, b""))
    ]


def test_literals_that_add_up_over_the_bound_of_a_response_are_refused() -> None:
    limits = Limits(response_bytes=20, literal_bytes=10)
    assert reason(b"* {8}\r\n" + b"y" * 8 + b"{8}\r\n", limits=limits) == "response-too-long"
    assert reason(b"* {8}\r\n" + b"y" * 8 + b"z" * 9, limits=limits) == "response-too-long"


def test_more_literals_than_the_bound_are_refused() -> None:
    limits = Limits(literals=2)
    assert len(events(b"{0}\r\n{0}\r\n\r\n", limits=limits)) == 1
    assert reason(b"{0}\r\n{0}\r\n{0}\r\n", limits=limits) == "too-many-literals"
