"""What was done is written down together, in time, and once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

import store_samples as samples
from idlebell.gateway.bookkeeping import EVERY_SECONDS, Bookkeeping
from idlebell.gateway.ledger import day_views, page_of
from idlebell.imap import commands as c
from idlebell.model.account import Account
from idlebell.model.ids import NotificationId
from idlebell.model.problem import ProblemError
from idlebell.store.contract import StoreError
from idlebell.store.daybook import TALLIES_AT_ONCE, Counts, Subject
from idlebell.store.memory import MemoryStore
from idlebell.telemetry import daybook, facts
from idlebell.telemetry.ledger import Ledger
from idlebell.testing.virtual_clock import VirtualClock
from store_samples import DAY, NOW, TARGET

TODAY = int(NOW.timestamp()) // 86_400


class Meter:
    spent = (3, 900)


class FailingStore(MemoryStore):
    """Whose disk is full now and then."""

    full = False
    steps = 0

    async def tally(self, day: int, counts: Mapping[Subject, Counts]) -> None:
        self.steps += 1
        if self.full:
            raise StoreError("full")
        await super().tally(day, counts)


class Desk:
    def __init__(self) -> None:
        self.store = FailingStore(samples.counting_entropy())
        self.ledger = Ledger()
        self.clock = VirtualClock(NOW)
        self.books = Bookkeeping(self.store, self.ledger, self.clock)

    async def open(self) -> Account:
        account = await self.store.account(TARGET, "alice")
        await self.store.put(samples.subscription(account.id))
        return account


async def test_sessions_logins_and_pushes_are_counted_by_day_and_written_in_time() -> None:
    desk = Desk()
    account = await desk.open()
    own = samples.sub_id(1)
    sent = {c.Noop: 2}
    with desk.ledger.session(account.id, Meter(), sent):
        desk.ledger.daybook(facts.SessionOpened(account.id, "h", 1.0))
        desk.ledger.daybook(facts.LoginFailed(account.id, "h", "unreachable", "", ""))
        desk.ledger.daybook(
            facts.PushAttempted(own, NotificationId("ntf_1"), "webhook", "new_mail", "accepted", 200, 1.0)
        )
        await desk.books.write_in_time()
        assert desk.store.steps == 0  # it is not time yet
        assert (await desk.books.days(account.id, account.id))[0][1]["command NOOP"] == 2
        sent[c.Idle] = 1
        await desk.clock.advance(EVERY_SECONDS)
        await desk.books.write_in_time()
        assert desk.store.steps == 1
        assert sent == {}
        sent[c.Noop] = 1
    await desk.books.write_last()
    whole = {"logins": 1, "refused": 1, "command NOOP": 3, "command IDLE": 1}
    assert await desk.store.tallies(account.id) == ((TODAY, whole),)
    assert await desk.books.days(own, account.id) == ((TODAY, {"push accepted": 1}),)


async def test_what_parked_sessions_sent_is_asked_for_at_the_end_of_a_day() -> None:
    desk = Desk()
    account = await desk.open()
    asked = []

    def fold(which: object) -> None:
        asked.append(which)
        desk.ledger.sent(account.id, {c.Noop: 3, c.Status: 1, c.Idle: 4})

    desk.ledger.lend(desk.ledger.of, fold)
    await desk.clock.advance(EVERY_SECONDS)
    await desk.books.write_in_time()
    assert asked == []
    await desk.clock.advance(86_400.0)
    await desk.books.write_in_time()
    assert asked == [None]
    counts = {"command NOOP": 3, "command STATUS": 1, "command IDLE": 4}
    assert await desk.store.tallies(account.id) == ((TODAY, counts),)  # of the day that has ended


async def test_what_could_not_be_written_is_written_later() -> None:
    desk = Desk()
    account = await desk.open()
    for number in range(TALLIES_AT_ONCE + 1):
        desk.ledger.daybook.note(samples.sub_id(number), "push accepted")
    desk.ledger.daybook.note(account.id, "logins")
    desk.store.full = True
    with pytest.raises(StoreError):
        await desk.books.write()
    desk.ledger.daybook.note(account.id, "logins")
    desk.store.full = False
    await desk.books.write()
    assert await desk.store.tallies(account.id) == ((TODAY, {"logins": 2}),)
    assert desk.store.steps == 3


def test_what_is_not_written_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daybook, "SUBJECTS_MAX", 2)
    book = daybook.Daybook(TODAY)
    for _ in range(2):
        for number in range(5):
            book.note(samples.sub_id(number), "push accepted")
    assert book.tear_out() == {TODAY: {samples.sub_id(number): {"push accepted": 2} for number in range(2)}}


def test_days_are_shown_by_page_from_when_it_came_and_no_longer_than_they_are_kept() -> None:
    account = tuple((TODAY - ago, {"logins": 1, "command NOOP": ago}) for ago in range(40))
    own = ((TODAY - 1, {"push accepted": 2}),)
    assert len(day_views(account, own, NOW - 100 * DAY, NOW)) == 30
    views = day_views(account, own, NOW - 2 * DAY, NOW)
    assert [view.commands["NOOP"] for view in views] == [0, 1, 2]
    assert [view.pushes for view in views] == [{}, {"accepted": 2}, {}]
    first, after = page_of(views, None, 2)
    second, last = page_of(views, after, 2)
    assert (*first, *second) == views
    assert last is None
    assert first[0].day == (NOW - timedelta(0)).date()
    with pytest.raises(ProblemError):
        page_of(views, "yesterday", 2)
