"""A line between a phone and a server that is 25 ms long each way, as seen from the phone.

Loopback answers at once, so an acknowledgement rides on the answer; a phone's network does not, and each side acknowledges
what it got with a packet of its own. So the phone speaks to a relay that holds everything back for a while. TLS goes
through it from end to end; packets are counted on the phone's side of it alone.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from types import TracebackType
from typing import Final, Self

ONE_WAY_SECONDS: Final = 0.025
"""50 ms there and back: a good mobile network. More than the 40 ms after which Linux acknowledges at the latest what it
would rather acknowledge together with an answer (``TCP_DELACK_MIN``)."""
MSS_BYTES: Final = 1_360
"""What both sides announce: a path of 1,400 bytes, as the tunnels of mobile networks leave it."""


class FarLine:
    """``with`` opens it, on a port of 127.0.0.1 of its own, to ``port`` of the same."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="far line", daemon=True)
        listener = socket.socket()
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS_BYTES)
        listener.bind(("127.0.0.1", 0))
        self._listener = listener
        self.port: int = listener.getsockname()[1]
        self.near_ports: list[int] = []
        """Of the phone's connections, in the order in which they were made."""
        self._pumps: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(asyncio.start_server(self._accept, sock=self._listener), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._listener.close()

    async def _end(self) -> None:
        """Nothing is left under way."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    async def _accept(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        self.near_ports.append(near_writer.get_extra_info("peername")[1])
        far, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        for source, sink in ((near, far_writer), (far, near_writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def arrive() -> None:
            while True:
                due, data = await under_way.get()
                await asyncio.sleep(max(0.0, due - self._loop.time()))
                if not data:
                    sink.write_eof()
                    return
                sink.write(data)

        arriving = asyncio.create_task(arrive())
        try:
            while True:
                data = await source.read(65_536)
                under_way.put_nowait((self._loop.time() + ONE_WAY_SECONDS, data))
                if not data:
                    break
            await arriving
        except OSError:  # one end is gone; so is what was under way
            sink.close()
        finally:
            arriving.cancel()


def phone_socket() -> socket.socket:
    """Not yet connected: it will announce the line's segment size."""
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS_BYTES)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
