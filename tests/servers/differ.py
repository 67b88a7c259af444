"""Plays one dialogue through two addresses of a mail server, with two users who have the same mail, and tells what differs.

What must differ between two users, or from one second to the next, is made equal: see :data:`NORMALISED`.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from servers.mail_server import SandboxedServer, User
from servers.random_sessions import DATE, Step, initial_mail

SECONDS: Final = 10
NORMALISED: Final[tuple[tuple[bytes, bytes], ...]] = (
    (rb"\(\d+\.\d+ \+ \d+\.\d+( \+ \d+\.\d+)? secs\)", b"(secs)"),
    (rb"\[UIDVALIDITY \d+\]", b"[UIDVALIDITY v]"),
    (rb"UIDVALIDITY \d+", b"UIDVALIDITY v"),
    (rb"\[(APPENDUID|COPYUID) \d+", rb"[\1 v"),
    (rb"(MAILBOXID|EMAILID|THREADID|CREATIONID) \([^)]*\)", rb"\1 (id)"),
    (rb"SESSIONID=<[^>]*>", b"SESSIONID=<id>"),
    (rb"\d\.\d{3} sec", b"sec"),
    (rb'/(uniqueid|synccrcs)" "[^"]*"', rb'/\1" "id"'),
    (rb"\* \d+ RECENT\r\n", b""),
    (
        rb" (?:(?:LOGIN|MAILBOX)-REFERRALS|STARTTLS|LOGINDISABLED|UNAUTHENTICATE|PROXYAUTH|(?:COMPRESS|AUTH)=[\w-]+)(?= |\])",
        b"",
    ),
    (rb"\\Recent ?| \\Recent|RECENT \d+", b""),
)
"""Patterns of what two stores never have in common: how long it took, UIDVALIDITY, names of objects, and to which of two
sessions a message is recent; and of the capabilities that the front is to withhold."""
_LITERAL: Final = re.compile(rb"\{(\d+)\+?\}\r\n\Z")
OURS: Final = re.compile(
    rb"\S+ +(LOGIN|AUTHENTICATE|STARTTLS|COMPRESS|UNAUTHENTICATE|PROXYAUTH|LOGOUT)\b", re.IGNORECASE
)
"""Commands that the front answers itself, each by a refusal in its own words."""
_CLOSED: Final = b"<closed>"
_SILENT: Final = b"<silent>"
_OVER: Final = (_CLOSED, _SILENT)


@dataclass(frozen=True)
class Address:
    """``context`` None: in clear."""

    port: int
    context: ssl.SSLContext | None = None
    host: str = "localhost"


@dataclass(frozen=True)
class Difference:
    step: int
    said: tuple[bytes, ...]
    one: tuple[bytes, ...]
    other: tuple[bytes, ...]

    def __str__(self) -> str:
        lines = [f"step {self.step} said {[piece[:300] for piece in self.said]}"]
        lines += [f"  one   {line[:600]!r}" for line in self.one if line not in self.other]
        lines += [f"  other {line[:600]!r}" for line in self.other if line not in self.one]
        if len(lines) == 1:
            lines.append(f"  in another order: {self.one[:20]!r} {self.other[:20]!r}")
        return "\n".join(lines)


class Session:
    """One connection, logged in. A response is a line with its literals, as it came."""

    def __init__(self, address: Address, user: User) -> None:
        plain = socket.create_connection(("127.0.0.1", address.port), SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = (
            plain if address.context is None else address.context.wrap_socket(plain, server_hostname=address.host)
        )
        self.file = self.socket.makefile("rb")
        self.fences = 0
        greeting = self.response()
        assert greeting.startswith(b"* OK"), greeting
        said = self.play(Step(0, (f'l LOGIN "{user.name}" "{user.password}"\r\n'.encode(),), b"l"))
        assert any(line.startswith(b"l OK") for line in said), said

    def response(self) -> bytes:
        """Empty where the server has closed."""
        said = b""
        while True:
            line = self.file.readline()
            said += line
            if (found := _LITERAL.search(line)) is None or not line:
                return said
            said += self.file.read(int(found[1]))

    def play(self, step: Step, other: Session | None = None) -> tuple[bytes, ...]:
        """Every response up to that of the NOOP that follows, which is left out."""
        self.fences += 1
        fence = b"fence%d" % self.fences
        heard: list[bytes] = []
        last = len(step.said) - 1
        for number, piece in enumerate(step.said):
            if number and not self._asked_for_more(step, heard):
                break
            if number and step.meanwhile is not None and other is not None:
                heard += [b"other: " + line for line in other.play(step.meanwhile)]
                self._until(b" EXISTS\r\n", heard)
            pipelined = step.pipelined and number == last
            self._send(piece + (fence + b" NOOP\r\n" if pipelined else b""), step.cuts if not number else ())
        if not step.pipelined:
            if step.tag is not None and not any(line.startswith(step.tag + b" ") for line in heard):
                self._until_tagged(step.tag, heard)
            self._send(fence + b" NOOP\r\n", ())
        self._until_tagged(fence, heard)
        return tuple(line for line in heard if not line.startswith(fence))

    @property
    def closed(self) -> bool:
        return self.socket.fileno() < 0

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def _send(self, data: bytes, cuts: Sequence[int]) -> None:
        try:
            for begin, end in zip((0, *cuts), (*cuts, len(data)), strict=True):
                self.socket.sendall(data[begin:end])
        except OSError:
            pass  # what it said before it closed is read

    def _asked_for_more(self, step: Step, heard: list[bytes]) -> bool:
        while True:
            heard.append(self._hear())
            if heard[-1].startswith(b"+"):
                return True
            if heard[-1] in _OVER or (step.tag is not None and heard[-1].startswith(step.tag + b" ")):
                return False

    def _until(self, end: bytes, heard: list[bytes]) -> None:
        while True:
            heard.append(self._hear())
            if heard[-1].endswith(end) or heard[-1] in _OVER:
                return

    def _until_tagged(self, tag: bytes, heard: list[bytes]) -> None:
        while not heard or heard[-1] not in _OVER:
            heard.append(self._hear())
            if heard[-1].startswith(tag + b" "):
                return

    def _hear(self) -> bytes:
        try:
            return self.response() or self._ended(_CLOSED)
        except TimeoutError:
            return self._ended(_SILENT)
        except ConnectionError:
            return self._ended(_CLOSED)

    def _ended(self, how: bytes) -> bytes:
        self.close()
        return how


@dataclass
class Player:
    """Two sessions of one user through one address; what the server closes is opened again."""

    address: Address
    user: User
    sessions: list[Session] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.sessions = [Session(self.address, self.user) for _ in range(2)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for session in self.sessions:
            session.close()

    def play(self, step: Step) -> tuple[bytes, ...]:
        for number, session in enumerate(self.sessions):
            if session.closed:
                self.sessions[number] = Session(self.address, self.user)
        answers = self.sessions[step.session].play(step, self.sessions[1 - step.session])
        return tuple(filter(None, map(self._normal, answers)))

    def _normal(self, line: bytes) -> bytes:
        line = line.replace(self.user.name.encode(), b"USER")
        for pattern, instead in NORMALISED:
            line = re.sub(pattern, instead, line)
        return line


def _refused(answer: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Whether, not in which words."""
    return tuple(re.sub(rb"^(\S+) (NO|BAD) .*", rb"\1 refused", line, flags=re.DOTALL) for line in answer)


