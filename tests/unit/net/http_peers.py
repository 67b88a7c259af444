"""Requests, and servers of HTTP that read each byte of them."""

from __future__ import annotations

from idlebell.model.endpoint import PushUrl
from idlebell.push.exchange import HttpRequest


def request(url: str, body: bytes = b"body", method: str = "POST") -> HttpRequest:
    return HttpRequest(method, PushUrl(url), (("TTL", "60"), ("Content-Type", "text/plain")), body)


async def read_request(peer) -> tuple[bytes, dict[str, str], bytes]:
    first = await peer.line()
    if not first:
        raise ConnectionResetError  # the client has closed; the server's task ends
    headers: dict[str, str] = {}
    while (line := (await peer.line()).strip()) != b"":
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    body = await peer.reader.readexactly(int(headers.get("content-length", "0")))
    peer.received += body
    return first.strip(), headers, body


def answering(*lines: bytes, body: bytes = b""):
    async def handler(peer):
        while True:
            await read_request(peer)
            await peer.say(*lines, b"Content-Length: %d" % len(body), b"")
            peer.writer.write(body)
            await peer.writer.drain()

    return handler
