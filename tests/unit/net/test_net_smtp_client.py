"""Handing in mail, against a server that we did not write."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from ipaddress import ip_network

import aiosmtplib
import pytest
import trustme
from net_peers import FakeResolver, Peer, Serve

from idlebell.model.account import Tls
from idlebell.model.secret import Secret
from idlebell.model.smtp import SmtpTarget
from idlebell.net.connector import Connector
from idlebell.net.egress import Egress
from idlebell.net.errors import ConnectionLost, SubmissionRefused, TimedOut, TlsFailed, TransportError, Unreachable
from idlebell.net.smtp_client import Letter, Login, submit
from idlebell.net.tls_policy import TlsPolicy
from smtp_receiver import Received, SmtpReceiver

ADDRESS = "canary@example.org"
PASSWORD = "hunter2-canary"
LETTER = Letter(ADDRESS, ADDRESS, b"Subject: ding\r\n\r\n.dots stay\r\n")


def login(password: str = PASSWORD) -> Login:
    return Login(ADDRESS, Secret(password))


@pytest.mark.parametrize(("tls", "implicit"), [(Tls.IMPLICIT, True), (Tls.STARTTLS, False)])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_a_message_is_handed_in_under_tls_with_a_login(
    tls: Tls,
    implicit: bool,
    mechanism: str,
    connector: Connector,
    policy: TlsPolicy,
    server_tls: ssl.SSLContext,
) -> None:
    async with SmtpReceiver(
        tls=server_tls, implicit=implicit, password=PASSWORD, mechanisms=frozenset({mechanism})
    ) as server:
        target = SmtpTarget("mail.test", server.port, tls)
        await submit(target, login(), LETTER, connector=connector, tls_policy=policy)
    assert server.received == [Received(ADDRESS, ADDRESS, LETTER.content, ADDRESS, True)]
    assert server.logins == [PASSWORD]


async def test_a_cancellation_that_the_library_drops_is_heeded(
    connector: Connector, policy: TlsPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As asyncio.wait_for drops one that comes together with the reply."""
    waiting = asyncio.Event()

    async def quit_(*_: object, **__: object) -> None:
        waiting.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr(aiosmtplib.SMTP, "quit", quit_)
    async with SmtpReceiver() as server:
        target = SmtpTarget("mail.test", server.port, Tls.NONE)
        handing_in = asyncio.create_task(submit(target, None, LETTER, connector=connector, tls_policy=policy))
        await waiting.wait()
        handing_in.cancel()
        with pytest.raises(asyncio.CancelledError):
            await handing_in


async def test_in_clear_there_is_no_login(connector: Connector, policy: TlsPolicy) -> None:
    async with SmtpReceiver() as server:
        target = SmtpTarget("mail.test", server.port, Tls.NONE)
        await submit(target, None, LETTER, connector=connector, tls_policy=policy)
        with pytest.raises(ValueError):
            await submit(target, login(), LETTER, connector=connector, tls_policy=policy)
    assert server.received == [Received(ADDRESS, ADDRESS, LETTER.content, None, False)]
    assert server.connections == 1


async def failed(target: SmtpTarget, connector: Connector, policy: TlsPolicy, given: Login | None) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await submit(target, given, LETTER, connector=connector, tls_policy=policy, timeout_seconds=5)
    return caught.value


@pytest.mark.parametrize(
    ("command", "reply", "reason", "status"),
    [
        ("MAIL", "550 5.7.1 not you", "sender", 550),
        ("RCPT", "550 5.1.1 nobody here", "recipient", 550),
        ("DATA", "452 4.2.2 full", "content", 452),
    ],
)
async def test_a_refusal_names_what_was_refused(
    command: str, reply: str, reason: str, status: int, connector: Connector, policy: TlsPolicy
) -> None:
    async with SmtpReceiver() as server:
        server.refuse[command] = reply
        error = await failed(SmtpTarget("mail.test", server.port, Tls.NONE), connector, policy, None)
    assert isinstance(error, SubmissionRefused)
    assert (error.reason, error.status, error.login_refused) == (reason, status, False)
    assert reply.split(" ", 1)[1] in error.detail


