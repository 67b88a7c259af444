"""Answers of HTTP/1.1 from bytes, by llhttp, bounded. Pure.

It is strict but for two things that a client has to take or may: field values that go on in the next line (RFC 9112 section
5.2) and lines that end with LF alone (section 2.2). What is not understood is asked for again, and may ring again.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from idlebell.net.errors import TransportError
from idlebell.push.exchange import HttpResponse

LINE_BYTES: Final = 8_190
"""One header field."""
HEADERS: Final = 100
"""Of an answer, with those of its interim responses and trailers."""
HEAD_BYTES: Final = 65_536
"""All of an answer that is no body: the interim responses before it, its head, its trailers."""
FRAMING_TIMES: Final = 8
"""Over this many bytes for each one of the body that is wanted are no chunks of somebody who means well."""
INTERIM_RESPONSES: Final = 8
"""1xx before the answer (RFC 9110 section 15.2)."""


class BadResponse(TransportError):  # noqa: N818
    """What came is no answer that we take. ``reason``: ``not-http``, ``too-long``, ``interim`` (1xx without end), ``upgrade``,
    ``cut`` (it ended in the middle)."""


class _Stage(Enum):
    HEAD = auto()
    BODY = auto()
    COMPLETE = auto()


class ResponseParser:
    """The answers on one connection, one after the other: :meth:`expect`, then :meth:`feed` until it gives one. After a
    BadResponse, or where ``reusable`` is false, it and its connection are at their end.

    Not for answers to HEAD or CONNECT, whose heads do not tell how long they are.
    """

    __slots__ = (
        "_body",
        "_fields",
        "_headers",
        "_interim",
        "_most",
        "_parser",
        "_read",
        "_stage",
        "_status",
        "reusable",
    )

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_headers=True, lenient_optional_cr_before_lf=True)
        self.expect(0)

    def expect(self, body_bytes: int) -> None:
        """The next answer is that to a request, and ``body_bytes`` of its body are wanted."""
        self._most = body_bytes
        self.reusable = True
        """Once there is an answer: nothing of it is left on the connection, and the other side keeps it open."""
        self._stage = _Stage.HEAD
        self._headers: dict[str, str] = {}
        self._body = b""
        self._fields = self._interim = self._read = self._status = 0

    def feed(self, data: bytes | memoryview) -> HttpResponse | None:
        """The answer, once it has come or as much of its body as is wanted. BadResponse."""
        self._read += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as error:
            raise BadResponse("upgrade") from error
        except HttpParserError as error:
            if not self._has_enough:
                cause = error.__context__
                raise cause if isinstance(cause, BadResponse) else BadResponse("not-http") from error
            self.reusable = False  # what came behind what is wanted is none
        if self._has_enough:
            self.reusable &= self._stage is _Stage.COMPLETE
            return self._answer()
        if self._read > HEAD_BYTES + (FRAMING_TIMES * self._most if self._stage is _Stage.BODY else 0):
            raise BadResponse("too-long")
        return None

    def end(self) -> HttpResponse:
        """The other side has said all it says: BadResponse ``cut``, unless that ends the body (RFC 9112 section 6.3)."""
        self.reusable = False
        sized = "content-length" in self._headers or "transfer-encoding" in self._headers
        if self._stage is not _Stage.BODY or sized:
            raise BadResponse("cut")
        return self._answer()

    def so_far(self) -> HttpResponse | None:
        """Where the head is whole and the body has not come to its end: with what there is of it."""
        return self._answer() if self._stage is _Stage.BODY else None

    def close(self) -> None:
        """It and llhttp's half know each other; no collector has to find that out."""
        del self._parser

    @property
    def _has_enough(self) -> bool:
        return self._stage is _Stage.COMPLETE or (self._stage is _Stage.BODY and len(self._body) >= self._most)

    def _answer(self) -> HttpResponse:
        return HttpResponse(self._status, self._headers, self._body[: self._most])

    # What llhttp calls.

    def on_message_begin(self) -> None:
        if self._stage is _Stage.COMPLETE:
            raise BadResponse("not-http")  # two answers to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > HEADERS or len(name) + len(value) > LINE_BYTES:
            raise BadResponse("too-long")
        if self._stage is _Stage.HEAD:
            # What leniency would let through: RFC 9112 section 5.1, RFC 9110 section 5.5.
            if name != name.strip() or b"\0" in value:
                raise BadResponse("not-http")
            # Of a repeated field the first; none of those that a push kind reads may be repeated.
            self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1").strip(" \t"))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if self._status >= 200:
            self._stage = _Stage.BODY

    def on_body(self, data: bytes) -> None:
        if len(self._body) < self._most:
            self._body += data

    def on_message_complete(self) -> None:
        if self._stage is _Stage.BODY:
            self._stage = _Stage.COMPLETE
            self.reusable = bool(self._parser.should_keep_alive())
            return
        self._interim += 1
        self._headers.clear()
        if self._interim > INTERIM_RESPONSES:
            raise BadResponse("interim")
