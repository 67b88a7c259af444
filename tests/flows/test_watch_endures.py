"""What a watcher endures without losing its session, a message or a ring: a store that fails, a server that refuses, a mailbox
that goes away, somebody who joins in the middle of a look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints, PushUrl, WebhookEndpoint
from idlebell.model.notification import NewMail
from idlebell.model.preferences import Preferences
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import Floor, Payload
from idlebell.store.contract import StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import AlertReceived, LookFailed, MailDetected, StoreFailed
from idlebell.telemetry.status import Mode, Watch
from idlebell.testing import mail
from idlebell.testing.faults import Hold, Refuse, Say
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import catch_up as catch_up_module
from idlebell.watch.cadence import Cadence
from idlebell.watch.detect import FLOOD_MESSAGES
from idlebell.watch.lapses import REFUSALS


@pytest.fixture
async def stage(server: ImapServer) -> AsyncIterator[Stage]:
    async with staged(server, park_after_seconds=0.01) as stage:
        yield stage


def fail(monkeypatch: pytest.MonkeyPatch, method: str, calls: set[int]) -> None:
    """The store cannot answer these calls of ``method``, counted from 0."""
    working, count = getattr(MemoryStore, method), iter(range(1_000_000))

    async def failing(self: MemoryStore, *args: Any, **named: Any) -> Any:
        if next(count) in calls:
            raise StoreError("the disk is full")
        return await working(self, *args, **named)

    monkeypatch.setattr(MemoryStore, method, failing)


async def lose(stage: Stage) -> None:
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)


async def until(ask: Callable[[], Awaitable[object]], answer: object) -> None:
    async with asyncio.timeout(10):
        while await ask() != answer:
            await asyncio.sleep(0.001)


async def idling(stage: Stage) -> None:
    await stage.server.until(lambda: stage.server.idling("alice") == 1)


@pytest.mark.parametrize("call", range(2))
async def test_a_cursor_that_cannot_be_read_costs_no_session(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Also not where it is read only to be shown."""
    await stage.subscribe()
    fail(monkeypatch, "cursor", {call})
    await stage.adopt()
    await stage.fact(StoreFailed)
    await idling(stage)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)

    assert await stage.counted() == 1
    assert stage.server.connections == 1


