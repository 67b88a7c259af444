"""What went over a connection, in packets and bytes, headers included: as the kernel counts it, and as a packet socket sees it.

``TCP_INFO`` (tcp(7)) tells segments and payload bytes each way, with acknowledgements, SYN and FIN; it needs no rights. The
headers are then known: 20 bytes of IPv4, 20 of TCP and 12 of its timestamps, and 8 more in each of the two SYN (segment size,
selective acknowledgement, window scale). A packet socket (packet(7), root alone) sees each packet with the headers that it
really has. Where both can be had they must agree; the measurement stops where they do not. What is left out of both is
selective acknowledgement, which a busy machine's loopback has now and then.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Final

from idlebell.cost.exchange import Exchange

from .far_line import MSS_BYTES

HEADER_BYTES: Final = 20 + 20 + 12
SYN_OPTION_BYTES: Final = 8
_SYN: Final = 0x02
SEGMENT_BYTES: Final = MSS_BYTES - 12
"""Of payload: the announced size counts the timestamps in (RFC 6691)."""
QUIET_SECONDS: Final = 0.35
"""Longer than an acknowledgement is held back (200 ms at most) and both ways of the line."""
NOTHING: Final = Exchange(0, 0, 0, 0)
_INFO_BYTES: Final = 232
_ETH_P_IP: Final = 0x0800
"""What is bound to one protocol sees packets as they come; with ETH_P_ALL loopback would show each twice."""
_SO_ATTACH_FILTER: Final = 26
_AFTER_FIN: Final = (6, 7, 8, 9, 11)
"""States in which the other side's FIN has come: TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK, CLOSING (<net/tcp_states.h>)."""


class CountsDifferError(Exception):
    """The kernel's count and the packets seen are not the same."""


def by_kernel(sock: socket.socket) -> Exchange:
    """All that went over ``sock`` since it was made (``struct tcp_info`` of <linux/tcp.h>)."""
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
    (received,) = struct.unpack_from("=Q", info, 128)
    if info[0] in _AFTER_FIN:
        received -= 1  # a FIN takes a sequence number, and is counted as a byte
    segments_out, segments_in = struct.unpack_from("=II", info, 136)
    (sent,) = struct.unpack_from("=Q", info, 200)
    return Exchange(
        up_bytes=sent + segments_out * HEADER_BYTES + SYN_OPTION_BYTES,
        down_bytes=received + segments_in * HEADER_BYTES + SYN_OPTION_BYTES,
        up_packets=segments_out,
        down_packets=segments_in,
    )


class Capture:
    """Counts the packets to and from a local TCP port by the connection's other port. None of their payload is kept."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._counts: dict[int, Exchange] = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)  # type: ignore[attr-defined,unused-ignore]
        only_port(self._socket, port)
        self._socket.bind(("lo", _ETH_P_IP))
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def of(self, near_port: int) -> Exchange:
        return self._counts.get(near_port, NOTHING)

    def close(self) -> None:
        self._socket.close()

    def _run(self) -> None:
        try:
            while True:
                self._count(self._socket.recv(65_600))
        except OSError:
            return  # closed

    def _count(self, packet: bytes) -> None:
        (total,) = struct.unpack_from("!H", packet, 2)
        ip_bytes = 4 * (packet[0] & 0x0F)
        source, target = struct.unpack_from("!HH", packet, ip_bytes)
        headers = ip_bytes + 4 * (packet[ip_bytes + 12] >> 4)
        payload = total - headers
        if not packet[ip_bytes + 13] & _SYN:
            # Beyond timestamps there is only selective acknowledgement (RFC 2018): of packets that overtook each other between
            # two processors of a busy machine. The line has no such, and the kernel does not tell of it.
            headers = min(headers, HEADER_BYTES)
        # What is larger than a segment is cut by the network card that loopback does not have.
        segments = max(1, -(-payload // SEGMENT_BYTES))
        size = payload + segments * headers
        up = target == self._port
        near = source if up else target
        one = Exchange(size, 0, segments, 0) if up else Exchange(0, size, 0, segments)
        self._counts[near] = self.of(near) + one


def only_port(sock: socket.socket, port: int) -> None:
    """A classic BPF program (bpf(4)): TCP over IPv4, from or to ``port``; a packet begins with its IP header here."""
    program = [
        (0x30, 0, 0, 9),  # A = protocol
        (0x15, 0, 6, 6),  # TCP, or drop
        (0xB1, 0, 0, 0),  # X = length of the IP header
        (0x48, 0, 0, 0),  # A = source port
        (0x15, 2, 0, port),
        (0x48, 0, 0, 2),  # A = destination port
        (0x15, 0, 1, port),
        (0x06, 0, 0, 0x40000),
        (0x06, 0, 0, 0),
    ]
    blob = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HxxxxxxP", len(program), ctypes.addressof(blob)))


class Meter:
    """Counts what goes over one connection, which is made already, between two moments of quiet. ``capture``: None where we
    may not."""

    def __init__(self, sock: socket.socket, capture: Capture | None) -> None:
        self._sock = sock
        self._capture = capture
        self._near: int = sock.getsockname()[1]
        self._before = NOTHING

    def take(self, wait: Callable[[float], None] = time.sleep) -> Exchange:
        """What went since the last take, or since the connection was made, once nothing more goes."""
        total = by_kernel(self._sock)
        while True:
            wait(QUIET_SECONDS)
            now = by_kernel(self._sock)
            if now == total:
                break
            total = now
        self._check(total)
        taken, self._before = total - self._before, total
        return taken

    def _check(self, total: Exchange) -> None:
        if self._capture is not None and (seen := self._capture.of(self._near)) != total:
            raise CountsDifferError(f"the kernel counts {total}, the packets seen are {seen}")


def may_capture() -> bool:
    return os.geteuid() == 0
