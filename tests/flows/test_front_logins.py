"""Logins through the front: by every mechanism, refused ones, by way of a proxy, under TLS or not; each at a server that tells
what it was brought."""

from __future__ import annotations

import asyncio
import base64
import os
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from idlebell.compose.parts import connect_with
from idlebell.front.listener import Front, FrontOptions
from idlebell.front.notify.family import NotifyFamily
from idlebell.front.notify.pace import Pace
from idlebell.front.own import Own
from idlebell.front.upstreams import Upstreams
from idlebell.imap.sasl import OAuthBearer, Plain, ScramSha256, XOAuth2
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import Opener
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.record_channel import RecordChannel
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wheel import Wheel
from idlebell.testing.certificate import Authority
from idlebell.testing.habits import Habits
from idlebell.testing.imap_server import ImapServer

HOME = ip_network("127.0.0.0/8")
SECONDS = 20
TOKEN = "ya29.token"


def b64(data: bytes) -> bytes:
    return base64.b64encode(data)


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    greeting: bytes = b""
    lines: list[bytes] = field(default_factory=list)

    async def line(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            line = await self.reader.readline()
        self.lines.append(line)
        return line

    async def until(self, *beginnings: bytes) -> bytes:
        while (line := await self.line()) and not line.startswith(beginnings):
            pass
        return line

    async def says(self, data: bytes, *beginnings: bytes) -> bytes:
        self.writer.write(data)
        return await self.until(*(beginnings or (b"a ", b"+")))

    async def starts_tls(self, context: ssl.SSLContext) -> None:
        assert (await self.says(b"a STARTTLS\r\n")).startswith(b"a OK")
        await self.writer.start_tls(context, server_hostname="localhost")


class Place:
    def __init__(self, imap: ImapServer, authority: Authority, folder: Path) -> None:
        self.imap = imap
        self.authority = authority
        certificate, key = authority.issue("localhost")
        self.certificate, self.key, self.ca = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
        for path, content in ((self.certificate, certificate), (self.key, key), (self.ca, authority.ca_pem)):
            path.write_bytes(content)
        self.context = ssl.create_default_context(cafile=self.ca)
        self.target = ImapTarget("localhost", imap.tls_port, Tls.IMPLICIT)
        self.clients: list[Client] = []

    @asynccontextmanager
    async def front(
        self,
        *,
        tls: bool = False,
        by_domain: dict[str, ImapTarget] | None = None,
        families: Sequence[Own] = (),
        **given: Any,
    ) -> AsyncIterator[Front]:
        clock, wheel = Clock(), Wheel()
        policy = TlsPolicy(self.ca, SecretArena())
        resolver = Resolver(clock)
        connect = connect_with(Connector(Egress(allow=(HOME,)), resolver), policy, clock, wheel)
        door = Door(
            Opener(connect, os.urandom, lambda _: None).open,
            Keyring(),
            clock,
            os.urandom,
            lambda _: None,
            refused_users_per_hour=20,
        )
        files = {"tls_certificate": self.certificate, "tls_key": self.key} if tls else {}
        options = FrontOptions("127.0.0.1", 0, 100, 0, **files, **given)
        upstreams = Upstreams(None if by_domain else self.target, by_domain or {})
        front = Front(options, upstreams, door, connect, clock, wheel, families, secrets=policy.secrets)
        await front.start()
        try:
            async with asyncio.timeout(SECONDS):
                while "AUTH=XOAUTH2" not in upstreams.told(starttls=False, secure=True):
                    await asyncio.sleep(0.01)
            yield front
        finally:
            for client in self.clients:
                client.writer.close()
            await front.stop()
            await resolver.close()

    async def come(
        self, front: Front, *, context: ssl.SSLContext | None = None, address: str = "127.0.0.1", header: bytes = b""
    ) -> Client:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            front.port,
            local_addr=(address, 0),
            ssl=context,
            server_hostname="localhost" if context else None,
        )
        client = Client(reader, writer)
        self.clients.append(client)
        if header:
            writer.write(header)
        client.greeting = await client.line()
        return client


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    authority = Authority()
    async with ImapServer(habits=Habits(tls_context=authority.server_context())) as imap:
        imap.add_user("alice", "s3cret pass", token=TOKEN)
        imap.add_user("alice@example.org", "apass")
        yield Place(imap, authority, tmp_path)


