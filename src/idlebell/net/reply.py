"""What a server answers to a command, and how it ends a session."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.imap.events import Completed, Ended
from idlebell.imap.responses import UntaggedResponse
from idlebell.net.errors import ConnectionLost, ServerSaidBye, TransportError


@dataclass(frozen=True, slots=True)
class Reply:
    """``untagged``: all that the server said since the last call returned, in order, whether it belongs to the command or
    not."""

    completed: Completed
    untagged: list[UntaggedResponse]

    @property
    def ok(self) -> bool:
        return self.completed.ok


def end_of(event: Ended) -> TransportError:
    return ConnectionLost("eof") if event.bye is None else ServerSaidBye(event.bye)
