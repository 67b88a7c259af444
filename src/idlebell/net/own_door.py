"""Asks the gateway of this machine how it is. For the operator's commands only: no address but the configured one is dialled,
and since nothing is sent but the question, its certificate is not asked for."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

ANSWER_BYTES_MAX: Final = 1_000_000
SECONDS: Final = 5.0


async def ask(host: str, port: int, path: str, *, tls: bool) -> tuple[int, bytes] | None:
    """Status and body; None: nobody answers, or not so that one understands it."""
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(SECONDS):
            reader, writer = await asyncio.open_connection(_dialled(host), port, ssl=context)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode("ascii"))
                data = await reader.read(ANSWER_BYTES_MAX)
                while (more := await reader.read(ANSWER_BYTES_MAX)) and len(data) < ANSWER_BYTES_MAX:
                    data += more
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return None
    head, _, body = data.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return None
    return int(words[1]), body


def _dialled(host: str) -> str:
    """What listens everywhere is asked on loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
