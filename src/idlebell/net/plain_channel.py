"""A socket in clear as a channel: before STARTTLS, and where the operator allows it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from idlebell.net.wire import Wire

RECEIVE_BYTES: Final = 65_536
"""At once: CPython allocates what it may receive, and glibc maps pages of their own for twice as much."""


class PlainChannel:
    """In clear: before STARTTLS, and where the operator allows it."""

    __slots__ = ("_wire",)

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    @property
    def description(self) -> str:
        return ""

    @property
    def peer(self) -> str:
        return self._wire.peer

    @property
    def moved_bytes(self) -> int:
        return self._wire.moved_bytes

    async def read(self, max_bytes: int) -> bytes:
        return await self._wire.receive(min(max_bytes, RECEIVE_BYTES))

    def ready(self, timeout_seconds: float) -> Awaitable[bool]:
        return self._wire.ready(timeout_seconds)

    stirring = ready

    def rest(self, wake: Callable[[], None]) -> None:
        self._wire.rest(wake)

    def interrupt(self) -> None:
        self._wire.interrupt()

    def limit(self, seconds: float | None) -> None:
        self._wire.limit(seconds)

    async def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            sent = self._wire.send_now(view)
            view = view[sent:]
            if view:
                await self._wire.writable()

    def shut_down(self) -> None:
        self._wire.close()

    def close(self) -> None:
        self._wire.close()

    def release(self) -> tuple[Wire, bytes]:
        """Gives the socket away for STARTTLS, with what the peer has sent already (up to 80 bytes, not removed): it should
        be nothing, for a server waits for our ClientHello."""
        return self._wire, self._wire.peek()
