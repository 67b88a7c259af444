"""The commands of a client that its upstream has not answered yet, and what the answered ones have come to: which mailbox is
open, what is enabled, whether it idles. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from idlebell.imap import mailbox_name
from idlebell.imap.capabilities import speaks_utf8
from idlebell.imap.framing import LITERAL, Frame
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.tokens import Cursor, GrammarError

ENABLED_NAMES: Final = 64
"""Of extensions that are noted as ENABLED. There are under ten; an upstream may name others for ever."""

MAILBOX_BYTES: Final = 1_024
"""Of a mailbox name that comes as a literal, what is kept until it is open."""

_OPENS: Final = frozenset({"SELECT", "EXAMINE"})
_CLOSES: Final = frozenset({"CLOSE", "UNSELECT"})
_CLOSED: Final = re.compile(rb"\* OK \[CLOSED\]", re.IGNORECASE)
_CAPABILITIES: Final = re.compile(rb"(?:\* CAPABILITY|\S+ \S+ \[CAPABILITY) ([^\]\r\n]*)", re.IGNORECASE)


class Idle(Enum):
    """Where the client's IDLE stands (RFC 2177)."""

    OFF = auto()
    ASKED = auto()
    """The upstream has not said ``+`` yet."""
    ON = auto()
    """It takes one line, which ends it."""


@dataclass(slots=True)
class _Command:
    tag: bytes
    name: str
    mailbox: bytes = b""
    """The argument as it came, of a command that opens one; with its literal as far as that is here."""
    more: int = 0
    """Bytes of that literal that are still to come."""
    hidden: bool = False
    """Its tagged response is not the client's."""


class InFlight:
    """``capabilities``: as the upstream told them at the login, upper-cased."""

    __slots__ = ("_commands", "capabilities", "enabled", "idle", "selected")

    def __init__(self, capabilities: frozenset[str] = frozenset()) -> None:
        self._commands: list[_Command] = []
        self.capabilities = capabilities
        """As they were told last."""
        self.selected: str | None = None
        """The mailbox that is open; empty: one whose name could not be read."""
        self.enabled: frozenset[str] = frozenset()
        self.idle = Idle.OFF

    def __len__(self) -> int:
        return len(self._commands)

    @property
    def idling(self) -> bool:
        return self.idle is Idle.ON

    @property
    def only_idles(self) -> bool:
        return self.idling and len(self._commands) == 1

    @property
    def utf8(self) -> bool:
        return speaks_utf8(frozenset(), self.enabled)

    def begin(self, tag: bytes, name: str, arguments: bytes) -> None:
        """It was passed on, as far as its first line goes."""
        command = _Command(tag, name)
        if name in _OPENS and len(arguments) <= MAILBOX_BYTES:
            command.mailbox = arguments
            announced = LITERAL.search(arguments, max(0, arguments.rfind(b"{")))
            if announced is not None and announced.end() == len(arguments) and int(announced[1]) <= MAILBOX_BYTES:
                command.more = int(announced[1])
                command.mailbox += b"\r\n"
        self._commands.append(command)
        if name == "IDLE":
            self.idle = Idle.ASKED

    def more(self, data: bytes) -> None:
        """And what follows it."""
        if self._commands and (command := self._commands[-1]).more:
            command.mailbox += data[: command.more]
            command.more -= min(command.more, len(data))

    def continued(self) -> None:
        """The upstream said ``+`` where no literal was awaited."""
        if self.idle is Idle.ASKED:
            self.idle = Idle.ON

    def done(self) -> None:
        """The line that ends an IDLE was passed on."""
        self.idle = Idle.OFF

    def is_hidden(self, tag: bytes) -> bool:
        first = self._commands[0] if self._commands else None  # an IDLE is interrupted where it is the only one
        return first is not None and first.hidden and first.tag == tag

    def __contains__(self, tag: bytes) -> bool:
        return any(command.tag == tag for command in self._commands)

    def end(self, tag: bytes, condition: bytes) -> str:
        """Its tagged response has come: its name; empty: there is none of that tag."""
        command = next((one for one in self._commands if one.tag == tag), None)
        if command is None:
            return ""
        if command.name in _OPENS:
            if condition == b"OK":
                self.selected = _name_of(command.mailbox, utf8=self.utf8)
            elif condition == b"NO":  # RFC 9051 section 6.3.2: none is open then
                self.selected = None
        elif command.name in _CLOSES and condition == b"OK":
            self.selected = None
        elif command.name == "IDLE" and not command.hidden and self._is_only_idle(command):
            self.idle = Idle.OFF
        return command.name

    def _is_only_idle(self, command: _Command) -> bool:
        return not any(one.name == "IDLE" for one in self._commands if one is not command)

    def forget(self, tag: bytes) -> None:
        """It is over, unless what ended was hidden from the client, which still waits."""
        for place, command in enumerate(self._commands):
            if command.tag == tag:
                if not command.hidden:
                    del self._commands[place]
                return

    def interrupt(self) -> bytes:
        """The tag of the IDLE that is on, whose end is not the client's to see; empty: there is none."""
        if not self.only_idles:
            return b""
        self._commands[0].hidden = True
        return self._commands[0].tag

    def resume(self) -> None:
        """That IDLE is asked for again."""
        self._commands[0].hidden = False

    def over(self, tag: bytes) -> None:
        """The IDLE that was interrupted is not asked for again."""
        self._commands = [command for command in self._commands if command.tag != tag]
        self.idle = Idle.OFF

    def heard(self, name: bytes, opening: bytes) -> None:
        """An untagged response that changes what we know."""
        if name == b"ENABLED":
            told = opening.split()[2:]
            room = max(0, ENABLED_NAMES - len(self.enabled))
            self.enabled |= {one.decode("ascii", "replace").upper() for one in told[:room]}
        elif name == b"OK" and _CLOSED.match(opening):
            self.selected = None
        self.learn(opening)

    def learn(self, opening: bytes) -> None:
        """A capability list, if one stands there."""
        found = _CAPABILITIES.match(opening)
        if found is not None:
            told = frozenset(one.decode("ascii", "replace").upper() for one in found[1].split())
            if told != self.capabilities:  # all sessions of an upstream hold the same one as long as they can
                self.capabilities = told


def _name_of(argument: bytes, *, utf8: bool) -> str:
    """Empty: no name can be read there."""
    text, separator, rest = argument.partition(b"\r\n")
    frame = Frame((text, rest, b"") if separator else (text,))
    cursor = Cursor(frame, DEFAULT_LIMITS)
    try:
        cursor.skip_spaces()
        return mailbox_name.decode(cursor.astring(), utf8=utf8)
    except GrammarError:
        return ""
