"""TLS at the server's end, as bytes in and bytes out: two memory BIOs under an asyncio protocol.

asyncio's own TLS keeps a read buffer of 256 KiB for every connection; a process that plays server to thousands cannot
afford it.
"""

from __future__ import annotations

import ssl


class TlsLayer:
    """The handshake runs as the bytes come. ``ssl.SSLError`` ends the connection."""

    __slots__ = ("_incoming", "_object", "_outgoing", "ready")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._object = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.ready = False

    def receive(self, data: bytes) -> bytes:
        """What was said in ``data``; ``b""`` while the handshake runs. What we have to say to it is in :meth:`outgoing`."""
        self._incoming.write(data)
        if not self.ready:
            try:
                self._object.do_handshake()
            except ssl.SSLWantReadError:
                return b""
            self.ready = True
        pieces: list[bytes] = []
        try:
            while piece := self._object.read(16_384):
                pieces.append(piece)
        except (ssl.SSLWantReadError, ssl.SSLZeroReturnError):
            pass
        return b"".join(pieces)

    def send(self, data: bytes) -> None:
        if data:
            self._object.write(data)

    def close(self) -> None:
        """close_notify; its answer is not waited for."""
        try:
            self._object.unwrap()
        except (ssl.SSLError, ValueError):
            return

    def outgoing(self) -> bytes:
        return self._outgoing.read() if self._outgoing.pending else b""
