"""What a server may answer when a lost session is opened again: what is trouble is waited out and asks nobody, what is a
refusal is believed at once, and no password is sent twice after one."""

from __future__ import annotations

import asyncio
import imaplib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faults.watched import BOUND_SECONDS, Noticed, Watched, hurried, timed, watched
from idlebell.imap import commands
from idlebell.imap.responses import Condition
from idlebell.net.dns import Resolver
from idlebell.net.errors import Unreachable
from idlebell.testing.certificate import Authority
from idlebell.testing.faults import Planned, Refuse
from servers.dovecot_server import DovecotServer

TROUBLE = [
    (Refuse("later", "UNAVAILABLE"), "server-unavailable"),
    (Refuse("a bug", "SERVERBUG"), "server-unavailable"),
    (Refuse("in use", "INUSE"), "throttled"),
    (Refuse("slow down", "THROTTLED"), "throttled"),
    (Refuse("no more", "LIMIT"), "too-many-connections"),
    (Refuse("Too many simultaneous connections. (Failure)", "ALERT"), "too-many-connections"),
    (Refuse("User is authenticated but not connected.", condition=Condition.BAD), "throttled"),
]
REFUSALS = ["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN"]


@pytest.fixture
async def alice(tmp_path: Path) -> AsyncIterator[Watched]:
    with hurried():
        async with watched(tmp_path) as one:
            yield one


def plan(alice: Watched, refuse: Refuse, times: int | None = None) -> Planned:
    """The next logins are answered so."""
    return alice.scene.server.plan(commands.Authenticate, refuse, times=times, user=None)


@pytest.mark.parametrize(("refuse", "problem"), TROUBLE, ids=[one[0].text for one in TROUBLE])
async def test_trouble_of_the_server_is_waited_out(
    alice: Watched, refuse: Refuse, problem: str, noticed: Noticed
) -> None:
    """F9. The credentials are kept, and nobody is asked for new ones."""
    planned = plan(alice, refuse, times=2)
    alice.proxy.cut()
    await planned.hit()
    shown = await alice.until_state("reconnecting")
    await alice.scene.until(lambda: alice.has_problem(problem))
    await alice.mail()
    seconds = await timed(alice.until_state("watching"))
    await alice.rung()
    await alice.still_there()

    assert shown["state"] == "reconnecting"
    assert planned.hits == 2
    assert alice.calls() == []
    noticed(f"F9 {refuse.text!r} (pauses shortened)", f"{problem}, waited out, app not asked", seconds)


@pytest.mark.parametrize("code", REFUSALS)
async def test_a_refusal_is_believed_at_once(alice: Watched, code: str, noticed: Noticed) -> None:
    """F10. The app is asked once, and the password is not sent again."""
    planned = plan(alice, Refuse("no more of this", code))
    alice.proxy.cut()
    seconds = await timed(alice.called())
    shown = await alice.until_state("rejected")
    before = alice.proxy.accepted
    assert shown["problem"]["type"] == "/problems/authentication-failed"
    assert "no more of this" in shown["problem"]["detail"]
    assert alice.calls()[0].payload is not None
    assert alice.calls()[0].payload["reason"] == "rejected"

    planned.cancel()
    await alice.mail()
    await alice.resupply(alice.password)
    await alice.rung()
    await alice.still_there()
    # SCRAM refused before its first challenge may be SCRAM's alone: the next mechanism is the one that carries the password.
    assert planned.hits == (2 if code == "AUTHENTICATIONFAILED" else 1)
    assert alice.proxy.accepted == before + 1
    noticed(f"F10 NO [{code}]", "rejected, asked once, password sent once", seconds)


