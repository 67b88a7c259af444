"""When a session may leave OpenSSL, and what becomes of its secrets when it does not."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
import trustme
from net_peers import shake_hands

from idlebell.net.errors import ConnectionLost, TlsFailed
from idlebell.net.record_channel import RecordChannel
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_engine import LAST_BYTES, TlsChannel, start_tls
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wire import Wire


@pytest.fixture
def parking(ca: trustme.CA, tmp_path: Path) -> TlsPolicy:
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return TlsPolicy(tmp_path / "ca.pem", SecretArena())


async def echo(peer):
    while data := await peer.reader.read(1_000):
        peer.writer.write(data)


async def dial(served, policy: TlsPolicy, name: str = "mail.test") -> TlsChannel:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (served.host, served.port))
    wire = Wire(sock)
    try:
        return await start_tls(wire, policy.session_context, name, policy.secrets)
    except BaseException:
        wire.close()
        raise


async def converse(channel: TlsChannel | RecordChannel, words: bytes) -> None:
    await channel.write(words)
    heard = b""
    while len(heard) < len(words):
        heard += await channel.read(16_384)
    assert heard == words


def used(policy: TlsPolicy) -> int:
    assert policy.secrets is not None
    return policy.secrets.arena.used


@pytest.mark.parametrize("exchanges", [0, 1, 5])
async def test_a_session_goes_on_after_any_number_of_records(serve, parking, server_tls, exchanges):
    channel = await dial(await serve(echo, server_tls), parking)
    for number in range(exchanges):
        await converse(channel, b"awake %d" % number + bytes(2_000) * number)
    parked = channel.park()
    assert isinstance(parked, RecordChannel)
    assert parked.description == channel.description
    assert parked.peer == "127.0.0.1"
    for number in range(5):
        await converse(parked, b"asleep %d" % number + bytes(20_000) * number)
    parked.shut_down()
    assert used(parking) == 0


async def test_sessions_that_shake_hands_at_once_do_not_mix(serve, parking, server_tls):
    served = await serve(echo, server_tls)
    channels = await asyncio.gather(*(dial(served, parking) for _ in range(20)))
    parked = [channel.park() for channel in channels]
    assert used(parking) == 20
    for number, one in enumerate(parked):
        await converse(one, b"I am %d" % number)
        one.close()
    assert used(parking) == 0


async def test_within_a_record_a_session_stays_awake(serve, parking, server_tls):
    channel = await dial(await serve(echo, server_tls), parking)
    await channel.write(b"x" * 500)
    assert await channel.read(100) == b"x" * 100
    assert channel.park() is None  # OpenSSL has opened all of the record
    assert await channel.read(16_384) == b"x" * 400
    parked = channel.park()
    assert parked is not None
    parked.close()


async def test_after_a_long_record_a_session_stays_awake_until_a_short_one_shows_its_keys(serve, parking, server_tls):
    async def handler(peer):
        peer.writer.write(b"x" * LAST_BYTES)  # and type and tag
        assert await peer.reader.read(1) == b"y"
        peer.writer.write(b"y")
        await echo(peer)

    channel = await dial(await serve(handler, server_tls), parking)
    heard = 0
    while heard < LAST_BYTES:
        heard += len(await channel.read(16_384))
    assert channel.park() is None
    await converse(channel, b"y")
    parked = channel.park()
    assert parked is not None
    await converse(parked, b"z")
    parked.close()


async def test_where_freed_memory_cannot_be_wiped_a_session_is_parked_all_the_same(serve, parking, server_tls):
    parking.secrets._mallopt = None
    channel = await dial(await serve(echo, server_tls), parking)
    parked = channel.park()
    assert parked is not None
    await converse(parked, b"x")
    parked.close()


async def test_a_miscounted_session_stays_awake(serve, parking, server_tls):
    channel = await dial(await serve(echo, server_tls), parking)
    await converse(channel, b"x")
    channel._received += 1
    assert channel.park() is None
    await converse(channel, b"still awake")
    channel.close()


async def test_a_cancelled_read_that_took_a_part_of_a_record_keeps_a_session_awake(parking, server_tls):
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    loop = asyncio.get_running_loop()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_tls.wrap_bio(incoming, outgoing, server_side=True)
    handshake = asyncio.ensure_future(start_tls(Wire(left), parking.session_context, "mail.test", parking.secrets))
    await shake_hands(server, incoming, outgoing, right)
    channel = await handshake
    await loop.sock_sendall(right, outgoing.read())
    server.write(b"hello")
    record = outgoing.read()
    for piece in (record[:3], record[3:9]):  # a part of the header, and all of it with a part of the rest
        await loop.sock_sendall(right, piece)
        reading = asyncio.ensure_future(channel.read(100))
        while not (channel._header or channel._left):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert channel.park() is None
    await loop.sock_sendall(right, record[9:])
    assert await channel.read(100) == b"hello"
    parked = channel.park()
    assert parked is not None
    server.write(b"more")
    await loop.sock_sendall(right, outgoing.read())
    assert await parked.read(100) == b"more"
    parked.close()
    right.close()


@pytest.mark.parametrize("surplus", [0, 1, 4, 5, 6, 20, 30, 60])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_what_comes_with_the_end_of_the_handshake_is_not_lost(parking, server_tls, ca, version, surplus):
    """A server may greet in the segment of its Finished. Under TLS 1.3 it could do so only with 0.5-RTT data."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    ca.issue_cert("mail.test").configure_cert(context)
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    loop = asyncio.get_running_loop()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    handshake = asyncio.ensure_future(start_tls(Wire(left), parking.session_context, "mail.test", parking.secrets))
    while True:
        incoming.write(await loop.sock_recv(right, 65_536))
        try:
            server.do_handshake()
        except ssl.SSLWantReadError:
            await loop.sock_sendall(right, outgoing.read())
        else:
            break
    finished = outgoing.read()
    server.write(b"hello")
    greeting = outgoing.read()
    await loop.sock_sendall(right, finished + greeting[:surplus])
    channel = await handshake
    assert channel.description.startswith(version.name.replace("_", "."))
    if version is ssl.TLSVersion.TLSv1_2:
        assert channel._ahead == greeting[:surplus]
        assert await channel.ready(60.0) if surplus else not await channel.ready(0.0)
        assert channel.park() is None
    await loop.sock_sendall(right, greeting[surplus:])
    assert await channel.read(100) == b"hello"
    assert not await channel.ready(0.0)
    await channel.write(b"x")
    incoming.write(await loop.sock_recv(right, 65_536))
    assert server.read(100) == b"x"
    channel.close()
    right.close()


