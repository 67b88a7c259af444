"""TLS over our own memory BIOs: which certificates, which endings, and how little it reads and keeps."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from net_peers import shake_hands

from idlebell.net.errors import ConnectionLost, TlsFailed
from idlebell.net.plain_channel import PlainChannel
from idlebell.net.tls_engine import AHEAD_BYTES, LONG_BYTES, TlsChannel, start_tls
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wire import Wire

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


class Maker:
    """Certificates that no honest authority would sign."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test Root")])
        root = self._build(self.name, self.name, self.key, self.key, authority=True)
        self.root = path / "root.pem"
        self.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def _build(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        key,
        signer,
        *,
        authority: bool = False,
        names: tuple[str, ...] = (),
        start: datetime.datetime = NOW - DAY,
        end: datetime.datetime = NOW + DAY,
        usage=None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
            )
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        return builder.sign(signer, hashes.SHA256())

    def server(self, *, common_name: str = "mail.test", self_signed: bool = False, weak: bool = False, **how):
        """A server's context with such a certificate."""
        key = rsa.generate_private_key(65_537, 1_024) if weak else ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        how.setdefault("names", ("mail.test",))
        certificate = self._build(
            subject, subject if self_signed else self.name, key, key if self_signed else self.key, **how
        )
        path = self.path / "server.pem"
        path.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if weak:
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.load_cert_chain(path)
        return context


@pytest.fixture(scope="session")
def maker(tmp_path_factory) -> Maker:
    return Maker(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="session")
def strict(maker) -> TlsPolicy:
    return TlsPolicy(maker.root)


async def hold(peer):
    await peer.rest()


async def dial(served) -> Wire:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (served.host, served.port))
    return Wire(sock)


async def refused(served, policy, name: str = "mail.test") -> TlsFailed:
    wire = await dial(served)
    try:
        with pytest.raises(TlsFailed) as caught:
            await start_tls(wire, policy.client_context, name)
    finally:
        wire.close()
    return caught.value


# --- certificates (P6) ---


@pytest.mark.parametrize(
    ("how", "check"),
    [
        ({"start": NOW - 2 * DAY, "end": NOW - DAY}, "expired"),
        ({"start": NOW + DAY, "end": NOW + 2 * DAY}, "not-yet-valid"),
        ({"names": ("imap.test",)}, "wrong-host"),
        ({"names": ()}, "wrong-host"),  # the name in the subject only
        ({"names": ("*.test.mail",)}, "wrong-host"),
        ({"self_signed": True}, "self-signed"),
        ({"usage": ExtendedKeyUsageOID.CLIENT_AUTH}, "wrong-purpose"),
        ({"weak": True}, "weak-key"),
    ],
)
async def test_a_bad_certificate_is_refused_and_named(serve, maker, strict, how, check):
    """P6: each verification code has a stable word, and the user is told which certificate it was."""
    error = await refused(await serve(hold, maker.server(**how)), strict)
    assert error.check == check
    assert error.certificate is not None
    assert error.certificate.subject == "CN=mail.test"
    assert error.certificate.names == how.get("names", ("mail.test",))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_an_unknown_authority_is_refused_under_both_versions(serve, maker, policy, version):
    context = maker.server()
    context.maximum_version = version
    error = await refused(await serve(hold, context), policy)
    assert error.check == "unknown-authority"
    assert error.certificate is not None
    assert error.certificate.issuer == "CN=Test Root"
    assert error.certificate.not_after.startswith(f"{NOW + DAY:%Y-%m-%d}")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_good_certificate_is_accepted_by_name(serve, maker, strict, version):
    context = maker.server()
    context.maximum_version = version
    wire = await dial(await serve(hold, context))
    channel = await start_tls(wire, strict.client_context, "mail.test")
    assert channel.description.startswith(version.name.replace("_", ".").replace("TLSv1", "TLSv1"))
    channel.close()


