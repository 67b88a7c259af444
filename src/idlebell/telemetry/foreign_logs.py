"""What libraries log: in the door, told to the gateway: which module of ours raised what, and nothing of the values. Without a
handler Python would write it to standard error as it is, with texts of exceptions that nobody has looked at.
"""

from __future__ import annotations

import logging
from asyncio import CancelledError

from idlebell.model.shown_text import shown
from idlebell.telemetry.facts import Emit, Noted, SupervisorCaught, where_raised

CHARACTERS = 200
"""Of a library's own words."""


class Telling(logging.Handler):
    def __init__(self, emit: Emit) -> None:
        super().__init__(logging.WARNING)
        self._emit = emit

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            self._emit(SupervisorCaught("door", where_raised(error)))
        elif record.name == "asyncio":
            # Behind the first line stands the repr of a task, and with it the text of its exception.
            self._emit(SupervisorCaught("door", shown(record.getMessage().partition("\n")[0], CHARACTERS)))
        else:
            self._emit(Noted(f"door: {shown(record.getMessage(), CHARACTERS)}"))


def tell_by(emit: Emit) -> None:
    """From now on, of all loggers of this process."""
    root = logging.getLogger()
    root.handlers[:] = [Telling(emit)]


def tell_no_cancellations() -> None:
    """uvicorn tells of a request that is given up when it stops, with a traceback, as of a bug."""
    logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], CancelledError))
