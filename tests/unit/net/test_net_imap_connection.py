"""A connection against servers that behave, and that do not."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable

import pytest

from idlebell.imap import commands as c
from idlebell.imap.client import Client
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.responses import Condition, ExistsData, PlainCode, StatusResponse
from idlebell.imap.sasl import Plain, ScramSha256
from idlebell.imap.sasl_server import ScramSha256Server, ScramVerifier
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.deadlines import (
    AVERAGE_BYTES_PER_SECOND,
    BURST_BYTES,
    DEFAULT_DEADLINES,
    RESPONSE_BYTES,
    Deadlines,
)
from idlebell.net.errors import ConnectionLost, NotImap, ServerSaidBye, TimedOut, TlsFailed
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.plain_channel import PlainChannel
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wire import Wire

GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR IDLE AUTH=PLAIN] hello"
STARTTLS_GREETING = b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello"
PASSWORD = "correct horse"

Handler = Callable[["object"], Awaitable[None]]


class Opener:
    """Opens connections to a served port and closes them after the test."""

    def __init__(self, connector: Connector, policy: TlsPolicy) -> None:
        self.connector = connector
        self.policy = policy
        self.connections: list[ImapConnection] = []
        self.log: list[tuple[str, str]] = []

    async def __call__(
        self,
        served,
        tls: Tls = Tls.IMPLICIT,
        *,
        host: str = "mail.test",
        deadlines: Deadlines = DEFAULT_DEADLINES,
        allow_preauth: bool = False,
    ) -> ImapConnection:
        connection = await open_connection(
            ImapTarget(host, served.port, tls),
            connector=self.connector,
            tls_policy=self.policy,
            clock=Clock(),
            deadlines=deadlines,
            wire_log=lambda side, line: self.log.append((side, line)),
            allow_preauth=allow_preauth,
        )
        self.connections.append(connection)
        return connection


@pytest.fixture
async def opener(connector: Connector, policy: TlsPolicy):
    opener = Opener(connector, policy)
    yield opener
    for connection in opener.connections:
        connection.close()


# --- the ordinary course ---


@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.NONE])
async def test_a_session_from_greeting_to_logout(serve, opener, server_tls, tls):
    """Greeting, AUTHENTICATE, EXAMINE, IDLE, a change, DONE, LOGOUT; capabilities are asked anew after the login."""

    async def handler(peer):
        await peer.say(GREETING)
        assert (await peer.answer()).startswith(b"AUTHENTICATE PLAIN ")
        assert await peer.answer(b"* CAPABILITY IMAP4rev1 IDLE UIDPLUS") == b"CAPABILITY"
        assert await peer.answer(b"* 3 EXISTS", text=b"[READ-ONLY] open") == b'EXAMINE "INBOX"'
        tag = (await peer.line()).split()[0]
        await peer.say(b"+ idling")
        await asyncio.sleep(0)
        await peer.say(b"* 4 EXISTS")
        assert await peer.line() == b"DONE\r\n"
        await peer.say(tag + b" OK done")
        tag = (await peer.line()).split()[0]
        await peer.say(b"* BYE see you", tag + b" OK bye")
        await peer.rest()

    served = await serve(handler, server_tls if tls is Tls.IMPLICIT else None)
    connection = await opener(served, tls)
    assert connection.has("IDLE")
    assert bool(connection.tls_description) is (tls is Tls.IMPLICIT)
    assert (await connection.authenticate(Plain("bob", PASSWORD))).ok
    assert connection.capabilities == {"IMAP4REV1", "IDLE", "UIDPLUS"}
    reply = await connection.command(c.Examine("INBOX"))
    assert reply.untagged == [ExistsData(3)]
    assert reply.completed.code == PlainCode("READ-ONLY")
    assert await connection.idle() is None
    assert connection.idling
    assert await connection.wait_for_change(5) == [ExistsData(4)]
    assert (await connection.done()).ok
    await connection.logout()
    assert not any(PASSWORD in line or "Ym9i" in line for _, line in opener.log)
    assert base64.b64encode(b"\0bob\0" + PASSWORD.encode()) in served.received
    with pytest.raises(ConnectionLost):
        await connection.command(c.Noop())


async def test_capabilities_are_asked_for_where_the_greeting_has_none(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(b"* OK hello")
        await peer.answer(b"* CAPABILITY IMAP4rev1 IDLE")
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    assert connection.capabilities == {"IMAP4REV1", "IDLE"}


async def test_scram_runs_both_its_rounds(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(b"* OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256] hello")
        verifier = ScramVerifier.of("pencil", b"salt" * 4)
        server = ScramSha256Server(lambda name: verifier if name == "user" else None, b"s" * 18, b"decoy")
        tag = (await peer.line()).split()[0]
        await peer.say(b"+ ")
        for _ in range(2):
            challenge = server.step(base64.b64decode(await peer.line()))
            await peer.say(b"+ " + base64.b64encode(challenge))
        assert await peer.line() == b"\r\n"
        assert server.authenticated == "user"
        await peer.say(tag + b" OK [CAPABILITY IMAP4rev1] in")
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    assert (await connection.authenticate(ScramSha256("user", "pencil", b"c" * 18))).ok


async def test_an_ok_without_the_servers_proof_is_not_believed(serve, opener, server_tls):
    """RFC 5802 section 5: a server that does not know the password may not just say OK."""

    async def handler(peer):
        await peer.say(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256] hello")
        await peer.answer(text=b"[CAPABILITY IMAP4rev1] in")
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    with pytest.raises(RemoteProtocolError) as caught:
        await connection.authenticate(ScramSha256("user", "pencil", b"c" * 18))
    assert caught.value.reason == "server-not-proven"
    with pytest.raises(ConnectionLost):
        await connection.command(c.Noop())


async def test_a_refused_login_is_a_value_also_where_bye_follows_at_once(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(GREETING)
        tag = (await peer.line()).split()[0]
        await peer.say(tag + b" NO [AUTHENTICATIONFAILED] no", b"* BYE too bad")
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    reply = await connection.login("bob", PASSWORD)
    assert not reply.ok
    assert reply.completed.code == PlainCode("AUTHENTICATIONFAILED")
    with pytest.raises((ServerSaidBye, ConnectionLost)):
        await connection.login("bob", PASSWORD)
    assert not any(PASSWORD in line or "bob" in line for _, line in opener.log)


async def test_what_is_said_after_a_tagged_response_comes_with_the_next_call(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(GREETING)
        tag = (await peer.line()).split()[0]
        await peer.say(tag + b" OK in", b"* 9 EXISTS")
        await peer.answer(b"* CAPABILITY IMAP4rev1")
        await peer.answer()
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    first = await connection.login("bob", PASSWORD)
    second = await connection.command(c.Noop())
    assert first.untagged.count(ExistsData(9)) + second.untagged.count(ExistsData(9)) == 1


async def test_idle_that_is_refused_gives_the_refusal(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(GREETING)
        await peer.answer(text=b"[CAPABILITY IMAP4rev1] in")
        await peer.answer(condition=b"NO", text=b"not now")
        await peer.answer()
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    await connection.login("bob", PASSWORD)
    refusal = await connection.idle()
    assert refusal is not None
    assert refusal.condition is Condition.NO
    assert (await connection.command(c.Noop())).ok


@pytest.mark.parametrize("last", [b"* 3 EXISTS", b"+ idling"])
async def test_a_server_that_speaks_and_goes_while_idle_is_asked_for_is_lost(serve, opener, server_tls, last):
    """Not asked to read on from what has ended."""

    async def handler(peer):
        await peer.say(GREETING)
        await peer.answer(text=b"[CAPABILITY IMAP4rev1 IDLE] in")
        await peer.line()
        await peer.say(last)

    connection = await opener(await serve(handler, server_tls))
    await connection.login("bob", PASSWORD)
    with pytest.raises(ConnectionLost):
        await idled(connection)


async def idled(connection: ImapConnection) -> None:
    await connection.idle()
    await connection.wait_for_change(30)


async def idling(serve, opener, server_tls, after: Callable[..., Awaitable[None]], deadlines=DEFAULT_DEADLINES):
    """A connection in IDLE; ``after(peer, tag)`` goes on at the server."""

    async def handler(peer):
        await peer.say(GREETING)
        await peer.answer(text=b"[CAPABILITY IMAP4rev1 IDLE] in")
        tag = (await peer.line()).split()[0]
        await peer.say(b"+ idling")
        await after(peer, tag)
        await peer.rest()

    connection = await opener(await serve(handler, server_tls), deadlines=deadlines)
    await connection.login("bob", PASSWORD)
    assert await connection.idle() is None
    return connection


async def test_a_quiet_idle_gives_nothing_and_stays_usable(serve, opener, server_tls):
    async def after(peer, tag):
        await peer.line()
        await peer.say(tag + b" OK done")

    connection = await idling(serve, opener, server_tls, after)
    assert await connection.wait_for_change(0.05) == []
    assert connection.idling
    assert (await connection.done()).ok


async def test_news_before_a_fault_of_the_server_are_told_first(serve, opener, server_tls):
    async def after(peer, tag):
        await peer.say(b"* 7 EXISTS\r\nhuh?\r\n* 8 EXISTS")

    connection = await idling(serve, opener, server_tls, after)
    assert await connection.wait_for_change(5) == [ExistsData(7)]
    with pytest.raises(RemoteProtocolError) as caught:
        await connection.done()
    assert caught.value.reason == "bad-tagged-response"
    with pytest.raises(ConnectionLost):
        await connection.command(c.Noop())


async def test_a_reply_before_a_fault_of_the_server_is_a_reply(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(GREETING)
        await peer.answer(text=b"[CAPABILITY IMAP4rev1] in\r\nhuh?")
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    assert (await connection.login("bob", PASSWORD)).ok
    with pytest.raises(RemoteProtocolError):
        await connection.command(c.Noop())
    with pytest.raises(ConnectionLost):
        await connection.command(c.Noop())


async def test_a_cancelled_wait_loses_nothing(serve, opener, server_tls):
    go = asyncio.Event()

    async def after(peer, tag):
        await go.wait()
        await peer.say(b"* 7 EXISTS")

    connection = await idling(serve, opener, server_tls, after)
    waiting = asyncio.ensure_future(connection.wait_for_change(10))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go.set()
    assert await connection.wait_for_change(10) == [ExistsData(7)]


async def test_idle_that_the_server_ends_by_itself_is_done(serve, opener, server_tls):
    async def after(peer, tag):
        await peer.say(b"* 2 EXISTS", tag + b" OK enough")

    connection = await idling(serve, opener, server_tls, after)
    heard = await connection.wait_for_change(10)
    while connection.idling:
        heard += await connection.wait_for_change(10)
    reply = await connection.done()
    assert reply.ok
    assert [*heard, *reply.untagged] == [ExistsData(2)]


async def test_bye_in_idle_comes_after_what_was_said_before_it(serve, opener, server_tls):
    async def after(peer, tag):
        await peer.say(b"* 2 EXISTS", b"* BYE [UNAVAILABLE] restarting")

    connection = await idling(serve, opener, server_tls, after)
    assert await connection.wait_for_change(10) == [ExistsData(2)]
    with pytest.raises(ServerSaidBye) as caught:
        await connection.wait_for_change(10)
    assert caught.value.bye.code == PlainCode("UNAVAILABLE")
    assert not caught.value.greeting


async def test_done_that_is_not_answered_tells_a_dead_server(serve, opener, server_tls, hasty):
    async def after(peer, tag):
        await peer.rest()

    connection = await idling(serve, opener, server_tls, after, hasty)
    with pytest.raises(TimedOut) as caught:
        await connection.done()
    assert caught.value.reason == "DONE"
    with pytest.raises(ConnectionLost):
        await connection.wait_for_change(1)


async def test_a_cancelled_command_closes_the_connection(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(GREETING)
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    command = asyncio.ensure_future(connection.command(c.Noop()))
    await asyncio.sleep(0.01)
    command.cancel()
    with pytest.raises(asyncio.CancelledError):
        await command
    with pytest.raises(ConnectionLost):
        await connection.command(c.Noop())


async def test_a_command_that_may_not_be_sent_leaves_the_connection_usable(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(GREETING)
        await peer.answer()
        await peer.rest()

    connection = await opener(await serve(handler, server_tls))
    with pytest.raises(LocalProtocolError):
        await connection.command(c.Select("INBOX"))
    with pytest.raises(LocalProtocolError):
        await connection.command(c.Idle())
    with pytest.raises(LocalProtocolError):
        await connection.wait_for_change(1)
    assert (await connection.command(c.Noop())).ok


async def test_logout_waits_no_longer_than_its_deadline(serve, opener, server_tls, hasty):
    async def handler(peer):
        await peer.say(GREETING)
        await peer.rest()

    connection = await opener(await serve(handler, server_tls), deadlines=hasty)
    await connection.logout()


async def test_a_server_that_drips_is_ended_by_the_deadline_of_the_whole_response(serve, opener, server_tls, hasty):
    """I2: a byte now and then gains a server nothing."""

    async def handler(peer):
        await peer.say(GREETING)
        await peer.line()
        while True:
            peer.writer.write(b"* 1 EXISTS\r\n")
            await peer.writer.drain()
            await asyncio.sleep(0.02)

    connection = await opener(await serve(handler, server_tls), deadlines=hasty)
    with pytest.raises(TimedOut) as caught:
        await connection.command(c.Noop())
    assert caught.value.reason == "NOOP"


async def test_an_endless_reply_is_ended_by_its_bound(serve, opener, server_tls):
    """I1, I2: what comes before a tagged response is bounded in bytes too, not only in number."""

    async def handler(peer):
        await peer.say(GREETING)
        await peer.line()
        while True:
            await peer.say(b"* OK " + b"x" * 60_000)

    connection = await opener(await serve(handler, server_tls))
    with pytest.raises(RemoteProtocolError) as caught:
        await connection.command(c.Noop())
    assert caught.value.reason == "reply-too-large"


class Pouring(PlainChannel):
    """A socket that is never found empty: the server sends faster than anybody reads."""

    reads = 0

    async def read(self, max_bytes: int) -> bytes:
        self.reads += 1
        return b"* 1 EXISTS\r\n" if self.reads > 1 else b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hello\r\n"

    async def write(self, data: bytes) -> None:
        pass


@pytest.mark.parametrize("ask", [lambda one: one.command(c.Noop()), lambda one: one.idle()], ids=["command", "idle"])
async def test_a_server_that_sends_without_a_pause_gives_others_their_turn(ask):
    here, there = socket.socketpair()
    channel = Pouring(Wire(here))
    connection = ImapConnection(
        ImapTarget("mail.test", 143, Tls.NONE), channel, Client(tls=True), clock=Clock(), deadlines=DEFAULT_DEADLINES
    )
    with there:
        await connection.greeting()
        asking = asyncio.create_task(ask(connection))
        for turn in range(5):
            await asyncio.sleep(0)
            assert channel.reads <= turn + 2
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_server_that_floods_an_idle_session_is_left(serve, opener, server_tls):
    """I2: in IDLE there is no tagged response to wait for, so what counts is the average."""

    async def after(peer, tag):
        for _ in range(BURST_BYTES // 50_000):
            await peer.say(b"* OK " + b"x" * 60_000)

    connection = await idling(serve, opener, server_tls, after)
    heard = 0

    async def listen():
        nonlocal heard
        while True:
            heard += sum(len(response.text) for response in await connection.wait_for_change(5))

    with pytest.raises(RemoteProtocolError) as caught:
        await listen()
    assert caught.value.reason == "too-fast"
    assert heard >= BURST_BYTES * 0.9


async def test_a_server_that_trickles_while_idle_is_found_out_by_done(serve, opener, server_tls, hasty):
    """I2: a line that never ends keeps nobody from leaving IDLE in time, and then the answer is due."""

    async def after(peer, tag):
        while not peer.writer.is_closing():
            peer.writer.write(b"*")
            await peer.writer.drain()
            await asyncio.sleep(0.01)

    connection = await idling(serve, opener, server_tls, after, hasty)
    assert await connection.wait_for_change(0.2) == []
    with pytest.raises(TimedOut) as caught:
        await connection.done()
    assert caught.value.reason == "DONE"


def test_a_mailbox_that_is_emptied_elsewhere_is_no_flood():
    assert 100_000 * (len(b"* 100000 EXPUNGE\r\n") + RESPONSE_BYTES) < BURST_BYTES
    twenty_mails = 20 * (1_500 + 8 * RESPONSE_BYTES)
    assert twenty_mails < AVERAGE_BYTES_PER_SECOND


async def test_a_long_line_is_ended_by_the_limits_of_the_protocol(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(GREETING)
        await peer.line()
        while True:
            peer.writer.write(b"x" * 65_536)
            await peer.writer.drain()

    connection = await opener(await serve(handler, server_tls))
    with pytest.raises(RemoteProtocolError):
        await connection.command(c.Noop())


# --- greetings ---


@pytest.mark.parametrize(
    "said",
    [
        b"220 smtp.test ESMTP ready",
        b"HTTP/1.1 400 Bad Request",
        b"+OK POP3 ready",
        b"-ERR unknown command",
        b"\x00\x01\x02",
        b"* 3 EXISTS",
        b"A1 OK hello",
    ],
)
async def test_what_does_not_greet_as_imap_is_not_imap(serve, opener, server_tls, said):
    """S9: no byte that a user chose is sent to another protocol."""

    async def handler(peer):
        await peer.say(said)
        await peer.rest()

    served = await serve(handler, server_tls)
    with pytest.raises(NotImap):
        await opener(served)
    assert served.received == b""


async def test_a_bye_greeting_says_that_the_server_is_busy(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(b"* BYE [LIMIT] too many connections")
        await peer.rest()

    with pytest.raises(ServerSaidBye) as caught:
        await opener(await serve(handler, server_tls))
    assert caught.value.greeting
    assert isinstance(caught.value.bye, StatusResponse)


async def test_a_server_that_never_greets_times_out(serve, opener, server_tls, hasty):
    """F15."""

    async def handler(peer):
        await peer.rest()

    with pytest.raises(TimedOut) as caught:
        await opener(await serve(handler, server_tls), deadlines=hasty)
    assert caught.value.reason == "greeting"


async def test_a_close_before_the_greeting_is_a_lost_connection(serve, opener, server_tls):
    async def handler(peer):
        peer.writer.close()
        await peer.writer.wait_closed()

    with pytest.raises(ConnectionLost):
        await opener(await serve(handler, server_tls))


@pytest.mark.parametrize("allowed", [False, True])
async def test_preauth_under_tls_needs_the_operators_word(serve, opener, server_tls, allowed):
    """P4."""

    async def handler(peer):
        await peer.say(b"* PREAUTH [CAPABILITY IMAP4rev1] welcome")
        await peer.rest()

    served = await serve(handler, server_tls)
    if allowed:
        assert (await opener(served, allow_preauth=True)).capabilities == {"IMAP4REV1"}
    else:
        with pytest.raises(RemoteProtocolError) as caught:
            await opener(served)
        assert caught.value.reason == "preauth"


# --- STARTTLS ---


async def upgrade(peer, server_tls: ssl.SSLContext) -> None:
    """The server's side of the handshake, on the same connection."""
    await peer.writer.start_tls(server_tls)


