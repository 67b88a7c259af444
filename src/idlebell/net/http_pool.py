"""The connections that are kept: so many to an origin, so many in all, and who waits for one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from idlebell.net.http_connection import HttpConnection
from idlebell.net.http_request import Origin

CONNECTIONS: Final = 512
"""At most; a process with few descriptors has fewer."""
CONNECTIONS_PER_ORIGIN: Final = 32
"""At once; how many of them are used is learnt (:mod:`idlebell.deliver.window`)."""
KEEPALIVE_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 15.0

Dial = Callable[[Origin, Callable[[HttpConnection], None]], Awaitable[HttpConnection]]
"""Makes a connection that tells of its end."""


@dataclass(slots=True)
class _Place:
    """Of one origin. ``taken``: connections that are idle, in use or being made. ``idle``: with the time since when, the one
    used last at the end. ``waiting``: who found :data:`CONNECTIONS_PER_ORIGIN`."""

    taken: int = 0
    idle: dict[HttpConnection, float] = field(default_factory=dict)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class HttpPool:
    """One for the process. A connection is taken, used by one, and given back."""

    __slots__ = ("_closed", "_dial", "_most", "_places", "_sweep", "_taken", "_waiting")

    def __init__(self, dial: Dial, connections: int = CONNECTIONS) -> None:
        self._dial = dial
        self._most = connections
        self._places: dict[Origin, _Place] = {}
        self._taken = 0
        self._waiting: deque[tuple[Origin, asyncio.Future[None]]] = deque()  # who found all of them taken
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def take_idle(self, origin: Origin) -> HttpConnection | None:
        """The one that was used last: it is the least likely to have been closed, and the others may grow old."""
        place = self._places.get(origin)
        if place is None or not place.idle:
            return None
        return place.idle.popitem()[0]

    async def take(self, origin: Origin) -> HttpConnection:
        """An idle one or a new one, when there is room for it. What ``dial`` raises."""
        first = True
        while True:
            idle = self.take_idle(origin)
            if idle is not None:
                return idle
            place = self._places.setdefault(origin, _Place())
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            if place.taken >= min(CONNECTIONS_PER_ORIGIN, self._most):
                # Who was woken and found that another one was quicker stays the first.
                (place.waiting.append if first else place.waiting.appendleft)(waiter)
            elif self._taken >= self._most and not self._close_oldest():
                entry = (origin, waiter)
                (self._waiting.append if first else self._waiting.appendleft)(entry)
            else:
                place.taken += 1
                self._taken += 1
                try:
                    return await self.renew(origin)
                except BaseException:
                    self._free(origin)
                    raise
            first = False
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake(origin, place)
                raise

    async def renew(self, origin: Origin) -> HttpConnection:
        """A new one in the place of one that was taken and has ended, whose place it keeps where there is none."""
        return await self._dial(origin, lambda ended: self._idle_ended(origin, ended))

    def give_back(self, origin: Origin, connection: HttpConnection) -> None:
        """After use, whether or not it can be used again."""
        if self._closed:
            connection.close()
        if connection.closed:
            self._free(origin)
            return
        place = self._places[origin]
        loop = asyncio.get_running_loop()
        place.idle[connection] = loop.time()
        if place.waiting or self._waiting:
            self._wake(origin, place)
        if self._sweep is None:
            self._sweep = loop.call_later(SWEEP_SECONDS, self._close_old)

    def close(self) -> None:
        """Ends all that are idle, and those in use when they are given back."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for place in tuple(self._places.values()):
            for connection in tuple(place.idle):
                connection.close()

    def _idle_ended(self, origin: Origin, connection: HttpConnection) -> None:
        """While it was taken this is told by :meth:`give_back`."""
        place = self._places.get(origin)
        if place is not None and place.idle.pop(connection, None) is not None:
            self._free(origin)

    def _free(self, origin: Origin) -> None:
        place = self._places[origin]
        place.taken -= 1
        self._taken -= 1
        self._wake(origin, place)
        if not (place.taken or place.waiting):
            del self._places[origin]

    def _wake(self, origin: Origin, place: _Place) -> None:
        """The next who can use what has become free: of this origin, or of any, for an idle one gives way."""
        while place.waiting:
            waiter = place.waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        while self._waiting:
            _, waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def _close_oldest(self) -> bool:
        """Of all that are idle, of whatever origin. False: none is."""
        oldest: HttpConnection | None = None
        since = 0.0
        for place in self._places.values():
            for connection, at in place.idle.items():
                if oldest is None or at < since:
                    oldest, since = connection, at
                break  # those behind it were used later
        if oldest is None:
            return False
        oldest.close()
        return True

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - KEEPALIVE_SECONDS
        self._sweep = None
        for place in tuple(self._places.values()):
            for connection in [one for one, at in place.idle.items() if at <= before]:
                connection.close()
        if any(place.idle for place in self._places.values()):
            self._sweep = loop.call_later(SWEEP_SECONDS, self._close_old)
