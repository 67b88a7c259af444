"""Mailboxes beside the one that is open: what is said of them is never lost, and asked for no more often than it is worth. And
what is no lapse of the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.test_watch_endures import fail, idling, lose
from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.imap.responses import Condition
from idlebell.model.ids import SubscriptionId
from idlebell.model.selection import Personal
from idlebell.net.clock import Clock
from idlebell.telemetry.facts import LookFailed, MailDetected, StoreFailed, WatchChanged
from idlebell.testing import mail
from idlebell.testing.faults import Hold, Refuse, Say
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.imap_session import ImapSession
from idlebell.watch.cadence import Cadence
from idlebell.watch.catch_up import HOLLOW_LOOKS
from idlebell.watch.detect import FLOOD_MESSAGES
from idlebell.watch.lapses import REFUSALS, Lapses
from idlebell.watch.mailbox_session import MailboxSession


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        server.create("alice", "Work")
        server.offer("NOTIFY")
        yield server


@pytest.fixture
async def stage(server: ImapServer) -> AsyncIterator[Stage]:
    async with staged(server, park_after_seconds=0.01) as stage:
        yield stage


def session(stage: Stage) -> ImapSession:
    (one,) = stage.server.of("alice")
    return one


def lapses(stage: Stage) -> Lapses:
    (held,) = stage.fleet._held.values()
    return held.books.lapses


async def test_a_mailbox_is_told_of_also_when_the_selection_that_held_it_ends(stage: Stage) -> None:
    """It was in a group of NOTIFY for the selection's sake, and needs one of its own then."""
    await stage.subscribe("sub_1", "INBOX", "Work")
    one = await stage.subscribe("sub_2")
    await stage.store.put(replace(one, selection=Personal()))
    await stage.adopt()
    await stage.watching("INBOX", "Work")
    await idling(stage)
    arranged = stage.server.plan(c.Notify, Say(b""), times=None)
    await stage.store.remove(SubscriptionId("sub_2"))
    stage.fleet.nudge(stage.account.id)
    await stage.server.until(lambda: arranged.hits == 2)  # NONE, SET
    await idling(stage)
    stage.server.deliver("alice", mail.make(), "Work")
    await stage.fact(MailDetected)


