"""A message of a subscription with a schedule is told at most once and counted exactly once, whatever comes in which order:
arrivals, changes of the wish, ends of windows, attempts, kills."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import store_samples as samples
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import NotificationId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification
from idlebell.model.preferences import NO_PREFERENCES, Preferences
from idlebell.model.subscription import Counts
from idlebell.store.contract import Postponed, Settled
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import SqliteStore, open_sqlite
from properties.test_store_properties import PACE, wish

T = TypeVar("T")
ONE = samples.sub_id(1)
steps = st.sampled_from(
    [timedelta(0), samples.SECOND, samples.LEASE, timedelta(minutes=20), samples.HOUR, 5 * samples.HOUR]
)


class ExactlyOnce(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now = samples.NOW
        self.lives = 0
        self.came = 0
        self.told: dict[NotificationId, Notification] = {}
        """What the push service got, by id."""
        self.in_flight: list[Notification] = []
        self.entropy = samples.counting_entropy()

    @property
    def path(self) -> Path:
        return self.folder / str(self.lives) / "idlebell.db"

    @initialize(collapses=st.booleans(), wished=wish)
    def begin(self, collapses: bool, wished: Preferences) -> None:
        self.path.parent.mkdir()
        self.store = self.open()
        to = samples.simplepush() if collapses else samples.webhook()

        async def subscribe() -> None:
            account = await self.store.account(samples.TARGET, "alice")
            one = samples.subscription(account.id, endpoints=Endpoints(to), preferences=wished)
            await self.store.put(one)

        self.run(subscribe())

    def open(self) -> SqliteStore:
        return self.run(open_sqlite(self.path, Sealer(bytes(32)), entropy=self.entropy, pace=PACE))

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(asked)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.all_is_told_in_the_end()
            self.run(self.store.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def all_is_told_in_the_end(self) -> None:
        """Once nothing is wished any more, and everything is taken."""
        self.change(NO_PREFERENCES)
        self.now += samples.HOUR
        self.attempt()
        while self.in_flight:
            self.settle(accepted=True, which=0)
            self.now += samples.HOUR
            self.attempt()
        counts = self.counts()
        assert counts.pending == 0
        accepted = sum(one.content.count for one in self.told.values() if isinstance(one.content, NewMail))
        assert accepted >= counts.accepted, "what was accepted was told"

    @rule(step=steps)
    def time_passes(self, step: timedelta) -> None:
        self.now += step

    @rule(mailbox=st.sampled_from(["INBOX", "Work"]), count=st.integers(1, 3), vip=st.booleans())
    def arrive(self, mailbox: str, count: int, vip: bool) -> None:
        messages = tuple(MessageSummary(self.came + number) for number in range(count))
        self.came += count
        draft = samples.draft(ONE, NewMail(mailbox, 1, count, None, messages, vip=vip), self.now)
        self.run(self.store.enqueue([replace(draft, expires_at=self.now + 99 * samples.DAY)]))

    @rule(wished=wish)
    def change(self, wished: Preferences) -> None:
        async def change() -> None:
            stored = await self.store.get(ONE)
            assert stored is not None
            await self.store.put(replace(stored, preferences=wished))

        self.run(change())

    @rule()
    def attempt(self) -> None:
        until = self.now + samples.LEASE
        taken = self.run(self.store.take(self.now, until, 9, lambda lanes, _: dict.fromkeys(lanes, 9)))
        for leased in taken.leased:
            one = leased.notification
            before = self.told.setdefault(one.id, one)
            assert (before.content, before.version) == (one.content, one.version), "what was sent never changes"
            self.in_flight.append(one)

    @precondition(lambda self: self.in_flight)
    @rule(accepted=st.booleans(), which=st.integers(0, 3))
    def settle(self, accepted: bool, which: int) -> None:
        one = self.in_flight.pop(which % len(self.in_flight))
        made = Settled(self.now, 201) if accepted else Postponed(self.now, self.now + samples.LEASE, 503)
        self.run(self.store.settle(one.id, made))

    @rule()
    def kill(self) -> None:
        """What is on the disk now is all that the next one finds."""
        before = self.path.parent
        self.lives += 1
        shutil.copytree(before, self.path.parent)
        self.run(self.store.close())
        self.store = self.open()
        self.in_flight.clear()
        self.run(self.store.release_leases())

    @invariant()
    def each_message_is_counted_once(self) -> None:
        if not hasattr(self, "store"):
            return
        found = self.counts()
        assert found.detected == self.came
        assert found.detected == (
            found.accepted
            + found.coalesced
            + found.expired
            + found.refused
            + found.pending
            + found.silenced
            + found.withdrawn
        )
        assert found.expired == found.refused == 0

    @invariant()
    def each_message_is_told_at_most_once(self) -> None:
        uids = [
            message.uid
            for one in self.told.values()
            if isinstance(one.content, NewMail)
            for message in one.content.messages
        ]
        assert len(uids) == len(set(uids))

    def counts(self) -> Counts:
        return self.run(self.store.activity(ONE)).counts


ExactlyOnce.TestCase.settings = settings(
    max_examples=15, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestExactlyOnce = ExactlyOnce.TestCase
