"""Both stores, driven by the same random operations, give the same answers, and keep what they promise."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import store_samples as samples
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import NotificationId
from idlebell.model.learnt import Learnt
from idlebell.model.notification import Content, Heartbeat, LossReason, NewMail, Notification, Test
from idlebell.model.preferences import NO_PREFERENCES, Preferences, QuietHours, Then
from idlebell.model.selection import Personal, Selection, Subtree
from idlebell.model.sighting import Sighting
from idlebell.model.subscription import Counts, Floor, Phase, StandingProblem, Subscription
from idlebell.rules.pace import Pace
from idlebell.store.contract import (
    ConflictError,
    Dropped,
    EndpointGone,
    Postponed,
    Settled,
    Settlement,
    Store,
)
from idlebell.store.memory import MemoryStore
from idlebell.store.sealing import KEY_BYTES, Sealer
from idlebell.store.sqlite import open_sqlite

T = TypeVar("T")
# Few values, so that endpoints, keys and accounts meet.
URLS = [f"https://{host}.example/{path}" for host in "ab" for path in "12"]
endpoint = st.sampled_from([kind(url) for kind in (samples.simplepush, samples.webhook) for url in URLS])
behind = st.lists(
    st.sampled_from([samples.webhook("https://b.example.net/"), samples.webpush()]), max_size=2, unique_by=str
)
endpoints = st.builds(Endpoints, endpoint, st.none() | endpoint, fallbacks=behind.map(tuple))
number = st.integers(0, 5)
VIP = replace(samples.new_mail(), vip=True)
content: st.SearchStrategy[Content] = st.sampled_from(
    [samples.new_mail(), samples.new_mail(3), VIP, Test(), Heartbeat()]
)
pause = st.sampled_from([timedelta(0), samples.SECOND, samples.LEASE, samples.HOUR, samples.DAY])
"""How far off something is: times meet as well."""


PACE = Pace(coalesce_seconds=0.0, flood_per_minute=4)
quiet = st.builds(
    QuietHours,
    st.just("Europe/Berlin"),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.sampled_from([time(3), time(22)]),
    st.sampled_from([time(4, 59), time(7)]),
    st.sampled_from(Then),
)
wish = st.just(NO_PREFERENCES) | st.builds(
    Preferences,
    muted_until=st.none() | st.sampled_from([samples.NOW + samples.HOUR, samples.NOW + samples.DAY]),
    quiet_hours=st.none() | quiet,
    digest_minutes=st.none() | st.sampled_from([1, 60]),
    coalesce_seconds=st.none() | st.sampled_from([0.0, 1.5, 90.0]),
    flood_per_minute=st.none() | st.sampled_from([0, 1, 3]),
    fall_through_seconds=st.none() | st.sampled_from([5, 60]),
)
mailbox = st.sampled_from(["INBOX", "Lists", "Work"])
selection: st.SearchStrategy[Selection | None] = st.sampled_from([None, Personal(), Subtree("Lists")])
heartbeat = st.sampled_from([None, 60, 3600])
digest = st.sampled_from([b"1" * 16, b"2" * 16])
sighting = st.builds(Sighting, digest, mailbox, st.just(1), st.integers(1, 3))


class TwoStores(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now = samples.NOW
        self.leased: list[NotificationId] = []
        self.known: set[int] = set()
        self.versions: dict[NotificationId, int] = {}
        self.accounts: list[Account] = []
        self.first: Store
        self.second: Store

    @initialize()
    def open(self) -> None:
        entropy = samples.counting_entropy()
        self.first = MemoryStore(entropy, PACE)
        # The same key as the one drawn by the store in memory: digests, and ties among them, are the same.
        other = samples.counting_entropy()
        sealer = Sealer(other(KEY_BYTES))
        self.second = self.runner.run(open_sqlite(self.folder / "idlebell.db", sealer, entropy=other, pace=PACE))
        self.accounts = [
            self.both(lambda store, user=user: store.account(samples.TARGET, user)) for user in ("alice", "bob")
        ]

    def teardown(self) -> None:
        self.runner.run(self.second.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def both(self, ask: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
        """The one answer of both."""

        async def answer(store: Store) -> T | str:
            try:
                return await ask(store)
            except ConflictError as error:
                return str(error)

        first, second = self.runner.run(answer(self.first)), self.runner.run(answer(self.second))
        assert first == second
        return first  # type: ignore[return-value]

    def committed(self, notifications: tuple[Notification, ...]) -> None:
        if isinstance(notifications, str):
            return
        for one in notifications:
            self.versions[one.id] = one.version

    def stored(self, one: int) -> Subscription | None:
        return self.both(lambda store: store.get(samples.sub_id(one)))

    def account(self, one: int) -> Account:
        """Made anew where it went with its last subscription."""
        username = ("alice", "bob")[one % 2]
        return self.both(lambda store: store.account(samples.TARGET, username))

    @rule(step=pause, back=st.booleans())
    def time_passes(self, step: timedelta, back: bool) -> None:
        """Also backwards: a clock may step."""
        self.now += -min(step, samples.HOUR) if back else step

    @rule(
        one=number,
        to=endpoints,
        declared=st.booleans(),
        phase=st.sampled_from(Phase),
        lease=pause,
        which=selection,
        rhythm=heartbeat,
        wished=wish,
    )
    def subscribe(
        self,
        one: int,
        to: Endpoints,
        declared: bool,
        phase: Phase,
        lease: timedelta,
        which: Selection | None,
        rhythm: int | None,
        wished: Preferences,
    ) -> None:
        account = self.account(one)
        subscription = samples.subscription(
            account.id,
            one,
            endpoints=to,
            declared=declared,
            selection=which,
            heartbeat_seconds=rhythm,
            preferences=wished,
            phase=phase,
            over_since=self.now if phase.over else None,
            expires_at=self.now + lease * 3,
            key_digest=b"%d" % (one % 5),  # 0 and 5 want the same
        )
        self.both(lambda store: store.put(subscription))
        self.known.add(one)

    @rule(
        one=number,
        to=st.none() | endpoints,
        paused=st.none() | st.booleans(),
        phase=st.none() | st.sampled_from(Phase),
        outdated=st.booleans(),
        rhythm=heartbeat,
        renewed=st.booleans(),
        wished=st.none() | wish,
    )
    def change(
        self,
        one: int,
        to: Endpoints | None,
        paused: bool | None,
        phase: Phase | None,
        outdated: bool,
        rhythm: int | None,
        renewed: bool,
        wished: Preferences | None,
    ) -> None:
        stored = self.stored(one)
        if stored is None:
            return
        changes: dict[str, Any] = {"revision": stored.revision - outdated, "heartbeat_seconds": rhythm}
        if renewed:
            changes |= {"expires_at": self.now + 10 * samples.DAY, "expiring_sent": False}
        if to is not None:
            changes["endpoints"] = to
        if wished is not None:
            changes["preferences"] = wished
        if paused is not None:
            changes["paused"] = paused
        if phase is not None:
            changes |= {"phase": phase, "over_since": self.now if phase.over else None}
        self.both(lambda store: store.put(replace(stored, **changes)))

    @rule(one=number)
    def remove(self, one: int) -> None:
        self.both(lambda store: store.remove(samples.sub_id(one)))

    @rule()
    def expire(self) -> None:
        self.both(lambda store: store.expire(self.now))

    @rule(one=number, uid=st.integers(1, 9))
    def ground(self, one: int, uid: int) -> None:
        self.both(lambda store: store.ground(samples.sub_id(one), Floor("INBOX", 1, uid)))

    @rule(one=number, found=st.lists(mailbox, unique=True), floored=mailbox, uid=st.integers(1, 9))
    def resolve(self, one: int, found: list[str], floored: str, uid: int) -> None:
        floors = [Floor(floored, 1, uid)]
        self.both(lambda store: store.resolve(samples.sub_id(one), tuple(found), floors))

    @rule(one=number, old=mailbox, new=mailbox)
    def rename(self, one: int, old: str, new: str) -> None:
        account = self.account(one)
        self.both(lambda store: store.renamed(account.id, old, new))

    @rule(host=st.sampled_from("ab"), sessions=st.integers(1, 3))
    def learn(self, host: str, sessions: int) -> None:
        self.both(lambda store: store.learn(host, Learnt(sessions=sessions)))

    @rule(limit=st.integers(1, 3), watched=st.booleans(), later=pause)
    def beat(self, limit: int, watched: bool, later: timedelta) -> None:
        for one in self.both(lambda store: store.heartbeats_due(self.now, limit)):
            if watched:
                made = [samples.draft(one.id, Heartbeat(), self.now)]
                self.committed(self.both(lambda store, one=one, made=made: store.beat(one.id, self.now, made)))
            else:
                self.both(lambda store, one=one: store.put_off([one.id], self.now + later))

    @rule(one=number, reason=st.sampled_from(LossReason), later=pause)
    def lose(self, one: int, reason: LossReason, later: timedelta) -> None:
        account, now = self.account(one), self.now
        self.both(lambda store: store.record_loss(account.id, reason, now, now + later))

    @rule(one=number)
    def find(self, one: int) -> None:
        account = self.account(one)
        self.both(lambda store: store.clear_loss(account.id))

    @rule(limit=st.integers(1, 3))
    def remind(self, limit: int) -> None:
        self.both(lambda store: store.remind(self.now, limit))

    @rule(limit=st.integers(1, 3))
    def warn(self, limit: int) -> None:
        self.both(lambda store: store.warn(self.now, limit))

    @rule(
        one=number,
        drafts=st.lists(st.tuples(number, content, pause), max_size=4),
        outdated=st.booleans(),
        where=mailbox,
        sighted=st.lists(sighting, max_size=2),
        knows=st.booleans(),
        places=st.integers(0, 2),
    )
    def commit(
        self,
        one: int,
        drafts: list[tuple[int, Content, timedelta]],
        outdated: bool,
        where: str,
        sighted: list[Sighting],
        knows: bool,
        places: int,
    ) -> None:
        account = self.account(one)
        expected = self.both(lambda store: store.cursor(account.id, where))
        new = Cursor(1, 1 if expected is None else expected.uid_next + 1, looked_at=self.now)
        digests = [seen.digest for seen in sighted]
        known = self.both(lambda store: store.sightings(account.id, digests)) if knows else {}
        made = [samples.draft(samples.sub_id(to), what, self.now, self.now + due) for to, what, due in drafts]
        if outdated:
            expected = Cursor(9, 9)
        takers = [samples.Places(places), samples.Places(places)]
        for store, taker in zip((self.first, self.second), takers, strict=True):
            taker.now = self.now
            store.hand_to(taker)
        self.committed(
            self.both(lambda store: store.commit(account.id, where, expected, new, made, sighted=sighted, known=known))
        )
        assert takers[0].begun == takers[1].begun
        assert takers[0].places == takers[1].places == places - len(takers[0].begun)
        self.leased += [one.notification.id for one in takers[0].begun]

    @rule(one=number, what=content)
    def enqueue(self, one: int, what: Content) -> None:
        made = [samples.draft(samples.sub_id(one), what, self.now)]
        self.committed(self.both(lambda store: store.enqueue(made)))

    @rule(limit=st.integers(1, 3))
    def release(self, limit: int) -> None:
        self.both(lambda store: store.release(self.now, limit))

    @rule(limit=st.integers(1, 3))
    def take(self, limit: int) -> None:
        until = self.now + samples.LEASE
        taken = self.both(
            lambda store: store.take(self.now, until, limit, lambda lanes, _: dict.fromkeys(lanes, limit))
        )
        self.leased += [one.notification.id for one in taken.leased]

    @rule(limit=st.integers(1, 3))
    def lease(self, limit: int) -> None:
        until = self.now + samples.LEASE
        for lane in self.both(lambda store: store.lanes(self.now, 3)):
            taken = self.both(lambda store, lane=lane: store.lease(lane, self.now, until, limit))
            self.leased += [one.notification.id for one in taken]

    @precondition(lambda self: self.leased)
    @rule(data=st.data(), later=pause, kind=st.integers(0, 7))
    def settle(self, data: st.DataObject, later: timedelta, kind: int) -> None:
        one = data.draw(st.sampled_from(self.leased))
        problem = StandingProblem("endpoint-gone", "Gone.", self.now)
        made: Settlement = Settled(self.now, 201)
        if kind in (3, 4):
            made = Postponed(self.now, self.now + later, 503)
        elif kind == 5:
            made = Dropped(self.now, "expired", None)
        elif kind == 6:
            made = Dropped(self.now, "refused", 400, problem)
        elif kind == 7:
            made = EndpointGone(self.now, 410, problem)
        self.both(lambda store: store.settle(one, made))

    @rule()
    def restart(self) -> None:
        self.both(lambda store: store.release_leases())

    @invariant()
    def both_know_the_same(self) -> None:
        self.both(lambda store: store.counts())
        self.both(lambda store: store.next_due(self.now))
        self.both(lambda store: store.lanes(self.now, 10))
        self.both(lambda store: store.wanted())
        self.both(lambda store: store.unsettled())
        self.both(lambda store: store.learnt())
        self.both(lambda store: store.heartbeats_due(self.now, 10))
        self.both(lambda store: store.page(None, None, 10))

    @invariant()
    def what_became_of_a_message_is_never_unknown(self) -> None:
        for one in self.known:
            found: Counts = self.both(lambda store, one=one: store.activity(samples.sub_id(one))).counts
            told = (
                found.accepted
                + found.coalesced
                + found.expired
                + found.refused
                + found.pending
                + found.silenced
                + found.withdrawn
            )
            assert found.detected == told

    @invariant()
    def what_is_ready_can_be_leased(self) -> None:
        """A dispatcher that follows ``next_due`` never spins: what is due is released first, then there is a lane, now and
        only then."""
        while self.both(lambda store: store.release(self.now)):
            pass
        due = self.both(lambda store: store.next_due(self.now))
        assert (due is not None and due <= self.now) == bool(self.both(lambda store: store.lanes(self.now, 1)))


class VersionsOnlyGrow(RuleBasedStateMachine):
    """Whatever the clock does and whoever comes and goes: what a URL gets has a greater version each time."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now: datetime = samples.NOW
        self.newest: datetime = samples.NOW
        self.last: dict[str, int] = {}
        self.stores: list[Store] = []

    @initialize(memory=st.booleans())
    def open(self, memory: bool) -> None:
        entropy = samples.counting_entropy()
        self.memory = memory
        self.store: Store = (
            MemoryStore(entropy)
            if memory
            else self.runner.run(open_sqlite(self.folder / "db", Sealer(bytes(32)), entropy=entropy))
        )

    def teardown(self) -> None:
        self.runner.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    @rule(days=st.integers(-89, 40))
    def the_clock_steps(self, days: int) -> None:
        """Back by less than 90 days in all: for so long a version is kept."""
        self.now = max(self.now + days * samples.DAY, self.newest - 89 * samples.DAY)
        self.newest = max(self.newest, self.now)

    @rule()
    def expire(self) -> None:
        self.runner.run(self.store.expire(self.now))

    @rule(one=number, url=st.sampled_from(URLS), webhook=st.booleans())
    def ring(self, one: int, url: str, webhook: bool) -> None:
        async def run() -> None:
            account = await self.store.account(samples.TARGET, "alice")
            stored = await self.store.get(samples.sub_id(one))
            wanted = Endpoints(samples.webhook(url) if webhook else samples.simplepush(url))
            base = samples.subscription(account.id, one) if stored is None else stored
            await self.store.put(
                replace(
                    base,
                    endpoints=wanted,
                    phase=Phase.ACTIVE,
                    over_since=None,
                    expires_at=self.now + samples.DAY,
                )
            )
            await self.store.enqueue([samples.draft(samples.sub_id(one), NewMail("INBOX", 1, 1, None), self.now)])
            until = self.now + samples.LEASE
            for lane in await self.store.lanes(self.now, 10):
                for leased in await self.store.lease(lane, self.now, until, 10):
                    revealed, version = leased.endpoint.url.reveal(), leased.notification.version
                    assert version > self.last.get(revealed, 0)
                    self.last[revealed] = version
                    await self.store.settle(leased.notification.id, Settled(self.now, 200))

        self.runner.run(run())

    @rule(one=number)
    def remove(self, one: int) -> None:
        self.runner.run(self.store.remove(samples.sub_id(one)))


machine = settings(
    max_examples=25,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TwoStores.TestCase.settings = machine
VersionsOnlyGrow.TestCase.settings = settings(machine, max_examples=15, stateful_step_count=30)
TestTwoStores = TwoStores.TestCase
TestVersionsOnlyGrow = VersionsOnlyGrow.TestCase
