"""Several mailboxes of an account, watched by NOTIFY or by IDLE and STATUS, while mail comes, is filed, moved and copied,
mailboxes are renamed and servers are mute: what was delivered is announced once, what was filed never."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from flows.watch_stage import Stage, staged
from idlebell.model.selection import Personal
from idlebell.model.subscription import Payload
from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import recovery as recovery_module
from idlebell.watch import survey as survey_module
from idlebell.watch.cadence import Cadence

T = TypeVar("T")
WHERE = st.sampled_from(["INBOX", "other"])


class Mailboxes(RuleBasedStateMachine):
    """``other`` is a second mailbox, whatever its name is by now."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.patches = pytest.MonkeyPatch()
        self.patches.setattr(survey_module, "EVERY_SECONDS", 0.02)
        self.patches.setattr(survey_module, "EVERY_SECONDS_A_MAILBOX", 0.0)
        self.patches.setattr(recovery_module, "SOON", recovery_module.Backoff(0.001, 0.002, 0.002))
        self.numbers = itertools.count(1)
        self.names = {"INBOX": "INBOX", "other": "Work"}
        self.owed: set[str] = set()
        self.filed: set[str] = set()
        self.server = ImapServer()
        self.staging = staged(self.server, Cadence(poll=0.02, probe=0.02))
        self.stage: Stage

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(coroutine)

    @initialize(notify=st.booleans(), habits=st.sampled_from(["", "speaks_in_idle", "notify_sees_external", "other"]))
    def begin(self, notify: bool, habits: str) -> None:
        alice = self.server.add_user("alice", "apass")
        alice.add_mailbox("Work")
        if notify:
            self.server.offer("NOTIFY")
        if habits == "other":
            self.server.behave(notify_mutes=frozenset({"Work"}))
        elif habits:
            self.server.behave(**{habits: False})
        self.run(self._begin())

    async def _begin(self) -> None:
        await self.server.start()
        self.stage = await self.staging.__aenter__()
        self.stage.held = True
        await self.stage.subscribe("sub_1", selection=Personal(), payload=Payload.SUMMARY)
        self.stage.fleet.nudge(self.stage.account.id)
        await self.stage.watching("INBOX", "Work")
        self.deliver("INBOX", external=False)  # shows that the server's clock is right
        await self._settle()

    # what happens to the mail

    @rule(where=WHERE, external=st.booleans())
    def deliver(self, where: str, external: bool) -> None:
        subject = f"mail {next(self.numbers)}"
        self.server.deliver("alice", mail.make(subject=subject), self.names[where], external=external)
        self.owed.add(subject)

    @rule(where=WHERE, days=st.integers(1, 100))
    def file(self, where: str, days: int) -> None:
        subject = f"old {next(self.numbers)}"
        date = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
        self.server.deliver("alice", mail.make(subject=subject), self.names[where], internal_date=date)
        self.filed.add(subject)

    @rule(source=WHERE, which=st.integers(0, 10))
    def move(self, source: str, which: int) -> None:
        """To the other one of the two."""
        uids = [*self.server.mailbox("alice", self.names[source]).messages]
        if uids:
            target = "INBOX" if source == "other" else "other"
            self.server.move("alice", uids[-1 - which % len(uids)], self.names[target], self.names[source])

    @rule()
    def rename(self) -> None:
        new = f"Work {next(self.numbers)}"
        self.server.rename("alice", self.names["other"], new)
        self.names["other"] = new

    # what happens to us

    @rule()
    def drop(self) -> None:
        for session in self.server.of("alice"):
            session.drop()

    @rule()
    def suspect(self) -> None:
        self.run(self.stage.fleet.suspect_all())

    @rule(turns=st.integers(1, 60))
    def turn(self, turns: int) -> None:
        async def turning() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.run(turning())

    @rule()
    def settle(self) -> None:
        self.run(self._settle())

    # the model

    def _told(self) -> Counter[str]:
        return Counter(message.subject or "" for one in self.stage.store.told for message in one.messages)

    async def _settle(self) -> None:
        async with asyncio.timeout(20):
            while self.owed - self._told().keys() or not await self._passed():
                await asyncio.sleep(0.002)

    async def _passed(self) -> bool:
        """Everything was looked at under the name that it has now."""
        for name in self.names.values():
            place = await self.stage.place(name)
            if place is None or any(uid >= place.uid_next for uid in self.server.mailbox("alice", name).messages):
                return False
        return True

    def teardown(self) -> None:
        try:
            if hasattr(self, "stage"):
                self.run(self._settle())
                told = self._told()
                assert {subject: count for subject, count in told.items() if count > 1} == {}
                assert told.keys() == self.owed
        finally:
            self.run(self._end())
            self.loop.close()
            self.patches.undo()

    async def _end(self) -> None:
        if hasattr(self, "stage"):
            await self.staging.__aexit__(None, None, None)
        await self.server.stop()


Mailboxes.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestMailboxes = Mailboxes.TestCase
