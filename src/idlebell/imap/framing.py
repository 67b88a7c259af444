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
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
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
    cut: bool = False
    """A FETCH response over a bound of size: of a literal that is too large the beginning is kept; where the response as a
    whole is, its last text ends anywhere."""

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


_OVER: Final[Mapping[str, str]] = MappingProxyType(
    {
        "too-many-literals": "more literals than the bound",
        "response-too-long": "a response over the bound",
    }
)
_FETCH: Final = re.compile(rb"\* [0-9]{1,10} (?i:FETCH) \(")
_KEPT_BYTES: Final = 8_192
"""Of a literal that is too large, the beginning: as much of a subject as anybody looks at."""
_ANNOUNCED: Final = re.compile(LITERAL.pattern + rb"\Z")
_TAIL_BYTES: Final = 64
"""Of a text that is passed over: enough to know an announcement at its end."""


class Framer:
    """Cuts one direction of one connection into frames. Feed, then call :meth:`next_frame` until it gives None.

    Holds at most the bounds of ``limits`` and one fed chunk; nothing at all between two frames.
    """

    __slots__ = (
        "_buffer",
        "_excess",
        "_failure",
        "_held",
        "_limits",
        "_literal",
        "_parts",
        "_place",
        "_scanned",
        "_server_side",
        "_skipped",
        "_skips",
        "_tail",
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
        self._excess = 0  # of a literal, what follows the part of it that is kept
        self._skipped = 0  # bytes of the frame under way that were passed over
        self._skips = False  # all that follows is
        self._tail = b""  # of the text that is being passed over
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
            if self._skips:
                return self._skip()
            if self._excess and not self._skip_excess():
                return None
            if self._literal >= 0:
                end = self._place + self._literal
                if len(self._buffer) < end:
                    return None
                self._parts += (bytes(self._buffer[self._place : end]),)
                self._place = self._scanned = end
                self._literal = -1
                continue
            text = self._next_text()
            if text is None:
                return self._skip_what_was_cut()
            announced = None
            if text.endswith(b"}"):
                announced = LITERAL.fullmatch(text, text.rfind(b"{"))
                if announced is not None and not self._server_side and self._is_free_text(text):
                    announced = None
            if announced is None:
                frame = Frame((*self._parts, text) if self._parts else (text,), cut=self._skipped > 0)
                self._forget_frame()
                return frame
            event = self._announce(text, announced)
            if event is not None:
                return event

    # --- a response that is too large and ends nothing ---

    def _is_strangers(self, begun: bytes) -> bool:
        """``begun``: the first text, as far as it is known. A FETCH tells what whoever sent the mail wrote."""
        return not self._server_side and _FETCH.match(begun) is not None

    def _cut(self, text: bytes, literal: int = 0) -> None:
        """From here on the frame is passed over, first a ``literal``; ``text`` is the last of it that is kept."""
        self._parts += (text,)
        self._excess = literal
        self._skips = True
        self._tail = b""

    def _skip_excess(self) -> bool:
        """Over what is too much of a literal, once the rest of it is there; False: until more is fed."""
        if self._literal >= 0:
            return True
        taken = min(self._excess, len(self._buffer) - self._place)
        self._pass_over(taken)
        self._excess -= taken
        return not self._excess

    def _skip_what_was_cut(self) -> Frame | None:
        return self._skip() if self._skips else None

    def _skip(self) -> Frame | None:
        """Over the rest of the frame. None: until more is fed."""
        while True:
            if self._excess and not self._skip_excess():
                return None
            if not self._skip_text():
                return None
            announced = _ANNOUNCED.search(self._tail)
            self._tail = b""
            if announced is None:
                frame = Frame(self._parts, cut=True)
                self._forget_frame()
                return frame
            self._excess = int(announced[1])
            if self._skipped + self._excess > self._limits.passed_over_bytes:
                raise self._broken("literal-too-large", "a literal over the bound", None, announced[0])

    def _skip_text(self) -> bool:
        """Over a text, to its CRLF; False: it does not end yet."""
        start = self._place
        found = self._first_forbidden()
        end = len(self._buffer) if found is None else found
        is_line_end = found is not None and self._is_line_end(found, start)
        self._tail = (self._tail + bytes(self._buffer[max(start, end - _TAIL_BYTES) : end]))[-_TAIL_BYTES:]
        self._pass_over(end - start + (2 if is_line_end else 0))
        return is_line_end

    def _pass_over(self, size: int) -> None:
        self._place += size
        self._scanned = self._place
        if self._place == len(self._buffer):
            self._buffer = b""
            self._place = self._scanned = 0
        self._skipped += size
        if self._skipped > self._limits.passed_over_bytes:
            raise self._broken("response-too-long", "a response over the bound", None)

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
        end = self._first_forbidden()
        if (len(buffer) if end is None else end) - start > room:
            begun = self._parts[0] if self._parts else bytes(buffer[start : start + _TAIL_BYTES])
            if not self._is_strangers(begun):
                raise self._broken(reason, "a line over the bound", start)
            self._cut(bytes(buffer[start : start + room]))
            self._pass_over(room)
            return None
        if end is None:
            if start == len(buffer):
                self._buffer = b""
                self._place = self._scanned = 0
            return None
        if not self._is_line_end(end, start):
            return None
        text = bytes(buffer[start:end])
        self._place = self._scanned = end + 2
        if self._place == len(buffer):
            self._buffer = b""
            self._place = self._scanned = 0
        return text

    def _first_forbidden(self) -> int | None:
        """Where the first CR, LF or NUL is; None: there is none yet."""
        found = _FORBIDDEN.search(self._buffer, self._scanned)
        self._scanned = len(self._buffer) if found is None else found.start()
        return None if found is None else found.start()

    def _is_line_end(self, end: int, start: int) -> bool:
        """Is what stands at ``end`` the CRLF of the text that begins at ``start``? False: its LF is still to come."""
        buffer = self._buffer
        kind = buffer[end]
        if kind == 0:
            raise self._broken("nul-byte", "a NUL outside a literal", start)
        if kind == 10:
            raise self._broken("bare-lf", "a LF without CR", start)
        if end + 1 == len(buffer):
            return False
        if buffer[end + 1] != 10:
            raise self._broken("bare-cr", "a CR without LF", start)
        return True

    def _is_free_text(self, text: bytes) -> bool:
        return not self._parts and _FREE_TEXT.match(text) is not None

    def _announce(self, text: bytes, announced: re.Match[bytes]) -> LiteralAnnounced | None:
        """Check the literal against every bound before one byte of it is kept."""
        limits = self._limits
        digits = announced[1]
        strangers = self._is_strangers(self._parts[0] if self._parts else text)
        bound = limits.passed_over_bytes if strangers else limits.literal_bytes
        if len(digits) > limits.number_digits or int(digits) > bound:
            raise self._broken("literal-too-large", "a literal over the bound", None, text[-WHERE_BYTES:])
        size = whole = int(digits)
        if size > limits.literal_bytes:
            size = min(limits.literal_bytes, _KEPT_BYTES)
        over = ""
        if len(self._parts) // 2 >= limits.literals:
            over = "too-many-literals"
        elif self._held + len(text) + size > limits.response_bytes:
            over = "response-too-long"
        if over and not strangers:
            raise self._broken(over, _OVER[over], None, text[-WHERE_BYTES:])
        if over:
            self._cut(text, whole)
            return None
        self._excess = whole - size
        self._text_bytes += len(text)
        self._held += len(text) + size
        self._parts += (text,)
        self._literal = size
        if self._server_side:
            return LiteralAnnounced(size, not announced[2])
        return None

    def _forget_frame(self) -> None:
        self._parts = ()
        self._text_bytes = self._held = 0
        self._literal = -1
        self._excess = self._skipped = 0
        self._skips = False

    def _broken(self, reason: str, detail: str, start: int | None, where: bytes = b"") -> RemoteProtocolError:
        if start is not None:
            where = bytes(self._buffer[start : start + WHERE_BYTES])
        self._failure = RemoteProtocolError(reason, detail, where)
        self._buffer = b""
        self._place = self._scanned = 0
        self._forget_frame()
        return self._failure