async def by_scram(client: Client, *, ahead: bool) -> bytes:
    exchange = ScramSha256("alice", "s3cret pass", os.urandom(24))
    if ahead:
        said = await client.says(b"a AUTHENTICATE SCRAM-SHA-256 " + b64(exchange.initial()) + b"\r\n")
    else:
        assert await client.says(b"a AUTHENTICATE SCRAM-SHA-256\r\n") in (b"+ \r\n", b"+\r\n")
        said = await client.says(b64(exchange.initial()) + b"\r\n")
    while said.startswith(b"+"):
        answer = exchange.step(base64.b64decode(said[2:]))
        said = await client.says(b64(answer) + b"\r\n")
    assert exchange.satisfied  # the server itself has proven that it knows the password
    return said


async def by_mechanism(client: Client, name: str, message: bytes) -> bytes:
    return await client.says(f"a AUTHENTICATE {name} ".encode() + b64(message) + b"\r\n")


async def by_literals(client: Client) -> bytes:
    assert (await client.says(b"a LOGIN {5}\r\n")).startswith(b"+")
    assert (await client.says(b"alice {11}\r\n")).startswith(b"+")
    return await client.says(b"s3cret pass\r\n")


async def after_a_cancelled_one(client: Client) -> bytes:
    assert (await client.says(b"a AUTHENTICATE PLAIN\r\n")).startswith(b"+")
    assert (await client.says(b"*\r\n")).startswith(b"a BAD")
    assert (await client.says(b"a AUTHENTICATE PLAIN\r\n")).startswith(b"+")
    return await client.says(b64(Plain("alice", "s3cret pass").initial()) + b"\r\n")


async def with_the_answer_ahead(client: Client) -> bytes:
    answer = b64(Plain("alice", "s3cret pass").initial())
    return await client.says(b"a AUTHENTICATE PLAIN\r\n" + answer + b"\r\n", b"a ")


LOGINS: dict[str, Callable[[Client], Any]] = {
    "LOGIN": lambda client: client.says(b'a LOGIN "alice" "s3cret pass"\r\n'),
    "LOGIN with literals": by_literals,
    "PLAIN": lambda client: by_mechanism(client, "PLAIN", Plain("alice", "s3cret pass").initial()),
    "PLAIN, second try": after_a_cancelled_one,
    "PLAIN, all at once": with_the_answer_ahead,
    "XOAUTH2": lambda client: by_mechanism(client, "XOAUTH2", XOAuth2("alice", TOKEN).initial()),
    "OAUTHBEARER": lambda client: by_mechanism(
        client, "OAUTHBEARER", OAuthBearer("alice", TOKEN, "localhost", 993).initial()
    ),
    "SCRAM": lambda client: by_scram(client, ahead=True),
    "SCRAM without SASL-IR": lambda client: by_scram(client, ahead=False),
}


async def test_every_way_to_log_in_is_passed_on(place: Place) -> None:
    """And each session is held without OpenSSL on either side at once, and goes on."""
    async with place.front(tls=True) as front:
        for name, log_in in LOGINS.items():
            client = await place.come(front, context=place.context)
            assert b"AUTH=SCRAM-SHA-256" in client.greeting
            assert b"STARTTLS" not in client.greeting
            said = await log_in(client)
            assert said.startswith(b"a OK [CAPABILITY "), (name, said)
            assert b"AUTH=" not in said
            (session,) = front._sessions
            assert isinstance(session.upstream, RecordChannel)
            assert isinstance(session.channel, RecordChannel)
            client.writer.write(b"b SELECT INBOX\r\nc IDLE\r\n")
            await client.until(b"+")
            place.imap.deliver("alice", b"Subject: hi\r\n\r\nhi")
            assert (await client.until(b"*")).endswith(b" EXISTS\r\n")
            assert (await client.says(b"DONE\r\nd LOGOUT\r\n", b"d ")).startswith(b"d OK")
            assert client.lines[-2].startswith(b"* BYE")
            assert await client.line() == b""
            await place.imap.until(lambda: not place.imap.sessions)
            async with asyncio.timeout(SECONDS):
                while front.connections:
                    await asyncio.sleep(0.01)


