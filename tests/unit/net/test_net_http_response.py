"""Answers, cut at every byte, and everything that is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.net.http_response import (
    FRAMING_TIMES,
    HEAD_BYTES,
    HEADERS,
    INTERIM_RESPONSES,
    LINE_BYTES,
    BadResponse,
    ResponseParser,
)
from idlebell.push.exchange import HttpResponse

MOST = 10
OK = b"HTTP/1.1 200 OK\r\n"


def parser(most: int = MOST) -> ResponseParser:
    made = ResponseParser()
    made.expect(most)
    return made


def told(*parts: bytes, most: int = MOST, ends: bool = False) -> tuple[HttpResponse | None, bool]:
    """The answer that ``parts`` give, and whether the connection can be used again."""
    one = parser(most)
    for part in parts:
        answer = one.feed(part)
        if answer is not None:
            return answer, one.reusable
    return (one.end() if ends else None), one.reusable


WHOLE = {
    "a body of so many bytes": (
        OK + b"Content-Length: 3\r\nX-A: \r\nx-b:  c \t\r\n\r\nabc",
        HttpResponse(200, {"content-length": "3", "x-a": "", "x-b": "c"}, b"abc"),
        True,
    ),
    "no body at all": (b"HTTP/1.1 204 No Content\r\n\r\n", HttpResponse(204, {}, b""), True),
    "a length that means nothing": (
        b"HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
        HttpResponse(304, {"content-length": "9"}),
        True,
    ),
    "chunks and a trailer": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nX: y\r\n\r\n",
        HttpResponse(200, {"transfer-encoding": "chunked"}, b"abc"),
        True,
    ),
    "values that go on in the next line": (
        OK + b"Retry-After:\r\n 12\r\nX-A: b\r\n\t c\r\nContent-Length: 1\r\n\r\na",
        HttpResponse(200, {"retry-after": "12", "x-a": "b\t c", "content-length": "1"}, b"a"),
        True,
    ),
    "lines that end with LF alone": (
        b"HTTP/1.1 201 Created\nX-A: b\nContent-Length: 1\n\na",
        HttpResponse(201, {"x-a": "b", "content-length": "1"}, b"a"),
        True,
    ),
    "interim responses before it": (
        b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" * 2 + b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n",
        HttpResponse(201, {"content-length": "0"}),
        True,
    ),
    "the other side closes after it": (
        OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na",
        HttpResponse(200, {"connection": "close", "content-length": "1"}, b"a"),
        False,
    ),
    "HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",
        HttpResponse(200, {"content-length": "1"}, b"a"),
        False,
    ),
    "of a repeated field the first": (
        OK + b"A: 1\r\na: 2\r\nContent-Length: 0\r\n\r\n",
        HttpResponse(200, {"a": "1", "content-length": "0"}),
        True,
    ),
    "bytes that are no UTF-8": (
        b"HTTP/1.1 200 \xff\r\nA: \xe4\r\nContent-Length: 0\r\n\r\n",
        HttpResponse(200, {"a": "ä", "content-length": "0"}),
        True,
    ),
}


@pytest.mark.parametrize(("said", "answer", "reusable"), WHOLE.values(), ids=WHOLE.keys())
def test_any_split_of_an_answer_gives_the_same_one(said, answer, reusable):
    assert told(said) == (answer, reusable)
    assert told(*(bytes([byte]) for byte in said)) == (answer, reusable)
    for at in range(1, len(said)):
        assert told(said[:at], said[at:]) == (answer, reusable)


def test_the_end_of_the_connection_ends_a_body_without_a_length_and_no_other():
    assert told(OK + b"\r\nabc", ends=True) == (HttpResponse(200, {}, b"abc"), False)
    for said in (
        b"HTTP/1.1 200",
        OK,
        OK + b"Content-Length: 4\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 103 Early\r\n\r\n",
    ):
        with pytest.raises(BadResponse) as cut:
            told(said, ends=True)
        assert cut.value.reason == "cut"


def test_of_a_body_no_more_than_is_wanted_is_read():
    for framed in (b"Content-Length: 999", b"Transfer-Encoding: chunked", b"X: y"):
        start = b"40\r\n" if b"chunked" in framed else b""
        answer, reusable = told(OK + framed + b"\r\n\r\n" + start + b"x" * 20)
        assert answer is not None
        assert (answer.body, reusable) == (b"x" * MOST, False)
    exact = told(OK + b"Content-Length: 10\r\n\r\n" + b"x" * 10)
    assert exact[1] is True
    # All of it has come, so the connection is good, whatever was wanted.
    longer = told(OK + b"Content-Length: 11\r\n\r\n" + b"x" * 11)
    assert longer == (HttpResponse(200, {"content-length": "11"}, b"x" * 10), True)


def test_a_parser_reads_one_answer_after_the_other():
    one = parser()
    for number in (b"1", b"2", b"3"):
        one.expect(MOST)
        answer = one.feed(OK + b"X: " + number + b"\r\nContent-Length: 1\r\n\r\n" + number)
        assert answer == HttpResponse(200, {"x": number.decode(), "content-length": "1"}, number)
        assert one.reusable


@pytest.mark.parametrize("surplus", [OK + b"Content-Length: 0\r\n\r\n", b"x", b"\x16\x03\x01"])
def test_words_behind_an_answer_end_the_connection_and_not_the_answer(surplus):
    """Else they would be taken for the answer to the next request."""
    said = OK + b"Content-Length: 1\r\n\r\na" + surplus
    assert told(said) == (HttpResponse(200, {"content-length": "1"}, b"a"), False)


LONG = b"x" * 60_000
BAD = {
    "another protocol": (b"* OK IMAP\r\n", "not-http"),
    "no status": (b"HTTP/1.1 abc OK\r\n\r\n", "not-http"),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", "not-http"),
    "another version": (b"HTTP/9.9 200 OK\r\n\r\n", "not-http"),
    "two lengths": (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\na", "not-http"),
    "a length and chunks": (
        OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "not-http",
    ),
    "a length that is none": (OK + b"Content-Length: -1\r\n\r\n", "not-http"),
    "a field without a name": (OK + b": x\r\n\r\n", "not-http"),
    "a null in a field": (OK + b"X: a\0b\r\n\r\n", "not-http"),
    "a long field": (OK + b"X: " + b"x" * LINE_BYTES + b"\r\n\r\n", "too-long"),
    "many fields": (OK + b"X: y\r\n" * (HEADERS + 1) + b"\r\n", "too-long"),
    "a field without end": (OK + b"X: " + LONG, "too-long"),
    "a status line without end": (b"HTTP/1.1 200 " + LONG, "too-long"),
    "a trailer without end": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: " + LONG, "too-long"),
    "an extension of a chunk without end": (OK + b"Transfer-Encoding: chunked\r\n\r\n1;x=" + LONG, "too-long"),
    "interim responses without end": (b"HTTP/1.1 103 Early\r\n\r\n" * (INTERIM_RESPONSES + 1), "interim"),
    "a space before the colon": (OK + b"Content-Length : 0\r\n\r\n", "not-http"),
    "NUL in a value": (OK + b"X: a\0b\r\nContent-Length: 0\r\n\r\n", "not-http"),
    "CR alone at the end of a line": (OK + b"X: a\rContent-Length: 0\r\n\r\n", "not-http"),
    "an upgrade": (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "upgrade"),
}


@pytest.mark.parametrize(("said", "reason"), BAD.values(), ids=BAD.keys())
def test_what_is_no_answer_is_refused_within_bounds(said, reason):
    endless = said + b"x" * 2 * HEAD_BYTES
    pieces = [endless[at : at + 1_000] for at in range(0, HEAD_BYTES + FRAMING_TIMES * MOST + 1_000, 1_000)]
    with pytest.raises(BadResponse) as refused:
        told(*pieces)
    assert refused.value.reason == reason


FRAGMENTS = (
    *(b"HTTP/1.1 200 OK", b"HTTP/1.0 404 No", b"HTTP/1.1 103 Early", b"HTTP/1.1 204 None", b"HTTP/1.1 101 Go"),
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b";", b"0", b"1", b"5", b"a", b"abcde", b"\xff"),
    *(
        b"\r\nContent-Length: 5",
        b"\r\nContent-Length: 1",
        b"\r\nTransfer-Encoding: chunked",
        b"\r\nX: y",
        b"\r\n folded",
    ),
    *(b"\r\nConnection: close", b"\r\nConnection: upgrade\r\nUpgrade: x", b"\r\nContent-Encoding: gzip"),
    *(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", b"5\r\nabcde\r\n", b"0\r\n\r\n"),
)


def outcome(pieces: list[bytes]) -> HttpResponse | str | None:
    try:
        return told(*pieces, most=4, ends=True)[0]
    except BadResponse as error:
        return "broken" if error.reason == "not-http" else error.reason


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12).map(b"".join), st.integers(1, 7))
def test_whatever_comes_is_an_answer_or_none_and_the_same_in_any_pieces(said, piece_bytes):
    whole = outcome([said])
    assert outcome([said[at : at + piece_bytes] for at in range(0, len(said), piece_bytes)]) == whole
    if isinstance(whole, HttpResponse):
        assert 200 <= whole.status <= 999
        assert len(whole.body) <= 4
