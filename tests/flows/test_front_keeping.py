"""The session of a client that has gone becomes the watch: before a scripted server, with the fleet that watches."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_address
from typing import Any, cast

import pytest

from flows.gateway_bench import ScriptedDispatcher, ScriptedDoor
from flows.watch_stage import Stage, staged
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.front.keeping import Keeper
from idlebell.front.own import Asked, Here
from idlebell.gateway.policy import Policy
from idlebell.gateway.reach import Reach
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import SubscriptionRequest
from idlebell.gateway.verbs import Gateway
from idlebell.imap import commands as c
from idlebell.imap.responses import TaggedResponse
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.model.account import ImapTarget
from idlebell.model.subscription import Floor
from idlebell.net.addresses import Address
from idlebell.net.imap_connection import ImapConnection
from idlebell.telemetry.facts import ReconnectAsked
from idlebell.testing import mail
from idlebell.testing.faults import Drop
from idlebell.testing.imap_server import ImapServer
from idlebell.watch.borrowed import look


@dataclass(eq=False)
class Client:
    """What of :class:`~idlebell.front.own.Here` a keeper looks at, and the client's session at the server."""

    target: ImapTarget
    session: ImapConnection
    username: str = "alice"
    address: str = "192.0.2.1"
    secure: bool = True
    selected: str | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def capabilities(self) -> frozenset[str]:
        return self.session.capabilities

    async def ask(self, command: c.Command) -> Asked:
        async with self.asking:
            reply = await self.session.command(command)
        done = reply.completed
        return Asked(TaggedResponse(done.tag, done.condition, done.code, done.text), tuple(reply.untagged))

    async def open(self, mailbox: str, keeper: Keeper) -> None:
        keeper.claims("SELECT", b"SELECT", cast(Here, self))
        async with self.asking:
            await self.session.command(c.Examine(mailbox))
        self.selected = mailbox


@dataclass
class Front:
    stage: Stage
    gateway: Gateway
    keeper: Keeper
    clients: list[Client] = field(default_factory=list)

    async def come(self) -> Client:
        client = Client(self.stage.account.target, await self.stage.connect())
        await self.keeper.arrived(cast(Here, client))
        return client

    async def register(self, client: Client, name: str = "a", floors: tuple[Floor, ...] = (), **members: Any) -> str:
        push = f"https://push.example.net/{name}"
        endpoints = {role: {"type": "simplepush", "url": f"{push}/{role}"} for role in ("new_mail", "reconnect")}
        request = read(SubscriptionRequest, {"endpoints": endpoints, **members})
        login = self.keeper.login_of(cast(Here, client))
        return (await self.gateway.live_logins.subscribe(login, request, floors=floors)).view.id

    async def go(self, client: Client) -> bool:
        """Whether its session was kept."""
        wanted = self.keeper.wants(cast(Here, client))
        if wanted:
            await self.keeper.keep(cast(Here, client), client.session)
        else:
            await client.session.logout()
            await self.keeper.left(cast(Here, client))
        return wanted


async def _somewhere(_: str) -> tuple[Address, ...]:
    return (ip_address("93.184.216.34"),)


async def _front(stage: Stage, **settings: Any) -> Front:
    gateway = Gateway(
        stage.store,
        cast(Door, ScriptedDoor()),
        Keyring(),
        stage.inbox,
        stage.status,
        stage.fleet.nudge,
        cast(Dispatcher, ScriptedDispatcher()),
        Policy(vapid_subject=True),
        stage.clock,
        os.urandom,
        stage.emit,
        Reach(Policy().egress, _somewhere),
        lambda _: stage.budget,
        borrow=partial(look, stage.means),
    )
    return Front(stage, gateway, Keeper(gateway.live_logins, **settings))


@pytest.fixture
async def front(server: ImapServer) -> AsyncIterator[Front]:
    async with staged(server, park_after_seconds=0.01) as stage:
        yield await _front(stage)


