"""Filters, against the scripted server: what rings, and what is fetched to know it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.imap.responses import FetchData
from idlebell.imap.sequence_set import SequenceSet
from idlebell.model.preferences import Preferences
from idlebell.model.problem import Fault
from idlebell.model.subscription import Subscription
from idlebell.net.look_inbox import Answer, Look
from idlebell.rules.compiled import rule_of
from idlebell.rules.evidence import HEADER_BYTES, Evidence
from idlebell.rules.needs import text_item
from idlebell.telemetry.facts import MailDetected
from idlebell.testing import mail
from idlebell.testing.faults import Drop, Refuse
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import filtering
from idlebell.watch.answering import LOST
from idlebell.watch.cadence import Cadence
from idlebell.watch.detect import FLOOD_MESSAGES
from idlebell.watch.mailbox_session import MailboxSession


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        async with staged(server, Cadence(idle=540)) as stage:
            yield stage


async def filtered(stage: Stage, filter_: Any, name: str = "sub_1") -> Subscription:
    subscription = await stage.subscribe(name)
    kept = Preferences(filter=None if filter_ is None else json.dumps(filter_))
    return await stage.store.put(replace(subscription, preferences=kept))


async def watched(stage: Stage) -> None:
    await stage.adopt()
    await stage.watching()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Items of every UID FETCH that is sent."""
    items: list[str] = []
    fetch = MailboxSession.fetch

    async def noting(self: MailboxSession, uids: SequenceSet, wanted: tuple[str, ...]) -> tuple[FetchData, ...]:
        items.extend(wanted)
        return await fetch(self, uids, wanted)

    monkeypatch.setattr(MailboxSession, "fetch", noting)
    return items


async def test_only_what_the_filter_lets_through_rings(stage: Stage, fetched: list[str]) -> None:
    await filtered(stage, {"from": "boss@example.org", "isBulk": False})
    await watched(stage)

    stage.server.deliver("alice", mail.make(sender="Shop <shop@example.com>"))
    stage.server.deliver("alice", mail.make(headers={"Precedence": "bulk"}))
    stage.server.deliver("alice", mail.make())
    await stage.rung(1)

    assert await stage.counted() == 1
    assert "BODYSTRUCTURE" not in fetched
    assert f"BODY.PEEK[HEADER.FIELDS (AUTO-SUBMITTED FROM LIST-ID PRECEDENCE)]<0.{HEADER_BYTES}>" in fetched


async def test_who_has_no_filter_costs_no_more_than_before(stage: Stage, fetched: list[str]) -> None:
    await filtered(stage, None)
    await watched(stage)

    stage.server.deliver("alice", mail.make())
    await stage.rung(1)

    assert not any("FROM" in item or "STRUCTURE" in item for item in fetched)


async def test_text_is_fetched_of_those_messages_alone_that_it_decides_of(stage: Stage, fetched: list[str]) -> None:
    await filtered(stage, {"from": "boss@example.org", "body": "noon"})
    await watched(stage)

    stage.server.deliver("alice", mail.make(sender="Shop <shop@example.com>", text="noon"))
    await stage.fact(MailDetected)
    assert not any("BODY.PEEK[1]" in item for item in fetched)
    stage.server.deliver("alice", mail.make(html="<p>At n&#111;on?</p>", text="At\nnoon"))
    stage.server.deliver("alice", mail.make(text="tonight"))
    stage.server.deliver("alice", mail.make(text="at noon " + "x" * 100_000, attachment=b"a"))

    assert await stage.rung(2) == ["INBOX", "INBOX"]
    assert {item for item in fetched if item.startswith("BODY.PEEK[1")} == {"BODY.PEEK[1]<0.16384>"}


async def test_text_that_the_server_refuses_holds_up_no_mail(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = MailboxSession.fetch

    async def refused(self: MailboxSession, uids: SequenceSet, wanted: tuple[str, ...]) -> tuple[FetchData, ...]:
        if text_item("1") in wanted:
            stage.server.plan(c.UidFetch, Refuse("no text today"))
        return await fetch(self, uids, wanted)

    monkeypatch.setattr(MailboxSession, "fetch", refused)
    await filtered(stage, {"body": "midnight"})
    await watched(stage)

    stage.server.deliver("alice", mail.make(text="noon"))

    await stage.rung(1)


async def test_filter_that_changes_is_heeded_with_the_next_mail(stage: Stage) -> None:
    await filtered(stage, {"from": "nobody@example.org"})
    await watched(stage)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)
    assert await stage.counted() == 0
    (subscription,) = await stage.store.of_account(stage.account.id)
    await stage.store.put(replace(subscription, preferences=Preferences(filter='{"from":"boss"}')))

    stage.server.deliver("alice", mail.make())

    await stage.rung(1)
    assert stage.server.connections == 1