async def test_a_no_without_a_reason_is_asked_about_once_more(alice: Watched, noticed: Noticed) -> None:
    """F11: Cyrus and Courier give none, whatever is the matter."""
    planned = plan(alice, Refuse("Login failed."), times=1)
    alice.proxy.cut()
    await planned.hit()
    await alice.scene.until(lambda: alice.has_problem("login-unexplained"))
    await alice.mail()
    seconds = await timed(alice.until_state("watching"))
    await alice.rung()
    await alice.still_there()
    assert alice.calls() == []
    noticed("F11 NO without a code, once (15 minutes shortened to 1 s)", "tried once more, app not asked", seconds)


async def test_a_no_without_a_reason_is_believed_the_second_time(alice: Watched, noticed: Noticed) -> None:
    planned = plan(alice, Refuse("Login failed."))
    alice.proxy.cut()
    seconds = await timed(alice.called())
    shown = await alice.until_state("rejected")
    assert shown["problem"]["type"] == "/problems/authentication-failed"
    assert planned.hits == 2
    planned.cancel()
    await alice.resupply(alice.password)
    await alice.still_there()
    assert planned.hits == 2
    noticed("F11 NO without a code, twice (15 minutes shortened to 1 s)", "rejected, asked once", seconds)


async def test_an_alert_reaches_the_user_cleaned(alice: Watched) -> None:
    """F12: RFC 9051 section 7.1 says that it is to be shown."""
    plan(alice, Refuse("Your mailbox\x1b[2J moves on Friday", "ALERT"), times=1)
    alice.proxy.cut()
    detail = (await alice.until_state("rejected"))["problem"]["detail"]
    assert "moves on Friday" in detail
    assert "\x1b" not in detail
    await alice.called()


async def test_a_certificate_that_has_expired_lets_nothing_through(alice: Watched, noticed: Noticed) -> None:
    """F19. The session that runs goes on; a new one is not opened, and the password is not sent."""
    authority, server = alice.scene.authority, alice.scene.server
    good = server.habits.tls_context
    server.behave(tls_context=authority.server_context(expired=True))
    await alice.still_there()
    logins = len(server.logins)
    alice.proxy.cut()
    seconds = await timed(alice.scene.until(lambda: alice.has_problem("tls-failed")))
    shown = await alice.shown()
    assert shown["state"] == "reconnecting"
    assert "expired" in shown["problem"]["detail"]
    assert len(server.logins) == logins

    server.behave(tls_context=good)
    await alice.mail()
    await alice.until_state("watching")
    await alice.rung()
    await alice.still_there()
    assert alice.calls() == []
    noticed("F19 certificate expired", "tls-failed, no password sent, app not asked, watching once mended", seconds)


async def test_a_certificate_of_another_authority_lets_nothing_through(alice: Watched) -> None:
    """F19."""
    server = alice.scene.server
    good = server.habits.tls_context
    server.behave(tls_context=Authority().server_context())
    logins = len(server.logins)
    alice.proxy.cut()
    await alice.scene.until(lambda: alice.has_problem("tls-failed"))
    assert len(server.logins) == logins
    server.behave(tls_context=good)
    await alice.until_state("watching")
    await alice.still_there()
    assert alice.calls() == []


async def test_another_key_than_the_first_is_told_at_once_and_gets_no_password(
    tmp_path: Path, noticed: Noticed
) -> None:
    """P7: the app is asked, the credentials wait, nothing is sent; once the old key is back it goes on by itself. A new key is
    trusted by the user's own word, with new credentials, and what came meanwhile rings."""
    with hurried():
        async with watched(tmp_path, tls_pin_sha256="first", door="process") as alice:
            server, path = alice.scene.server, f"/v1/subscriptions/{alice.id}"
            good = server.habits.tls_context
            seen = (await alice.shown())["certificate"]["spki_sha256"]
            server.behave(tls_context=Authority().server_context("localhost"))
            logins = len(server.logins)
            alice.proxy.cut()
            seconds = await timed(alice.called())
            shown = await alice.until_state("needs_credentials")
            assert shown["problem"]["type"] == "/problems/certificate-changed"
            assert f"not the one of the first session, {seen}" in shown["problem"]["detail"]
            assert shown["certificate"]["spki_sha256"] == seen
            body = {"auth": {"type": "password", "password": alice.password}}
            answer = await alice.scene.call("PUT", f"{path}/credentials", body, token=alice.token)
            assert answer.is_problem("certificate-changed"), answer
            assert len(server.logins) == logins

            server.behave(tls_context=good)
            await alice.mail()
            await alice.until_state("watching")
            await alice.rung()

            server.behave(tls_context=Authority().server_context("localhost"))
            alice.proxy.cut()
            await alice.called(2)
            await alice.mail()
            await alice.scene.call("PATCH", path, {"tls_pin_sha256": "first"}, token=alice.token)
            await alice.resupply(alice.password)
            await alice.until_state("watching")
            await alice.rung()
            assert (await alice.shown())["certificate"]["spki_sha256"] != seen
    noticed("P7 another key than the first", "certificate-changed, no password sent, app asked once", seconds)