async def test_a_cursor_of_a_polled_mailbox_that_cannot_be_read_costs_no_session(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.store.users["alice"].add_mailbox("Work")
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        fail(monkeypatch, "cursor", {2, 3, 4, 5})
        await stage.adopt()
        await stage.fact(StoreFailed, 4)
        await stage.watching("INBOX", "Work")
        stage.server.deliver("alice", mail.make(), "Work")
        await stage.fact(MailDetected)

        assert stage.server.connections == 1


async def test_another_uidvalidity_is_seen_also_where_the_first_look_fails(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old cursor is far above the new UIDs: compared with it, no message would be new for a long time."""
    stage.server.mailbox("alice").skip_uids(1_000)
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await lose(stage)
    stage.server.mailbox("alice").rebuild(77)
    fail(monkeypatch, "commit", {0})
    await stage.adopt()
    await stage.fact(StoreFailed)
    await idling(stage)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)

    assert await stage.place() == Cursor(77, 2, count=1)


async def test_another_uidvalidity_in_the_middle_of_a_session_is_taken_up(stage: Stage) -> None:
    """RFC 9051 section 2.3.1.1 lets it change between sessions only; a server that lost its index may say so at once."""
    stage.server.mailbox("alice").skip_uids(1_000)
    await stage.subscribe()
    await stage.adopt()
    await idling(stage)
    stage.server.mailbox("alice").rebuild(77)
    stage.server.of("alice")[0].say(b"* OK [UIDVALIDITY 77] rebuilt\r\n")
    await until(stage.place, Cursor(77, 1, count=0))


async def test_who_is_new_stands_where_the_mailbox_ended_also_where_the_first_look_fails(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gap of the old subscription is not announced to the new one, and what comes after is not lost to it."""
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await lose(stage)
    stage.server.deliver("alice", mail.make())
    await stage.subscribe("sub_2")
    fail(monkeypatch, "ground", {0})
    await stage.adopt()
    await stage.fact(StoreFailed)
    stage.server.deliver("alice", mail.make())

    await until(lambda: stage.counted("sub_1"), 2)
    assert await stage.counted("sub_2") == 1
    assert (await stage.store.of_account(stage.account.id))[1].floors == (Floor("INBOX", 1, 2),)


async def test_who_joins_while_mail_is_fetched_is_told_of_it(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await idling(stage)
    hold = Hold()
    fetching = stage.server.plan(c.UidFetch, hold)
    stage.server.deliver("alice", mail.make(subject="one"))
    await fetching.hit()
    await stage.subscribe("sub_2", payload=Payload.ALERT)
    hold.release()
    await stage.fact(MailDetected)

    assert (await stage.counted("sub_1"), await stage.counted("sub_2")) == (1, 1)


async def test_who_joins_while_mail_is_fetched_and_wants_to_know_more_is_told_it(stage: Stage) -> None:
    await stage.subscribe()
    await stage.adopt()
    await idling(stage)
    hold = Hold()
    fetching = stage.server.plan(c.UidFetch, hold)
    stage.server.deliver("alice", mail.make(subject="one"))
    await fetching.hit()
    await stage.subscribe("sub_2", payload=Payload.SUMMARY)
    hold.release()
    await stage.fact(MailDetected)

    told = {one.subscription_id: one.content for one in await stage.outbox()}
    assert set(told) == {"sub_1", "sub_2"}
    assert isinstance(told["sub_2"], NewMail)
    assert [one.subject for one in told["sub_2"].messages] == ["one"]


async def test_what_is_polled_is_looked_at_also_while_the_own_mailbox_of_the_session_does_not_open(
    server: ImapServer,
) -> None:
    """A mailbox that was deleted must not hide the mail of the others."""
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        await stage.subscribe("sub_1", "Deleted", "INBOX")
        await stage.adopt()
        await stage.watching("INBOX")
        stage.server.deliver("alice", mail.make())
        await stage.fact(MailDetected)

        status = stage.status.of(stage.account.id)
        assert status is not None
        assert status.mailboxes["Deleted"].watch is Watch.FAILED
        assert stage.server.connections == 1


async def test_another_mailbox_idles_while_the_own_one_of_the_session_does_not_open(server: ImapServer) -> None:
    """And mail rings in the other as it would without it, also where that is not the next one."""
    server.store.users["alice"].add_mailbox("Work")
    async with staged(server) as stage:
        await stage.subscribe("sub_1", "Deleted", "Deleted too", "Work")
        await stage.adopt()
        await stage.watching("Work")
        await idling(stage)
        stage.server.deliver("alice", mail.make(), "Work")
        await stage.fact(MailDetected)

        status = stage.status.of(stage.account.id)
        assert status is not None
        assert {name: one.watch for name, one in status.mailboxes.items()} == {
            "Deleted": Watch.FAILED, "Deleted too": Watch.FAILED, "Work": Watch.WATCHING
        }  # fmt: skip
        assert stage.server.connections == 1


async def test_a_mailbox_that_does_not_open_again_after_a_poll_costs_no_session(server: ImapServer) -> None:
    server.store.users["alice"].add_mailbox("Work")
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt()
        await stage.watching("INBOX", "Work")
        work = stage.server.store.users["alice"].mailboxes.pop("INBOX")
        stage.server.deliver("alice", mail.make(), "Work")
        await stage.fact(MailDetected)
        await stage.status.wait_for(
            stage.account.id,
            lambda status: status is not None and status.mailboxes["INBOX"].watch is Watch.FAILED,
            10,
        )
        stage.server.store.users["alice"].mailboxes["INBOX"] = work
        await stage.watching("INBOX", "Work")

        assert stage.server.connections == 1


async def test_what_comes_while_a_flood_is_counted_is_counted_once(stage: Stage) -> None:
    """With ``first:*`` it would be in the count and come again with the next look."""
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await lose(stage)
    message = mail.make()
    for _ in range(FLOOD_MESSAGES + 1):
        stage.server.deliver("alice", message)
    hold = Hold()
    searching = stage.server.plan(c.UidSearch, hold)
    await stage.adopt()
    await searching.hit()
    stage.server.deliver("alice", message)
    stage.server.of("alice")[0].tell_changes()
    hold.release()
    await stage.fact(MailDetected, 2)

    assert await stage.counted() == FLOOD_MESSAGES + 2


async def test_a_server_that_refuses_to_count_the_unseen_holds_up_no_mail(stage: Stage) -> None:
    await stage.subscribe("sub_1", payload=Payload.SUMMARY)
    found = (await stage.store.of_account(stage.account.id))[0]
    webhook = WebhookEndpoint(PushUrl("https://hook.example.net/h"), Secret(b"s" * 32), proof=PROVEN)
    await stage.store.put(replace(found, endpoints=Endpoints(webhook)))
    await stage.adopt()
    await idling(stage)
    refused = stage.server.plan(c.UidSearch, Refuse("no"), times=None)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)

    assert refused.hits == 1
    (notification,) = await stage.outbox()
    assert isinstance(notification.content, NewMail)
    assert notification.content.unseen is None


async def test_a_server_that_always_refuses_idle_is_polled(server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up_module, "owed_seconds", lambda failures: 0.0)
    async with staged(server, Cadence(idle=540, poll=0.05)) as stage:
        refusing = stage.server.plan(c.Idle, Refuse("not now"), times=None)
        await stage.subscribe()
        await stage.adopt()
        await stage.fact(LookFailed, REFUSALS)
        await stage.status.wait_for(
            stage.account.id,
            lambda status: status is not None and status.mailboxes["INBOX"].mode is Mode.POLL,
            10,
        )
        stage.server.deliver("alice", mail.make())
        await stage.fact(MailDetected)

        status = stage.status.of(stage.account.id)
        assert status is not None
        assert status.mailboxes["INBOX"].mode_reason == "the server refuses IDLE: not now"
        assert refusing.hits == REFUSALS


async def test_alert_that_is_said_in_idle_is_shown_at_once(stage: Stage) -> None:
    """And what comes after it rings: IDLE is entered again."""
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)

    stage.server.of("alice")[0].say(b"* OK [ALERT] The server is moved at noon.\r\n")
    (told,) = await stage.fact(AlertReceived)
    assert isinstance(told, AlertReceived)
    assert told.text == "The server is moved at noon."
    stage.server.deliver("alice", mail.make())

    assert await stage.rung(1) == ["INBOX"]


async def test_a_server_that_tells_no_flags_holds_up_no_mail(stage: Stage) -> None:
    """Which of the messages that rang were read is asked for anew at the next look."""
    one = await stage.subscribe()
    hook = WebhookEndpoint(PushUrl("https://app.example.net/hook"), Secret(bytes(32)))
    await stage.store.put(replace(one, endpoints=Endpoints(hook), preferences=Preferences(withdraw=True)))
    await stage.adopt()
    await stage.watching()
    await idling(stage)
    first = stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)
    await idling(stage)
    stage.server.plan(c.UidFetch, Say(b""))  # what is new
    refused = stage.server.plan(c.UidFetch, Refuse("Some of the requested messages no longer exist"))
    stage.server.mailbox("alice").set_flags(first, frozenset({"\\Seen"}))
    await refused.hit()
    second = stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected, 2)
    await idling(stage)
    rung = await stage.store.rung(stage.account.id, "INBOX")
    assert [message.uid for message in rung[one.id]] == [second]
    assert not [fact for fact in stage.facts if isinstance(fact, LookFailed)]
