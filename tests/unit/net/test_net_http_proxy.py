"""Through the operator's proxy."""

from __future__ import annotations

import asyncio
import base64

import pytest
from http_peers import answering, read_request, request
from net_peers import LOOPBACK

from idlebell.net.http_client import HttpClient
from idlebell.net.http_proxy import HttpProxy
from idlebell.push.exchange import HttpResponse, NoResponse


def tunnel(to_port: int, seen: list[tuple[bytes, dict[str, str]]]):
    """A proxy that lets through to a port of this machine."""

    async def handler(peer):
        first, headers, _ = await read_request(peer)
        seen.append((first, headers))
        reader, writer = await asyncio.open_connection("127.0.0.1", to_port)
        await peer.say(b"HTTP/1.1 200 Connection established", b"X-Proxy: yes", b"")

        async def pump(source, sink):
            while data := await source.read(65_536):
                sink.write(data)

        try:
            await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))
        finally:
            writer.close()

    return handler


async def test_tls_goes_through_a_proxy_that_sees_only_where_to(serve, policy, resolver, server_tls):
    served = await serve(answering(b"HTTP/1.1 204 No Content"), server_tls)
    seen: list[tuple[bytes, dict[str, str]]] = []
    proxy = await serve(tunnel(served.port, seen))
    client = HttpClient(LOOPBACK, resolver, policy, proxy=f"http://us%40er:p%3Aw@127.0.0.1:{proxy.port}")
    for _ in range(2):
        answer = await client.send(request(f"https://mail.test:{served.port}/secret"))
        assert isinstance(answer, HttpResponse)
    await client.close()
    credentials = base64.b64encode(b"us@er:p:w").decode()
    assert seen == [
        (
            f"CONNECT mail.test:{served.port} HTTP/1.1".encode(),
            {"host": f"mail.test:{served.port}", "proxy-authorization": f"Basic {credentials}"},
        )
    ]
    assert b"secret" not in proxy.received
    assert b"proxy-authorization" not in served.received.lower()


async def test_what_goes_in_clear_is_asked_of_the_proxy(serve, policy, resolver):
    proxy = await serve(answering(b"HTTP/1.1 204 No Content"))
    client = HttpClient(LOOPBACK, resolver, policy, proxy=f"http://user@127.0.0.1:{proxy.port}")
    answer = await client.send(request("http://mail.test:81/x"))
    await client.close()
    assert isinstance(answer, HttpResponse)
    assert proxy.received.startswith(b"POST http://mail.test:81/x HTTP/1.1\r\nHost: mail.test:81\r\n")
    assert b"\r\nProxy-Authorization: Basic dXNlcjo=\r\n" in proxy.received


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 407 Who are you\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n\x16\x03\x03",
        b"SSH-2.0-x\r\n\r\n",
        b"",
    ],
    ids=["refuses", "stops", "talks", "says more", "is none", "closes"],
)
async def test_a_proxy_that_lets_nothing_through_is_broken(serve, policy, resolver, said):
    async def handler(peer):
        await read_request(peer)
        peer.writer.write(said)
        await peer.writer.drain()

    proxy = await serve(handler)
    client = HttpClient(LOOPBACK, resolver, policy, proxy=f"http://127.0.0.1:{proxy.port}")
    answer = await client.send(request("https://mail.test/"))
    await client.close()
    assert isinstance(answer, NoResponse)
    assert answer.reason == "broken"


def test_its_repr_shows_no_password():
    assert "hunter2" not in repr(HttpProxy("http://user:hunter2@127.0.0.1:3128"))
