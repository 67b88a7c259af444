"""What the scripted IMAP server can be told to do wrong, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from idlebell.imap.commands import Authenticate, Command, Login, Logout
from idlebell.imap.responses import Condition, PlainCode, ResponseCode


@dataclass(frozen=True, slots=True)
class Refuse:
    """The tagged response of the command is this, and nothing else is done. ``code`` may be a name."""

    text: str = "no"
    code: ResponseCode | str | None = None
    condition: Condition = Condition.NO

    def response_code(self) -> ResponseCode | None:
        return PlainCode(self.code) if isinstance(self.code, str) else self.code


@dataclass(frozen=True, slots=True)
class Bye:
    """``* BYE`` in place of an answer, and the connection is closed, or with ``linger`` left open as Dovecot does.
    ``repeat``: so many times in all, as Yandex does."""

    text: str = "going down"
    code: str | None = None
    linger: bool = False
    repeat: int = 1


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection ends without a word. ``reset``: by RST instead of FIN."""

    reset: bool = False


@dataclass(frozen=True, slots=True)
class Say:
    """These bytes go out as they are, then the command is answered as ever, or with ``instead`` not at all."""

    raw: bytes
    instead: bool = False


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing is answered, from now on, on this connection; it stays open."""


@dataclass(frozen=True, slots=True, eq=False)
class Hold:
    """Nothing is answered until :meth:`release`; then all that came meanwhile is."""

    _waiting: list[Callable[[], None]] = field(default_factory=list)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        self._released.set()
        waiting = [*self._waiting]
        self._waiting.clear()
        for resume in waiting:
            resume()

    def then(self, resume: Callable[[], None]) -> bool:
        """For the server: whether ``resume`` will be called later. False: released already, go on."""
        if self._released.is_set():
            return False
        self._waiting.append(resume)
        return True


Fault: TypeAlias = Refuse | Bye | Drop | Say | Silence | Hold
Moment: TypeAlias = type[Command] | Literal["connect", "command"]
"""When: as an answer to a command, or to any command of a logged-in user but LOGOUT, or in place of the greeting."""

NOT_CONNECTED = Refuse("User is authenticated but not connected.", condition=Condition.BAD)
"""Exchange Online after a login that it said OK to. Plan it for ``"command"``."""
SERVER_UNAVAILABLE = Say(b"Server Unavailable. 15\r\n", instead=True)
"""Exchange Online, overloaded: a line without a tag, and no answer."""
TOO_MANY_CONNECTIONS = Refuse("Maximum number of connections from user+IP exceeded", "LIMIT")
UNAVAILABLE = Refuse("Unexpected exception", "UNAVAILABLE")
"""iCloud, now and then, with a right password."""
EVENTS_LOST = b"* NO NOTIFY error, some events may have got lost\r\n"
"""Dovecot; for ``ImapServer.say``."""
KEEP_ALIVE = b"* OK Still here\r\n"
"""Dovecot in IDLE, every two minutes; for ``ImapServer.say``."""


@dataclass(slots=True, eq=False)
class Planned:
    """A fault that waits for its moment. ``times`` None: every time, until :meth:`cancel`."""

    moment: Moment
    fault: Fault
    times: int | None = 1
    user: str | None = None
    """Only for sessions of this user; for the login itself, of whoever tries."""
    hits: int = 0
    _hit: asyncio.Event = field(default_factory=asyncio.Event)

    async def hit(self) -> None:
        """Returns once it has struck."""
        await self._hit.wait()

    def cancel(self) -> None:
        self.times = 0

    def strike(self, moment: Moment, user: str | None) -> Fault | None:
        """For the server: the fault, if this is its moment."""
        any_command = (
            self.moment == "command" and moment not in ("connect", Login, Authenticate, Logout) and user is not None
        )
        if (
            (moment != self.moment and not any_command)
            or self.times == 0
            or (self.user is not None and self.user != user)
        ):
            return None
        if self.times is not None:
            self.times -= 1
        self.hits += 1
        self._hit.set()
        return self.fault
