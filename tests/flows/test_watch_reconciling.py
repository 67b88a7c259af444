"""The fleet's books and the store's: whatever happens in whatever order, a session that runs has no open loss, and an account
without one is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import LossReason
from idlebell.model.problem import Fault
from idlebell.model.subscription import Phase, Subscription
from idlebell.store.contract import StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import ReconnectAsked, StoreFailed, SupervisorCaught
from idlebell.telemetry.status import Watch
from idlebell.testing.faults import Drop
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import fleet as fleet_module
from idlebell.watch.cadence import Cadence


@pytest.fixture
async def stage(server: ImapServer) -> AsyncIterator[Stage]:
    async with staged(server, park_after_seconds=0.01) as stage:
        yield stage


async def stored(stage: Stage, name: str = "sub_1") -> Subscription:
    found = await stage.store.get(SubscriptionId(name))
    assert found is not None
    return found


async def until(ask: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await ask():
            await asyncio.sleep(0.001)


async def unlost(stage: Stage) -> bool:
    return (await stored(stage)).loss is None


async def lose(stage: Stage) -> None:
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)


async def test_a_session_closes_the_loss_of_a_restart(stage: Stage) -> None:
    await stage.subscribe()
    await stage.fleet.announce_restart()
    assert not await unlost(stage)
    await stage.adopt()
    await until(lambda: unlost(stage))


async def test_a_loss_that_the_store_could_not_close_is_closed_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    working, failures = MemoryStore.clear_loss, [StoreError("the disk is full")]

    async def failing(self: MemoryStore, *args: Any) -> None:
        if failures:
            raise failures.pop()
        await working(self, *args)

    monkeypatch.setattr(MemoryStore, "clear_loss", failing)
    await stage.subscribe()
    await stage.fleet.announce_restart()
    await stage.adopt()
    await stage.fact(StoreFailed)
    await stage.watching()
    stage.fleet.nudge(stage.account.id)
    await until(lambda: unlost(stage))
    assert stage.server.connections == 1


async def test_a_session_that_comes_while_the_account_is_given_up_is_taken_instead(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.subscribe()
    connection = await stage.connect()
    working = MemoryStore.of_account

    async def adopting(self: MemoryStore, *args: Any) -> Any:
        monkeypatch.setattr(MemoryStore, "of_account", working)
        stage.inbox.adopt(stage.account.id, connection)
        stage.fleet.nudge(stage.account.id)
        return await working(self, *args)

    monkeypatch.setattr(MemoryStore, "of_account", adopting)
    stage.fleet.nudge(stage.account.id)
    await stage.watching()

    assert await unlost(stage)
    assert await stage.outbox() == []


async def test_an_account_whose_loss_was_closed_for_a_session_that_never_came_is_told_again(stage: Stage) -> None:
    """Nothing in memory may stand in the way: `connecting` would be for ever."""
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await lose(stage)
    await stage.fact(ReconnectAsked)
    await stage.store.put(replace(await stored(stage), loss=None))
    stage.fleet.nudge(stage.account.id)
    await stage.fact(ReconnectAsked, 2)

    loss = (await stored(stage)).loss
    assert loss is not None
    assert loss.reason is LossReason.CONNECTION_LOST


async def test_a_session_that_nobody_wants_is_logged_out_at_once(stage: Stage) -> None:
    await stage.adopt()
    await stage.server.until(lambda: stage.server.connections == 1 and not stage.server.sessions)


async def test_one_that_is_pending_is_told_of_a_restart_also_where_credentials_are_held(stage: Stage) -> None:
    """They are another subscription's: its own login died with the process."""
    stage.held = True
    await stage.subscribe()
    await stage.subscribe("sub_2")
    await stage.store.put(replace(await stored(stage, "sub_2"), phase=Phase.PENDING))
    await stage.fleet.announce_restart()

    assert [one.subscription_id for one in await stage.outbox()] == ["sub_2"]
    assert (await stored(stage)).loss is None


