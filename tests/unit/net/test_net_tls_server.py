"""TLS as a server: sessions with OpenSSL's own client, awake and without OpenSSL."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

import pytest

from idlebell.net.errors import ConnectionLost, TlsFailed
from idlebell.net.record_channel import RecordChannel
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import server_context
from idlebell.net.tls_server import TlsServerChannel, accept_tls
from idlebell.net.traffic_secrets import TrafficSecrets
from idlebell.net.wire import Wire
from idlebell.testing.certificate import Authority

BULK = bytes(range(256)) * 400


class Place:
    def __init__(self, folder: Path) -> None:
        authority = Authority()
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        certificate, key = authority.issue("localhost")
        self.certificate.write_bytes(certificate)
        self.key.write_bytes(key)
        self.arena = SecretArena()
        self.secrets = TrafficSecrets(self.arena)
        self.context = server_context(self.certificate, self.key, self.secrets)
        self.client = ssl.create_default_context(cadata=authority.ca_pem.decode())

    async def met(self, *, said_bytes: int = 0) -> tuple[TlsServerChannel, asyncio.StreamReader, asyncio.StreamWriter]:
        """``said_bytes``: of the client's first flight that were read by somebody else before."""
        near, far = socket.socketpair()
        far.setblocking(False)
        connecting = asyncio.create_task(
            asyncio.open_connection(sock=far, ssl=self.client, server_hostname="localhost")
        )
        wire = Wire(near)
        said = await wire.receive(said_bytes) if said_bytes else b""
        channel = await accept_tls(wire, self.context, said, self.secrets)
        return channel, *await connecting


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("said_bytes", [0, 300])
async def test_a_session_goes_on_without_openssl_in_both_directions(place: Place, said_bytes: int) -> None:
    channel, reader, writer = await place.met(said_bytes=said_bytes)
    writer.write(b"hello")
    assert await channel.read(100) == b"hello"
    await channel.write(b"there")
    assert await reader.readexactly(5) == b"there"
    parked = channel.park()
    assert isinstance(parked, RecordChannel)
    writer.write(BULK)
    taken = b""
    while len(taken) < len(BULK):
        taken += await parked.read(65_536)
    assert taken == BULK
    _, sent = await asyncio.gather(parked.write(BULK), reader.readexactly(len(BULK)))
    assert sent == BULK
    writer.close()
    assert await parked.read(10) == b""
    parked.close()


async def test_two_handshakes_at_once_get_secrets_of_their_own(place: Place) -> None:
    for channel, reader, writer in await asyncio.gather(*(place.met() for _ in range(8))):
        parked = channel.park()
        assert parked is not None
        await parked.write(b"hello")
        assert await reader.readexactly(5) == b"hello"
        writer.close()
        parked.close()


async def test_a_session_of_tls_1_2_stays_awake(place: Place) -> None:
    place.client.maximum_version = ssl.TLSVersion.TLSv1_2
    channel, reader, writer = await place.met()
    assert channel.park() is None
    await channel.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.close()
    channel.close()


@pytest.mark.parametrize(("said", "error"), [(b"a LOGIN bob secret\r\n", TlsFailed), (b"", ConnectionLost)])
async def test_who_is_no_tls_client_gets_no_session(place: Place, said: bytes, error: type[Exception]) -> None:
    near, far = socket.socketpair()
    far.send(said or b"\x16")
    if not said:
        far.close()
    with pytest.raises(error):
        await accept_tls(Wire(near), place.context, b"", place.secrets)
    far.close()


async def test_a_handshake_that_is_broken_off_leaves_no_secret(place: Place) -> None:
    near, far = socket.socketpair()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = place.client.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    far.send(outgoing.read())
    accepting = asyncio.create_task(accept_tls(Wire(near), place.context, b"", place.secrets))
    assert await asyncio.get_running_loop().run_in_executor(
        None, far.recv, 10
    )  # the server's flight: it has its secret
    far.close()
    with pytest.raises((ConnectionLost, TlsFailed)):
        await accepting