async def alone(server: ImapServer) -> None:
    """One session is left, and waits."""
    async with asyncio.timeout(10):
        await server.until(lambda: len(server.sessions) == 1 and server.idling("alice") == 1)


async def test_the_clients_login_becomes_the_watch_and_nothing_is_lost_or_told_twice(
    front: Front, server: ImapServer
) -> None:
    server.deliver("alice", mail.make(subject="old"))
    client = await front.come()
    await client.session.command(c.Examine("INBOX"))
    validity = server.store.find("alice").inbox.uid_validity  # type: ignore[union-attr]
    await front.register(client, floors=(Floor("INBOX", validity, 2),))
    server.deliver("alice", mail.make(subject="while it was there"))
    assert await front.go(client)
    await front.stage.watching()
    server.deliver("alice", mail.make(subject="after it has gone"))
    assert await front.stage.rung(2) == ["INBOX", "INBOX"]
    assert len(server.logins) == 1
    await alone(server)
    assert [one.count for one in front.stage.store.told] == [1, 1]


async def test_a_client_that_comes_back_again_and_again_leaves_one_session(front: Front, server: ImapServer) -> None:
    first = await front.come()
    await front.register(first)
    assert await front.go(first)
    await front.stage.watching()
    for number in range(10):
        client = await front.come()
        await front.register(client)
        server.deliver("alice", mail.make(subject=str(number)))
        assert not await front.go(client)
        await front.stage.rung(number + 1)
    await alone(server)


async def test_of_several_clients_that_go_at_once_one_leaves_its_session(front: Front, server: ImapServer) -> None:
    clients = [await front.come() for _ in range(5)]
    await front.register(clients[0])
    assert all(front.keeper.wants(cast(Here, client)) for client in clients)
    await asyncio.gather(*(front.keeper.keep(cast(Here, client), client.session) for client in clients))
    await front.stage.watching()
    await alone(server)


async def test_one_that_has_registered_nothing_leaves_nothing(front: Front, server: ImapServer) -> None:
    client = await front.come()
    assert not await front.go(client)
    async with asyncio.timeout(10):
        await server.until(lambda: not server.sessions)


async def test_a_subscription_that_ended_meanwhile_leaves_nothing(front: Front, server: ImapServer) -> None:
    client = await front.come()
    await front.register(client)
    login = front.keeper.login_of(cast(Here, client))
    ((subscription, _),) = await front.gateway.live_logins.show_all(login)
    await front.gateway.live_logins.end(login, subscription.id)
    await front.go(client)
    async with asyncio.timeout(10):
        await server.until(lambda: not server.sessions)


async def test_an_account_whose_session_is_lost_asks_and_the_next_client_mends_it(
    front: Front, server: ImapServer
) -> None:
    client = await front.come()
    await front.register(client)
    assert await front.go(client)
    await front.stage.watching()
    server.of("alice")[0].drop()
    await front.stage.fact(ReconnectAsked)
    server.deliver("alice", mail.make(subject="meanwhile"))
    again = await front.come()
    assert await front.go(again)
    assert await front.stage.rung(1) == ["INBOX"]
    (stored,) = await front.stage.store.of_account(front.stage.account.id)
    assert stored.loss is None
    assert len([fact for fact in front.stage.facts if isinstance(fact, ReconnectAsked)]) == 1


async def test_a_session_that_breaks_while_it_is_made_quiet_is_lost_as_any(front: Front, server: ImapServer) -> None:
    client = await front.come()
    await client.session.command(c.Examine("INBOX"))
    await front.register(client)
    server.plan(c.Unselect, Drop())
    assert await front.go(client)
    await front.stage.fact(ReconnectAsked)
    assert not front.stage.inbox.attended(front.stage.account.id)


