"""Clients that come and go in every way, through the real front before a scripted server: whatever the order, each message
rings once, and one session is left."""

from __future__ import annotations

import asyncio
import base64
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address
from typing import Any, cast

import pytest

from flows.gateway_bench import ScriptedDispatcher, ScriptedDoor
from flows.watch_stage import Stage, staged
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.front import departures, keeping, listener, session
from idlebell.front.departures import Departures
from idlebell.front.keeping import Keeper
from idlebell.front.listener import Front, FrontOptions
from idlebell.front.metadata import Metadata
from idlebell.front.registering import Registering
from idlebell.front.upstreams import Upstreams
from idlebell.gateway.policy import Policy
from idlebell.gateway.reach import Reach
from idlebell.gateway.verbs import Gateway
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.model.account import Account, Credentials
from idlebell.net.addresses import Address
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.wheel import Wheel
from idlebell.telemetry.facts import ReconnectAsked
from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer
from idlebell.watch.borrowed import look
from servers.front_client import FrontClient
from servers.mail_server import User

ALICE = User("alice", "apass")
ENDPOINTS = {
    role: {"type": "simplepush", "url": f"https://push.example.net/{role}"} for role in ("new_mail", "reconnect")
}


class OpenDoor(ScriptedDoor):
    async def log_in(self, account: Account, credentials: Credentials, **how: Any) -> ImapConnection:
        return cast(ImapConnection, await how["opened_by"](account, credentials))


async def _somewhere(_: str) -> tuple[Address, ...]:
    return (ip_address("93.184.216.34"),)


@asynccontextmanager
async def fronted(stage: Stage, **settings: Any) -> AsyncIterator[Front]:
    door = cast(Door, OpenDoor())
    gateway = Gateway(
        stage.store,
        door,
        Keyring(),
        stage.inbox,
        stage.status,
        stage.fleet.nudge,
        cast(Dispatcher, ScriptedDispatcher()),
        Policy(vapid_subject=True, registrations_per_minute=0),
        stage.clock,
        os.urandom,
        stage.emit,
        Reach(Policy().egress, _somewhere),
        lambda _: stage.budget,
        borrow=partial(look, stage.means),
    )
    keeper = Keeper(gateway.live_logins, **settings)
    registering = Registering(gateway.live_logins, gateway.vapid_public_key, keeper.login_of)
    front = Front(
        FrontOptions(host="127.0.0.1", port=0, connections=50, connections_per_address=50),
        Upstreams(stage.account.target, {}),
        door,
        stage.dial,
        stage.clock,
        Wheel(),
        families=(keeper, Metadata(registering)),
        departures=Departures(keeper, stage.clock),
    )
    await front.start()
    try:
        yield front
    finally:
        await front.stop()


async def end(client: FrontClient, way: str, server: ImapServer, user: User = ALICE) -> None:
    match way:
        case "logout":
            await client.logout()
        case "logout with answers under way":
            for _ in range(3):
                client.begin("UID FETCH 1:* (UID BODY.PEEK[])")
            await client.logout()
        case "cut":
            client.cut()
        case "cut in IDLE":
            await client.idle()
            client.cut()
        case "cut by what it is told":
            await client.idle()
            server.deliver(user.name, mail.make(subject="on a phone that sleeps"))
            await client.line(b"* ")
            client.cut()
        case "cut in a line":
            client.send(b"x UID FETCH 1:")
            client.cut()
        case "cut in a literal":
            client.send(b"x UID SEARCH SUBJECT {1000}\r\n")
            await client.line(b"+")
            client.send(b"half of it")
            client.cut()
        case "cut with answers under way":
            client.begin("UID FETCH 1:* (UID BODY.PEEK[])")
            client.cut()
        case "nothing open":
            await client.run("UNSELECT")
            await client.logout()


async def asleep(front: Front) -> None:
    """No task reads either side of a client any more."""
    pumps = [pump for one in front._sessions for pump in (one._client_pump, one._upstream_pump)]
    async with asyncio.timeout(10):
        while not all(pump is not None and pump.done() for pump in pumps):
            await asyncio.sleep(0.005)


async def empty(front: Front) -> None:
    """All clients have gone, and what becomes of their sessions is done."""
    async with asyncio.timeout(10):
        while front.sessions:
            await asyncio.sleep(0.005)


WAYS = (
    "logout",
    "logout with answers under way",
    "cut",
    "cut in IDLE",
    "cut by what it is told",
    "cut in a line",
    "cut in a literal",
    "cut with answers under way",
    "nothing open",
)


