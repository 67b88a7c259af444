"""The frame around one exchange with a peer: a deadline for all of it, and the end of the connection where it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from idlebell.net.errors import TimedOut
from idlebell.net.tls_engine import Channel


class Closing:
    """Whatever goes wrong inside, cancellation included, ends the connection by ``close``. What waits in ``channel`` for longer
    than ``seconds`` in all goes wrong, as TimedOut of ``what``. ``of_seconds``: what the peer ``name`` had in all, where some
    were over before.

    Not ``asyncio.timeout``: that takes a timer and three calls for each exchange, and nearly all have their answer by the
    first look at the socket.
    """

    __slots__ = ("_channel", "_close", "_name", "_of_seconds", "_what")

    def __init__(
        self, channel: Channel, seconds: float, close: Callable[[], None], *, what: str, name: object, of_seconds: float
    ) -> None:
        self._channel = channel
        self._close = close
        self._what = what
        self._name = name
        self._of_seconds = of_seconds
        channel.limit(seconds)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.limit(None)
        if error is None:
            return
        self._close()
        if isinstance(error, TimeoutError):
            told = f"{self._name} did not answer within {self._of_seconds:g} s"
            raise TimedOut(self._what, told) from error


async def give_way() -> None:
    """Between two reads: the socket of a server that sends without a pause is never found empty, and others want their turn."""
    await asyncio.sleep(0)