async def test_what_a_client_has_asked_to_be_told_is_over_with_it(front: Front, server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.store.find("alice").add_mailbox("Other")  # type: ignore[union-attr]
    server.behave(notify_none_mutes=True)  # as Dovecot does
    client = await front.come()
    front.keeper.claims("NOTIFY", b"NOTIFY SET (personal (MessageNew MessageExpunge))", cast(Here, client))
    await client.session.command(c.Notify((c.EventGroup("personal", ("MessageNew", "MessageExpunge")),)))
    await front.register(client)
    (session,) = server.of("alice")
    assert session.notified
    assert await front.go(client)
    await front.stage.watching()
    await alone(server)
    server.deliver("alice", mail.make(subject="of another mailbox"), "Other")
    server.deliver("alice", mail.make(subject="of the inbox"))
    assert await front.stage.rung(1) == ["INBOX"]


async def test_a_session_that_stands_for_all_is_the_only_one_and_tells_what_was_left_unread(
    server: ImapServer,
) -> None:
    async with staged(server, park_after_seconds=0.01) as stage:
        front = await _front(stage, stands_for_all=True)
        client = await front.come()
        await front.register(client)
        assert await front.go(client)
        await front.stage.watching()
        await alone(server)
        (kept,) = server.sessions
        first, second = await front.come(), await front.come()
        async with asyncio.timeout(10):
            await server.until(lambda: kept not in server.sessions)
        server.deliver("alice", mail.make(subject="read there"), flags=frozenset({"\\Seen"}))
        server.deliver("alice", mail.make(subject="left unread"))
        assert not await front.go(first)
        assert await front.go(second)
        await front.stage.watching()
        await alone(server)
        assert [one.count for one in stage.store.told] == [1]
        assert not [fact for fact in stage.facts if isinstance(fact, ReconnectAsked)]


async def test_mail_rings_over_the_clients_own_session_until_one_is_kept_and_never_twice(
    front: Front, server: ImapServer
) -> None:
    client = await front.come()
    here = cast(Here, client)
    validity = server.store.find("alice").inbox.uid_validity  # type: ignore[union-attr]
    await front.register(client, floors=(Floor("INBOX", validity, 1),), filter={"subject": "ring"})
    await client.open("inbox", front.keeper)
    server.deliver("alice", mail.make(subject="ring one"))
    server.deliver("alice", mail.make(subject="keep quiet"))
    for _ in range(3):
        assert front.keeper.heard(b"* 2 EXISTS\r\n", here)
    assert await front.stage.rung(1) == ["INBOX"]
    server.deliver("alice", mail.make(subject="ring two"))
    assert front.keeper.heard(b"* 3 exists", here)
    assert await front.stage.rung(2) == ["INBOX"] * 2
    await front.keeper.over(here)
    assert await front.go(client)
    await front.stage.watching()
    server.deliver("alice", mail.make(subject="ring three"))
    await front.stage.rung(3)
    assert [one.count for one in front.stage.store.told] == [1, 1, 1]
    assert len(server.logins) == 1


async def test_a_look_ends_where_its_client_turns_to_another_mailbox(front: Front, server: ImapServer) -> None:
    server.store.find("alice").add_mailbox("Other")  # type: ignore[union-attr]
    client = await front.come()
    here = cast(Here, client)
    validity = server.store.find("alice").inbox.uid_validity  # type: ignore[union-attr]
    await front.register(client, floors=(Floor("INBOX", validity, 1),))
    await client.open("INBOX", front.keeper)
    server.deliver("alice", mail.make(subject="of the inbox"))
    server.deliver("alice", mail.make(subject="of the other one"), "Other")
    async with client.asking:  # no command is safe now
        assert front.keeper.heard(b"* 1 EXISTS", here)
        await asyncio.sleep(0)
        turning = asyncio.create_task(client.open("Other", front.keeper))
        await asyncio.sleep(0)
    await turning
    assert front.keeper.heard(b"* 1 EXISTS", here)  # of a mailbox that nobody wants to hear of
    await front.keeper.over(here)
    assert front.stage.store.told == []
    assert await front.go(client)
    assert await front.stage.rung(1) == ["INBOX"]
