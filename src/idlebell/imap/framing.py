"""Bytes to bounded frames: one line with its literals, before any grammar is applied.

In: bytes as they come, cut anywhere. Out: :class:`Frame` values, and on the server side :class:`LiteralAnnounced` where a
client waits for our ``+``. A frame that makes no sense never loses the boundary of the next; every bound on size is
checked here, before anything over it is kept, so the memory guard has one place.

Framing is strict, content is tolerated: CRLF alone ends a line, and a bare CR, a bare LF or a NUL in a line ends the
connection (RFC 9051 section 9, ``TEXT-CHAR``). A bare LF is *not* taken for a line's end, though some clients do: where a
server copies a header with a stray LF into a quoted string, whoever sent the mail could otherwise write a response.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from idlebell.imap.errors import WHERE_BYTES, RemoteProtocolError
from idlebell.imap.limits import Limits


@dataclass(frozen=True, slots=True)
class Frame:
    """One response or command without its final CRLF.

    ``parts`` alternates text and literal and begins and ends with text, so it has an odd length; nearly every frame is
    one text. A text before a literal keeps the announcement (``{5}``) at its end, without the CRLF. Literal bytes
    stand in parts of their own and so are never read as protocol.
    """

    parts: tuple[bytes, ...]

    @property
    def raw(self) -> bytes:
        """As it came, without the final CRLF."""
        return join_raw(self.parts)


@dataclass(frozen=True, slots=True)
class LiteralAnnounced:
    """A client announced a literal (RFC 9051 section 4.3).

    Given once for each literal, on the server side only. Where ``synchronizing``, answer ``+`` to have it, or a tagged
    NO or BAD and :meth:`Framer.refuse_literal` to go without. A non-synchronizing one (RFC 7888) comes unasked.
    """

    size: int
    synchronizing: bool


def join_raw(parts: tuple[bytes, ...]) -> bytes:
    """Texts and literals as they were on the wire."""
    if len(parts) == 1:
        return parts[0]
    pieces = [parts[0]]
    for place in range(1, len(parts), 2):
        pieces += (b"\r\n", parts[place], parts[place + 1])
    return b"".join(pieces)


LITERAL: Final = re.compile(rb"\{([0-9]++)([+-]?)\}")
"""An announcement: ``{5}``, ``{5+}`` and ``{5-}``; a ``~`` before it (literal8, RFC 3516) changes nothing here."""

_FORBIDDEN: Final = re.compile(rb"[\x00\r\n]")

_FREE_TEXT: Final = re.compile(rb"\+|\S++ (?i:OK|NO|BAD|BYE|PREAUTH) (?!\[[^\]]*+\Z)")
"""Status responses and continuations end in human text, which has no literals (RFC 9051 section 9, ``text``). Servers
put names that users chose into it; one that ends in ``{99}`` must not swallow what follows. A response code that is still
open at the line's end may hold a literal (BADCHARSET)."""