async def test_a_refused_login_is_tried_once_and_quotes_nothing(
    connector: Connector, policy: TlsPolicy, server_tls: ssl.SSLContext
) -> None:
    """The server quotes what it was sent; the password in it goes nowhere."""
    async with SmtpReceiver(tls=server_tls, password="another") as server:
        server.refuse["AUTH"] = f"535 5.7.8 no: {PASSWORD}"
        error = await failed(SmtpTarget("mail.test", server.port, Tls.STARTTLS), connector, policy, login())
    assert isinstance(error, SubmissionRefused)
    assert error.login_refused
    assert error.detail == "535 5.7.8"
    assert server.logins == [PASSWORD]


async def test_a_password_is_never_shown_to_a_server_without_starttls(connector: Connector, policy: TlsPolicy) -> None:
    async with SmtpReceiver(password=PASSWORD) as server:
        error = await failed(SmtpTarget("mail.test", server.port, Tls.STARTTLS), connector, policy, login())
    assert isinstance(error, TlsFailed)
    assert error.reason == "starttls-missing"
    assert server.logins == []


async def test_a_server_that_offers_no_login_is_told_no_password(
    connector: Connector, policy: TlsPolicy, server_tls: ssl.SSLContext
) -> None:
    async with SmtpReceiver(tls=server_tls) as server:
        error = await failed(SmtpTarget("mail.test", server.port, Tls.STARTTLS), connector, policy, login())
    assert (type(error), error.reason) == (SubmissionRefused, "no-login")


@pytest.mark.parametrize(("tls", "implicit"), [(Tls.IMPLICIT, True), (Tls.STARTTLS, False)])
async def test_a_certificate_that_does_not_fit_ends_it(
    tls: Tls, implicit: bool, connector: Connector, policy: TlsPolicy, ca: trustme.CA, server_tls: ssl.SSLContext
) -> None:
    async with SmtpReceiver(tls=server_tls, implicit=implicit, password=PASSWORD) as server:
        wrong_name = await failed(SmtpTarget("other.test", server.port, tls), connector, policy, login())
        unknown = await failed(SmtpTarget("mail.test", server.port, tls), connector, TlsPolicy(), login())
    assert (type(wrong_name), wrong_name.reason) == (TlsFailed, "wrong-host")
    assert (type(unknown), unknown.reason) == (TlsFailed, "unknown-authority")
    assert server.logins == []


async def test_only_what_the_egress_rules_allow_is_dialled(policy: TlsPolicy, resolver: FakeResolver) -> None:
    async with SmtpReceiver() as server:
        closed = Connector(Egress(), resolver)
        no_plaintext = Connector(Egress(allow=(ip_network("127.0.0.0/8"),)), resolver)
        for connector, tls in ((closed, Tls.STARTTLS), (no_plaintext, Tls.NONE)):
            error = await failed(SmtpTarget("mail.test", server.port, tls), connector, policy, None)
            assert (type(error), error.reason) == (Unreachable, "not-allowed")
    assert server.connections == 0


async def test_a_server_that_says_nothing_costs_the_deadline_and_no_more(
    serve: Serve, connector: Connector, policy: TlsPolicy
) -> None:
    async def mute(peer: Peer) -> None:
        await peer.rest()

    served = await serve(mute)
    with pytest.raises(TimedOut) as caught:
        await submit(
            SmtpTarget("mail.test", served.port, Tls.NONE),
            None,
            LETTER,
            connector=connector,
            tls_policy=policy,
            timeout_seconds=0.2,
        )
    assert caught.value.reason == "smtp"


@pytest.mark.parametrize("greeting", [b"220-" + b"x" * 70 + b"\r\n", b"y" * 80])
async def test_an_endless_reply_is_cut_off(
    greeting: bytes, serve: Serve, connector: Connector, policy: TlsPolicy
) -> None:
    async def endless(peer: Peer) -> None:
        while True:
            peer.writer.write(greeting)
            await peer.writer.drain()

    served = await serve(endless)
    error = await failed(SmtpTarget("mail.test", served.port, Tls.NONE), connector, policy, None)
    assert error.reason == "protocol"


