"""Server-sent events (the HTML standard, section 9.2.6), as far as the gateway sends them. Pure: bytes in, events out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from idlebell.client.problems import GatewayUnreachableError

EVENT_BYTES: Final = 262_144
"""Of one event; more is none of the gateway's."""


@dataclass(frozen=True, slots=True)
class Event:
    """``id``: what to go on after. ``type``: ``state``, ``notification``, ``overrun`` or a later one."""

    id: str
    type: str
    data: Any


class EventReader:
    """Any cut of the stream gives the same events."""

    def __init__(self) -> None:
        self._rest = b""
        self._size = 0
        self._id = ""
        self._type = ""
        self._data: list[bytes] = []

    def receive(self, data: bytes) -> Iterator[Event]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            event = self._line(line.removesuffix(b"\r"))
            if event is not None:
                yield event
        if self._size + len(self._rest) > EVENT_BYTES:
            raise GatewayUnreachableError("An event is larger than any of Idlebell's.")

    def _line(self, line: bytes) -> Event | None:
        if not line:
            data, type_ = b"\n".join(self._data), self._type
            self._data, self._type, self._size = [], "", 0
            return Event(self._id, type_ or "message", _decoded(data)) if data else None
        self._size += len(line)
        if self._size > EVENT_BYTES:
            raise GatewayUnreachableError("An event is larger than any of Idlebell's.")
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")
        return None


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise GatewayUnreachableError("An event is not JSON.") from None
