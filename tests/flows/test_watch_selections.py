"""Mailboxes that are found by LIST, against the scripted server: which are watched, and what becomes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from flows.watch_stage import Stage, staged
from idlebell.gateway.standing import view
from idlebell.gateway.wish import with_mailboxes
from idlebell.imap import commands as c
from idlebell.model.proof import USUAL_DEMANDS
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.subscription import Activity, Counts
from idlebell.telemetry.facts import MailDetected
from idlebell.testing import mail
from idlebell.testing.faults import Hold, Refuse
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import survey as survey_module
from idlebell.watch import watcher as watcher_module
from idlebell.watch.cadence import Cadence

OFTEN = Cadence(poll=0.02, probe=540)
PATIENT = Cadence(poll=540, probe=540)


@pytest.fixture(params=["NOTIFY", "STATUS", "STATUS without LIST-STATUS"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def server(way: str) -> AsyncIterator[ImapServer]:
    async with ImapServer() as server:
        alice = server.add_user("alice", "apass")
        alice.add_mailbox("Work", subscribed=True)
        alice.add_mailbox("Work/Deep")
        alice.add_mailbox("Workshop")
        alice.add_mailbox("Junk", attributes=frozenset({"\\Junk"}), subscribed=True)
        if way == "NOTIFY":
            server.offer("NOTIFY")
        elif way != "STATUS":
            server.withhold("LIST-STATUS")
        yield server


@pytest.fixture
async def stage(server: ImapServer, way: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    if way != "NOTIFY":
        monkeypatch.setattr(survey_module, "EVERY_SECONDS", 0.02)
        monkeypatch.setattr(survey_module, "EVERY_SECONDS_A_MAILBOX", 0.0)
    async with staged(server, PATIENT if way == "NOTIFY" else OFTEN) as stage:
        yield stage


async def watched(stage: Stage, selection: Selection, *mailboxes: str) -> None:
    await stage.subscribe("sub_1", selection=selection)
    await stage.adopt()
    await stage.watching(*mailboxes)
    await stage.server.until(lambda: stage.server.idling("alice") == 1)


async def names(stage: Stage, wanted: set[str]) -> None:
    """Until these and no others are watched."""
    found = await stage.status.wait_for(
        stage.account.id, lambda status: status is not None and set(status.mailboxes) == status.watching() == wanted, 10
    )
    assert found is not None
    assert found.watching() == wanted


@pytest.mark.parametrize(
    ("selection", "mailboxes"),
    [
        (Personal(), {"INBOX", "Work", "Work/Deep", "Workshop"}),
        (Subscribed(), {"INBOX", "Work", "Junk"}),
        (Subtree("Work"), {"Work", "Work/Deep"}),
        (Subtree("Nothing"), {"INBOX"}),
    ],
)
async def test_mailboxes_of_a_selection_are_found(stage: Stage, selection: Selection, mailboxes: set[str]) -> None:
    await stage.subscribe("sub_1", selection=selection)
    await stage.adopt()

    await names(stage, mailboxes)
    (subscription,) = await stage.store.of_account(stage.account.id)
    assert set(subscription.mailboxes) == mailboxes


async def test_what_lies_in_the_mailboxes_that_are_found_is_not_announced(stage: Stage) -> None:
    for name in ("INBOX", "Work", "Workshop"):
        stage.server.deliver("alice", mail.make(subject=name), name)
    await watched(stage, Personal(), "INBOX", "Work", "Workshop")

    stage.server.deliver("alice", mail.make(subject="new"), "Workshop")

    assert await stage.rung(1) == ["Workshop"]


async def test_first_mail_of_a_new_mailbox_rings(stage: Stage) -> None:
    await watched(stage, Personal(), "INBOX", "Workshop")

    stage.server.create("alice", "New")
    stage.server.deliver("alice", mail.make(subject="first"), "New")
    stage.server.deliver("alice", mail.make(subject="also"), "Work")

    assert await stage.rung(2) == ["New", "Work"]
    await stage.watching("New")


async def test_old_mail_in_a_new_mailbox_does_not_ring(stage: Stage) -> None:
    await watched(stage, Personal(), "INBOX", "Workshop")
    stage.server.deliver("alice", mail.make(subject="prompt"))  # shows how late the server's clock is
    await stage.rung(1)

    archive = stage.server.create("alice", "Archive")
    for day in range(1, 4):
        old = datetime.now(UTC).replace(microsecond=0) - timedelta(days=day)
        archive.add(mail.make(subject=f"old {day}"), internal_date=old)
    archive.add(mail.make(subject="delivered"))

    assert await stage.rung(2) == ["Archive", "INBOX"]


async def test_old_mail_in_a_mailbox_made_while_nobody_watched_does_not_ring(stage: Stage) -> None:
    await watched(stage, Personal(), "INBOX", "Workshop")
    stage.server.deliver("alice", mail.make(subject="prompt"))
    await stage.rung(1)
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)

    archive = stage.server.create("alice", "Archive")
    archive.add(mail.make(subject="old"), internal_date=datetime.now(UTC).replace(microsecond=0) - timedelta(days=3))
    archive.add(mail.make(subject="delivered"))
    stage.fleet._held[stage.account.id].books.surveyed_at = None  # as in a new process
    await stage.adopt()

    assert await stage.rung(2) == ["Archive", "INBOX"]


async def test_renamed_mailbox_goes_on_without_loss_or_repeat(stage: Stage) -> None:
    await watched(stage, Personal(), "INBOX", "Workshop")
    stage.server.mailbox("alice", "Workshop").uid_validity = 77
    stage.server.deliver("alice", mail.make(subject="rebases"))
    await stage.rung(1)
    await watched_anew(stage)
    stage.server.deliver("alice", mail.make(subject="before"), "Workshop")
    await stage.rung(2)

    stage.server.rename("alice", "Workshop", "Atelier")
    stage.server.deliver("alice", mail.make(subject="after"), "Atelier")

    assert await stage.rung(3) == ["Atelier", "INBOX", "Workshop"]
    await names(stage, {"INBOX", "Work", "Work/Deep", "Atelier"})
    place = await stage.place("Atelier")
    assert place is not None
    assert (place.uid_validity, place.uid_next) == (77, 3)
    assert await stage.place("Workshop") is None


async def watched_anew(stage: Stage) -> None:
    stage.server.of("alice")[0].drop()
    await stage.status.wait_for(stage.account.id, lambda status: status is None, 10)
    await stage.adopt()
    await stage.watching("INBOX", "Workshop")
    await stage.server.until(lambda: stage.server.idling("alice") == 1)


async def test_deleted_mailbox_is_watched_no_more_and_the_others_are(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "EVERY_SECONDS", 0.02)  # nobody tells of it
    await watched(stage, Personal(), "INBOX", "Workshop")

    stage.server.delete("alice", "Workshop")
    await names(stage, {"INBOX", "Work", "Work/Deep"})
    stage.server.deliver("alice", mail.make(), "Work")

    assert await stage.rung(1) == ["Work"]


async def test_mailbox_that_is_subscribed_to_is_watched_from_then_on(stage: Stage) -> None:
    await watched(stage, Subscribed(), "INBOX", "Work")

    stage.server.user("alice").subscribe("Workshop")
    stage.server.deliver("alice", mail.make(), "Workshop")

    assert await stage.rung(1) == ["Workshop"]


async def test_refused_list_leaves_what_is_known_watched(stage: Stage) -> None:
    await watched(stage, Personal(), "INBOX", "Workshop")
    stage.server.plan(c.List, Refuse("not now"), times=None)

    stage.server.create("alice", "New")
    stage.server.deliver("alice", mail.make(), "New")
    stage.server.deliver("alice", mail.make(), "Work")

    assert await stage.rung(1) == ["Work"]
    assert len([fact for fact in stage.facts if isinstance(fact, MailDetected)]) == 1


async def test_a_selection_that_changes_while_the_server_is_asked_makes_no_old_mail_new(stage: Stage) -> None:
    """What was found for the one before is not taken for the first finding of the new one."""
    await watched(stage, Subtree("Work"), "Work", "Work/Deep")
    stage.server.deliver("alice", mail.make(subject="lies there"), "Workshop")
    hold = Hold()
    asked = stage.server.plan(c.List, hold)
    stage.server.create("alice", "Work/New")
    stage.server.deliver("alice", mail.make(subject="lies there, too"), "Work/New")
    await asked.hit()

    (before,) = await stage.store.of_account(stage.account.id)
    await stage.store.put(with_mailboxes(before, Personal()))
    hold.release()
    stage.fleet.nudge(stage.account.id)
    await names(stage, {"INBOX", "Work", "Work/Deep", "Work/New", "Workshop"})
    stage.server.deliver("alice", mail.make(subject="new"), "Workshop")

    assert await stage.rung(1) == ["Workshop"]


async def test_a_name_that_nobody_could_ask_for_is_not_found(stage: Stage) -> None:
    """Names are kept, shown and sent; a server could make each of them fill a whole line."""
    stage.server.create("alice", "a" * 1_001)
    stage.server.create("alice", "m" * 1_000)
    await stage.subscribe("sub_1", selection=Personal())
    await stage.adopt()

    await names(stage, {"INBOX", "Work", "Work/Deep", "Workshop", "m" * 1_000})
    (subscription,) = await stage.store.of_account(stage.account.id)
    assert "a" * 1_001 not in subscription.mailboxes


async def test_a_server_that_does_not_list_its_mailboxes_is_told_of(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subscription goes on with what was known, and shows why it is no more than that."""
    monkeypatch.setattr(watcher_module, "SIT_OUT_SECONDS", 0.02)
    refused = stage.server.plan(c.List, Refuse("not today"), times=None)
    await stage.subscribe("sub_1", selection=Personal())
    await stage.adopt()
    await stage.watching("INBOX")
    await stage.status.wait_for(stage.account.id, lambda status: status is not None and status.unlisted is not None, 10)
    (subscription,) = await stage.store.of_account(stage.account.id)
    shown = view(subscription, stage.status.of(stage.account.id), Activity(Counts()), USUAL_DEMANDS)
    assert shown.problem is not None
    assert (shown.problem.type, shown.problem.detail) == (
        "/problems/server-error",
        "The mail server does not list its mailboxes: not today",
    )

    refused.cancel()
    await names(stage, {"INBOX", "Work", "Work/Deep", "Workshop"})
    (subscription,) = await stage.store.of_account(stage.account.id)
    assert view(subscription, stage.status.of(stage.account.id), Activity(Counts()), USUAL_DEMANDS).problem is None
