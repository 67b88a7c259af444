"""What comes out of the two halves: the only way out of :meth:`Client.receive_data` and :meth:`Server.receive_data`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from idlebell.imap.commands import Command
from idlebell.imap.responses import Condition, ResponseCode, StatusResponse, UntaggedResponse

# --- the client half ---


@dataclass(frozen=True, slots=True)
class Greeted:
    """The greeting: OK, PREAUTH or BYE."""

    greeting: StatusResponse


@dataclass(frozen=True, slots=True)
class Received:
    """An untagged response, whether it belongs to a command or not."""

    response: UntaggedResponse


@dataclass(frozen=True, slots=True)
class Challenged:
    """The server wants the next SASL message; answer with ``respond`` or ``cancel``. ``data`` is decoded from base64."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Idling:
    """``+`` after IDLE: from now on the server may speak at any time."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The tagged response of ``command``."""

    tag: str
    command: Command
    condition: Condition
    code: ResponseCode | None
    text: str

    @property
    def ok(self) -> bool:
        return self.condition is Condition.OK


@dataclass(frozen=True, slots=True)
class Ended:
    """The server said BYE or closed. Nothing comes after it. ``bye`` is None where it closed without a word."""

    bye: StatusResponse | None


ClientEvent: TypeAlias = Greeted | Received | Challenged | Idling | Completed | Ended

# --- the server half ---


@dataclass(frozen=True, slots=True)
class CommandReceived:
    tag: str
    command: Command


@dataclass(frozen=True, slots=True)
class SaslReceived:
    """The client's next SASL message, decoded; None where it cancelled with ``*``."""

    data: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class DoneReceived:
    """DONE, which ends IDLE."""


@dataclass(frozen=True, slots=True)
class BadCommandReceived:
    """A line that is no command; ``tag`` is ``*`` where even that could not be read. The boundary of the next one is kept."""

    tag: str
    reason: str


ServerEvent: TypeAlias = CommandReceived | SaslReceived | DoneReceived | BadCommandReceived
