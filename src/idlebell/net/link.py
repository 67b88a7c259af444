"""Packets between two processes of ours, in order, each whole, with a descriptor where one goes along (unix(7), SCM_RIGHTS)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from idlebell.net.hardening import overwrite

PACKET_BYTES: Final = 131_072
"""The largest: a request's head and body. The kernel's usual buffer for a socket holds one and a half."""
PACKETS_AT_ONCE: Final = 32
"""Taken in one turn of the loop."""

_DESCRIPTOR: Final = struct.Struct("i")

OnPacket: TypeAlias = Callable[[memoryview, int], None]
"""A packet, wiped when this returns, and the descriptor that came with it, which is the callee's now; -1: none."""


def socket_pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


class Link:
    """One end. ``on_end`` is called once, when the other end is gone; after that nothing is sent.

    What the kernel does not take at once waits here: as much as the callers let lie, whose own bounds hold.
    """

    def __init__(self, end: socket.socket, on_packet: OnPacket, on_end: Callable[[], None]) -> None:
        end.setblocking(False)
        self._end: socket.socket | None = end
        self._on_packet = on_packet
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._buffer = bytearray(PACKET_BYTES)
        self._loop.add_reader(end.fileno(), self._readable)

    @property
    def closed(self) -> bool:
        return self._end is None

    def send(self, packet: bytes, descriptor: int = -1) -> None:
        """``packet`` is overwritten once it is sent, ``descriptor`` closed here. Nothing else where the other end is gone."""
        if len(packet) > PACKET_BYTES:
            raise ValueError(f"a packet of {len(packet)} bytes")
        if self._end is None:
            _let_go(packet, descriptor)
            return
        # Asked before: the collector may send something in between (a secret's last copy), which must not leave both lying.
        first = not self._waiting
        self._waiting.append((packet, descriptor))
        if first:
            self._send()

    def close(self) -> None:
        """At once; ``on_end`` is not called."""
        end, self._end = self._end, None
        if end is None:
            return
        self._loop.remove_reader(end.fileno())
        self._loop.remove_writer(end.fileno())
        end.close()
        while self._waiting:
            _let_go(*self._waiting.popleft())

    def _send(self) -> None:
        end = self._end
        assert end is not None
        while self._waiting:
            packet, descriptor = self._waiting[0]
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _DESCRIPTOR.pack(descriptor))] if descriptor >= 0 else []
            try:
                end.sendmsg([packet], rights)
            except (BlockingIOError, InterruptedError):
                self._loop.add_writer(end.fileno(), self._send)
                return
            except OSError:
                self._ended()
                return
            self._waiting.popleft()
            _let_go(packet, descriptor)
        self._loop.remove_writer(end.fileno())

    def _readable(self) -> None:
        for _ in range(PACKETS_AT_ONCE):
            if self._end is None:
                return
            try:
                size, ancillary, _flags, _ = self._end.recvmsg_into(
                    [self._buffer], socket.CMSG_SPACE(_DESCRIPTOR.size), socket.MSG_CMSG_CLOEXEC
                )
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                size, ancillary = 0, []
            if not size:
                self._ended()
                return
            packet = memoryview(self._buffer)[:size]
            try:
                self._on_packet(packet, _descriptor_in(ancillary))
            finally:
                packet[:] = bytes(size)

    def _ended(self) -> None:
        self.close()
        self._on_end()


def _descriptor_in(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found: int = _DESCRIPTOR.unpack_from(data)[0]
            return found
    return -1


def _let_go(packet: bytes, descriptor: int) -> None:
    overwrite(packet)
    if descriptor >= 0:
        with contextlib.suppress(OSError):
            os.close(descriptor)
