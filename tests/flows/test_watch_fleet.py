"""The fleet and its watchers against the scripted server: what is found, what is committed, what becomes of lost sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from flows.watch_stage import NotingStore, Stage, staged
from idlebell.imap import commands as c
from idlebell.model.cursor import Cursor
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import LossReason, NewMail, Reconnect
from idlebell.model.selection import Personal
from idlebell.model.subscription import Floor
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import LookFailed, MailDetected, StoreFailed
from idlebell.telemetry.status import Mode, Watch
from idlebell.testing import mail
from idlebell.testing.faults import Bye, Drop, Hold, Refuse, Say
from idlebell.testing.imap_server import ImapServer
from idlebell.watch.cadence import Cadence
from idlebell.watch.detect import FLOOD_MESSAGES


@pytest.fixture
async def stage(server: ImapServer) -> AsyncIterator[Stage]:
    async with staged(server, park_after_seconds=0.01) as stage:
        yield stage


async def test_mail_that_arrives_is_committed_once(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)

    (notification,) = await stage.outbox()
    assert notification.content == NewMail("INBOX", 1, 1, None)
    assert await stage.place() == Cursor(1, 2, count=1)


async def test_what_was_there_before_is_not_announced(stage: Stage) -> None:
    stage.server.deliver("alice", mail.make())
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()

    assert await stage.place() == Cursor(1, 2, count=1)
    assert await stage.outbox() == []


async def test_a_new_mailbox_is_looked_for_in_time_where_the_server_tells_of_none(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("idlebell.watch.survey.EVERY_SECONDS", 0.2)
    stage.server.withhold("NOTIFY")
    one = await stage.subscribe()
    await stage.store.put(replace(one, selection=Personal()))
    await stage.adopt()
    await stage.watching()

    stage.server.create("alice", "Lists")
    stage.server.deliver("alice", mail.make(), "Lists")
    await stage.watching("INBOX", "Lists")

    await stage.fact(MailDetected)
    (notification,) = await stage.outbox()
    assert notification.content == NewMail("Lists", 1, 1, None)


async def test_the_second_mailbox_of_a_selection_is_told_of_by_notify(stage: Stage) -> None:
    stage.server.offer("NOTIFY")
    one = await stage.subscribe()
    await stage.store.put(replace(one, selection=Personal()))
    await stage.adopt()
    await stage.watching()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    stage.server.create("alice", "Lists")
    stage.server.deliver("alice", mail.make(), "Lists")

    assert await stage.rung(1) == ["Lists"]
    await stage.watching("INBOX", "Lists")


async def test_second_mail_rings_as_the_first_did(stage: Stage) -> None:
    """IDLE is entered at once after a fetch: no pause, no debounce."""
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    for number in (1, 2, 3):
        stage.server.deliver("alice", mail.make(subject=str(number)))
        await stage.fact(MailDetected, number)

    assert await stage.counted() == 3


async def test_mail_that_comes_while_another_is_fetched_is_announced(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    hold = Hold()
    fetching = stage.server.plan(c.UidFetch, hold)

    stage.server.deliver("alice", mail.make(subject="one"))
    await fetching.hit()
    stage.server.deliver("alice", mail.make(subject="two"))
    hold.release()
    await stage.fact(MailDetected)
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    if await stage.counted() < 2:
        await stage.fact(MailDetected, 2)

    assert await stage.counted() == 2


async def test_session_is_examined_never_selected(stage: Stage) -> None:
    selected = stage.server.plan(c.Select, Refuse(), times=None)
    examined = stage.server.plan(c.Examine, Refuse("not now", "UNAVAILABLE"))
    await stage.subscribe()
    await stage.adopt()

    await examined.hit()
    assert selected.hits == 0


async def test_lost_session_without_credentials_asks_the_app_once(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)
    stage.fleet.nudge(stage.account.id)

    (notification,) = await stage.outbox()
    assert notification.content == Reconnect(LossReason.CONNECTION_LOST)


async def test_mail_of_the_gap_is_announced_once_when_the_app_is_back(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)

    stage.server.deliver("alice", mail.make())
    await stage.adopt()
    await stage.fact(MailDetected)
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    assert await stage.counted() == 1


async def test_lost_session_with_credentials_comes_back_by_itself(stage: Stage) -> None:
    stage.held = True
    await stage.subscribe()
    stage.fleet.nudge(stage.account.id)
    await stage.watching()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    stage.server.of("alice")[0].drop(reset=True)
    await stage.server.until(lambda: stage.server.idling("alice") == 0)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)

    assert [type(one.content) for one in await stage.outbox()] == [NewMail]


async def test_bye_ends_the_session_at_once(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.plan(c.UidFetch, Bye("shutting down", linger=True))

    stage.server.deliver("alice", mail.make())
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)
    await stage.server.until(lambda: not stage.server.of("alice"))

    assert [one.content for one in await stage.outbox()] == [Reconnect(LossReason.CONNECTION_LOST)]


async def test_each_mailbox_has_a_session_of_its_own(stage: Stage) -> None:
    stage.server.store.users["alice"].add_mailbox("Work")
    await stage.subscribe("sub_1", "INBOX", "Work")
    await stage.adopt(2)
    status = await stage.watching("INBOX", "Work")

    assert {one.mailbox: one.mode for one in status} == {"INBOX": Mode.IDLE, "Work": Mode.IDLE}
    await stage.server.until(lambda: stage.server.idling("alice") == 2)
    stage.server.deliver("alice", mail.make(subject="to work"), "Work")
    await stage.fact(MailDetected)
    (notification,) = await stage.outbox()
    assert isinstance(notification.content, NewMail)
    assert notification.content.mailbox == "Work"


async def test_mailbox_without_a_session_of_its_own_is_polled_over_another(server: ImapServer) -> None:
    server.store.users["alice"].add_mailbox("Work")
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt()
        status = await stage.watching("INBOX", "Work")
        modes = {one.mailbox: (one.mode, bool(one.mode_reason)) for one in status}
        assert modes == {"INBOX": (Mode.IDLE, False), "Work": (Mode.POLL, True)}

        stage.server.deliver("alice", mail.make(subject="to work"), "Work")
        stage.server.deliver("alice", mail.make(), "INBOX")
        await stage.fact(MailDetected, 2)

        assert await stage.counted() == 2


async def test_one_of_two_sessions_lost_is_polled_over_the_other(server: ImapServer) -> None:
    server.store.users["alice"].add_mailbox("Work")
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt(2)
        await stage.watching("INBOX", "Work")
        await stage.server.until(lambda: stage.server.idling("alice") == 2)

        stage.server.of("alice")[0].drop()
        await stage.status.wait_for(
            stage.account.id,
            lambda status: status is not None and {one.mode for one in status} == {Mode.IDLE, Mode.POLL},
            10,
        )
        stage.server.deliver("alice", mail.make(subject="to work"), "Work")
        stage.server.deliver("alice", mail.make(), "INBOX")
        await stage.fact(MailDetected, 2)

        assert await stage.counted() == 2


async def test_server_without_idle_is_polled(server: ImapServer) -> None:
    server.behave(always=("IMAP4rev1", "LITERAL+", "ID", "ENABLE"))
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        await stage.subscribe()
        await stage.adopt()
        status = await stage.watching()
        assert [(one.mode, one.mode_reason) for one in status] == [(Mode.POLL, "the server has no IDLE")]

        stage.server.deliver("alice", mail.make())
        await stage.fact(MailDetected)


async def test_server_without_uidnext_is_grounded_on_its_last_message(server: ImapServer) -> None:
    server.behave(uid_next=False)
    server.deliver("alice", mail.make())
    async with staged(server, park_after_seconds=0.01) as stage:
        await stage.subscribe()
        await stage.adopt()
        await stage.watching()
        assert await stage.place() == Cursor(1, 2, count=1)
        await stage.server.until(lambda: stage.server.idling("alice") == 1)

        stage.server.deliver("alice", mail.make())
        await stage.fact(MailDetected)

        assert await stage.counted() == 1


async def test_mailbox_that_does_not_exist_fails_and_keeps_the_session(stage: Stage) -> None:
    await stage.subscribe("sub_1", "Wrok")
    await stage.adopt()
    found = await stage.status.wait_for(
        stage.account.id, lambda status: status is not None and status.mailboxes["Wrok"].watch is Watch.FAILED, 10
    )

    assert found is not None
    fault = found.mailboxes["Wrok"].fault
    assert fault is not None
    assert fault.code == "no-such-mailbox"
    assert len(stage.server.of("alice")) == 1


async def test_failing_store_costs_no_session_and_loses_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    commit, failures = stage.store.commit, [StoreError("the disk is full")]

    async def failing(*args: Any, **named: Any) -> object:
        if failures:
            raise failures.pop()
        return await commit(*args, **named)

    monkeypatch.setattr(NotingStore, "commit", lambda self, *args, **named: failing(*args, **named))
    stage.server.deliver("alice", mail.make())
    await stage.fact(StoreFailed)
    await stage.fact(MailDetected)

    assert await stage.counted() == 1
    assert stage.server.connections == 1


async def test_refused_fetch_costs_no_session_and_is_asked_again(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.plan(c.UidFetch, Refuse("try later", "UNAVAILABLE"))

    stage.server.deliver("alice", mail.make())
    await stage.fact(LookFailed)
    await stage.fact(MailDetected)

    assert stage.server.connections == 1


async def test_uidvalidity_change_announces_nothing_old(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)

    stage.server.mailbox("alice").rebuild(77)
    await stage.adopt()
    await stage.watching()

    assert await stage.place() == Cursor(77, 2, count=1)
    assert await stage.counted() == 1


async def test_more_than_is_worth_fetching_is_one_count(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)
    await stage.outbox()

    message = mail.make()
    for _ in range(FLOOD_MESSAGES + 1):
        stage.server.deliver("alice", message)
    await stage.adopt()
    await stage.fact(MailDetected)

    assert await stage.counted() == FLOOD_MESSAGES + 1


async def test_who_joins_later_is_not_told_of_what_came_before(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)

    second = await stage.subscribe("sub_2")
    await stage.adopt()
    await stage.server.until(lambda: len(stage.server.of("alice")) == 1)
    found = await stage.store.get(second.id)
    assert found is not None
    assert found.floors == (Floor("INBOX", 1, 2),)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected, 2)

    assert (await stage.counted("sub_1"), await stage.counted("sub_2")) == (2, 1)


async def test_second_app_shares_the_session(stage: Stage) -> None:
    """One connection for an account and mailbox, however many subscribe: the login that proved the second is logged out."""
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    await stage.subscribe("sub_2")
    await stage.adopt()
    await stage.server.until(lambda: len(stage.server.of("alice")) == 1 and stage.server.connections == 2)


async def test_last_subscription_gone_logs_out(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    await stage.store.remove(SubscriptionId("sub_1"))
    stage.fleet.nudge(stage.account.id)
    await stage.server.until(lambda: not stage.server.sessions)

    assert stage.status.of(stage.account.id) is None
    async with asyncio.timeout(10):
        while stage.fleet.sessions():
            await asyncio.sleep(0)


async def test_mailbox_that_is_no_longer_wanted_frees_its_session_for_another(stage: Stage) -> None:
    stage.server.store.users["alice"].add_mailbox("Work")
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    subscription = await stage.store.get(SubscriptionId("sub_1"))
    assert subscription is not None
    await stage.store.put(replace(subscription, mailboxes=("Work",)))
    stage.fleet.nudge(stage.account.id)
    await stage.watching("Work")

    assert stage.server.connections == 1


async def test_restart_asks_every_app_without_credentials_once(stage: Stage) -> None:
    await stage.subscribe()

    await stage.fleet.announce_restart()
    stage.fleet.nudge(stage.account.id)

    assert [one.content for one in await stage.outbox()] == [Reconnect(LossReason.RESTART)]


async def test_session_on_its_way_is_not_given_up(stage: Stage) -> None:
    await stage.subscribe()
    with stage.inbox.arriving(stage.account.id):
        await stage.fleet._reconcile(stage.account.id)
    assert await stage.outbox() == []


async def test_server_that_goes_down_and_comes_back(stage: Stage) -> None:
    stage.held = True
    await stage.subscribe()
    stage.fleet.nudge(stage.account.id)
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    await stage.server.stop()
    await stage.status.wait_for(
        stage.account.id,
        lambda status: status is not None and status.mailboxes["INBOX"].fault is not None,
        10,
    )
    stage.server.deliver("alice", mail.make())
    await stage.server.start()
    await stage.fact(MailDetected)

    assert await stage.counted() == 1


async def test_drop_in_the_middle_of_a_fetch_announces_nothing_twice(stage: Stage) -> None:
    stage.held = True
    await stage.subscribe()
    stage.fleet.nudge(stage.account.id)
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.plan(c.UidFetch, Drop())

    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    assert await stage.counted() == 1


async def test_quiet_session_restarts_idle_and_stays_one_session(server: ImapServer) -> None:
    """RFC 2177: IDLE is ended and begun again, so that neither server nor NAT forgets us."""
    async with staged(server, Cadence(idle=0.05, poll=60)) as stage:
        idled = stage.server.plan(c.Idle, Say(b"* OK Still here\r\n"), times=None)
        await stage.subscribe()
        await stage.adopt()

        await stage.server.until(lambda: idled.hits >= 4)

        assert stage.server.connections == 1
        assert await stage.counted() == 0


async def test_server_that_never_speaks_in_idle_is_caught_by_the_look_of_the_cycle(server: ImapServer) -> None:
    server.behave(speaks_in_idle=False)
    async with staged(server, Cadence(idle=0.1, poll=60)) as stage:
        await stage.subscribe()
        await stage.adopt()
        await stage.server.until(lambda: stage.server.idling("alice") == 1)

        stage.server.deliver("alice", mail.make())
        await stage.fact(MailDetected)

        assert await stage.counted() == 1


async def test_paused_subscription_keeps_its_session_and_is_told_nothing(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stored = await stage.store.get(SubscriptionId("sub_1"))
    assert stored is not None
    await stage.store.put(replace(stored, paused=True))
    stage.fleet.nudge(stage.account.id)

    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)

    assert await stage.outbox() == []
    assert len(stage.server.of("alice")) == 1