async def test_a_server_that_lets_in_and_drops_at_once_is_asked_less_and_less_often(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []
    monkeypatch.setattr(fleet_module, "pause", lambda fault, attempt, entropy: attempts.append(attempt) or 0.0)
    stage.server.plan(c.Examine, Drop(), times=3)
    stage.held = True
    await stage.subscribe()
    stage.fleet.nudge(stage.account.id)
    await stage.watching()

    assert attempts == [1, 2, 3]


async def test_the_only_session_is_opened_again_at_once_also_while_one_more_is_being_waited_for(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A limit of connections asks for a long pause before the second one; the first one's loss must not wait for that."""
    server.store.users["alice"].add_mailbox("Work")

    def pausing(fault: Fault, attempt: int, entropy: float) -> float:
        return 3600.0 if fault.code == "throttled" else 0.0

    monkeypatch.setattr(fleet_module, "pause", pausing)
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        connect = stage.connect
        throttled = asyncio.Event()

        async def one_only(_: object) -> Any:
            if stage.server.of("alice"):
                throttled.set()
                return Fault("throttled", "One at a time.")
            return await connect()

        monkeypatch.setattr(stage.fleet, "_reopen", one_only)
        stage.held = True
        await stage.subscribe("sub_1", "INBOX", "Work")
        stage.fleet.nudge(stage.account.id)
        await stage.watching("INBOX", "Work")
        await throttled.wait()
        stage.server.of("alice")[0].drop()
        await stage.server.until(lambda: stage.server.connections == 2)
        await stage.watching("INBOX", "Work")


async def test_mailboxes_that_were_polled_over_a_lost_session_are_not_shown_as_watched(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.store.users["alice"].add_mailbox("Work")
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt()
        await stage.watching("INBOX", "Work")

        async def never(_: object) -> Any:
            await asyncio.Event().wait()

        monkeypatch.setattr(stage.fleet, "_reopen", never)
        monkeypatch.setattr(fleet_module, "pause", lambda *_: 0.0)
        stage.held = True
        stage.server.of("alice")[0].drop()
        status = await stage.status.wait_for(
            stage.account.id, lambda status: status is not None and not status.watching(), 10
        )
        assert status is not None
        assert {one.watch for one in status} == {Watch.RECONNECTING}


async def test_an_account_that_gets_in_ends_the_pauses_of_others_at_its_server(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that was down for all is back for all; how fast they come is the door's business. Who came back so and was
    dropped again does not come that fast once more: it may drop everybody."""
    monkeypatch.setattr(fleet_module, "pause", lambda fault, *_: 0.0 if fault.code == "session-lost" else 3_600.0)
    down = Fault("unreachable", "The mail server cannot be reached.")
    refused = Fault("authentication-failed", "The mail server refused the password.")
    other, locked_out = fleet_module.Held(stage.account), fleet_module.Held(stage.account)
    waiting = asyncio.create_task(stage.fleet._wait_for_return(other, down))
    sitting = asyncio.create_task(stage.fleet._wait_for_return(locked_out, refused))
    stage.held = True
    await stage.subscribe()
    stage.fleet.nudge(stage.account.id)
    async with asyncio.timeout(10):
        await waiting
    dropped = asyncio.create_task(stage.fleet._wait_for_return(other, down))
    (session,) = stage.server.of("alice")
    session.drop()
    await stage.server.until(lambda: stage.server.connections == 2 and stage.server.idling("alice") == 1)
    assert not sitting.done()
    assert not dropped.done()
    sitting.cancel()
    dropped.cancel()


async def test_a_bug_in_the_rounds_of_the_fleet_ends_nothing_but_that_round(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    working, bugs = fleet_module.Fleet._start_nudged, [ZeroDivisionError()]

    def failing(self: fleet_module.Fleet) -> None:
        if bugs:
            raise bugs.pop()
        working(self)

    monkeypatch.setattr(fleet_module.Fleet, "_start_nudged", failing)
    async with staged(server) as stage:
        await stage.fact(SupervisorCaught)
        await stage.subscribe()
        await stage.adopt()
        await stage.watching()
        stage.facts[:] = [fact for fact in stage.facts if not isinstance(fact, SupervisorCaught)]


async def test_who_was_dropped_again_waits_a_minute_at_most_from_when_another_account_gets_in(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its pauses had become while nobody of that server was let in."""
    short: list[int] = []

    def told(_: Fault, attempt: int, entropy: float) -> float:
        if attempt > fleet_module.LET_IN_ATTEMPTS:
            return 3_600.0
        short.append(attempt)
        return 0.0

    monkeypatch.setattr(fleet_module, "pause", told)
    held = fleet_module.Held(stage.account, attempts=40, hastened=True)
    fault = Fault("server-error", "The mail server closed the connection during the login.")
    waiting = asyncio.create_task(stage.fleet._wait_for_return(held, fault))
    await until(lambda: awaited(stage))
    assert not short
    stage.held = True
    await stage.subscribe()
    stage.fleet.nudge(stage.account.id)
    async with asyncio.timeout(10):
        await waiting
    assert short == [fleet_module.LET_IN_ATTEMPTS]


async def awaited(stage: Stage) -> bool:
    """Does somebody wait for the server?"""
    return stage.fleet._returns.awaited(stage.account.target.host)


async def test_sessions_that_die_young_after_good_logins_cost_a_minute_at_most(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(fleet_module, "pause", lambda fault, attempt, entropy: asked.append(attempt) or 0.0)
    held = fleet_module.Held(stage.account, attempts=40)
    await stage.fleet._wait_for_return(held, Fault("session-lost", "The connection to the mail server was lost."))
    held.hastened = True
    await stage.fleet._wait_for_return(held, Fault("unreachable", "The mail server cannot be reached."))
    stage.fleet._at_host[stage.account.target.host] += 1  # somebody else's session there lives
    await stage.fleet._wait_for_return(held, Fault("server-error", "The mail server closed the connection."))
    assert asked == [fleet_module.LET_IN_ATTEMPTS, 40, fleet_module.LET_IN_ATTEMPTS]


async def test_a_server_that_asks_for_less_is_not_left_alone_for_what_a_network_did_before(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own pauses begin with the first refusal of its own, and grow with the next."""
    lost, full = Fault("session-lost", ""), Fault("server-unavailable", "")
    answers = iter([lost] * 9 + [full, full, lost])
    asked: list[tuple[str, int]] = []
    monkeypatch.setattr(fleet_module, "pause", lambda fault, attempt, _: asked.append((fault.code, attempt)) or 0.0)

    async def answer(_: object) -> Fault | None:
        return next(answers, None)

    monkeypatch.setattr(stage.fleet, "_reopen", answer)
    stage.held = True
    held = fleet_module.Held(stage.account, wanted=("INBOX",))
    await stage.fleet._reopen_one(held)
    growing = [("session-lost", min(number, fleet_module.LET_IN_ATTEMPTS)) for number in range(1, 10)]
    assert asked == [*growing, ("server-unavailable", 1), ("server-unavailable", 2), ("session-lost", 1)]


async def test_nobody_is_asked_for_credentials_while_a_client_is_there_whose_session_may_be_kept(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    first, second = object(), object()
    for client in (first, first, second):
        stage.inbox.attend(stage.account.id, client)
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: not (status and status.watching()), 10)
    stage.inbox.leave(stage.account.id, first)
    stage.fleet.nudge(stage.account.id)
    await stage.subscribe("sub_2")
    await stage.adopt()  # the second one's
    await stage.watching()
    assert not [fact for fact in stage.facts if isinstance(fact, ReconnectAsked)]
    assert await unlost(stage)
    stage.server.of("alice")[-1].drop()
    stage.inbox.leave(stage.account.id, second)
    await stage.fact(ReconnectAsked)
    assert not await unlost(stage)