async def test_a_name_server_that_fails_costs_no_session_and_keeps_none_away(
    alice: Watched, monkeypatch: pytest.MonkeyPatch, noticed: Noticed
) -> None:
    """F18. Under TLS the last address known is as good: whoever answers there must prove the name."""

    async def fail(resolver: Resolver, host: str) -> None:
        raise Unreachable("dns", f"{host}: SERVFAIL")

    monkeypatch.setattr(Resolver, "resolve", fail)
    await alice.still_there()
    before = alice.proxy.accepted
    alice.proxy.cut()
    await alice.mail()
    seconds = await timed(alice.reconnected(before))
    await alice.rung()
    assert alice.calls() == []
    noticed("F18 name server fails at a reconnect", "last address dialled, watching again", seconds)


async def test_a_name_that_is_gone_is_asked_for_until_it_is_back(
    alice: Watched, monkeypatch: pytest.MonkeyPatch, noticed: Noticed
) -> None:
    """F18: NXDOMAIN is an answer, and what was known before is not to be used against it."""

    async def fail(resolver: Resolver, host: str) -> None:
        raise Unreachable("no-such-name", host)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Resolver, "resolve", fail)
        alice.proxy.cut()
        await alice.scene.until(lambda: alice.has_problem("unreachable"))
        assert await alice.state() == "reconnecting"
    seconds = await timed(alice.until_state("watching"))
    await alice.still_there()
    assert alice.calls() == []
    noticed("F18 NXDOMAIN, then the name is back", "unreachable, then watching, app not asked", seconds)


async def test_the_limit_of_a_real_server_is_waited_out(tmp_path: Path, noticed: Noticed) -> None:
    """F9: Dovecot lets one session of the account in, and somebody else has it."""
    with hurried(), DovecotServer({"mail_max_userip_connections": "1"}) as server:
        async with watched(tmp_path, server) as alice:
            await alice.proxy.shut()
            alice.proxy.cut(reset=False)
            other = await asyncio.to_thread(_log_in, server, alice)
            await alice.proxy.open()
            await alice.scene.until(lambda: alice.has_problem("too-many-connections"))
            assert await alice.state() == "reconnecting"
            await alice.mail()
            await asyncio.to_thread(other.logout)
            seconds = await timed(alice.until_state("watching"))
            await alice.rung()
            await alice.still_there()
            assert alice.calls() == []
    noticed("F9 Dovecot's NO [LIMIT], from its end on (pause shortened)", "waited out, app not asked", seconds)


def _log_in(server: DovecotServer, alice: Watched) -> imaplib.IMAP4_SSL:
    """As another client of hers, once the server has noticed that ours is gone."""
    end = time.monotonic() + BOUND_SECONDS
    while True:
        client = imaplib.IMAP4_SSL("localhost", server.ports.imaps, ssl_context=server.client_context())
        try:
            client.login(alice.user, alice.password)
        except imaplib.IMAP4.error:
            client.shutdown()
            assert time.monotonic() < end
        else:
            return client