@pytest.mark.parametrize("settings", [{}, {"stands_for_all": True}], ids=["ring", "hold"])
async def test_each_message_rings_once_however_clients_come_and_go(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    monkeypatch.setattr(departures, "WIND_DOWN_SECONDS", 0.3)
    monkeypatch.setattr(departures, "LOGOUT_SECONDS", 0.1)
    monkeypatch.setattr(keeping, "LOOKS_APART_SECONDS", 0.01)
    delivered = 0

    def deliver() -> None:
        nonlocal delivered
        for _ in range(chance.randrange(3)):
            delivered += 1
            server.deliver("alice", mail.make(subject=str(delivered)))

    async with staged(server, park_after_seconds=0.01) as stage, fronted(stage, **settings) as front:
        ways = [*WAYS, *chance.choices(WAYS, k=4)]
        chance.shuffle(ways)
        for number, way in enumerate(ways):
            async with FrontClient(front.port) as client:
                await client.login(ALICE)
                deliver()
                if number == 0 or chance.random() < 0.3:
                    await client.register("a", ENDPOINTS)
                if number == 0:
                    delivered = 0  # what was there before is nobody's news
                deliver()
                await client.run("SELECT INBOX")
                deliver()
                await end(client, way, server)
                delivered += way == "cut by what it is told"
                deliver()
        async with FrontClient(front.port) as client:  # whatever was lost is mended by the next login
            await client.login(ALICE)
            await client.logout()
        async with asyncio.timeout(10):
            await empty(front)
            while sum(one.count for one in stage.store.told) < delivered:
                await asyncio.sleep(0.01)
            await server.until(lambda: len(server.sessions) == 1 and server.idling("alice") == 1)
        assert sum(one.count for one in stage.store.told) == delivered, f"seed {seed}"
        assert len(server.logins) == len(ways) + 1
        (kept,) = server.sessions
        async with FrontClient(front.port) as stranger:  # who does not know the password ends nothing
            tag = stranger.begin('LOGIN "alice" "guess"')
            assert (await stranger.line(tag.encode()))[-1].startswith(f"{tag} NO".encode())
        async with asyncio.timeout(10):
            await server.until(lambda: server.sessions == {kept} and kept.idling)


async def test_every_session_is_kept_but_one_that_waits_for_the_rest_of_a_literal(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each by a user of its own, who has no other session, after a silence in which the front has laid it aside."""
    monkeypatch.setattr(session, "AWAKE_SECONDS", 0.02)
    monkeypatch.setattr(departures, "WIND_DOWN_SECONDS", 0.5)
    lost: set[str] = set()
    async with staged(server, park_after_seconds=0.01) as stage, fronted(stage) as front:
        for number, way in enumerate(WAYS):
            user = User(f"user{number}", "apass")
            server.add_user(user.name, user.password)
            async with FrontClient(front.port) as client:
                await client.login(user)
                await client.run("SELECT INBOX")
                await client.register("a", ENDPOINTS)
                await asleep(front)
                await end(client, way, server, user)
            account = await stage.store.account_by_key(stage.account.target, user.name)
            assert account is not None
            found = await stage.status.wait_for(
                account.id, lambda one: bool(one and one.watching()), 1 if "literal" in way else 10
            )
            if found is None or not found.watching():
                lost.add(way)
        assert lost == {"cut in a literal"}
        assert len(await stage.fact(ReconnectAsked)) == 1


async def test_who_acts_for_another_proves_nothing_of_him(server: ImapServer) -> None:
    """Courier 5.0 passes over whom PLAIN says one acts for (RFC 4616 section 2), and lets in whose password it is."""
    server.add_user("mallory", "mpass")
    said = base64.b64encode(b"alice\0mallory\0mpass").decode()
    async with staged(server, park_after_seconds=0.01) as stage, fronted(stage) as front:
        async with FrontClient(front.port) as client:
            await client.login(ALICE)
            await client.register("a", ENDPOINTS)
            await client.logout()
        await server.until(lambda: server.idling("alice") == 1)
        async with FrontClient(front.port) as client:
            (told,) = [line for line in await client.run(f"AUTHENTICATE PLAIN {said}") if b"CAPABILITY" in line]
            assert b"XIDLEBELL" not in told
            tag = client.begin('GETMETADATA (DEPTH infinity) "" /private/vendor/vendor.idlebell')
            assert (await client.line(tag.encode()))[-1].startswith(f"{tag} BAD".encode())  # the mail server's own word
            await client.logout()
        await empty(front)
        await server.until(lambda: len(server.sessions) == 1 and server.idling("alice") == 1)


async def test_a_login_that_takes_too_long_at_our_end_leaves_nothing(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def arrived(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(Keeper, "arrived", arrived)
    monkeypatch.setattr(listener, "BEFORE_LOGIN_SECONDS", 0.5)
    async with staged(server) as stage, fronted(stage) as front, FrontClient(front.port) as client:
        client.begin('LOGIN "alice" "apass"')
        await client.gone()
        await empty(front)
        await server.until(lambda: not server.sessions)
        assert front.connections == 0
        assert asked.is_set()
