"""What a server answers to a command."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.imap.events import Completed
from idlebell.imap.responses import UntaggedResponse


@dataclass(frozen=True, slots=True)
class Reply:
    """``untagged``: all that the server said since the last call returned, in order, whether it belongs to the command or
    not."""

    completed: Completed
    untagged: list[UntaggedResponse]

    @property
    def ok(self) -> bool:
        return self.completed.ok