async def test_starttls_forgets_what_was_said_in_clear(serve, opener, server_tls):
    async def handler(peer):
        await peer.say(STARTTLS_GREETING)
        assert await peer.answer() == b"STARTTLS"
        await upgrade(peer, server_tls)
        assert await peer.answer(b"* CAPABILITY IMAP4rev1 IDLE AUTH=PLAIN") == b"CAPABILITY"
        await peer.answer(text=b"[CAPABILITY IMAP4rev1] in")
        await peer.rest()

    connection = await opener(await serve(handler), Tls.STARTTLS)
    assert connection.capabilities == {"IMAP4REV1", "IDLE", "AUTH=PLAIN"}
    assert connection.tls_description.startswith("TLSv1")
    assert (await connection.login("bob", PASSWORD)).ok


async def stripped(peer) -> None:
    await peer.say(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hello")


async def stripped_from_capability(peer) -> None:
    await peer.say(b"* OK hello")
    await peer.answer(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN")


async def refused_with_no(peer) -> None:
    await peer.say(STARTTLS_GREETING)
    await peer.answer(condition=b"NO", text=b"not today")


async def refused_with_bad(peer) -> None:
    await peer.say(STARTTLS_GREETING)
    await peer.answer(condition=b"BAD", text=b"what?")


async def injected_in_the_same_segment(peer) -> None:
    await peer.say(STARTTLS_GREETING)
    tag = (await peer.line()).split()[0]
    await peer.say(tag + b" OK go", b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] injected")


async def injected_in_the_next_segment(peer) -> None:
    await peer.say(STARTTLS_GREETING)
    await peer.answer()
    await peer.say(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] injected")


async def preauth_in_clear(peer) -> None:
    await peer.say(b"* PREAUTH [CAPABILITY IMAP4rev1] welcome")


async def garbage_instead_of_a_handshake(peer) -> None:
    await peer.say(STARTTLS_GREETING)
    await peer.answer()
    await peer.reader.read(5)
    await peer.say(b"HTTP/1.1 400 Bad Request")


@pytest.mark.parametrize(
    ("attack", "reasons"),
    [
        (stripped, {"starttls-missing"}),
        (stripped_from_capability, {"starttls-missing"}),
        (refused_with_no, {"starttls-refused"}),
        (refused_with_bad, {"starttls-refused"}),
        (injected_in_the_same_segment, {"starttls-injected"}),
        (injected_in_the_next_segment, {"starttls-injected", "not-tls"}),
        (preauth_in_clear, {"preauth-in-clear"}),
        (garbage_instead_of_a_handshake, {"not-tls"}),
    ],
)
async def test_without_starttls_there_is_no_way_on(serve, opener, attack, reasons):
    """P1, P2, P4: the attacker's log holds no more than STARTTLS and a ClientHello."""

    async def handler(peer):
        await attack(peer)
        await peer.rest()

    served = await serve(handler)
    with pytest.raises(TlsFailed) as caught:
        await opener(served, Tls.STARTTLS)
    assert caught.value.check in reasons
    commands = [line.split()[1] for line in served.received.split(b"\r\n") if line[:1] == b"A"]
    assert set(commands) <= {b"CAPABILITY", b"STARTTLS"}


async def test_a_login_in_clear_is_our_own_error(serve, opener, policy):
    """No credential leaves without TLS unless the target says so; here a connection still in clear is asked to log in."""
    from idlebell.imap.client import Client

    client = Client(tls=False)
    client.receive_data(b"* OK [CAPABILITY IMAP4rev1] hello\r\n")
    with pytest.raises(LocalProtocolError):
        client.send(c.Login("bob", PASSWORD))