class Framer:
    """Cuts one direction of one connection into frames. Feed, then call :meth:`next_frame` until it gives None.

    Holds at most the bounds of ``limits`` and one fed chunk; nothing at all between two frames.
    """

    __slots__ = (
        "_buffer",
        "_failure",
        "_held",
        "_limits",
        "_literal",
        "_parts",
        "_place",
        "_scanned",
        "_server_side",
        "_text_bytes",
    )

    def __init__(self, limits: Limits, *, server_side: bool = False) -> None:
        self._limits = limits
        self._server_side = server_side
        self._buffer: bytes | bytearray = b""
        self._place = 0  # where the next unread byte of the buffer is
        self._scanned = 0  # up to here the buffer holds no CR, LF or NUL
        self._parts: tuple[bytes, ...] = ()  # of the frame under way
        self._text_bytes = 0  # of its texts
        self._held = 0  # of all its parts, the announced literal included
        self._literal = -1  # size of the literal awaited; -1: a text is awaited
        self._failure: RemoteProtocolError | None = None

    @property
    def pending(self) -> int:
        """Bytes held. 0 between frames."""
        return len(self._buffer) - self._place + sum(map(len, self._parts))

    def feed(self, data: bytes) -> None:
        """Take what the peer sent. Raises the error again that broke this framer, if one did."""
        if self._failure is not None:
            raise self._failure
        if self._place == len(self._buffer):
            # The usual case: nothing left over, so the chunk itself is the buffer and is not copied.
            self._buffer, self._place, self._scanned = bytes(data), 0, 0
            return
        if isinstance(self._buffer, bytes):
            # A bytearray grows in amortised linear time, however small the chunks are.
            self._buffer = bytearray(self._buffer)
        if self._place:
            del self._buffer[: self._place]
            self._scanned -= self._place
            self._place = 0
        self._buffer += data

    def next_frame(self) -> Frame | LiteralAnnounced | None:
        """The next frame, or None until more is fed. RemoteProtocolError: the connection is finished, and stays so."""
        if self._failure is not None:
            raise self._failure
        while True:
            if self._literal >= 0:
                end = self._place + self._literal
                if len(self._buffer) < end:
                    return None
                self._parts += (bytes(self._buffer[self._place : end]),)
                self._place = self._scanned = end
                self._literal = -1
            text = self._next_text()
            if text is None:
                return None
            announced = None
            if text.endswith(b"}"):
                announced = LITERAL.fullmatch(text, text.rfind(b"{"))
                if announced is not None and not self._server_side and self._is_free_text(text):
                    announced = None
            if announced is None:
                frame = Frame((*self._parts, text) if self._parts else (text,))
                self._forget_frame()
                return frame
            event = self._announce(text, announced)
            if event is not None:
                return event

    def refuse_literal(self) -> bytes:
        """Forget the command whose literal was announced and will not come; gives its text so far, with the tag.

        Only right after a synchronizing :class:`LiteralAnnounced`: what comes next is read as a new command.
        """
        begun = self._parts[0] if self._parts else b""
        self._forget_frame()
        return begun

    def take_rest(self) -> bytes:
        """Return and forget what is buffered. Whatever is here when TLS starts was injected (RFC 9051 section 6.2.1)."""
        begun = b"".join(part if place % 2 else part + b"\r\n" for place, part in enumerate(self._parts))
        rest = begun + bytes(self._buffer[self._place :])
        self._buffer = b""
        self._place = self._scanned = 0
        self._forget_frame()
        return rest

    def _next_text(self) -> bytes | None:
        """The text up to the next CRLF, which is dropped."""
        buffer, start = self._buffer, self._place
        room, reason = self._limits.line_bytes - self._text_bytes, "line-too-long"
        if self._limits.response_bytes - self._held < room:
            room, reason = self._limits.response_bytes - self._held, "response-too-long"
        found = _FORBIDDEN.search(buffer, self._scanned)
        if found is None:
            if len(buffer) - start > room:
                raise self._broken(reason, "a line over the bound", start)
            self._scanned = len(buffer)
            if start == len(buffer):
                self._buffer = b""
                self._place = self._scanned = 0
            return None
        end = found.start()
        if end - start > room:
            raise self._broken(reason, "a line over the bound", start)
        kind = buffer[end]
        if kind == 0:
            raise self._broken("nul-byte", "a NUL outside a literal", start)
        if kind == 10:
            raise self._broken("bare-lf", "a LF without CR", start)
        if end + 1 == len(buffer):
            self._scanned = end
            return None
        if buffer[end + 1] != 10:
            raise self._broken("bare-cr", "a CR without LF", start)
        text = bytes(buffer[start:end])
        self._place = self._scanned = end + 2
        if self._place == len(buffer):
            self._buffer = b""
            self._place = self._scanned = 0
        return text

    def _is_free_text(self, text: bytes) -> bool:
        return not self._parts and _FREE_TEXT.match(text) is not None

    def _announce(self, text: bytes, announced: re.Match[bytes]) -> LiteralAnnounced | None:
        """Check the literal against every bound before one byte of it is kept."""
        limits = self._limits
        digits = announced[1]
        if len(digits) > limits.number_digits or int(digits) > limits.literal_bytes:
            raise self._broken("literal-too-large", "a literal over the bound", None, text[-WHERE_BYTES:])
        size = int(digits)
        if len(self._parts) // 2 >= limits.literals:
            raise self._broken("too-many-literals", "more literals than the bound", None, text[-WHERE_BYTES:])
        self._text_bytes += len(text)
        self._held += len(text) + size
        if self._held > limits.response_bytes:
            raise self._broken("response-too-long", "a response over the bound", None, text[-WHERE_BYTES:])
        self._parts += (text,)
        self._literal = size
        if self._server_side:
            return LiteralAnnounced(size, not announced[2])
        return None

    def _forget_frame(self) -> None:
        self._parts = ()
        self._text_bytes = self._held = 0
        self._literal = -1

    def _broken(self, reason: str, detail: str, start: int | None, where: bytes = b"") -> RemoteProtocolError:
        if start is not None:
            where = bytes(self._buffer[start : start + WHERE_BYTES])
        self._failure = RemoteProtocolError(reason, detail, where)
        self._buffer = b""
        self._place = self._scanned = 0
        self._forget_frame()
        return self._failure