async def test_who_is_let_in_under_any_name_is_relayed_and_has_no_part_in_what_is_ours(place: Place) -> None:
    place.imap.behave(after_login=("NAMESPACE",))
    async with place.front(families=[NotifyFamily(Pace(), Clock())]) as front:
        for looks, mechanism in ((False, "XOAUTH2"), (False, "OAUTHBEARER"), (True, "XOAUTH2"), (True, "OAUTHBEARER")):
            place.imap.behave(looks_at_token_names=looks)
            client = await place.come(front)
            said = await LOGINS[mechanism](client)
            assert said.startswith(b"a OK [CAPABILITY ")
            assert (b"NOTIFY" in said) is looks, (mechanism, said)
            (session,) = front._sessions
            assert bool(session._families) is looks
            assert (await client.says(b"b NOOP\r\nc LOGOUT\r\n", b"b ")).startswith(b"b OK")
            async with asyncio.timeout(SECONDS):
                while front.sessions:
                    await asyncio.sleep(0.01)


async def test_a_refusal_is_the_upstreams_own(place: Place) -> None:
    async with place.front() as front:
        client = await place.come(front)
        said = await client.says(b"a LOGIN alice wrong\r\n")
        assert said.startswith(b"a NO [AUTHENTICATIONFAILED] "), said
        said = await by_mechanism(client, "XOAUTH2", XOAuth2("alice", "ended").initial())
        while said.startswith(b"+"):  # why, for the client to read
            said = await client.says(b"\r\n")
        assert said.startswith(b"a NO"), said
        client = await place.come(front)
        first = ScramSha256("alice", "s3cret pass", os.urandom(24)).initial()
        assert (await by_mechanism(client, "SCRAM-SHA-256", first)).startswith(b"+")
        assert (await client.says(b"*\r\n")).startswith(b"a BAD")  # RFC 9051 section 6.2.2
        assert (await client.says(b"a AUTHENTICATE CRAM-MD5\r\n")).startswith(b"a NO [CANNOT]")
        assert (await by_mechanism(client, "PLAIN", b"nonsense")).startswith(b"a BAD")
        for cannot in (b"{3+}\r\na\rb", b"{1025+}\r\n" + bytes([120]) * 1025):  # RFC 2971 section 3.3
            assert (await client.says(b'a ID ("name" ' + cannot + b")\r\n")).startswith(b"a BAD")
        assert (await client.says(b"a SELECT INBOX\r\n")).startswith(b"a BAD")


async def test_whoever_guesses_is_held_up_and_nobody_else(place: Place) -> None:
    async with place.front() as front:
        guesser = await place.come(front, address="127.0.0.66")
        for guess in range(3):
            said = await guesser.says(b"a LOGIN alice guess%d\r\n" % guess, b"a ", b"* BYE")
            assert said.startswith(b"a NO"), said
        assert (await guesser.line()).startswith(b"* BYE")
        known = len(place.imap.logins)
        again = await place.come(front, address="127.0.0.66")
        assert (await again.says(b'a LOGIN alice "s3cret pass"\r\n')).startswith(b"a NO [")
        assert len(place.imap.logins) == known
        owner = await place.come(front, address="127.0.0.7")
        assert (await owner.says(b'a LOGIN alice "s3cret pass"\r\n')).startswith(b"a OK")