async def test_flood_counts_for_each_what_its_filter_lets_through(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtering, "AT_ONCE", 200)
    await filtered(stage, {"subject": "urgent", "body": "noon"})
    await filtered(stage, {"subject": "nothing of it"}, "sub_2")
    await filtered(stage, None, "sub_3")
    await watched(stage)
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)
    for number in range(FLOOD_MESSAGES + 10):
        stage.server.deliver("alice", mail.make(subject="urgent" if number % 100 == 0 else "later"))
    await stage.adopt()

    await stage.fact(MailDetected)
    assert sorted(one.count for one in stage.store.told) == [6, FLOOD_MESSAGES + 10]


async def looked(stage: Stage, mailbox: str = "INBOX", messages: int = 3, filter_: str | None = None) -> Answer:
    look = Look(mailbox, messages, rule_of(filter_))
    assert stage.fleet._means.looks.ask(stage.account.id, look)
    stage.fleet.nudge(stage.account.id)
    async with asyncio.timeout(10):
        return await look.answer


async def parked(stage: Stage) -> None:
    async with asyncio.timeout(10):
        while not stage.fleet.parked():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("way", ["idle", "parked", "poll"])
async def test_look_is_answered_over_the_session_that_is_open(way: str) -> None:
    async with ImapServer() as server:
        alice = server.add_user("alice", "apass")
        alice.add_mailbox("Work")
        if way == "poll":
            server.withhold("IDLE")
        async with staged(server, Cadence(idle=540, poll=540), 0.01 if way == "parked" else 0.0) as stage:
            for number in range(60):
                stage.server.deliver("alice", mail.make(subject=f"number {number}", text=f"text {number}"))
            stage.server.deliver("alice", mail.make(subject="at work"), "Work")
            await stage.subscribe("sub_1", *(("INBOX",) if way == "parked" else ("INBOX", "Work")))
            await stage.adopt()
            await stage.watching()
            if way == "parked":
                await parked(stage)

            newest = await looked(stage, filter_='{"body":"text"}')
            assert [Evidence(one, "INBOX").folded_text() for one in newest] == ["text 57", "text 58", "text 59"]
            assert len(await looked(stage, messages=100)) == 60
            if way != "parked":
                (work,) = await looked(stage, "Work")
                assert Evidence(work, "Work").header("subject") == ("at work",)
            stage.server.deliver("alice", mail.make(subject="new"))
            if way != "poll":
                await stage.rung(1)
            assert stage.server.connections == 1


async def test_looks_that_wait_when_the_last_session_is_lost_are_answered_at_once(stage: Stage) -> None:
    await stage.subscribe()
    await watched(stage)
    look = Look("INBOX", 3, rule_of(None))
    assert stage.fleet._means.looks.ask(stage.account.id, look)  # of which the watcher has not heard yet

    stage.server.of("alice")[0].drop()

    async with asyncio.timeout(10):
        assert await look.answer == LOST
    assert not stage.fleet._means.looks.wait(stage.account.id)


async def test_look_at_nothing_finds_nothing(stage: Stage) -> None:
    await stage.subscribe()
    await watched(stage)

    assert await looked(stage) == ()


async def test_look_that_the_server_refuses_is_answered_and_the_watch_goes_on(stage: Stage) -> None:
    await stage.subscribe()
    await watched(stage)
    stage.server.deliver("alice", mail.make())
    await stage.rung(1)
    stage.server.plan(c.UidSearch, Refuse("not today"))

    answer = await looked(stage)

    assert isinstance(answer, Fault)
    assert (answer.code, answer.detail) == ("server-error", "The mail server does not show its messages: not today")
    stage.server.deliver("alice", mail.make())
    await stage.rung(2)


async def test_look_whose_session_ends_is_answered(stage: Stage) -> None:
    await stage.subscribe()
    await watched(stage)
    stage.server.deliver("alice", mail.make())
    await stage.rung(1)
    stage.server.plan(c.UidSearch, Drop())

    answer = await looked(stage)

    assert isinstance(answer, Fault)
    assert answer.code == "session-lost"
