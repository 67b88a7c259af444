"""A listening socket whose connections are counted before anything else is done with them: so many from one address, so many in
all, and TLS has to stand within a deadline. asyncio's own servers tell of a connection only after its handshake."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from idlebell.net.addresses import Network, lies_in, network_of

HANDSHAKE_SECONDS: Final = 10.0
"""For TLS. Whoever is there needs three packets."""
CLOSE_SECONDS: Final = 5.0
"""For the peer's close_notify."""
AT_ONCE: Final = 100
"""Connections taken before the loop has its turn again."""
BREATH_SECONDS: Final = 0.1
"""Nothing is taken for so long where the process has no descriptor left."""

Leave: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """``of_address``: an IPv6 /64 counts as one; 0: any number. Networks in ``exempt`` speak for others and are not held to
    it."""

    in_all: int
    of_address: int = 0
    exempt: Sequence[Network] = ()


class Acceptor:
    """``make``: the protocol of one connection; it calls what it is given when the connection is lost. ``context``: None: no
    TLS; another one holds for connections that come from then on."""

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[Leave], asyncio.BaseProtocol],
        bounds: Bounds,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.context = context
        self.refused = 0
        """Connections closed unheard."""
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
            if self._total >= self._bounds.in_all or self._has_enough(who, peer[0]):
                self.refused += 1
                sock.close()
                continue
            self._open[who] += 1
            self._total += 1
            task = asyncio.get_running_loop().create_task(self._admit(sock, who), name="accepted")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _has_enough(self, who: str, address: str) -> bool:
        most = self._bounds.of_address
        return bool(most) and self._open[who] >= most and not lies_in(address, self._bounds.exempt)

    async def _admit(self, sock: socket.socket, who: str) -> None:
        leave = self._seat(who)
        deadlines = {"ssl_handshake_timeout": HANDSHAKE_SECONDS, "ssl_shutdown_timeout": CLOSE_SECONDS}
        try:
            sock.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: self._make(leave), sock, ssl=self.context, **(deadlines if self.context is not None else {})
            )
        except OSError:  # it went away, or its TLS is none; ssl.SSLError is one too
            leave()
        except BaseException:
            leave()
            raise

    def _seat(self, who: str) -> Leave:
        taken = True

        def leave() -> None:
            nonlocal taken
            if taken:
                taken = False
                self._total -= 1
                self._open[who] -= 1
                if not self._open[who]:
                    del self._open[who]

        return leave

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._listener)
        self._breath = loop.call_later(BREATH_SECONDS, loop.add_reader, self._listener, self._accept)