def _told_by_nobody(answer: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Without the BYE of an end: the front says one where the server has closed without."""
    return tuple(line for line in answer if not line.startswith(b"* BYE")) if _CLOSED in answer else answer


def fill(address: Address, user: User, messages: Iterable[bytes]) -> None:
    session = Session(address, user)
    for number, text in enumerate(messages):
        said = b"a%d APPEND INBOX %s {%d}\r\n" % (number, DATE, len(text))
        answers = session.play(Step(0, (said, text + b"\r\n"), b"a%d" % number))
        assert any(b" OK" in line for line in answers), answers
    session.close()


def compare(
    server: SandboxedServer, one: Address, other: Address, steps: Sequence[Step], *, at_most: int = 5
) -> tuple[list[Difference], int]:
    """What differs, up to ``at_most`` times, and how many bytes were compared. The server gets two users who are alike."""
    users = server.add_users(2)
    direct = Address(server.ports.imaps, server.client_context())
    for user in users:
        fill(direct, user, initial_mail())
    found: list[Difference] = []
    compared = 0
    with ThreadPoolExecutor(2) as pool, ExitStack() as stack:
        players = [
            stack.enter_context(Player(address, user)) for address, user in zip((one, other), users, strict=True)
        ]
        for number, step in enumerate(steps):
            answers = list(map(_told_by_nobody, pool.map(Player.play, players, (step, step))))
            compared += sum(map(len, answers[0]))
            if any(_CLOSED in answer for answer in answers):
                # Courier closes with what it has not read, and so resets: whether its last words arrive is chance, on any way.
                for player in players:
                    player.sessions[step.session].close()
                continue
            if OURS.match(step.said[0]):
                answers = [_refused(answer) for answer in answers]
            if answers[0] != answers[1]:
                found.append(Difference(number, step.said, *answers))
                if len(found) == at_most:
                    break
    return found, compared