async def test_what_waits_to_be_sent_keeps_a_session_awake(serve, parking, server_tls, monkeypatch):
    channel = await dial(await serve(echo, server_tls), parking)
    with monkeypatch.context() as full:
        full.setattr(Wire, "send_now", lambda wire, data: 0)
        writing = asyncio.ensure_future(channel.write(b"x"))
        await asyncio.sleep(0)
        assert channel.park() is None
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    channel.close()


async def test_a_session_that_has_ended_is_not_parked(serve, parking, server_tls):
    async def orderly(peer):
        peer.writer.close()
        await peer.writer.wait_closed()

    async def broken(peer):
        with peer.socket() as raw:
            raw.send(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        await peer.rest()

    channel = await dial(await serve(orderly, server_tls), parking)
    assert await channel.read(100) == b""
    assert channel.park() is None
    channel.close()
    channel = await dial(await serve(broken, server_tls), parking)
    with pytest.raises(ConnectionLost):
        await channel.read(100)
    assert channel.park() is None
    channel.close()
    channel = await dial(await serve(echo, server_tls), parking)
    channel.close()
    assert channel.park() is None
    channel.close()
    assert used(parking) == 0


async def test_where_nobody_listens_a_session_stays_awake(serve, policy, server_tls):
    channel = await dial(await serve(echo, server_tls), policy)
    assert channel.park() is None
    await converse(channel, b"still awake")
    channel.close()


async def test_a_handshake_that_fails_leaves_no_secret(serve, parking, server_tls):
    served = await serve(echo, server_tls)
    with pytest.raises(TlsFailed):
        await dial(served, parking, "other.test")
    assert used(parking) == 0
    assert parking.secrets is not None
    parking.secrets.discard()
    parked = (await dial(served, parking)).park()
    assert parked is not None
    parked.close()


@pytest.mark.parametrize("how", ["send", "cancel"])
async def test_a_connection_that_ends_under_the_last_flight_leaves_no_secret(
    serve, parking, server_tls, monkeypatch, how
):
    served = await serve(echo, server_tls)
    flush = TlsChannel._flush

    async def breaking(channel: TlsChannel) -> None:
        if channel.description:  # after the handshake's last step
            raise ConnectionLost("reset") if how == "send" else asyncio.CancelledError
        await flush(channel)

    monkeypatch.setattr(TlsChannel, "_flush", breaking)
    with pytest.raises((ConnectionLost, asyncio.CancelledError)):
        await dial(served, parking)
    assert used(parking) == 0
