"""A session whose OpenSSL object is freed, as a channel: what :class:`~.tls_engine.TlsChannel` is, over our own record
layer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from typing import Final

from idlebell.net.errors import ConnectionLost
from idlebell.net.tls_parked import CIPHERTEXT_BYTES, HEADER_BYTES, ParkedTls, TlsRecordError
from idlebell.net.wire import Wire

RECEIVE_BYTES: Final = HEADER_BYTES + CIPHERTEXT_BYTES
"""Taken from the socket at once: a record, or many short ones. Whoever reads more than this at once reads in bulk."""
SEND_BYTES: Final = 65_536
"""Sealed and given to the kernel at once: each call wakes the peer, and that is most of what a large message
costs."""


class RecordChannel:
    """Owns the wire and the secrets until :meth:`release`. One task reads, one writes. Keys are kept from one record to
    the next until the session waits."""

    __slots__ = ("_content", "_end", "_tls", "_unsent", "_wire", "description")

    def __init__(self, wire: Wire, tls: ParkedTls, content: bytes = b"") -> None:
        """``content``: what has come and was opened already, to be read first."""
        self._wire = wire
        self._tls = tls
        self._content = content  # application data that nobody has read yet; at most what one receive gave
        self._end: ConnectionLost | None = None  # told once what came before it was read
        self._unsent = b""  # records that the kernel has not taken, in the order in which they were sealed
        self.description = sys.intern(f"TLSv1.3 {tls.suite.name}")

    @property
    def peer(self) -> str:
        return self._wire.peer

    @property
    def moved_bytes(self) -> int:
        return self._wire.moved_bytes

    @property
    def at_rest(self) -> bool:
        """Nothing is still to be read or sent, no part of a record has come, and the peer has not ended the session."""
        under_way = self._content or self._unsent or self._end is not None
        return not under_way and not self._tls.peer_closed and self._tls.at_rest

    def release(self) -> tuple[Wire, ParkedTls] | None:
        """Gives away what the channel was made of; it cannot be used any more, and one that is made of the two goes on where
        it stopped. None, and nothing has changed: it is not :attr:`at_rest`. Nobody may be reading or writing."""
        if not self.at_rest:
            return None
        wire, tls = self._wire, self._tls
        tls.drop_keys()
        del self._wire, self._tls
        return wire, tls

    async def read(self, max_bytes: int) -> bytes:
        while not self._content:
            if self._end is not None:
                end, self._end = self._end, ConnectionLost("closed")
                raise end
            if self._tls.peer_closed:
                return b""
            self._tls.keep_keys()
            data: bytes | memoryview
            if max_bytes <= RECEIVE_BYTES:
                data = await self._wire.receive(max_bytes)
            else:
                data = await self._wire.receive_into(self._tls.arena.shared_buffer(max_bytes))
            if not data:
                raise ConnectionLost("truncated", "closed without close_notify")  # RFC 8446 section 6.1
            self._take(data)
        content, self._content = self._content[:max_bytes], self._content[max_bytes:]
        return content

    def ready(self, timeout_seconds: float) -> Awaitable[bool]:
        if self._content or self._end is not None or self._tls.peer_closed:
            there: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            there.set_result(True)
            return there
        self._tls.drop_keys()
        return self._wire.ready(timeout_seconds)

    def stirring(self, timeout_seconds: float) -> Awaitable[bool]:
        if self._content or self._end is not None or self._tls.peer_closed:
            return self.ready(timeout_seconds)
        return self._wire.ready(timeout_seconds)

    def rest(self, wake: Callable[[], None]) -> None:
        if self._content or self._end is not None or self._tls.peer_closed:
            asyncio.get_running_loop().call_soon(wake)
            return
        self._tls.drop_keys()
        self._wire.rest(wake)

    def interrupt(self) -> None:
        self._wire.interrupt()

    def limit(self, seconds: float | None) -> None:
        self._wire.limit(seconds)

    async def write(self, data: bytes) -> None:
        self._tls.keep_keys()
        for start in range(0, len(data), SEND_BYTES):
            self._unsent += self._tls.seal(data[start : start + SEND_BYTES])
            while self._unsent:
                self._unsent = self._unsent[self._wire.send_now(self._unsent) :]
                if self._unsent:
                    await self._wire.writable()

    def shut_down(self) -> None:
        with contextlib.suppress(ConnectionLost):
            self._unsent += self._tls.close_notify()
            self._send_what_goes()
        self.close()

    def close(self) -> None:
        self._tls.forget()
        self._wire.close()

    def _take(self, data: bytes | memoryview) -> None:
        try:
            received = self._tls.receive(data)
        except TlsRecordError as error:
            self._content, self._end = error.content, error
            self._unsent += error.farewell
        else:
            self._content = received.content
            self._unsent += received.reply
        # What the kernel does not take now goes before the next write; RFC 8446 section 4.6.3 asks for no more.
        with contextlib.suppress(ConnectionLost):  # the next receive says so
            self._send_what_goes()

    def _send_what_goes(self) -> None:
        while self._unsent and (sent := self._wire.send_now(self._unsent)):
            self._unsent = self._unsent[sent:]