async def test_the_domain_chooses_the_upstream_and_a_client_does_not(place: Place) -> None:
    async with place.front(by_domain={"example.org": place.target}) as front:
        client = await place.come(front)
        before = place.imap.connections
        for name in (b"alice", b"alice@elsewhere.example", b"alice@example.org@elsewhere.example"):
            assert (await client.says(b"a LOGIN %b apass\r\n" % name)).startswith(b"a NO [AUTHENTICATIONFAILED]")
        assert place.imap.connections == before
        client = await place.come(front)
        assert (await client.says(b"a LOGIN alice@Example.ORG apass\r\n")).startswith(b"a NO")  # the server's own word
        assert (await client.says(b"a LOGIN alice@example.org apass\r\n")).startswith(b"a OK")


async def test_a_trusted_proxy_says_whom_it_speaks_for_and_the_upstream_hears_it(place: Place) -> None:
    trusted = (ip_network("127.0.0.1/32"),)
    async with place.front(trusted=trusted) as front:
        client = await place.come(front, header=b"PROXY TCP4 192.0.2.77 127.0.0.1 40000 143\r\n")
        await client.says(b'a ID ("name" "Mail" "X-Originating-IP" "203.0.113.9")\r\n')
        assert (await client.says(b'a LOGIN alice "s3cret pass"\r\n')).startswith(b"a OK")
        told = place.imap.identities[-1]
        assert (told["name"], told["x-originating-ip"]) == ("Mail", "192.0.2.77")
        assert "203.0.113.9" not in told.values()
        assert next(iter(front._sessions)).address == "192.0.2.77"
        silent = await place.come(front, header=b"a NOOP\r\n")
        assert silent.greeting == b""
        stranger = await place.come(front, address="127.0.0.9", header=b"PROXY TCP4 192.0.2.77 127.0.0.1 1 2\r\n")
        assert stranger.greeting.startswith(b"* OK")
        assert (await stranger.line()).startswith((b"PROXY BAD", b"* BAD"))


async def test_in_clear_nobody_logs_in_before_starttls(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idlebell.front.listener._LOOPBACK", ())  # as from another machine
    async with place.front(tls=True, starttls=True) as front:
        client = await place.come(front)
        assert b"STARTTLS" in client.greeting
        assert b"LOGINDISABLED" in client.greeting
        assert b"AUTH=" not in client.greeting
        assert (await client.says(b'a LOGIN alice "s3cret pass"\r\n')).startswith(b"a NO [PRIVACYREQUIRED]")
        assert (await client.says(b"a AUTHENTICATE PLAIN\r\n")).startswith(
            b"a NO [PRIVACYREQUIRED]"
        )  # not asked for it
        await client.starts_tls(place.context)
        assert b"STARTTLS" not in await client.says(b"a CAPABILITY\r\n", b"* CAPABILITY")
        await client.until(b"a OK")
        assert (await client.says(b'a LOGIN alice "s3cret pass"\r\n')).startswith(b"a OK")
        slipped = await place.come(front)
        said = await slipped.says(b"a STARTTLS\r\nb NOOP\r\n", b"a ", b"* BYE")
        assert said.startswith(b"* BYE")


async def test_a_new_certificate_is_shown_to_those_who_come_after(place: Place) -> None:
    async with place.front(tls=True) as front:
        stays = await place.come(front, context=place.context)
        other = Authority()
        certificate, key = other.issue("localhost")
        place.certificate.write_bytes(certificate)
        place.key.write_bytes(key)
        front.renew_certificate()
        place.certificate.write_bytes(b"none")
        with pytest.raises(ValueError, match="not a certificate"):
            front.renew_certificate()
        with pytest.raises(ssl.SSLCertVerificationError):
            await place.come(front, context=place.context)
        await place.come(front, context=ssl.create_default_context(cadata=other.ca_pem.decode()))
        assert (await stays.says(b"a NOOP\r\n")).startswith(b"a OK")
