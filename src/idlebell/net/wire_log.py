"""Lines for the operator who looks at what a connection says. No credential and no SASL message is ever in one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from idlebell.imap.events import Challenged, ClientEvent, Completed

WireLog: TypeAlias = Callable[[str, str], None]
"""Called with ``C`` or ``S`` and a line."""

_LOG_CHARACTERS: Final = 500


def spell(data: bytes) -> str:
    return repr(data.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))[1:-1][:_LOG_CHARACTERS]


def spell_event(event: ClientEvent, *, redacted: bool) -> str:
    match event:
        case Completed():
            text = "(…)" if redacted else event.text
            return f"{event.tag} {event.condition} {event.code or ''} {text!r}"[:_LOG_CHARACTERS]
        case Challenged():
            return "+ (…)"
        case _ if redacted:
            return type(event).__name__
        case _:
            return repr(event)[:_LOG_CHARACTERS]
