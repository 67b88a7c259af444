"""When a server first says something on each of its connections, by the kernel's clock.

Whoever is to be measured is not touched, and what is said may be encrypted: after a silence the first packet with a payload is
the server's EXISTS. A packet socket (packet(7), root alone) with SO_TIMESTAMPNS (socket(7)): the time is when the packet was
sent, however late it is read.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from typing import Final

from .counted import only_port

_ETH_P_IP: Final = 0x0800
_SO_RCVBUFFORCE: Final = 33
_SO_TIMESTAMPNS: Final = 35
_BUFFER_BYTES: Final = 64 * 1024 * 1024
_CLOSE_SECONDS: Final = 0.2


class FirstWords:
    """Of the server on a local TCP ``port``, from :meth:`begin` on. Times are those of ``time.monotonic``."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._said: dict[int, float] = {}
        self._offset = time.time() - time.monotonic()
        self._closing = False
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)  # type: ignore[attr-defined,unused-ignore]
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.settimeout(_CLOSE_SECONDS)
        only_port(self._socket, port)
        self._socket.bind(("lo", _ETH_P_IP))
        self._thread = threading.Thread(target=self._run, name="first words", daemon=True)
        self._thread.start()

    def begin(self) -> None:
        self._said = {}

    def at(self, client_port: int) -> float | None:
        return self._said.get(client_port)

    def close(self) -> None:
        self._closing = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._closing:
            try:
                packet, ancillary, _, _ = self._socket.recvmsg(128, 64)
            except TimeoutError:
                continue
            (total,) = struct.unpack_from("!H", packet, 2)
            ip_bytes = 4 * (packet[0] & 0x0F)
            source, target = struct.unpack_from("!HH", packet, ip_bytes)
            if source != self._port or total == ip_bytes + 4 * (packet[ip_bytes + 12] >> 4):
                continue
            seconds, nanoseconds = struct.unpack("=qq", ancillary[0][2])
            self._said.setdefault(target, seconds + nanoseconds / 1e9 - self._offset)
