"""One connection: what is sent, what is heard, and when it is at its end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from http_peers import answering, read_request, request
from net_peers import LOOPBACK

from idlebell.net.errors import ConnectionLost
from idlebell.net.http_client import HttpClient
from idlebell.net.http_connection import READ_BYTES, HttpConnection
from idlebell.push.exchange import HttpResponse, NoResponse

SOON = 5.0
ANSWER = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Ours and the other side's."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def made(sock: socket.socket) -> tuple[HttpConnection, list[HttpConnection]]:
    ended: list[HttpConnection] = []
    return HttpConnection(sock, memoryview(bytearray(READ_BYTES)), ended.append), ended


def until(seconds: float = SOON) -> float:
    return asyncio.get_running_loop().time() + seconds


async def closed(connection: HttpConnection) -> None:
    while not connection.closed:
        await asyncio.sleep(0)


async def test_a_large_body_is_sent_as_the_other_side_takes_it(ends):
    connection, _ = made(ends[0])
    body = bytes(3_000_000)
    sending = asyncio.ensure_future(connection.request(body, 0, until()))
    loop = asyncio.get_running_loop()
    got = 0
    while got < len(body):
        got += len(await loop.sock_recv(ends[1], 65_536))
    ends[1].send(ANSWER)
    assert (await sending).status == 201
    assert not connection.closed
    connection.close()


async def test_an_answer_before_the_end_of_the_body_is_the_answer(ends):
    """A service says "too large" and closes: what it says counts, also where sending has failed by then."""
    connection, ended = made(ends[0])
    sending = asyncio.ensure_future(connection.request(bytes(3_000_000), 100, until()))
    await asyncio.sleep(0)
    ends[1].send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
    ends[1].shutdown(socket.SHUT_WR)
    assert (await sending).status == 413
    assert ended == [connection]


async def test_what_is_said_unasked_ends_an_idle_connection_as_its_end_does(ends):
    connection, ended = made(ends[0])
    ends[1].send(ANSWER)
    await closed(connection)
    assert ended == [connection]


async def test_closing_it_ends_the_request_on_it(ends):
    connection, ended = made(ends[0])
    sending = asyncio.ensure_future(connection.request(b"x", 0, until()))
    await asyncio.sleep(0)
    connection.close()
    connection.close()
    with pytest.raises(ConnectionLost) as lost:
        await sending
    assert (lost.value.reason, ended) == ("closed", [connection])


async def test_a_reset_is_a_loss_and_a_time_that_is_over_a_timeout(serve, ends):
    connection, _ = made(ends[0])
    with pytest.raises(TimeoutError):
        await connection.request(b"x", 0, until(0.01))
    assert connection.closed

    async def handler(peer):
        with peer.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await peer.reader.read(1)

    served = await serve(handler)
    sock = socket.create_connection((served.host, served.port))
    sock.setblocking(False)
    other, _ = made(sock)
    with pytest.raises(ConnectionLost) as lost:
        await other.request(b"xx", 0, until())
    assert lost.value.reason in ("reset", "eof")


@pytest.mark.parametrize("tls", [False, True], ids=["clear", "tls"])
async def test_a_connection_that_was_closed_as_a_request_came_is_followed_by_a_new_one(serve, client, server_tls, tls):
    """The service closes when it has waited long enough, and that may cross a request on its way."""

    async def once_and_away(peer):
        await read_request(peer)
        await peer.say(b"HTTP/1.1 204 No Content", b"")
        await read_request(peer)  # and closes, without a word

    served = await serve(once_and_away, server_tls if tls else None)
    url = f"{'https' if tls else 'http'}://mail.test:{served.port}/"
    for connections in (1, 2, 3):
        answer = await client.send(request(url))
        assert isinstance(answer, HttpResponse)
        assert len(served.peers) == connections


async def test_a_new_connection_that_is_closed_without_a_word_is_not_followed_by_another(serve, client):
    async def handler(peer):
        await read_request(peer)

    served = await serve(handler)
    for connections in (1, 2):
        answer = await client.send(request(f"http://mail.test:{served.port}/"))
        assert isinstance(answer, NoResponse)
        assert answer.reason == "broken"
        assert len(served.peers) == connections


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"H", None),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 200),
        (b"HTTP/1.1 410 Gone\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 410),
    ],
)
async def test_a_request_of_which_something_was_heard_is_never_sent_twice(serve, client, said, status):
    async def handler(peer):
        await read_request(peer)
        await peer.say(b"HTTP/1.1 204 No Content", b"")
        await read_request(peer)
        peer.writer.write(said)
        await peer.writer.drain()
        peer.writer.close()

    served = await serve(handler)
    url = f"http://mail.test:{served.port}/"
    assert isinstance(await client.send(request(url)), HttpResponse)
    answer = await client.push(request(url))
    assert (answer.status if isinstance(answer, HttpResponse) else answer.reason) == (status or "broken")
    assert served.received.count(b"POST ") == 2
    assert len(served.peers) == 1


async def test_a_connection_that_the_service_closes_while_it_is_idle_is_not_tried(serve, client):
    closing = asyncio.Event()

    async def handler(peer):
        await read_request(peer)
        await peer.say(b"HTTP/1.1 204 No Content", b"")
        await closing.wait()

    served = await serve(handler)
    url = f"http://mail.test:{served.port}/"
    await client.send(request(url))
    closing.set()
    while client._pool._taken:
        await asyncio.sleep(0)
    assert isinstance(await client.send(request(url)), HttpResponse)
    assert served.received.count(b"POST ") == len(served.peers) == 2


async def test_another_answer_behind_the_first_is_nobodys(serve, client):
    """Response splitting: what a service says too much must not answer somebody else's request."""

    async def handler(peer):
        await read_request(peer)
        await peer.say(
            *[b"HTTP/1.1 200 OK", b"Content-Length: 0", b""], *[b"HTTP/1.1 410 Gone", b"Content-Length: 0", b""]
        )
        await peer.rest()

    served = await serve(handler)
    for _ in range(2):
        answer = await client.send(request(f"http://mail.test:{served.port}/"))
        assert isinstance(answer, HttpResponse)
        assert answer.status == 200
    assert len(served.peers) == 2


async def test_a_handshake_that_is_broken_off_or_never_ends_has_its_outcome(serve, policy, resolver, monkeypatch):
    monkeypatch.setattr("idlebell.net.http_client.CONNECT_SECONDS", 0.1)

    async def away(peer):
        await peer.reader.read(5)

    async def silent(peer):
        await peer.rest()

    client = HttpClient(LOOPBACK, resolver, policy)
    for handler, reason in ((away, "broken"), (silent, "timeout")):
        served = await serve(handler)
        answer = await client.send(request(f"https://mail.test:{served.port}/"))
        assert isinstance(answer, NoResponse)
        assert answer.reason == reason
    assert client._pool._taken == 0
    await client.close()


async def test_under_tls_a_long_answer_is_read_to_its_end(serve, client, server_tls):
    """More than one record, in one read of the socket or in many."""
    body = bytes(range(256)) * 400
    served = await serve(answering(b"HTTP/1.1 200 OK", body=body), server_tls)
    for _ in range(2):
        answer = await client.send(request(f"https://mail.test:{served.port}/"), body_bytes=len(body))
        assert isinstance(answer, HttpResponse)
        assert answer.body == body
    assert len(served.peers) == 1