async def test_an_address_is_checked_as_an_address(serve, policy, server_tls):
    served = await serve(hold, server_tls)
    channel = await start_tls(await dial(served), policy.client_context, "127.0.0.1")
    channel.close()
    assert (await refused(served, policy, "127.0.0.2")).check == "wrong-host"


OLD_SERVER = """
import socket, ssl, sys, warnings
warnings.simplefilter("ignore")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.set_ciphers("ALL:@SECLEVEL=0")
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, sys.argv[2])
context.load_cert_chain(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
try:
    context.wrap_socket(listener.accept()[0], server_side=True)
except OSError:
    pass
"""


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
async def test_old_versions_of_tls_are_refused(maker, strict, version):
    maker.server()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OLD_SERVER, str(maker.path / "server.pem"), version, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    port = int(await process.stdout.readline())

    class Old:
        host = "127.0.0.1"

    Old.port = port
    assert (await refused(Old, strict)).check in ("old-protocol", "alert")
    await process.wait()


async def test_a_server_in_clear_is_not_tls(serve, policy):
    async def handler(peer):
        await peer.say(b"* OK hello")
        await peer.rest()

    assert (await refused(await serve(handler), policy)).check == "not-tls"


async def test_a_close_in_the_handshake_is_a_lost_connection(serve, policy):
    async def handler(peer):
        await peer.reader.read(5)

    wire = await dial(await serve(handler))
    with pytest.raises(ConnectionLost):
        await start_tls(wire, policy.client_context, "mail.test")
    wire.close()


