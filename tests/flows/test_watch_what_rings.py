"""Which mail rings, against the scripted server: what is old, read, moved, copied, seen twice or not yet to be found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.model.subscription import Payload
from idlebell.telemetry.facts import MailDetected
from idlebell.testing import mail
from idlebell.testing.faults import Hold, Say
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import look as look_module
from idlebell.watch import polling
from idlebell.watch.cadence import Cadence

OFTEN = Cadence(poll=0.02, probe=540)


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as server:
        alice = server.add_user("alice", "apass")
        alice.add_mailbox("Work")
        alice.add_mailbox("Archive")
        yield server


@pytest.fixture(params=["NOTIFY", "STATUS"])
async def stage(server: ImapServer, request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    if request.param == "NOTIFY":
        server.offer("NOTIFY")
    async with staged(server, OFTEN) as stage:
        yield stage


def days_ago(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)


async def watched(stage: Stage) -> None:
    """INBOX and Work; one mail has shown already that the server's clock is right."""
    await stage.subscribe("sub_1", "INBOX", "Work")
    await begun(stage)


async def begun(stage: Stage) -> None:
    await stage.adopt()
    await stage.watching("INBOX", "Work")
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.deliver("alice", mail.make(subject="first"))
    await stage.fact(MailDetected)


async def passed(stage: Stage, mailbox: str, uid: int) -> list[str]:
    """All that has rung when ``uid`` has been decided on."""
    async with asyncio.timeout(10):
        while (place := await stage.place(mailbox)) is None or place.uid_next <= uid:
            await asyncio.sleep(0.005)
    return await stage.rung(0)


async def test_old_mail_that_is_uploaded_does_not_ring(stage: Stage) -> None:
    await watched(stage)

    uid = stage.server.deliver("alice", mail.make(subject="old"), internal_date=days_ago(2))

    assert await passed(stage, "INBOX", uid) == ["INBOX"]


async def test_appended_and_seen_mail_rings_for_those_who_ask_for_it(stage: Stage) -> None:
    await stage.subscribe("sub_1", "INBOX", "Work")
    await stage.subscribe("sub_appended", "INBOX", "Work", also=frozenset({"appended"}))
    await stage.subscribe("sub_seen", "INBOX", "Work", also=frozenset({"seen"}))
    await stage.subscribe("sub_all", "INBOX", "Work", also=frozenset({"seen", "appended"}))
    await begun(stage)
    seen = frozenset({"\\Seen"})

    stage.server.deliver("alice", mail.make(subject="old"), internal_date=days_ago(2))
    stage.server.deliver("alice", mail.make(subject="read"), flags=seen)
    uid = stage.server.deliver("alice", mail.make(subject="both"), flags=seen, internal_date=days_ago(2))

    await passed(stage, "INBOX", uid)
    counts = [await stage.counted(name) for name in ("sub_1", "sub_appended", "sub_seen", "sub_all")]
    assert counts == [1, 2, 2, 4]


async def test_mail_that_is_moved_out_and_back_does_not_ring_again(stage: Stage) -> None:
    await watched(stage)

    away = stage.server.move("alice", 1, "Archive")
    back = stage.server.move("alice", away, "INBOX", "Archive")

    assert await passed(stage, "INBOX", back) == ["INBOX"]


async def test_mail_that_is_copied_or_moved_to_another_watched_mailbox_rings_once(stage: Stage) -> None:
    await watched(stage)

    copied = stage.server.copy("alice", 1, "Work")
    assert await passed(stage, "Work", copied) == ["INBOX"]

    uid = stage.server.deliver("alice", mail.make(subject="moved"))
    assert await stage.rung(2) == ["INBOX"] * 2
    moved = stage.server.move("alice", uid, "Work")
    assert await passed(stage, "Work", moved) == ["INBOX"] * 2