@pytest.mark.parametrize(
    ("lines", "kind", "reason"),
    [
        ((b"* OK IMAP4rev1 ready",), SubmissionRefused, "protocol"),
        ((b"554 no service",), SubmissionRefused, "greeting"),
        ((b"421 busy",), SubmissionRefused, "greeting"),
        ((), ConnectionLost, "eof"),
    ],
)
async def test_a_greeting_that_is_none_is_told_apart(
    lines: tuple[bytes, ...],
    kind: type[TransportError],
    reason: str,
    serve: Serve,
    connector: Connector,
    policy: TlsPolicy,
) -> None:
    async def greet(peer: Peer) -> None:
        await peer.say(*lines)

    served = await serve(greet)
    error = await failed(SmtpTarget("mail.test", served.port, Tls.NONE), connector, policy, None)
    assert (type(error), error.reason) == (kind, reason)


@pytest.mark.parametrize(
    ("replies", "kind", "reason"),
    [
        ((b"220 ready", b"502 what?"), SubmissionRefused, "hello"),
        ((b"220 ready", b"250-mail.test\r\n250 STARTTLS", b"454 not now"), TlsFailed, "starttls-refused"),
        ((b"220 ready", b"250-mail.test\r\n250 STARTTLS"), ConnectionLost, "eof"),
        ((b"220 ready", b"250-mail.test\r\n250 STARTTLS", b"220 go"), ConnectionLost, "reset"),
    ],
)
async def test_a_server_that_gives_up_on_the_way_is_told_apart(
    replies: tuple[bytes, ...],
    kind: type[TransportError],
    reason: str,
    serve: Serve,
    connector: Connector,
    policy: TlsPolicy,
) -> None:
    async def giving_up(peer: Peer) -> None:
        for reply in replies:
            await peer.say(reply)
            await peer.line()

    served = await serve(giving_up)
    error = await failed(SmtpTarget("mail.test", served.port, Tls.STARTTLS), connector, policy, login())
    assert (type(error), error.reason) == (kind, reason)


async def test_what_comes_before_tls_is_not_heard(
    serve: Serve, connector: Connector, policy: TlsPolicy, server_tls: ssl.SSLContext
) -> None:
    """RFC 3207 section 4.2: an extension that somebody put behind the 220 must not be believed."""
    said: list[bytes] = []

    async def injecting(peer: Peer) -> None:
        await peer.say(b"220 ready")
        await peer.line()
        await peer.say(b"250-mail.test", b"250-mail.test\r\n250 STARTTLS")
        await peer.line()
        await peer.say(b"220 go", b"250-mail.test", b"250 AUTH PLAIN")
        await peer.writer.start_tls(server_tls)
        said.append(await peer.line())
        await peer.say(b"250 mail.test")
        said.append(await peer.rest())

    served = await serve(injecting)
    error = await failed(SmtpTarget("mail.test", served.port, Tls.STARTTLS), connector, policy, login())
    assert (type(error), error.reason) == (SubmissionRefused, "no-login")
    assert said[0].startswith(b"EHLO [127.0.0.1]")
    assert b"AUTH" not in b"".join(said)


async def test_a_message_that_was_taken_is_taken_although_quit_fails(
    serve: Serve, connector: Connector, policy: TlsPolicy
) -> None:
    taken = asyncio.Event()

    async def rude(peer: Peer) -> None:
        await peer.say(b"220 ready")
        for reply in (b"250 hello", b"250 ok", b"250 ok", b"354 go"):
            await peer.line()
            await peer.say(reply)
        while await peer.line() != b".\r\n":
            pass
        taken.set()
        await peer.say(b"250 taken")

    served = await serve(rude)
    target = SmtpTarget("mail.test", served.port, Tls.NONE)
    await submit(target, None, LETTER, connector=connector, tls_policy=policy)
    assert taken.is_set()


async def test_a_refused_connection_is_unreachable(connector: Connector, policy: TlsPolicy) -> None:
    server = SmtpReceiver()
    await server.start()
    await server.stop()
    error = await failed(SmtpTarget("mail.test", server.port, Tls.NONE), connector, policy, None)
    assert (type(error), error.reason) == (Unreachable, "refused")
