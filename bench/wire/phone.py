"""A phone's IMAP session over a far line, as lean as a client can be, and what each of its steps moves.

It sends LOGIN in one line, takes the capabilities that the server gives unasked, and asks nothing else: no ID, NAMESPACE or
LIST. What real clients send besides comes on top.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from idlebell.cost.exchange import Exchange
from idlebell.imap import commands as c
from idlebell.imap.encode import encode_command
from idlebell.imap.sequence_set import SequenceSet
from servers.mail_server import SandboxedServer, User

from .counted import Capture, Meter
from .far_line import FarLine, phone_socket

TIMEOUT_SECONDS: Final = 30
SHOWN: Final = ("UID", "FLAGS", "INTERNALDATE", "ENVELOPE")
"""What a notification shows: sender, subject, date, and whether it was read elsewhere."""
_LITERAL: Final = re.compile(rb"\{([0-9]+)\}\r\n\Z")
_PLACE: Final = re.compile(rb"[\[( ](UIDVALIDITY|UIDNEXT|HIGHESTMODSEQ) ([0-9]+)")


class Phone:
    """Connects, and counts from the first SYN. ``ticket``: a TLS session to resume."""

    def __init__(
        self,
        server: SandboxedServer,
        line: FarLine,
        capture: Capture | None,
        context: ssl.SSLContext,
        ticket: ssl.SSLSession | None = None,
    ) -> None:
        raw = phone_socket()
        raw.settimeout(TIMEOUT_SECONDS)
        raw.connect(("127.0.0.1", line.port))
        self._tls = context.wrap_socket(raw, server_hostname=server.host, session=ticket)
        self.meter = Meter(self._tls, capture)
        self._tags = 0
        self._buffer = bytearray()
        self.greeting = self.line()

    @property
    def resumed(self) -> bool:
        return bool(self._tls.session_reused)

    @property
    def protocol(self) -> str:
        cipher = self._tls.cipher()
        return f"{self._tls.version()} {cipher[0] if cipher else ''}"

    @property
    def ticket(self) -> ssl.SSLSession | None:
        return self._tls.session

    def line(self) -> bytes:
        """The next line, with the literals in it."""
        line = bytearray()
        while True:
            line += self._until_newline()
            if (literal := _LITERAL.search(line)) is None:
                return bytes(line)
            line += self._exactly(int(literal[1]))

    def ask(self, command: c.Command) -> bytes:
        """All that the server says until the command is done."""
        self._tags += 1
        tag = f"A{self._tags}"
        (blob,) = encode_command(tag, command)
        self._tls.sendall(blob)
        return self._until(tag.encode())

    def idle(self) -> None:
        self._tags += 1
        self._tls.sendall(f"A{self._tags} IDLE\r\n".encode())
        while not self.line().startswith(b"+"):
            pass

    def done(self) -> bytes:
        self._tls.sendall(b"DONE\r\n")
        return self._until(f"A{self._tags}".encode())

    def log_in(self, user: User) -> bytes:
        return self.ask(c.Login(user.name, user.password))

    def show(self, uid: int) -> None:
        self.ask(c.UidFetch(SequenceSet.starting_at(uid), SHOWN))

    def heard(self, wanted: bytes, seconds: float) -> bool:
        """Whether a line with ``wanted`` in it comes in time."""
        self._tls.settimeout(seconds)
        try:
            while wanted not in self.line():
                pass
        except TimeoutError:
            return False
        finally:
            self._tls.settimeout(TIMEOUT_SECONDS)
        return True

    def log_out(self) -> Exchange:
        """LOGOUT, close_notify and FIN both ways; what that moves."""
        self.ask(c.Logout())
        try:
            while self._tls.recv(4_096):
                pass
        except OSError:
            pass  # a server that closes without a word
        self._tls.shutdown(socket.SHUT_WR)
        return self.meter.take()

    def close(self) -> None:
        self._tls.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _until(self, tag: bytes) -> bytes:
        said = bytearray()
        while True:
            line = self.line()
            said += line
            if line.startswith(tag + b" "):
                assert line.split()[1] == b"OK", line
                return bytes(said)

    def _until_newline(self) -> bytes:
        while (end := self._buffer.find(b"\r\n")) < 0:
            self._read()
        line = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 2]
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._read()
        blob = bytes(self._buffer[:size])
        del self._buffer[:size]
        return blob

    def _read(self) -> None:
        data = self._tls.recv(16_384)
        assert data, "the server hung up"
        self._buffer += data


def places(said: bytes) -> dict[str, int]:
    """UIDVALIDITY, UIDNEXT and HIGHESTMODSEQ as EXAMINE or STATUS told them."""
    return {name.decode(): int(value) for name, value in _PLACE.findall(said)}


def examine(phone: Phone, at: dict[str, int] | None = None) -> dict[str, int]:
    """EXAMINE; with ``at`` by QRESYNC (RFC 7162) from there on."""
    if at is None:
        return places(phone.ask(c.Examine("INBOX")))
    phone.ask(c.Enable(("QRESYNC",)))
    return places(phone.ask(c.Examine("INBOX", qresync=(at["UIDVALIDITY"], at["HIGHESTMODSEQ"]))))


def middle(takes: list[Exchange]) -> Exchange:
    """The one in the middle by size: what other work on the machine delays is acknowledged otherwise at times."""
    return sorted(takes, key=lambda one: one.total_bytes)[len(takes) // 2]


def repeated(times: int, step: Callable[[], Exchange]) -> Exchange:
    return middle([step() for _ in range(times)])
