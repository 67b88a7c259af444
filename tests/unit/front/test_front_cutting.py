"""However the bytes of a session are split, the same pieces of the same commands and responses come out, and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idlebell.front.cutting import CommandCutter, ResponseCutter
from idlebell.front.limits import OPENING_BYTES

LITERAL = b"x {3}\r\n* 1 EXISTS\r\n\x00"
RESPONSES = (
    b"* 1 FETCH (UID 1 BODY[] {%d}\r\n%b BODY[TEXT] {0}\r\n)\r\n" % (len(LITERAL), LITERAL),
    b"* OK {99} free text {12}\r\n",
    b"* NO [BADCHARSET ({5}\r\nUTF-8)] no\r\n",
    b"* SEARCH" + b" 12345" * 4_000 + b"\r\n",
    b"* OK " + b"long" * 4_000 + b" {7}\r\n",
    b"* 2 FETCH (X " + b"y" * 9_000 + b" {4}\r\n\r\n\r\n)\r\n",
    b"+ idling {3}\r\n",
    b'* LIST () "/" {5}\r\nIN\nOX\r\n',
    b"* a bare\rCR and\nLF\x00\r\n",
    b"t1 OK done\r\n",
    b"\r\n",
)
COMMANDS = (
    b"a1 NOOP\r\n",
    b"a2 NOOP\n",
    b"a3 APPEND {5+}\r\nINBOX {3}\r\n\r\n\x00\r\n",
    b"a4 SEARCH TEXT {3-}\r\na\nb OR\r\n",
    b"DONE\r\n",
    b"\r\n",
    b"a5 UID FETCH " + b"1," * 9_000 + b"1 FLAGS\r\n",
    b"a6 X " + b"z" * (OPENING_BYTES - 12) + b" {11}\r\nhello world\r\n",
    b"a7 LOGIN {1}\n\xff {0}\r\n\r\n",
)


def responses_of(stream: bytes, cuts: list[int]) -> list[bytes]:
    """Each whole, put together of its pieces."""
    cutter, found = ResponseCutter(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        for piece in cutter.feed(stream[start:end]):
            if piece.opens:
                found.append(b"")
            found[-1] += piece.data
            assert piece.data
    assert cutter.between
    return found


def commands_of(stream: bytes, cuts: list[int]) -> list[tuple[bytes, list[tuple[int, bool]]]]:
    """Each with the literals that it announces."""
    cutter, found = CommandCutter(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        cutter.feed(stream[start:end])
        while (piece := cutter.next_piece()) is not None:
            if piece.opens:
                found.append((b"", []))
            before, literals = found[-1]
            if piece.literal >= 0:
                literals.append((piece.literal, piece.synchronizing))
            found[-1] = before + piece.data, literals
    assert not cutter.waiting_bytes
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(RESPONSES), min_size=1, max_size=6), st.integers(0, 2**32), st.integers(0, 40))
def test_any_split_of_an_upstreams_bytes_gives_the_same_responses(kinds: list[bytes], seed: int, splits: int) -> None:
    stream = b"".join(kinds)
    cuts = sorted(random.Random(seed).randrange(len(stream) + 1) for _ in range(splits))
    assert responses_of(stream, cuts) == kinds


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=6), st.integers(0, 2**32), st.integers(0, 40))
def test_any_split_of_a_clients_bytes_gives_the_same_commands(kinds: list[bytes], seed: int, splits: int) -> None:
    stream = b"".join(kinds)
    cuts = sorted(random.Random(seed).randrange(len(stream) + 1) for _ in range(splits))
    assert [command for command, _ in commands_of(stream, cuts)] == kinds


@pytest.mark.parametrize("streams", [RESPONSES, COMMANDS], ids=["responses", "commands"])
def test_byte_by_byte_is_a_split_too(streams: tuple[bytes, ...]) -> None:
    stream = b"".join(one for one in streams if len(one) < 1_000)
    every = list(range(1, len(stream)))
    whole = responses_of(stream, []) if streams is RESPONSES else commands_of(stream, [])
    again = responses_of(stream, every) if streams is RESPONSES else commands_of(stream, every)
    assert whole == again


def test_literals_are_told_with_whether_their_client_waits() -> None:
    ((_, first),) = commands_of(COMMANDS[2], [])
    assert first == [(5, False), (3, True)]
    ((_, second),) = commands_of(COMMANDS[3], [])
    assert second == [(3, False)]


def test_a_literal_that_does_not_come_is_forgotten() -> None:
    cutter = CommandCutter()
    cutter.feed(b"a APPEND INBOX {10}\r\n")
    piece = cutter.next_piece()
    assert piece is not None
    assert piece.synchronizing
    cutter.forget()
    cutter.feed(b"b NOOP\r\n")
    assert cutter.next_piece() == (b"b NOOP\r\n", True, True, -1, False)


def test_no_more_than_an_opening_is_held_of_what_comes() -> None:
    cutter = ResponseCutter()
    passed = sum(len(piece.data) for piece in cutter.feed(b"* X " + b"y" * 1_000_000))
    assert passed == 1_000_004
    client = CommandCutter()
    for _ in range(100):
        client.feed(b"x" * 10_000)
        while client.next_piece() is not None:
            pass
        assert client.waiting_bytes <= OPENING_BYTES
