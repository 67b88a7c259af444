"""An HTTP proxy of the operator's: ``http`` is asked of it in the absolute form, ``https`` goes through it by CONNECT."""

from __future__ import annotations

import asyncio
import base64
import re
import socket
from typing import Final
from urllib.parse import unquote, urlsplit

from idlebell.net.connector import Connector
from idlebell.net.egress import Purpose
from idlebell.net.errors import Unreachable
from idlebell.net.http_request import Origin, Target, spell, spell_connect
from idlebell.push.exchange import HttpRequest

HEAD_BYTES: Final = 8_192
"""Of the answer to CONNECT."""
_END: Final = b"\r\n\r\n"
_TAKEN: Final = re.compile(rb"HTTP/1\.[01] 2[0-9][0-9][ \r]")


class HttpProxy:
    """``url``: ``http://[USER:PASSWORD@]HOST[:PORT]``. Its ``repr`` shows no password."""

    __slots__ = ("_credentials", "_host", "_port")

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or 80
        self._credentials = ""
        if parts.username is not None:
            # RFC 7617 section 2.1: in UTF-8.
            told = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._credentials = f"Basic {base64.b64encode(told.encode()).decode()}"

    def spell(self, request: HttpRequest, target: Target) -> bytes:
        if target.origin.secure:
            return spell(request, target)
        return spell(request, target, proxied=True, credentials=self._credentials)

    async def dial(self, connector: Connector, origin: Origin, timeout_seconds: float) -> socket.socket:
        """A socket on which the next byte is ``origin``'s, or for ``http`` the proxy's. Unreachable. The caller has the
        deadline."""
        sock = await connector.connect(self._host, self._port, Purpose.HTTP, timeout_seconds=timeout_seconds)
        if not origin.secure:
            return sock
        try:
            await self._pass(sock, origin)
        except OSError as error:
            sock.close()
            raise Unreachable("failed", f"the proxy: {type(error).__name__}") from error
        except BaseException:
            sock.close()
            raise
        return sock

    async def _pass(self, sock: socket.socket, origin: Origin) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(sock, spell_connect(origin, self._credentials))
        head = b""
        while _END not in head:
            data = await loop.sock_recv(sock, HEAD_BYTES - len(head))
            if not data:
                raise Unreachable("failed", "the proxy closed, or said too much")
            head += data
        if _TAKEN.match(head) is None:
            raise Unreachable("failed", f"the proxy lets nothing through: {_shown(head)}")
        if not head.endswith(_END):
            # Before our ClientHello nobody but the proxy can have said it.
            raise Unreachable("failed", "the proxy said something before TLS began")


def _shown(head: bytes) -> str:
    return re.sub(r"[^ -~]+", " ", head.partition(b"\r\n")[0][:80].decode("latin-1"))
