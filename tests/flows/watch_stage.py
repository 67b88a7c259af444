"""A fleet on a store in memory, before the scripted server."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from types import MappingProxyType

from idlebell.imap.sasl import Plain
from idlebell.model.account import Account, ImapTarget, Retention, Tls
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints, PushUrl, SimplePushEndpoint
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification
from idlebell.model.problem import Fault
from idlebell.model.selection import Selection
from idlebell.model.sighting import Sighting
from idlebell.model.subscription import Payload, Phase, Subscription
from idlebell.model.trail import KeptVerdict
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.secret_arena import SecretArena
from idlebell.net.session_inbox import SessionInbox
from idlebell.net.tls_policy import TlsPolicy
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Fact, SupervisorCaught
from idlebell.telemetry.status import AccountStatus, Status
from idlebell.testing.imap_server import ImapServer
from idlebell.watch.cadence import Cadence
from idlebell.watch.fleet import Fleet
from idlebell.watch.hosts import Hosts
from idlebell.watch.look import Means

KEEP = timedelta(hours=1)


class SteppedClock(Clock):
    """The machine's own, but that a test can let it get late."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


class NotingStore(MemoryStore):
    """Notes what it was told to ring for: what waits in the outbox makes room for what is newer."""

    def __init__(self) -> None:
        super().__init__(entropy=os.urandom)
        self.told: list[NewMail] = []

    async def commit(
        self,
        account: AccountId,
        mailbox: str,
        expected: Cursor | None,
        new: Cursor,
        drafts: Sequence[Draft],
        *,
        sighted: Sequence[Sighting] = (),
        known: Mapping[bytes, Sighting] = MappingProxyType({}),
        verdicts: Sequence[KeptVerdict] = (),
    ) -> tuple[Notification, ...]:
        taken = await super().commit(
            account, mailbox, expected, new, drafts, sighted=sighted, known=known, verdicts=verdicts
        )
        self.told += [one.content for one in taken if isinstance(one.content, NewMail)]
        return taken