async def test_a_refused_look_at_another_mailbox_is_asked_for_again_less_and_less_often(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the others are left alone meanwhile."""
    asked: list[int] = []

    def owed_seconds(failures: int) -> float:
        asked.append(failures)
        return 0.01

    monkeypatch.setattr("idlebell.watch.beside.owed_seconds", owed_seconds)
    await stage.subscribe("sub_1", "INBOX", "Work")
    await stage.adopt()
    await stage.watching("INBOX", "Work")
    await idling(stage)
    refused = stage.server.plan(c.UidFetch, Refuse("not now"), times=None)
    stage.server.create("alice", "Lists")
    statuses = stage.server.plan(c.Status, Say(b""), times=None)
    stage.server.deliver("alice", mail.make(), "Work")
    await stage.fact(LookFailed, 3)
    refused.cancel()
    await stage.fact(MailDetected)
    await idling(stage)

    assert asked[:3] == [1, 2, 3]
    assert statuses.hits <= refused.hits + 1
    assert stage.server.connections == 1


async def test_mail_that_the_store_held_up_is_no_lapse_of_the_server(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(server) as stage:
        now = datetime.now(UTC).replace(microsecond=0)
        stage.server.deliver("alice", mail.make(), internal_date=now)
        await stage.subscribe()
        await stage.adopt()
        await stage.watching()
        await idling(stage)
        # The last look is an hour ago, without an hour's waiting.
        cursor = await stage.store.cursor(stage.account.id, "INBOX")
        assert cursor is not None
        earlier = replace(cursor, looked_at=now - timedelta(hours=1))
        await stage.store.commit(stage.account.id, "INBOX", cursor, earlier, ())
        (held,) = stage.fleet._held.values()
        held.books.looked_at.clear()
        fail(monkeypatch, "commit", {0})
        stage.server.deliver("alice", mail.make(), internal_date=now - timedelta(minutes=10))
        await stage.fact(StoreFailed)
        await stage.fact(MailDetected)
        await idling(stage)

        assert lapses(stage) == Lapses()


async def test_the_status_of_another_mailbox_is_not_taken_for_that_of_the_one_asked_for(stage: Stage) -> None:
    """NOTIFY may tell of one in the answer to the STATUS of another (RFC 5465 section 5)."""
    asking = MailboxSession(await stage.connect(), Clock())
    stage.server.plan(c.Status, Say(b"* STATUS Lists (MESSAGES 7 UIDNEXT 8 UIDVALIDITY 9)\r\n"))
    status = await asking.status("Work", ("MESSAGES", "UIDNEXT", "UIDVALIDITY"))
    asking.close()

    assert status is not None
    assert (status.mailbox, status.uid_validity) == ("Work", 1)


async def test_mail_that_a_replica_hides_for_longer_is_found_at_a_later_look(server: ImapServer) -> None:
    """STATUS told of it, and FETCH found nothing each time that it was asked again."""
    server.withhold("NOTIFY")
    server.behave(fetches_lag=5)
    async with staged(server, Cadence(poll=0.1)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt()
        await stage.watching("INBOX", "Work")
        await idling(stage)
        stage.server.deliver("alice", mail.make(), "Work")
        await stage.fact(MailDetected)


async def test_a_mailbox_where_nothing_is_to_be_found_is_not_opened_for_ever(server: ImapServer) -> None:
    server.withhold("NOTIFY")
    async with staged(server, Cadence(poll=0.05)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt()
        await stage.watching("INBOX", "Work")
        await idling(stage)
        opened = stage.server.plan(c.Examine, Say(b""), times=None)
        stage.server.mailbox("alice", "Work").skip_uids(5)
        asked = stage.server.plan(c.Status, Say(b""), times=None)
        await stage.server.until(lambda: asked.hits > HOLLOW_LOOKS + 5)

        assert opened.hits == 2 * HOLLOW_LOOKS


async def test_inbox_waits_for_no_round_of_the_others(server: ImapServer) -> None:
    server.withhold("NOTIFY")
    server.create("alice", "Lists")
    async with staged(server, Cadence(poll=0.2)) as stage:
        await stage.subscribe("sub_1", "INBOX", "Lists", "Work")
        await stage.adopt()
        await stage.watching("INBOX", "Lists", "Work")
        await idling(stage)
        first, second = Hold(), Hold()
        for hold in (first, second):
            stage.server.plan(c.Status, hold)
        await stage.server.until(lambda: session(stage).commands[-1] == "STATUS")
        stage.server.deliver("alice", mail.make())
        session(stage).tell_changes()
        first.release()
        await stage.fact(MailDetected)

        second.release()


async def test_a_server_that_ends_idle_at_once_is_polled(server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is neither quiet nor does it say anything: nothing would ever be looked for."""
    monkeypatch.setattr("idlebell.watch.watcher.OWED_FIRST_SECONDS", 0.01)
    async with staged(server, Cadence(poll=0.1)) as stage:
        await stage.subscribe()
        await stage.adopt()
        for times in range(1, REFUSALS + 1):
            await idling(stage)
            session(stage)._server.answer(Condition.OK, "that is enough")
            session(stage)._flush()
            await stage.fact(LookFailed, times)
        await stage.fact(WatchChanged)


async def test_a_large_mailbox_that_appears_is_counted_and_not_fetched(stage: Stage) -> None:
    """All that is in it is delivered there, as far as we know: a FETCH of thousands is more than a session may say."""
    one = await stage.subscribe()
    await stage.store.put(replace(one, selection=Personal()))
    await stage.adopt()
    await stage.watching("INBOX", "Work")
    await idling(stage)
    counting = stage.server.plan(c.UidSearch, Say(b""), times=None)
    made = stage.server.create("alice", "New")
    for _ in range(FLOOD_MESSAGES + 1):
        made.add(mail.make(), internal_date=datetime.now(UTC).replace(microsecond=0))
    (found,) = await stage.fact(MailDetected)

    assert isinstance(found, MailDetected)
    assert found.messages == FLOOD_MESSAGES + 1
    assert counting.hits == 1


async def test_arrivals_are_counted_where_what_was_expunged_hides_them(stage: Stage) -> None:
    inbox = stage.server.mailbox("alice")
    now = datetime.now(UTC).replace(microsecond=0)
    for _ in range(2 * FLOOD_MESSAGES):
        inbox.add(mail.make(), internal_date=now)
    await stage.subscribe()
    await stage.adopt()
    await stage.watching()
    await lose(stage)
    for uid in [*inbox.messages]:
        inbox.expunge(uid)
    for _ in range(FLOOD_MESSAGES + 1):
        inbox.add(mail.make(), internal_date=now)
    fetching = stage.server.plan(c.UidFetch, Say(b""), times=None)
    await stage.adopt()
    (found,) = await stage.fact(MailDetected)

    assert isinstance(found, MailDetected)
    assert found.messages == FLOOD_MESSAGES + 1
    assert fetching.hits == 0
