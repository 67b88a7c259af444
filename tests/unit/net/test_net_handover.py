"""A session that one process has opened is conducted by another. Both are this process here; what passes between them is what
would pass."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from idlebell.imap.commands import Examine, Noop
from idlebell.imap.state import State
from idlebell.model.account import ImapTarget, Tls
from idlebell.net import tls_engine
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.errors import TransportError
from idlebell.net.handover import NOOPS, Given, give, take
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer

CLOCK = Clock()


class Stage:
    def __init__(self, server: ImapServer, policy: TlsPolicy, arena: SecretArena | None, resolver: Resolver) -> None:
        self.server = server
        self.policy = policy
        self.arena = arena
        """Of the process that logs in."""
        self.own = SecretArena()
        """Of the one that watches."""
        self._connector = Connector(
            Egress(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128")), allow_plaintext=True), resolver
        )

    def target(self, tls: Tls) -> ImapTarget:
        return ImapTarget("localhost", self.server.tls_port if tls is Tls.IMPLICIT else self.server.port, tls)

    async def opened(self, tls: Tls) -> ImapConnection:
        target = self.target(tls)
        connection = await open_connection(target, connector=self._connector, tls_policy=self.policy, clock=CLOCK)
        assert (await connection.login("alice", "secret")).ok
        return connection

    def taken(self, tls: Tls, given: Given) -> ImapConnection:
        return take(self.target(tls), given.session, given.descriptor, self.own, clock=CLOCK)


@pytest.fixture
def version() -> ssl.TLSVersion:
    return ssl.TLSVersion.TLSv1_3


@pytest.fixture
async def stage(tmp_path: Path, version: ssl.TLSVersion) -> AsyncIterator[Stage]:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    context = authority.server_context()
    context.maximum_version = version
    arena = SecretArena()
    resolver = Resolver(CLOCK)
    async with ImapServer(habits=Habits(tls_context=context)) as server:
        server.add_user("alice", "secret")
        yield Stage(server, TlsPolicy(tmp_path / "ca.pem", arena), arena, resolver)
    await resolver.close()


async def watch(connection: ImapConnection, server: ImapServer) -> None:
    """All that a watcher would do with it."""
    assert (await connection.command(Examine("INBOX"))).ok
    assert await connection.idle() is None
    server.deliver("alice", mail.make())
    assert await connection.wait_for_change(10)
    await connection.done()
    await connection.logout()


@pytest.mark.parametrize("tls", list(Tls))
async def test_a_session_goes_on_in_the_hands_of_another(stage: Stage, tls: Tls) -> None:
    connection = await stage.opened(tls)
    described, moved, tags = connection.tls_description, *reversed(connection.spent or (0, 0))
    certificate = connection.certificate
    given = await give(connection)
    assert given.relay is None
    assert stage.arena is not None
    assert stage.arena.used == 0
    with pytest.raises(TransportError):
        await connection.command(Noop())
    taken = stage.taken(tls, given)
    assert taken.client.state is State.AUTHENTICATED
    assert taken.capabilities == connection.capabilities
    assert taken.tls_description == described
    assert taken.peer == "127.0.0.1"
    assert taken.certificate == certificate
    assert (certificate is None) == (tls is Tls.NONE)
    assert taken.spent == (tags, moved)
    assert stage.own.used == (tls is not Tls.NONE)
    if tls is not Tls.NONE:
        assert not any(given.session.secrets)  # overwritten
        assert "secrets" not in repr(given.session)
    await watch(taken, stage.server)
    assert stage.own.used == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2])
@pytest.mark.parametrize("tls", [Tls.IMPLICIT, Tls.STARTTLS])
async def test_a_session_of_tls_1_2_is_relayed(stage: Stage, tls: Tls) -> None:
    given = await give(await stage.opened(tls))
    assert given.relay is not None
    relaying = asyncio.create_task(given.relay.run())
    taken = stage.taken(tls, given)
    assert taken.tls_description.startswith("TLSv1.2 ")
    assert taken.peer == "127.0.0.1"
    await watch(taken, stage.server)
    await relaying
    await stage.server.until(lambda: not stage.server.sessions)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2])
async def test_a_relayed_session_ends_with_its_server(stage: Stage) -> None:
    given = await give(await stage.opened(Tls.IMPLICIT))
    assert given.relay is not None
    relaying = asyncio.create_task(given.relay.run())
    taken = stage.taken(Tls.IMPLICIT, given)
    for session in stage.server.of("alice"):
        session.drop()
    await relaying
    with pytest.raises(TransportError):
        await taken.command(Noop())


async def test_what_the_server_says_meanwhile_is_heard_by_the_other(stage: Stage) -> None:
    connection = await stage.opened(Tls.IMPLICIT)
    for session in stage.server.of("alice"):
        session.say(b"* OK [ALERT] " + b"long " * 800 + b"\r\n")
    taken = stage.taken(Tls.IMPLICIT, await give(connection))
    reply = await taken.command(Noop())
    assert len(reply.untagged) == 1
    await taken.logout()


async def test_a_session_that_does_not_come_to_rest_is_relayed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls_engine, "LAST_BYTES", 10)  # every record is one of the long ones
    connection = await stage.opened(Tls.IMPLICIT)
    before = connection.client.tags
    given = await give(connection)
    assert given.relay is not None
    assert given.session.tags == before + NOOPS
    taken = stage.taken(Tls.IMPLICIT, given)
    relaying = asyncio.create_task(given.relay.run())
    await watch(taken, stage.server)
    await relaying
    assert stage.arena is not None
    assert stage.arena.used == 0


async def test_a_session_whose_keys_cannot_be_had_is_relayed(tmp_path: Path, stage: Stage) -> None:
    stage.policy = TlsPolicy(tmp_path / "ca.pem")
    given = await give(await stage.opened(Tls.IMPLICIT))
    assert given.relay is not None
    stage.taken(Tls.IMPLICIT, given).close()
    await given.relay.run()
    await stage.server.until(lambda: not stage.server.sessions)