async def test_mail_that_is_moved_by_the_user_before_it_was_seen_rings_where_it_is(stage: Stage) -> None:
    await watched(stage)
    hidden = stage.server.mailbox("alice", "Archive").add(mail.make(subject="filtered"))

    stage.server.move("alice", hidden, "Work", "Archive")

    assert await stage.rung(2) == ["INBOX", "Work"]


async def test_the_same_bytes_delivered_twice_ring_twice(stage: Stage) -> None:
    await watched(stage)

    for number in (2, 3):
        stage.server.deliver("alice", mail.make(subject="again"), internal_date=days_ago(0))
        await stage.rung(number)

    assert await stage.rung(3) == ["INBOX"] * 3


@pytest.mark.parametrize("capability", ["OBJECTID", "X-GM-EXT-1"])
async def test_one_mail_in_two_mailboxes_rings_once(stage: Stage, capability: str) -> None:
    stage.server.offer(capability)
    await watched(stage)
    known = stage.server.mailbox("alice").messages[1].email_id

    uid = stage.server.mailbox("alice", "Work").add(mail.make(subject="with a footer"), email_id=known)

    assert await passed(stage, "Work", uid) == ["INBOX"]


async def test_one_mail_in_two_mailboxes_rings_for_each_who_watches_one_of_them(stage: Stage) -> None:
    await stage.subscribe("sub_1", "INBOX")
    await stage.subscribe("sub_2", "Work", payload=Payload.SUMMARY)
    await begun(stage)

    uid = stage.server.copy("alice", 1, "Work")

    assert await passed(stage, "Work", uid) == ["INBOX", "Work"]
    assert [await stage.counted(name) for name in ("sub_1", "sub_2")] == [1, 1]


async def test_mail_that_cannot_be_fetched_yet_is_asked_for_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Replicas lag: EXISTS is said before FETCH finds the message."""
    monkeypatch.setattr(look_module, "EMPTY_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    await watched(stage)
    stage.server.behave(fetches_lag=2)

    stage.server.deliver("alice", mail.make(subject="lags"))

    assert await stage.rung(2) == ["INBOX"] * 2


@pytest.mark.parametrize("way", ["idle", "poll"])
async def test_mail_that_a_replica_hides_from_a_whole_look_is_found_by_the_next(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Nothing more is said of it: EXISTS came with the first."""
    monkeypatch.setattr(look_module, "EMPTY_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    monkeypatch.setattr(polling, "EXAMINE_EVERY", 1_000)
    if way == "poll":
        server.withhold("IDLE")
    async with staged(server, Cadence(poll=0.1, settle=0.1)) as stage:
        await stage.subscribe("sub_1", "INBOX")
        await stage.adopt()
        await stage.watching("INBOX")
        stage.server.deliver("alice", mail.make(subject="first"))
        await stage.fact(MailDetected)
        stage.server.behave(fetches_lag=9, status_tells=False, reopening_tells=False)
        status = stage.server.plan(c.Status, Say(b""), times=None)

        stage.server.deliver("alice", mail.make(subject="lags"))

        assert await stage.rung(2) == ["INBOX"] * 2
        assert not status.hits


async def test_mail_that_cannot_be_fetched_is_not_asked_for_without_end(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_module, "EMPTY_PAUSES_SECONDS", (0.0, 0.0, 0.0))
    await watched(stage)
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.behave(fetches_lag=1_000)
    fetched = stage.server.plan(c.UidFetch, Say(b""), times=None)
    idled = stage.server.plan(c.Idle, Say(b""), times=None)

    stage.server.deliver("alice", mail.make(subject="never"))

    await idled.hit()
    assert fetched.hits == 4


async def test_mail_that_is_expunged_before_it_is_fetched_is_passed_over(stage: Stage) -> None:
    await watched(stage)
    hold = Hold()
    fetching = stage.server.plan(c.UidFetch, hold)

    gone = stage.server.deliver("alice", mail.make(subject="gone"))
    await fetching.hit()
    stage.server.mailbox("alice").expunge(gone)
    hold.release()
    stage.server.deliver("alice", mail.make(subject="stays"))

    assert await stage.rung(2) == ["INBOX"] * 2