@dataclass
class Stage:
    """A fleet on a store in memory, before a scripted server that knows alice."""

    server: ImapServer
    store: NotingStore
    status: Status
    inbox: SessionInbox
    fleet: Fleet
    account: Account
    connect: Callable[[], asyncio.Future[ImapConnection]]
    facts: list[Fact]
    clock: SteppedClock
    means: Means
    dial: Callable[[ImapTarget], Awaitable[ImapConnection]]
    """A connection that nobody has logged in yet."""
    held: bool = False
    """Credentials are held: a lost session may be opened again."""
    budget: int = 10
    """Sessions that the server bears of one account."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def subscribe(
        self,
        name: str = "sub_1",
        *mailboxes: str,
        payload: Payload = Payload.ALERT,
        selection: Selection | None = None,
        also: frozenset[str] = frozenset(),
    ) -> Subscription:
        now = datetime.now(UTC)
        endpoint = SimplePushEndpoint(PushUrl(f"https://push.example.net/{name}"))
        reconnect = SimplePushEndpoint(PushUrl(f"https://push.example.net/{name}/reconnect"))
        return await self.store.put(
            Subscription(
                id=SubscriptionId(name),
                account_id=self.account.id,
                key_digest=name.encode(),
                owner=None,
                mailboxes=mailboxes or ("INBOX",),
                endpoints=Endpoints(endpoint, reconnect),
                payload=payload,
                retention=Retention.SESSION,
                lease_seconds=3600,
                created_at=now,
                expires_at=now + KEEP,
                phase=Phase.ACTIVE,
                selection=selection,
                also=also,
            )
        )

    async def adopt(self, sessions: int = 1) -> None:
        for _ in range(sessions):
            self.inbox.adopt(self.account.id, await self.connect())
        self.fleet.nudge(self.account.id)

    async def watching(self, *mailboxes: str) -> AccountStatus:
        wanted = set(mailboxes or ("INBOX",))
        found = await self.status.wait_for(
            self.account.id, lambda status: status is not None and status.watching() >= wanted, 10
        )
        assert found is not None
        assert found.watching() >= wanted, list(found)
        return found

    async def fact(self, kind: type[Fact], times: int = 1) -> list[Fact]:
        async with asyncio.timeout(10):
            while len(found := [fact for fact in self.facts if isinstance(fact, kind)]) < times:
                self.changed.clear()
                await self.changed.wait()
        return found

    async def rung(self, messages: int) -> list[str]:
        """The mailboxes of all messages that rang, once ``messages`` did: each as often as it did."""
        async with asyncio.timeout(10):
            while len(found := [one.mailbox for one in self.store.told for _ in range(one.count)]) < messages:
                self.changed.clear()
                await self.changed.wait()
        return sorted(found)

    def emit(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.changed.set()

    async def outbox(self) -> list[Notification]:
        """What waits, oldest first; taken out as if it had been delivered."""
        now = datetime.now(UTC) + timedelta(seconds=1)
        found = []
        while lanes := await self.store.lanes(now, 10):
            for lane in lanes:
                leases = await self.store.lease(lane, now, now + KEEP, 100)
                found.extend(leased.notification for leased in leases)
        return sorted(found, key=lambda one: one.version)

    async def place(self, mailbox: str = "INBOX") -> Cursor | None:
        """What has been announced of a mailbox, without the time of the look."""
        found = await self.store.cursor(self.account.id, mailbox)
        return None if found is None else replace(found, looked_at=None)

    async def counted(self, name: str = "sub_1") -> int:
        return (await self.store.activity(SubscriptionId(name))).counts.detected


@asynccontextmanager
async def staged(
    server: ImapServer, cadence: Cadence | None = None, park_after_seconds: float = 0.0
) -> AsyncIterator[Stage]:
    clock = SteppedClock()
    store = NotingStore()
    account = await store.account(ImapTarget("127.0.0.1", server.tls_port, Tls.IMPLICIT), "alice")
    status, inbox = Status(), SessionInbox()
    connector = Connector(Egress(allow=(ip_network("127.0.0.0/8"),)), Resolver(clock))
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder) / "ca.pem"
        ca_file.write_bytes(server.ca_pem)
        policy = TlsPolicy(ca_file, SecretArena() if park_after_seconds else None)

    def dial(target: ImapTarget) -> Awaitable[ImapConnection]:
        return open_connection(target, connector=connector, tls_policy=policy, clock=clock)

    async def connect() -> ImapConnection:
        connection = await dial(account.target)
        reply = await connection.authenticate(Plain("alice", "apass"))
        assert reply.ok
        return connection

    async def reopen(_: Account) -> ImapConnection | Fault | None:
        try:
            return await connect()
        except Exception as error:  # a test's own supervisor
            return Fault("unreachable", "The mail server cannot be reached.", str(error))

    stage: Stage
    cadence = cadence or Cadence()
    means = Means(
        store=store,
        status=status,
        clock=clock,
        emit=lambda fact: stage.emit(fact),  # noqa: PLW0108 - the stage comes after it
        entropy=lambda: 0.0,
        cadence=cadence,
        hosts=Hosts(store, clock, cadence, lambda fact: stage.emit(fact), lambda _: stage.budget),  # noqa: PLW0108
        keep=KEEP,
        max_mailboxes=100,
        sessions=lambda: fleet.sessions(),  # noqa: PLW0108
        resolved=lambda account: fleet.nudge(account),  # noqa: PLW0108
        committed=lambda: None,
        park_after_seconds=park_after_seconds,
        may_park=lambda account: fleet.may_park(account),  # noqa: PLW0108
    )
    fleet = Fleet(means, inbox, reopen, lambda _: stage.held, lambda _: True)
    stage = Stage(server, store, status, inbox, fleet, account, connect, [], clock, means, dial)  # type: ignore[arg-type]
    running = asyncio.create_task(fleet.run())
    try:
        yield stage
    finally:
        await fleet.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert not [fact for fact in stage.facts if isinstance(fact, SupervisorCaught)], stage.facts
