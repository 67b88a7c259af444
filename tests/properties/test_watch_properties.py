"""Watchers against the scripted server, with whatever may go wrong in any order: every message that stays unread is
announced to each subscription, none twice, and nothing that was there before it came.

The model is small: which messages there are (told apart by their subjects, which survive a change of UIDVALIDITY), which
of them each subscription must be told of, and what the store has durably taken.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from idlebell.imap import commands as c
from idlebell.imap.sasl import Plain
from idlebell.model.account import Account, ImapTarget, Retention, Tls
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints, PushUrl, WebhookEndpoint
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import Floor, Payload, Phase, Subscription
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_policy import TlsPolicy
from idlebell.rules import match as match_module
from idlebell.store.contract import StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.status import Status
from idlebell.testing import mail
from idlebell.testing.faults import Drop, Fault, Refuse
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import catch_up as catch_up_module
from idlebell.watch import watcher as watcher_module
from idlebell.watch.cadence import Cadence
from idlebell.watch.hosts import Hosts
from idlebell.watch.look import Books, Means
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.strategy import Assignment
from idlebell.watch.watcher import Watcher

T = TypeVar("T")
SECRET = Secret(b"endpoint-secret-of-32-bytes-long")
FAULTS: list[tuple[type[c.Command], Fault]] = [
    (c.UidFetch, Drop()),
    (c.UidFetch, Refuse("not now")),
    (c.Examine, Drop()),
    (c.Examine, Refuse("not now", "UNAVAILABLE")),
    (c.Idle, Drop()),
    (c.Idle, Refuse("not now")),
    (c.UidSearch, Drop()),
    (c.UidSearch, Refuse("no")),
    (c.Noop, Refuse("no")),
]


class BrittleStore(MemoryStore):
    """Fails, or dies with the whole process just after it has written, where it is told to; notes what it has taken."""

    def __init__(self) -> None:
        super().__init__(os.urandom)
        self.failing: Counter[str] = Counter()
        self.dying = 0
        self.told: list[tuple[SubscriptionId, str | None]] = []

    def _may(self, method: str) -> None:
        if self.failing[method]:
            self.failing[method] -= 1
            raise StoreError("the disk is full")

    async def cursor(self, account: AccountId, mailbox: str) -> Cursor | None:
        self._may("cursor")
        return await super().cursor(account, mailbox)

    async def of_account(self, account: AccountId) -> tuple[Subscription, ...]:
        self._may("of_account")
        return await super().of_account(account)

    async def ground(self, subscription: SubscriptionId, floor: Floor) -> None:
        self._may("ground")
        await super().ground(subscription, floor)

    async def commit(
        self,
        account: AccountId,
        mailbox: str,
        expected: Cursor | None,
        new: Cursor,
        drafts: Sequence[Draft],
        **sightings: Any,
    ) -> tuple[Notification, ...]:
        self._may("commit")
        taken = await super().commit(account, mailbox, expected, new, drafts, **sightings)
        for one in taken:
            assert isinstance(one.content, NewMail)
            assert one.content.count == len(one.content.messages)
            self.told += [(one.subscription_id, message.subject) for message in one.content.messages]
        if self.dying:
            self.dying -= 1
            raise asyncio.CancelledError
        return taken


class Watching(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(catch_up_module, "owed_seconds", lambda failures: 0.0)
        self.patches.setattr(watcher_module, "SIT_OUT_SECONDS", 0.001)
        self.patches.setattr(
            match_module, "MAX_MESSAGES", 1_000
        )  # the model tells messages apart by what is said of them
        self.store = BrittleStore()
        self.numbers = itertools.count(1)
        self.validities = itertools.count(2)
        self.owed: dict[SubscriptionId, set[str]] = {}
        self.forbidden: set[tuple[SubscriptionId, str]] = set()
        self.server = ImapServer(tls=False)
        self.mailbox = self.server.add_user("alice", "apass").inbox
        self.tasks: list[asyncio.Task[None]] = []
        self.account: Account

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    @initialize(
        uid_next=st.booleans(), idle=st.booleans(), speaks=st.booleans(), esearch=st.booleans(), old=st.integers(0, 3)
    )
    def begin(self, uid_next: bool, idle: bool, speaks: bool, esearch: bool, old: int) -> None:
        always = ("IMAP4rev1", "LITERAL+", "ID", "ENABLE", *(("IDLE",) if idle else ()))
        after = ("ESEARCH",) if esearch else ()
        self.server.behave(uid_next=uid_next, speaks_in_idle=speaks, always=always, after_login=after)
        for _ in range(old):
            self.mailbox.add(mail.make(subject=f"old {next(self.numbers)}"))
        self.run(self._begin())
        self.join()

    async def _begin(self) -> None:
        await self.server.start()
        self.clock = Clock()
        egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
        self.connector = Connector(egress, Resolver(self.clock))
        self.tls_policy = TlsPolicy()
        self.status = Status()
        self.account = await self.store.account(ImapTarget("127.0.0.1", self.server.port, Tls.NONE), "alice")
        cadence = Cadence(idle=0.01, poll=0.01)
        self.books = Books()
        self.means = Means(
            store=self.store,
            status=self.status,
            clock=self.clock,
            emit=lambda fact: None,
            entropy=lambda: 0.0,
            cadence=cadence,
            hosts=Hosts(self.store, self.clock, cadence, lambda fact: None, lambda host: 2),
            keep=timedelta(hours=1),
            max_mailboxes=100,
            sessions=lambda: 1,
            resolved=lambda account: None,
            committed=lambda: None,
        )

    # what happens to the mailbox

    @rule(flags=st.sampled_from([frozenset(), frozenset(), frozenset(), frozenset({"\\Seen"})]), many=st.integers(1, 3))
    def deliver(self, flags: frozenset[str], many: int) -> None:
        for _ in range(many):
            subject = f"mail {next(self.numbers)}"
            self.mailbox.add(mail.make(subject=subject), flags=flags)
            if not flags and self._epoch_is_known():
                for owed in self.owed.values():
                    owed.add(subject)

    @rule(which=st.integers(0, 10), how=st.sampled_from(["expunge", "\\Seen", "\\Deleted"]))
    def touch(self, which: int, how: str) -> None:
        """Another client reads, marks or removes a message: from now on it may be announced or not."""
        uids = [*self.mailbox.messages]
        if not uids:
            return
        uid = uids[-1 - which % len(uids)]
        self._excuse(self._subject(uid))
        if how == "expunge":
            self.mailbox.expunge(uid)
        else:
            self.mailbox.set_flags(uid, frozenset({how}))

    @rule(count=st.integers(1, 700))
    def skip(self, count: int) -> None:
        self.mailbox.skip_uids(count)

    @rule()
    def rebuild(self) -> None:
        """Another UIDVALIDITY, seen by the next session: what is there now is rebased in silence."""
        for session in [*self.server.sessions]:
            session.drop()
        for uid in self.mailbox.messages:
            self._excuse(self._subject(uid))
        self.mailbox.rebuild(next(self.validities))

    # what happens to us

    @rule(fault=st.sampled_from(FAULTS))
    def fault(self, fault: tuple[type[c.Command], Fault]) -> None:
        self.server.plan(*fault)

    @rule(method=st.sampled_from(["cursor", "commit", "of_account", "ground"]), times=st.integers(1, 6))
    def fail(self, method: str, times: int) -> None:
        """More than a look is retried at once, less than for ever."""
        self.store.failing[method] += times

    @rule()
    def die_after_a_commit(self) -> None:
        self.store.dying += 1

    @rule()
    def kill(self) -> None:
        for task in self.tasks:
            task.cancel()

    @rule()
    def connect(self) -> None:
        """One more session on the same mailbox is allowed for a while, as in a hand-over."""
        self.tasks = [task for task in self.tasks if not task.done()]
        if len(self.tasks) < 2:
            self.run(self._connect())

    @rule(turns=st.integers(1, 60))
    def turn(self, turns: int) -> None:
        self.run(self._turn(turns))

    @rule()
    def settle(self) -> None:
        self.run(self._settle())

    @rule()
    def join(self) -> None:
        """A subscription that comes now is told of what comes from now on."""
        if len(self.owed) > 2:
            return
        self.run(self._settle())
        one = SubscriptionId(f"sub_{len(self.owed)}")
        cursor = self.run(MemoryStore.cursor(self.store, self.account.id, "INBOX"))
        floors = () if cursor is None else (Floor("INBOX", cursor.uid_validity, cursor.uid_next),)
        now = datetime.now(UTC)
        endpoint = WebhookEndpoint(PushUrl(f"https://hook.example.net/{one}"), SECRET, proof=PROVEN)
        made = Subscription(
            id=one,
            account_id=self.account.id,
            key_digest=one.encode(),
            owner=None,
            mailboxes=("INBOX",),
            endpoints=Endpoints(endpoint),
            payload=Payload.SUMMARY,
            retention=Retention.SESSION,
            lease_seconds=3600,
            created_at=now,
            expires_at=now + timedelta(days=1),
            phase=Phase.ACTIVE,
            floors=floors,
        )
        self.run(self.store.put(made))
        self.forbidden |= {(one, self._subject(uid)) for uid in self.mailbox.messages}
        if cursor is None:
            self.run(self._settle())
        self.owed[one] = set()

    # the model

    def _epoch_is_known(self) -> bool:
        cursor = self.run(MemoryStore.cursor(self.store, self.account.id, "INBOX"))
        return cursor is not None and cursor.uid_validity == self.mailbox.uid_validity

    def _subject(self, uid: int) -> str:
        content = self.mailbox.messages[uid].content
        return next(line[9:] for line in content.decode().splitlines() if line.startswith("Subject: "))

    def _excuse(self, subject: str) -> None:
        for owed in self.owed.values():
            owed.discard(subject)

    async def _turn(self, turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)

    async def _connect(self) -> None:
        wanted = await self.store.wanted_of(self.account.id)
        connection = await open_connection(
            self.account.target, connector=self.connector, tls_policy=self.tls_policy, clock=self.clock
        )
        assert (await connection.authenticate(Plain("alice", "apass"))).ok
        fresh = wanted.fresh if wanted is not None else ()
        session = MailboxSession(connection, self.clock)
        watcher = Watcher(self.account, session, Assignment("INBOX"), self.books, self.means, near=True)
        watcher.assign(Assignment("INBOX"), fresh)
        self.tasks.append(asyncio.create_task(watcher.run()))

    async def _settle(self) -> None:
        """Sessions that were lost are opened again, until all that must be told is."""
        async with asyncio.timeout(5):
            while not await self._settled():
                self.tasks = [task for task in self.tasks if not task.done()]
                if not self.tasks:
                    await self._connect()
                await asyncio.sleep(0.001)

    async def _settled(self) -> bool:
        told = set(self.store.told)
        owed = {(one, subject) for one, subjects in self.owed.items() for subject in subjects}
        cursor = await MemoryStore.cursor(self.store, self.account.id, "INBOX")
        known = cursor is not None and cursor.uid_validity == self.mailbox.uid_validity
        grounded = all(one.floors for one in await MemoryStore.of_account(self.store, self.account.id))
        passed = cursor is not None and all(uid < cursor.uid_next for uid in self.mailbox.messages)
        return known and grounded and passed and owed <= told

    def teardown(self) -> None:
        try:
            if hasattr(self, "account"):
                self.run(self._settle())
                twice = {one: count for one, count in Counter(self.store.told).items() if count > 1}
                assert not twice, twice
                assert not self.forbidden & set(self.store.told)
        finally:
            self.run(self._end())
            self.loop.close()
            self.patches.undo()

    async def _end(self) -> None:
        for task in self.tasks:
            task.cancel()
        ended = await asyncio.gather(*self.tasks, return_exceptions=True)
        bugs = [one for one in ended if isinstance(one, StoreError | AssertionError | AttributeError | TypeError)]
        await self.server.stop()
        assert not bugs, bugs


Watching.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestWatching = Watching.TestCase
