"""A listening socket whose connections are counted before anything else is done with them: so many from one address, so many in
all, and TLS has to stand within a deadline. asyncio's own servers tell of a connection only after its handshake.

Where places run out, one that has said nothing whole yet makes room (:mod:`.unheard`).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from idlebell.net.addresses import Network, lies_in, network_of
from idlebell.net.unheard import Unheard

HANDSHAKE_SECONDS: Final = 10.0
"""For TLS. Whoever is there needs three packets."""
CLOSE_SECONDS: Final = 5.0
"""For the peer's close_notify."""
AT_ONCE: Final = 100
"""Connections taken before the loop has its turn again."""
BREATH_SECONDS: Final = 0.1
"""Nothing is taken for so long where the process has no descriptor left."""

Cut: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """``of_address``: an IPv6 /64 counts as one; 0: any number. Networks in ``exempt`` speak for others and are not held to
    it. ``roomy``: where so many are open, who has said nothing makes room for who comes; 0: ``in_all``."""

    in_all: int
    of_address: int = 0
    exempt: Sequence[Network] = ()
    roomy: int = 0


class Seat:
    """One connection's, from its accept on. It waits to be heard at first."""

    __slots__ = ("_acceptor", "_cut", "_who")

    def __init__(self, acceptor: Acceptor, who: str, cut: Cut) -> None:
        self._acceptor: Acceptor | None = acceptor
        self._who = who
        self._cut = cut

    def wait(self, cut: Cut) -> None:
        """Something whole is awaited; ``cut`` ends the connection at once. One that waits already goes on waiting."""
        self._cut = cut
        if self._acceptor is not None:
            self._acceptor.unheard.add(self._who, self)

    def move(self, address: str) -> bool:
        """It turns out to speak for somebody at ``address``. False: so many come from there already; it leaves its place."""
        if self._acceptor is None or not self._acceptor.moved(self._who, network_of(address), address, self):
            return False
        self._who = network_of(address)
        return True

    def heard(self) -> None:
        if self._acceptor is not None:
            self._acceptor.unheard.discard(self._who, self)

    def leave(self) -> None:
        """The connection is lost. A second call does nothing."""
        if self._acceptor is not None:
            self._acceptor.left(self._who, self)
            self._acceptor = None

    def make_room(self) -> None:
        self.leave()
        self._cut()


class Acceptor:
    """``make``: the protocol of one connection, which tells its seat what becomes of it. ``context``: None: no TLS; another one
    holds for connections that come from then on."""

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[Seat], asyncio.BaseProtocol],
        bounds: Bounds,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.context = context
        self.refused = 0
        """Connections closed unheard."""
        self.made_room = 0
        """Those that had said nothing when somebody else came."""
        self.unheard: Final = Unheard[Seat]()
        self._listener = listener
        self._make = make
        self._bounds = bounds
        self._open: Counter[str] = Counter()
        self._total = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._breath: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Inside the running loop."""
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._accept)

    async def stop(self) -> None:
        """Takes nothing more; handshakes under way end. Connections that stand go on."""
        if self._breath is not None:
            self._breath.cancel()
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """Those that are open, handshakes under way included."""
        return self._total

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # no descriptor, no memory: the listener stays readable, and asking on would be a busy loop
                self._wait()
                return
            who = network_of(peer[0])
            if not self._has_place(who, peer[0]):
                self.refused += 1
                sock.close()
                continue
            self._open[who] += 1
            self._total += 1
            seat = Seat(self, who, sock.close)
            task = asyncio.get_running_loop().create_task(self._admit(sock, seat), name="accepted")
            seat.wait(partial(_end, task))
            self._tasks.add(task)
            task.add_done_callback(partial(self._admitted, sock, seat))

    def _has_place(self, who: str, address: str) -> bool:
        bounds = self._bounds
        exempt = lies_in(address, bounds.exempt)
        if bounds.of_address and self._open[who] >= bounds.of_address and not exempt:
            return False
        if self._total < (bounds.roomy or bounds.in_all):
            return True
        longest = self.unheard.longest(who, exempt=exempt)
        if longest is not None:
            longest.make_room()
            self.made_room += 1
            return True
        return self._total < bounds.in_all and not self.unheard

    async def _admit(self, sock: socket.socket, seat: Seat) -> None:
        deadlines = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": CLOSE_SECONDS}
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._make(seat), sock, ssl=self.context, **(deadlines if self.context is not None else {})
            )
        except OSError:  # it went away, or its TLS is none; ssl.SSLError is one too
            seat.leave()

    def _admitted(self, sock: socket.socket, seat: Seat, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():  # before it began even
            sock.close()
            seat.leave()

    def moved(self, who: str, to: str, address: str, seat: Seat) -> bool:
        """Counts the connection of ``seat`` for another one; False: that one has enough."""
        most = self._bounds.of_address
        if most and self._open[to] >= most and not lies_in(address, self._bounds.exempt):
            self.refused += 1
            return False
        waits = self.unheard.discard(who, seat)
        self._open[to] += 1
        self._open[who] -= 1
        if not self._open[who]:
            del self._open[who]
        if waits:
            self.unheard.add(to, seat)
        return True

    def left(self, who: str, seat: Seat) -> None:
        self.unheard.discard(who, seat)
        self._total -= 1
        self._open[who] -= 1
        if not self._open[who]:
            del self._open[who]

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        self._breath = loop.call_later(BREATH_SECONDS, loop.add_reader, self._listener, self._accept)


class SocketAcceptor(Acceptor):
    """One that gives the sockets themselves away: ``take`` is a task's whole work, which :meth:`stop` and who makes room cancel
    as long as it lasts. It owns the socket, and tells the seat what becomes of it."""

    def __init__(
        self,
        listener: socket.socket,
        take: Callable[[socket.socket, Seat], Coroutine[Any, Any, None]],
        bounds: Bounds,
    ) -> None:
        super().__init__(listener, _no_protocol, bounds)
        self._take = take

    async def _admit(self, sock: socket.socket, seat: Seat) -> None:
        await self._take(sock, seat)


def _no_protocol(seat: Seat) -> asyncio.BaseProtocol:
    raise AssertionError("sockets are given away")


def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
