"""A session is handed from OpenSSL to our own record layer, and servers of several makes do not notice."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from idlebell.net.errors import ConnectionLost
from idlebell.net.record_channel import RecordChannel
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_engine import TlsChannel, start_tls
from idlebell.net.tls_parked import TlsRecordError
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wire import Wire
from servers.tls_stacks import TlsStack, gnutls_server, java_server, openssl_server

SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
SUITE = pytest.mark.parametrize("suite", SUITES)


@dataclass
class Certified:
    policy: TlsPolicy
    arena: SecretArena
    server: Path


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    folder = tmp_path_factory.mktemp("certified")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    ca.issue_cert("mail.test").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    arena = SecretArena()
    policy = TlsPolicy(folder / "ca.pem", arena)
    assert policy.no_parking == ""
    return Certified(policy, arena, folder / "server.pem")


async def dial(stack: TlsStack, certified: Certified) -> TlsChannel:
    sock = socket.socket()
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", stack.port))
    return await start_tls(Wire(sock), certified.policy.session_context, "mail.test", certified.policy.secrets)


async def hear(channel: TlsChannel | RecordChannel, wanted: bytes) -> None:
    heard = b""
    while heard != wanted:
        piece = await channel.read(16_384)
        assert piece, f"it ended after {heard!r}"
        heard += piece
        assert wanted.startswith(heard)


async def parked(stack: TlsStack, certified: Certified, greeting: bytes = b"good morning\n") -> RecordChannel:
    """A session that has said and heard something by OpenSSL, and then is ours. ``greeting``: has the server say good
    morning."""
    channel = await dial(stack, certified)
    await channel.write(b"awake\n")
    await stack.hears(b"awake\n")
    await stack.say(greeting)
    await hear(channel, b"good morning\n")
    record_channel = channel.park()
    assert record_channel is not None
    return record_channel


@pytest.fixture(autouse=True)
def nothing_is_left(certified: Certified) -> AsyncIterator[None]:
    before = certified.arena.used
    yield
    assert certified.arena.used == before


@SUITE
async def test_openssl_does_not_notice_that_a_session_is_parked(certified: Certified, suite: str) -> None:
    async with openssl_server(certified.server, "-ciphersuites", suite) as stack:
        channel = await parked(stack, certified)
        assert channel.description == f"TLSv1.3 {suite}"
        for number in range(3):
            await channel.write(b"asleep %d\n" % number)
            await stack.hears(b"asleep %d\n" % number)
            await stack.say(b"dream %d\n" % number)
            await hear(channel, b"dream %d\n" % number)
            released = channel.release()
            assert released is not None
            channel = RecordChannel(*released)
        channel.shut_down()
        await stack.hears(b"DONE")


@pytest.mark.parametrize(
    "options",
    [
        ("-record_padding", "777"),
        ("-max_send_frag", "512", "-split_send_frag", "512"),
        ("-num_tickets", "0"),
        ("-num_tickets", "9"),
        ("-no_ticket",),
        ("-groups", "P-521"),  # which we have not sent a key for: HelloRetryRequest
        ("-no_middlebox",),
        ("-verify", "1"),  # asks for a certificate, and does without
    ],
    ids=" ".join,
)
async def test_a_session_can_be_parked_whatever_openssl_is_told(certified: Certified, options: tuple[str, ...]) -> None:
    async with openssl_server(certified.server, *options) as stack:
        channel = await parked(stack, certified)
        words = b"w" * 3_000 + b"\n"
        await stack.say(words)
        await hear(channel, words)
        await channel.write(words)
        await stack.hears(words)
        channel.close()


@SUITE
async def test_openssl_changes_its_key_and_asks_for_ours(certified: Certified, suite: str) -> None:
    async with openssl_server(certified.server, "-ciphersuites", suite) as stack:
        channel = await parked(stack, certified)
        for number, command in enumerate((b"k", b"K", b"K", b"k")):
            await stack.say(command + b"\n")
            await stack.hears(b"SSL_do_handshake -> 1")
            await stack.say(b"new key %d\n" % number)
            await hear(channel, b"new key %d\n" % number)
            await channel.write(b"mine %d\n" % number)
            await stack.hears(b"mine %d\n" % number)
        channel.close()


async def test_openssl_ends_in_an_orderly_way(certified: Certified) -> None:
    async with openssl_server(certified.server, "-rev") as stack:
        channel = (await dial(stack, certified)).park()
        assert channel is not None
        await channel.write(b"drawer\n")
        await hear(channel, b"reward\n")
        await channel.write(b"CLOSE\n")
        assert await channel.read(100) == b""
        assert channel.release() is None
        channel.shut_down()


async def test_a_server_that_is_killed_has_not_ended_in_an_orderly_way(certified: Certified) -> None:
    async with openssl_server(certified.server) as stack:
        channel = await parked(stack, certified)
        stack.process.kill()
        with pytest.raises(ConnectionLost) as caught:
            await channel.read(100)
        assert caught.value.reason in ("truncated", "reset")
        channel.close()


async def test_a_session_under_tls_1_2_stays_awake(certified: Certified) -> None:
    async with openssl_server(certified.server, "-tls1_2") as stack:
        channel = await dial(stack, certified)
        await channel.write(b"awake\n")
        await stack.hears(b"awake\n")
        assert channel.park() is None
        await channel.write(b"still awake\n")
        await stack.hears(b"still awake\n")
        assert channel.park() is None
        channel.close()


async def test_a_session_whose_keys_openssl_has_changed_stays_awake(certified: Certified) -> None:
    async with openssl_server(certified.server) as stack:
        channel = await dial(stack, certified)
        await stack.say(b"K\n")
        await stack.hears(b"SSL_do_handshake -> 1")
        await stack.say(b"new key\n")
        await hear(channel, b"new key\n")
        assert channel.park() is None
        await channel.write(b"still awake\n")
        await stack.hears(b"still awake\n")
        assert channel.park() is None
        channel.close()


# --- GnuTLS ---


SAY_GOOD_MORNING = b"say good morning\n"
"""To one that takes commands."""

GNUTLS_COMMANDS = (
    *("say hello", "padded 700 hello", "cut 1 hello", "ticket"),
    *("update", "update-both", "update-both", "update", "ticket"),
)


@pytest.mark.needs("gnutls")
@SUITE
async def test_gnutls_does_not_notice_that_a_session_is_parked(certified: Certified, suite: str) -> None:
    """With padding, records of a byte, tickets, and new keys of its own and of ours."""
    async with gnutls_server(certified.server, suite) as stack:
        channel = await parked(stack, certified, SAY_GOOD_MORNING)
        assert channel.description == f"TLSv1.3 {suite}"
        for number, command in enumerate(
            (
                "say hello",
                "padded 700 hello",
                "cut 1 hello",
                "ticket",
                "update",
                "update-both",
                "update-both",
                "update",
                "ticket",
            )
        ):
            await stack.say(f"{command}\nsay {number}\n".encode())
            await hear(channel, (b"hello\n" if "hello" in command else b"") + b"%d\n" % number)
            await channel.write(b"asleep %d\n" % number)
            await stack.hears(b"asleep %d\n" % number)
            released = channel.release()
            assert released is not None
            assert released[1].at_rest
            channel = RecordChannel(*released)
        await channel.write(b"y" * 100_000 + b"!")
        await stack.hears(b"y!")
        await stack.say(b"bye\n")
        assert await channel.read(100) == b""
        channel.shut_down()
        await stack.hears(b"<closed>")


@pytest.mark.needs("gnutls")
async def test_gnutls_is_told_of_a_bad_record_and_tells_us(certified: Certified) -> None:
    suite = SUITES[0]
    async with gnutls_server(certified.server, suite) as stack:
        channel = await parked(stack, certified, SAY_GOOD_MORNING)
        await stack.say(b"alert 80\n")
        with pytest.raises(ConnectionLost, match="internal_error"):
            await channel.read(100)
        channel.close()
    async with gnutls_server(certified.server, suite) as stack:
        released = (await parked(stack, certified, SAY_GOOD_MORNING)).release()
        assert released is not None
        wire, tls = released
        with pytest.raises(TlsRecordError) as caught:
            tls.receive(b"\x17\x03\x03\0\x20" + b"x" * 32)
        wire.send_now(caught.value.farewell)
        await stack.hears(b"fatal alert")
        wire.close()
        tls.forget()
    async with gnutls_server(certified.server, suite) as stack:
        channel = await parked(stack, certified, SAY_GOOD_MORNING)
        channel._wire.send_now(b"\x17\x03\x03\0\x20" + b"x" * 32)
        with pytest.raises(ConnectionLost, match="bad_record_mac"):
            await channel.read(100)
        channel.close()


# --- Java ---


@pytest.mark.needs("java")
@SUITE
async def test_java_does_not_notice_that_a_session_is_parked(certified: Certified, suite: str) -> None:
    async with java_server(certified.server, suite) as stack:
        channel = await parked(stack, certified, SAY_GOOD_MORNING)
        assert channel.description == f"TLSv1.3 {suite}"
        for number in range(4):
            if number:
                await stack.say(b"update\n")
            await stack.say(b"say dream %d\n" % number)
            await hear(channel, b"dream %d\n" % number)
            await channel.write(b"asleep %d\n" % number)
            await stack.hears(b"asleep %d\n" % number)
        await channel.write(b"y" * 100_000 + b"!")
        await stack.hears(b"y!")
        await stack.say(b"bye\n")
        assert await channel.read(100) == b""
        channel.shut_down()
        await stack.hears(b"<closed>")