def test_a_ca_file_that_holds_no_authority_is_an_error_of_the_operator(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")
    for path in (empty, tmp_path / "missing.pem"):
        with pytest.raises(ValueError, match=r"certificate authorities|cannot be read"):
            TlsPolicy(path)


# --- bytes ---


async def pair(serve, policy, server_tls, handler) -> TlsChannel:
    return await start_tls(await dial(await serve(handler, server_tls)), policy.client_context, "mail.test")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_large_data_passes_both_ways_unchanged(serve, policy, ca, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = version
    ca.issue_cert("mail.test").configure_cert(context)
    data = bytes(range(256)) * 4_096  # 1 MiB

    async def handler(peer):
        peer.writer.write(await peer.reader.readexactly(len(data)))
        await peer.writer.drain()
        await peer.rest()

    channel = await pair(serve, policy, context, handler)
    writing = asyncio.ensure_future(channel.write(data))
    got = b""
    while len(got) < len(data):
        piece = await channel.read(16_384)
        assert 0 < len(piece) <= 16_384
        got += piece
    await writing
    assert got == data
    channel.close()


async def test_a_large_message_takes_few_system_calls_and_little_of_it_is_held(serve, policy, server_tls, monkeypatch):
    received, sent, size = [], [], 1 << 20
    receive, send = Wire.receive, Wire.send_now

    async def counted(wire, most):
        data = await receive(wire, most)
        received.append(len(data))
        return data

    def told(wire, data):
        sent.append(len(data))
        return send(wire, data)

    async def handler(peer):
        peer.writer.write(await peer.reader.readexactly(size))
        await peer.rest()

    channel = await pair(serve, policy, server_tls, handler)
    monkeypatch.setattr(Wire, "receive", counted)
    monkeypatch.setattr(Wire, "send_now", told)
    writing = asyncio.ensure_future(channel.write(bytes(size)))
    got = 0
    while got < size:
        got += len(await channel.read(65_536))
        assert len(channel._ahead) <= AHEAD_BYTES
    await writing
    assert max(sent) <= AHEAD_BYTES + 2 * LONG_BYTES
    assert len(sent) < size / LONG_BYTES
    assert len(received) < size / LONG_BYTES
    channel.close()


async def test_nothing_beyond_the_current_record_leaves_the_kernel(serve, policy, server_tls):
    """Parking depends on it: what OpenSSL has consumed ends where a record ends."""
    said = asyncio.Event()

    async def handler(peer):
        for _ in range(3):
            peer.writer.write(b"x" * 3_000)
            await peer.writer.drain()
            await asyncio.sleep(0.01)
        said.set()
        await peer.rest()

    channel = await pair(serve, policy, server_tls, handler)
    await said.wait()
    got = await channel.read(16_384)
    while len(got) < 3_000:
        got += await channel.read(16_384)
    assert len(got) == 3_000
    assert channel._left == 0
    assert channel._header == b""
    assert channel._incoming.pending == 0
    assert channel._wire.peek()[:1] == b"\x17"  # the next record's first byte: application data
    channel.close()


async def test_close_notify_is_an_end_and_a_bare_close_is_not(serve, policy, server_tls):
    """RFC 8446 section 6.1: without close_notify nobody knows whether the peer or an attacker cut it."""

    async def orderly(peer):
        peer.writer.close()
        await peer.writer.wait_closed()

    async def cut(peer):
        with peer.socket() as raw:
            raw.shutdown(socket.SHUT_RDWR)

    channel = await pair(serve, policy, server_tls, orderly)
    assert await channel.read(100) == b""
    channel.close()
    channel = await pair(serve, policy, server_tls, cut)
    with pytest.raises(ConnectionLost) as caught:
        await channel.read(100)
    assert caught.value.reason in ("truncated", "reset")
    channel.close()


async def test_we_say_close_notify_when_we_leave(serve, policy, server_tls):
    ended = asyncio.get_running_loop().create_future()

    async def handler(peer):
        try:
            ended.set_result(await peer.rest())
        except BaseException as error:
            ended.set_exception(error)

    channel = await pair(serve, policy, server_tls, handler)
    await channel.write(b"bye")
    channel.shut_down()
    assert await ended == b"bye"
    channel.close()


async def test_a_cancelled_read_loses_no_byte_wherever_it_was_cut(policy, server_tls):
    """A peer that sends a record byte by byte, and a reader that gives up after each."""
    left, right = socket.socketpair()
    left.setblocking(False)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_tls.wrap_bio(incoming, outgoing, server_side=True)
    right.setblocking(False)
    loop = asyncio.get_running_loop()
    handshake = asyncio.ensure_future(start_tls(Wire(left), policy.client_context, "mail.test"))
    await shake_hands(server, incoming, outgoing, right)
    channel = await handshake
    await loop.sock_sendall(right, outgoing.read())
    server.write(b"hello")
    for byte in outgoing.read():
        reading = asyncio.ensure_future(channel.read(100))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await loop.sock_sendall(right, bytes([byte]))
    assert await channel.read(100) == b"hello"
    channel.close()
    right.close()


async def test_a_record_that_does_not_decrypt_ends_the_connection(serve, policy, server_tls):
    async def handler(peer):
        # Past TLS, straight to the socket: application data that nobody sealed.
        with peer.socket() as raw:
            raw.send(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        await peer.rest()

    channel = await pair(serve, policy, server_tls, handler)
    with pytest.raises(ConnectionLost) as caught:
        await channel.read(100)
    assert caught.value.reason == "tls"
    channel.close()


async def test_closing_tells_the_one_who_waits():
    left, right = socket.socketpair()
    channel = PlainChannel(Wire(left))
    reading = asyncio.ensure_future(channel.read(10))
    await asyncio.sleep(0)
    channel.close()
    with pytest.raises(ConnectionLost):
        await reading
    with pytest.raises(ConnectionLost):
        await channel.write(b"x")
    channel.close()
    right.close()


async def test_a_full_socket_makes_the_writer_wait():
    left, right = socket.socketpair()
    right.setblocking(False)
    channel = PlainChannel(Wire(left))
    writing = asyncio.ensure_future(channel.write(b"x" * 4_000_000))
    await asyncio.sleep(0.01)
    assert not writing.done()
    got = 0
    while got < 4_000_000:
        got += len(await asyncio.get_running_loop().sock_recv(right, 1_000_000))
    await writing
    channel.close()
    right.close()
