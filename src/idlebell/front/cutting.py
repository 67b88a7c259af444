"""Both directions of a session cut into commands and responses whose literals are streamed: nothing is held but an opening
line that is not complete yet. Pure.

What goes out is what came in, byte for byte; only where it is cut is found here. CRLF ends a line of a server's. Of a client's
a bare LF does, too, as Dovecot, Cyrus and Courier take it: whoever cut elsewhere than the server would see other commands.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from idlebell.front.limits import OPENING_BYTES

_ANNOUNCED: Final = re.compile(rb"\{([0-9]{1,20})[+-]?\}\Z")
_SYNCHRONIZING: Final = re.compile(rb"\{([0-9]{1,20})(\+|-)?\}\r?\n\Z")
_FREE_TEXT: Final = re.compile(rb"\+|\S++ (?i:OK|NO|BAD|BYE|PREAUTH) (?!\[[^\]]*+\Z)")
"""As in :mod:`idlebell.imap.framing`: what ends in human text announces no literal there."""
_TAIL_BYTES: Final = 64
"""Of a line that is passed on as it comes: enough to know an announcement at its end."""


class Offence(Exception):  # noqa: N818 - named as the fact it is
    """The client broke a rule that its session cannot go on without; the sentence is for it to read."""


class Piece(NamedTuple):
    """Some bytes of one command or response. ``opens``: they begin it, and are its whole first line with the CRLF, unless that
    is longer than :data:`~idlebell.front.limits.OPENING_BYTES`. ``ends``: nothing of it follows. ``literal``: of a client's
    line, the size that it announces at its end; -1: none. ``synchronizing``: and waits with it."""

    data: bytes
    opens: bool
    ends: bool
    literal: int = -1
    synchronizing: bool = False


def text_of(line: bytes) -> bytes:
    """Without its end, as far as that is there."""
    return line.removesuffix(b"\n").removesuffix(b"\r")


class ResponseCutter:
    """What an upstream says."""

    __slots__ = ("_free", "_held", "_left", "_tail", "_within")

    def __init__(self) -> None:
        self._held = b""  # an opening line that is not complete
        self._within = False  # a response has been opened and not ended
        self._left = 0  # of the literal under way
        self._tail = b""  # of the line under way, which was passed on
        self._free = False  # the line under way ends in human text

    @property
    def between(self) -> bool:
        """Nothing of a response has come whose rest has not."""
        return not self._within and not self._held

    @property
    def passed_whole(self) -> bool:
        """All responses that were passed on so far were so to their end."""
        return not self._within

    def feed(self, data: bytes) -> list[Piece]:
        if self._held:
            data, self._held = self._held + data, b""
        pieces: list[Piece] = []
        at, size = 0, len(data)
        while at < size:
            if self._within:
                start = at
                at, ended = self._through(data, at)
                pieces.append(Piece(data[start:at], False, ended))
                self._within = not ended
                continue
            end = data.find(b"\r\n", at, at + OPENING_BYTES)
            if end >= 0:
                announced = self._announced(data[at:end])
                self._left = max(announced, 0)
                self._within = announced >= 0
                pieces.append(Piece(data[at : end + 2], True, not self._within))
                at = end + 2
            elif size - at < OPENING_BYTES:
                self._held = data[at:]
                break
            else:
                opening = data[at : at + OPENING_BYTES]
                self._free = _FREE_TEXT.match(opening) is not None
                self._tail, self._left, self._within = opening[-_TAIL_BYTES:], 0, True
                pieces.append(Piece(opening, True, False))
                at += OPENING_BYTES
        return pieces

    def _through(self, data: bytes, at: int) -> tuple[int, bool]:
        """As far as the response under way goes; and does it end there?"""
        size = len(data)
        while at < size:
            if self._left:
                taken = min(self._left, size - at)
                self._left -= taken
                at += taken
                continue
            if self._tail[-1:] == b"\r" and data[at : at + 1] == b"\n":
                line, at = self._tail[:-1], at + 1
            else:
                end = data.find(b"\r\n", at)
                if end < 0:
                    self._tail = (self._tail + data[max(at, size - _TAIL_BYTES) :])[-_TAIL_BYTES:]
                    return size, False
                line, at = self._tail + data[max(at, end - _TAIL_BYTES) : end], end + 2
            self._tail = b""
            found = None if self._free else _ANNOUNCED.search(line)
            if found is None:
                self._free = False
                return at, True
            self._left = int(found[1])
        return at, False

    @staticmethod
    def _announced(line: bytes) -> int:
        """The size of the literal that follows an opening line; -1: none does."""
        if not line.endswith(b"}"):
            return -1
        found = _ANNOUNCED.search(line)
        return -1 if found is None or _FREE_TEXT.match(line) else int(found[1])


class CommandCutter:
    """What a client says. Feed, then ask for pieces; whoever asks for none leaves what follows where it is."""

    __slots__ = ("_at", "_buffer", "_left", "_within")

    def __init__(self, ahead: bytes = b"") -> None:
        self._buffer = ahead
        self._at = 0
        self._within = False
        self._left = 0  # of the literal under way

    @property
    def waiting_bytes(self) -> int:
        """Fed and not asked for."""
        return len(self._buffer) - self._at

    def feed(self, data: bytes) -> None:
        self._buffer = self._buffer[self._at :] + data if self._at < len(self._buffer) else data
        self._at = 0

    def next_piece(self) -> Piece | None:
        """None: more has to come."""
        piece = self._literal() if self._left else self._line()
        if self._at == len(self._buffer):
            self._buffer, self._at = b"", 0
        return piece

    def forget(self) -> None:
        """The command that was opened is not to be cut on: its literal does not come, or somebody else takes it."""
        self._within, self._left = False, 0

    def take_rest(self) -> bytes:
        """All that was fed and not asked for, which is the caller's now."""
        rest, self._buffer, self._at = self._buffer[self._at :], b"", 0
        return rest

    def _literal(self) -> Piece | None:
        taken = min(self._left, len(self._buffer) - self._at)
        if not taken:
            return None
        self._left -= taken
        return Piece(self._take(taken), False, False)

    def _line(self) -> Piece | None:
        buffer, start = self._buffer, self._at
        most = start + OPENING_BYTES
        end = buffer.find(b"\n", start, len(buffer) if self._within else most)
        if end < 0:
            if self._within:
                return self._ahead(len(buffer))
            # An announcement may stand across the bound, so the last of it stays.
            whole = len(buffer) >= most
            return self._opened(Piece(self._take(OPENING_BYTES - _TAIL_BYTES), True, False)) if whole else None
        announced = _SYNCHRONIZING.search(buffer, max(start, end - _TAIL_BYTES), end + 1)
        opens, line = not self._within, self._take(end + 1 - start)
        if announced is None:
            self._within = False
            return Piece(line, opens, True)
        self._left = size = int(announced[1])
        return self._opened(Piece(line, opens, False, size, not announced[2]))

    def _ahead(self, end: int) -> Piece | None:
        """Of a line that is passed on and not complete, what is no part of an announcement."""
        size = end - self._at - _TAIL_BYTES
        return Piece(self._take(size), False, False) if size > 0 else None

    def _opened(self, piece: Piece) -> Piece:
        self._within = True
        return piece

    def _take(self, size: int) -> bytes:
        taken = self._buffer[self._at : self._at + size]
        self._at += size
        return taken
