"""What one endpoint does not take in time the next one gets, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from contracts.store_steps import GONE, change, counts, drain, enqueue, lease, put
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.notification import NewMail, Notification
from idlebell.model.preferences import Preferences
from idlebell.model.subscription import Counts, Phase, Subscription
from idlebell.store.contract import Dropped, EndpointGone, Postponed, Settled, Store
from store_samples import HOUR, NOW, SECOND, new_mail, simplepush, webhook

A, B, C = webhook("https://a.example.net/"), webhook("https://b.example.net/"), simplepush("https://c.example.net/")
MINUTE = timedelta(minutes=1)
PATIENCE = 30 * SECOND


class Line:
    """A subscription with three endpoints, and what each of them took."""

    def __init__(self, store: Store, one: Subscription) -> None:
        self.store, self.one = store, one
        self.taken: list[tuple[str, int]] = []
        self.away: set[str] = set()
        self.sent: list[Notification] = []

    async def mail(self, at: timedelta, count: int = 1) -> None:
        await enqueue(self.store, self.one, new_mail(count), NOW + at)

    async def pass_to(self, at: timedelta) -> None:
        """All that can be sent is sent; who is away answers 503."""
        now = NOW + at
        await self.store.release(now)
        while leased := await lease(self.store, now):
            for one in leased:
                assert isinstance(one.notification.content, NewMail)
                if one.endpoint.url.host[:1] in self.away:
                    await self.store.settle(one.notification.id, Postponed(now, now + 10 * SECOND, 503))
                    continue
                self.taken.append((one.endpoint.url.host[:1], one.notification.content.count))
                self.sent.append(one.notification)
                await self.store.settle(one.notification.id, Settled(now, 201))
            await self.store.release(now)

    async def used(self) -> str:
        stored = await self.store.get(self.one.id)
        assert stored is not None
        return stored.endpoints.bells[stored.endpoints.place].url.host[:1]


@pytest.fixture
async def line(store: Store, account: Account) -> Line:
    wish = Preferences(fall_through_seconds=30)
    return Line(store, await put(store, account, endpoints=Endpoints(A, fallbacks=(B, C)), preferences=wish))


async def test_the_first_takes_all_as_long_as_it_does(line: Line) -> None:
    await line.mail(0 * SECOND)
    await line.pass_to(0 * SECOND)
    line.away.add("a")
    await line.mail(MINUTE)
    await line.pass_to(MINUTE)
    await line.pass_to(MINUTE + PATIENCE - SECOND)
    assert line.taken == [("a", 1)]
    assert await line.used() == "a"


async def test_what_waited_for_too_long_goes_to_the_next_with_all_behind_it(line: Line) -> None:
    line.away.add("a")
    await line.mail(0 * SECOND)
    await line.pass_to(0 * SECOND)
    await line.mail(SECOND)
    await line.mail(2 * SECOND)
    assert (await line.store.next_due(NOW + 3 * SECOND)) == NOW + 10 * SECOND
    await line.pass_to(PATIENCE)
    assert line.taken == [("b", 1), ("b", 2)]
    trail = [(one.outcome, one.host[:1]) for one in await line.store.deliveries(line.one.id)]
    assert [said for said in trail if said[0] == "passed-on"] == [("passed-on", "a")] * 2, (
        "the third had come to the second"
    )
    await line.mail(PATIENCE + SECOND)
    await line.pass_to(PATIENCE + SECOND)
    assert line.taken[2:] == [("b", 1)], "the first is passed over meanwhile"
    assert len({one.id for one in line.sent}) == 3, "each once"
    assert await counts(line.store, line.one) == Counts(detected=4, accepted=3, coalesced=1)


async def test_it_falls_through_although_nobody_may_attempt_it(line: Line) -> None:
    """The push service is left alone, because others of it fail."""
    await line.mail(0 * SECOND)
    await line.store.release(NOW)
    assert await line.store.next_due(NOW) == NOW
    assert await line.store.release(NOW + PATIENCE) == 1
    assert await line.used() == "b"


async def test_an_endpoint_that_works_again_is_used_again(line: Line) -> None:
    line.away.add("a")
    await line.mail(0 * SECOND)
    await line.pass_to(0 * SECOND)
    await line.pass_to(PATIENCE)
    assert line.taken == [("b", 1)]

    again = PATIENCE + MINUTE
    await line.mail(again)
    await line.pass_to(again)
    assert line.taken == [("b", 1), ("b", 1)], "one failure is enough where it is being tried again"
    assert await line.used() == "b"

    line.away.clear()
    later = again + 2 * MINUTE
    await line.mail(later - SECOND)
    await line.pass_to(later - SECOND)
    await line.mail(later)
    await line.pass_to(later)
    assert line.taken[2:] == [("b", 1), ("a", 1)]
    stored = await line.store.get(line.one.id)
    assert stored is not None
    assert stored.endpoints.failing == ()


async def test_the_last_keeps_what_nobody_takes_until_an_earlier_one_does(line: Line) -> None:
    line.away |= {"a", "b", "c"}
    await line.mail(0 * SECOND)
    for step in range(20):
        await line.pass_to(step * 10 * SECOND)
    assert line.taken == []
    assert (await counts(line.store, line.one)).pending == 1
    line.away = {"b", "c"}
    await line.pass_to(HOUR)
    await line.pass_to(HOUR + 10 * SECOND)
    assert line.taken == [("a", 1)]
    assert await line.used() == "a"


async def test_what_one_refuses_another_may_take(line: Line) -> None:
    await line.mail(0 * SECOND)
    await line.store.release(NOW)
    (leased,) = await lease(line.store)
    await line.store.settle(leased.notification.id, Dropped(NOW, "refused", 400))
    await line.pass_to(0 * SECOND)
    assert line.taken == [("b", 1)]
    assert await counts(line.store, line.one) == Counts(detected=1, accepted=1)


async def test_where_one_is_gone_the_next_takes_its_place(line: Line) -> None:
    await line.mail(0 * SECOND)
    await line.mail(0 * SECOND)
    (leased,) = await lease(line.store)
    await line.store.settle(leased.notification.id, EndpointGone(NOW, 410, GONE))
    await line.pass_to(0 * SECOND)
    assert line.taken == [("b", 1), ("b", 1)]
    stored = await line.store.get(line.one.id)
    assert stored is not None
    assert (stored.endpoints.bells, stored.phase, stored.problem) == ((B, C), Phase.ACTIVE, GONE)

    for bell in (B, C):
        await line.mail(SECOND)
        (leased,) = await lease(line.store, NOW + SECOND)
        assert leased.endpoint == bell
        await line.store.settle(leased.notification.id, EndpointGone(NOW + SECOND, 410, GONE))
    stored = await line.store.get(line.one.id)
    assert stored is not None
    assert stored.phase is Phase.ENDED
    assert await counts(line.store, line.one) == Counts(detected=4, accepted=2, refused=2)


async def test_one_that_is_gone_elsewhere_in_the_list_leaves_the_rest_alone(line: Line) -> None:
    line.away.add("a")
    await line.mail(0 * SECOND)
    await line.pass_to(0 * SECOND)
    await line.store.release(NOW + PATIENCE)
    (leased,) = await lease(line.store, NOW + PATIENCE)
    assert leased.endpoint == B
    await line.store.settle(leased.notification.id, EndpointGone(NOW + PATIENCE, 410, GONE))
    await line.pass_to(PATIENCE)
    assert line.taken == [("c", 1)]
    stored = await line.store.get(line.one.id)
    assert stored is not None
    assert [(one.place, one.since) for one in stored.endpoints.failing] == [(0, NOW + PATIENCE)]


async def test_another_list_begins_anew(line: Line) -> None:
    line.away.add("a")
    await line.mail(0 * SECOND)
    await line.pass_to(0 * SECOND)
    await line.store.release(NOW + PATIENCE)
    await change(line.store, line.one, endpoints=Endpoints(C, simplepush("https://r.example.net/")))
    await line.pass_to(PATIENCE)
    assert line.taken == [("c", 1)]
    assert await line.store.next_due(NOW + HOUR) is None


async def test_a_late_answer_of_the_first_ends_its_trouble(line: Line) -> None:
    await line.mail(0 * SECOND)
    await line.mail(0 * SECOND)
    await line.store.release(NOW)
    (leased,) = await lease(line.store)
    assert await line.store.release(NOW + PATIENCE) == 1, "what waited behind it"
    assert await line.used() == "b"
    await line.store.settle(leased.notification.id, Settled(NOW + PATIENCE, 201))
    assert await line.used() == "a"


async def test_one_endpoint_alone_is_waited_for(store: Store, account: Account) -> None:
    one = await put(store, account, endpoints=Endpoints(A), preferences=Preferences(fall_through_seconds=30))
    await enqueue(store, one)
    assert await store.release(NOW + HOUR) == 0
    assert [one.content for one in await drain(store, NOW + HOUR)] == [new_mail()]
    assert replace(one.endpoints, failing=()) == one.endpoints
