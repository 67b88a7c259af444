"""The ways of watching against the scripted server: what each finds, and how an account falls from one to the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.model.selection import Personal, Subscribed
from idlebell.telemetry.facts import CursorRebased, MailDetected, WatchChanged
from idlebell.telemetry.status import Mode
from idlebell.testing import mail
from idlebell.testing.faults import EVENTS_LOST, Hold, Planned, Refuse, Say
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import survey as survey_module
from idlebell.watch.cadence import Cadence

PROBING = Cadence(poll=0.02, probe=0.02)
"""Everything that is only looked at from time to time is looked at fifty times a second."""
PATIENT = Cadence(poll=540, probe=540)
"""Nothing is found but what the server tells."""


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        for name in ("Work", "Lists"):
            server.create("alice", name)
        yield server


def counted(server: ImapServer, command: type[c.Command]) -> Planned:
    """Does nothing but count."""
    return server.plan(command, Say(b""), times=None)


async def watched(stage: Stage, *mailboxes: str, sessions: int = 1) -> None:
    await stage.subscribe("sub_1", *mailboxes)
    await stage.adopt(sessions)
    await stage.watching(*mailboxes)
    await stage.server.until(lambda: stage.server.idling("alice") == sessions)


async def wishes(stage: Stage, *mailboxes: str) -> None:
    """The app wants others from now on."""
    (subscription,) = await stage.store.of_account(stage.account.id)
    await stage.store.put(replace(subscription, mailboxes=mailboxes))
    stage.fleet.nudge(stage.account.id)


async def put_long_ago(stage: Stage, mailbox: str = "INBOX") -> None:
    """A mail that the server has had for minutes when it is found. Before it one comes that is told at once: it shows how far
    the server's clock is behind."""
    before = len([fact for fact in stage.facts if isinstance(fact, MailDetected)])
    stage.server.deliver("alice", mail.make(subject="prompt"))
    await stage.fact(MailDetected, before + 1)
    delivered = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=50)
    stage.server.deliver("alice", mail.make(subject="unsaid"), mailbox, internal_date=delivered)
    stage.clock.ahead = timedelta(seconds=300)
    await stage.fact(MailDetected, before + 2)


async def mode(stage: Stage, mailbox: str, wanted: Mode) -> str | None:
    """The reason of the mode once it is ``wanted``."""
    status = await stage.status.wait_for(
        stage.account.id,
        lambda status: status is not None and mailbox in status.mailboxes and status.mailboxes[mailbox].mode is wanted,
        10,
    )
    assert status is not None
    assert status.mailboxes[mailbox].mode is wanted, list(status)
    return status.mailboxes[mailbox].mode_reason


# --- NOTIFY ---


async def test_notify_watches_all_mailboxes_over_one_session(server: ImapServer) -> None:
    server.offer("NOTIFY")
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work", "Lists")

        for mailbox in ("Work", "INBOX", "Lists"):
            server.deliver("alice", mail.make(subject=mailbox), mailbox)

        assert await stage.rung(3) == ["INBOX", "Lists", "Work"]
        status = await stage.watching("INBOX", "Work", "Lists")
        assert {(one.mode, one.mode_reason) for one in status} == {(Mode.NOTIFY, None)}


async def test_sessions_that_notify_makes_needless_are_logged_out(server: ImapServer) -> None:
    server.offer("NOTIFY")
    async with staged(server, PATIENT) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt(2)
        await stage.watching("INBOX", "Work")
        await server.until(lambda: len(server.of("alice")) == 1)


async def test_selected_mailbox_that_notify_is_mute_of_is_idled_on(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.behave(notify_selected_needs_idle=True)
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work")

        server.deliver("alice", mail.make())

        assert await stage.rung(1) == ["INBOX"]


async def test_repeated_and_unchanged_status_open_nothing(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.behave(notify_repeats=True)
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work", "Lists")
        examined = counted(server, c.Examine)

        server.deliver("alice", mail.make(), "Work")

        assert await stage.rung(1) == ["Work"]
        await server.until(lambda: server.idling("alice") == 1)
        assert examined.hits == 2  # Work, and INBOX again


async def test_mailboxes_whose_events_were_dropped_are_looked_at(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.behave(notify_mutes=frozenset({"Work"}))
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work")

        server.deliver("alice", mail.make(), "Work")
        server.say(EVENTS_LOST)

        assert await stage.rung(1) == ["Work"]
        await server.until(lambda: server.notified("alice") == 1)


async def test_server_that_drops_events_again_and_again_is_asked_by_status(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.plan(c.Notify, Say(b"* OK [NOTIFICATIONOVERFLOW] no more\r\n"), times=None)
    async with staged(server, PROBING) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt()

        reason = await mode(stage, "Work", Mode.POLL)

        assert reason is not None
        assert "the server refuses NOTIFY: some events were dropped" in reason
        server.deliver("alice", mail.make(), "Work")
        assert await stage.rung(1) == ["Work"]


@pytest.mark.parametrize("limit", [None, 2])
async def test_refused_notify_falls_back_to_idle_and_status_and_says_why(server: ImapServer, limit: int | None) -> None:
    server.offer("NOTIFY")
    server.behave(notify_limit=limit)
    if limit is None:
        server.plan(c.Notify, Refuse("not today"), times=None)
    async with staged(server, PROBING) as stage:
        await stage.subscribe("sub_1", "INBOX", "Work")
        await stage.adopt()

        reason = await mode(stage, "Work", Mode.POLL)

        assert reason is not None
        assert "the server refuses NOTIFY: " + ("not today" if limit is None else "too many") in reason
        server.deliver("alice", mail.make(subject="1"), "Work")
        server.deliver("alice", mail.make(subject="2"))
        assert await stage.rung(2) == ["INBOX", "Work"]


@pytest.mark.parametrize("names_unsupported", [True, False])
async def test_badevent_is_asked_again_without_subscriptions(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch, names_unsupported: bool
) -> None:
    monkeypatch.setattr(survey_module, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(survey_module, "EVERY_SECONDS_A_MAILBOX", 0.0)
    server.offer("NOTIFY")
    server.behave(notify_events=("MessageNew", "MessageExpunge"), badevent_names_unsupported=names_unsupported)
    async with staged(server, PATIENT) as stage:
        server.user("alice").subscribe("Work")
        await stage.subscribe("sub_1", selection=Subscribed())
        await stage.adopt()
        await stage.watching("Work")
        await mode(stage, "Work", Mode.NOTIFY)

        server.create("alice", "New", subscribed=True)
        server.deliver("alice", mail.make(), "New")

        assert await stage.rung(1) == ["New"]


async def test_rename_is_followed_where_it_silences_who_asked_for_names(server: ImapServer) -> None:
    """Dovecot 2.3: MailboxName is not asked for, the mail itself tells of the new name."""
    server.offer("NOTIFY")
    server.behave(notify_names_fall_silent=True)
    async with staged(server, PATIENT) as stage:
        await stage.subscribe("sub_1", selection=Personal())
        await stage.adopt()
        await stage.watching("INBOX", "Work", "Lists")
        await server.until(lambda: server.idling("alice") == 1)

        server.rename("alice", "Work", "Job")
        server.deliver("alice", mail.make(subject="other"), "Lists")
        server.deliver("alice", mail.make(subject="own"), "Job")

        assert await stage.rung(2) == ["Job", "Lists"]
        await stage.watching("INBOX", "Job", "Lists")


async def test_mailboxes_that_nobody_wants_are_no_reason_to_ask_for_names(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.user("alice").add_mailbox("Junk", attributes=frozenset({"\\Junk"}))
    async with staged(server, PATIENT) as stage:
        await stage.subscribe("sub_1", selection=Personal())
        await stage.adopt()
        await stage.watching("INBOX", "Work", "Lists")
        await server.until(lambda: server.idling("alice") == 1)
        lists = counted(server, c.List)

        server.deliver("alice", mail.make(subject="spam"), "Junk")
        server.deliver("alice", mail.make(subject="work"), "Work")
        await stage.rung(1)
        server.deliver("alice", mail.make(subject="last"))

        assert await stage.rung(2) == ["INBOX", "Work"]
        assert lists.hits == 0


async def test_set_after_set_goes_over_none(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.behave(notify_set_again_loses=True, notify_none_mutes=True)
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work")

        await stage.subscribe("sub_2", "Lists")
        stage.fleet.nudge(stage.account.id)
        await stage.watching("INBOX", "Work", "Lists")
        for mailbox in ("Lists", "Work", "INBOX"):
            server.deliver("alice", mail.make(subject=mailbox), mailbox)

        assert await stage.rung(3) == ["INBOX", "Lists", "Work"]


async def test_selected_mailbox_is_heard_of_after_notify_and_notify_after_that(server: ImapServer) -> None:
    """Dovecot 2.4: after NONE alone IDLE is mute, and a SET after the SET that mends it loses the others' events."""
    server.offer("NOTIFY")
    server.behave(notify_set_again_loses=True, notify_none_mutes=True)
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work")

        await wishes(stage, "INBOX")
        await mode(stage, "INBOX", Mode.IDLE)
        await server.until(lambda: server.idling("alice") == 1)
        server.deliver("alice", mail.make(subject="alone"))
        assert await stage.rung(1) == ["INBOX"]

        await wishes(stage, "INBOX", "Lists")
        await mode(stage, "Lists", Mode.NOTIFY)
        await server.until(lambda: server.idling("alice") == 1)
        server.deliver("alice", mail.make(subject="list"), "Lists")
        assert await stage.rung(2) == ["INBOX", "Lists"]


async def test_selected_mailbox_is_heard_of_where_the_next_set_is_refused(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.behave(notify_none_mutes=True)
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work")

        server.plan(c.Notify, Say(b""))  # NONE
        server.plan(c.Notify, Refuse("no more of it"))
        await stage.subscribe("sub_2", "Lists")
        stage.fleet.nudge(stage.account.id)
        await mode(stage, "Lists", Mode.POLL)
        await server.until(lambda: server.idling("alice") == 1)
        server.deliver("alice", mail.make())

        assert await stage.rung(1) == ["INBOX"]


async def test_mailbox_that_notify_is_silent_about_is_asked_by_status_from_then_on(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.behave(notify_mutes=frozenset({"Work"}))
    async with staged(server, PROBING) as stage:
        await watched(stage, "INBOX", "Work")

        await put_long_ago(stage, "Work")
        reason = await mode(stage, "Work", Mode.POLL)

        assert reason is not None
        assert reason.endswith("the server accepts NOTIFY and then says nothing of new mail")
        server.deliver("alice", mail.make(subject="later"), "Work")
        assert await stage.rung(3) == ["INBOX", "Work", "Work"]
        assert [fact.way for fact in stage.facts if isinstance(fact, WatchChanged)] == ["idle and status"]


async def test_mailbox_without_status_is_not_opened_for_ever_under_notify(server: ImapServer) -> None:
    server.offer("NOTIFY")
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work")
        server.plan(c.Status, Refuse("no STATUS"), times=None)

        server.deliver("alice", mail.make(), "Work")

        assert await stage.rung(1) == ["Work"]
        await server.until(lambda: server.idling("alice") == 1)


async def test_mail_is_found_where_the_store_failed_as_it_was_told(server: ImapServer) -> None:
    server.offer("NOTIFY")
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work")
        refused = server.plan(c.UidFetch, Refuse("not now"))

        server.deliver("alice", mail.make(), "Work")
        await refused.hit()

        assert await stage.rung(1) == ["Work"]


async def test_told_mail_is_found_where_mailboxes_are_listed_meanwhile(server: ImapServer) -> None:
    """The STATUS that NOTIFY said before LIST is not lost with those that come along with it."""
    server.offer("NOTIFY")
    server.withhold("LIST-STATUS")
    async with staged(server, PATIENT) as stage:
        await stage.subscribe("sub_1", selection=Personal())
        await stage.adopt()
        await stage.watching("INBOX", "Work", "Lists")
        await server.until(lambda: server.idling("alice") == 1)
        hold = Hold()
        fetching = server.plan(c.UidFetch, hold)

        server.deliver("alice", mail.make(subject="held"))
        await fetching.hit()
        server.deliver("alice", mail.make(subject="told"), "Work")
        server.create("alice", "New")
        hold.release()

        assert await stage.rung(2) == ["INBOX", "Work"]


# --- IDLE that says nothing, and polling ---


async def test_server_that_says_nothing_in_idle_is_polled_from_then_on(server: ImapServer) -> None:
    async with staged(server, PROBING) as stage:
        await watched(stage, "INBOX")
        stage.server.behave(speaks_in_idle=False)

        await put_long_ago(stage)

        assert await mode(stage, "INBOX", Mode.POLL) == "the server accepts IDLE and then says nothing of new mail"
        server.deliver("alice", mail.make(subject="later"))
        assert await stage.rung(3) == ["INBOX"] * 3


async def test_server_that_is_mute_at_noop_too_is_caught_by_status(server: ImapServer) -> None:
    async with staged(server, PROBING) as stage:
        await watched(stage, "INBOX")
        stage.server.deliver("alice", mail.make(subject="prompt"))
        await stage.fact(MailDetected)
        stage.server.behave(speaks_in_idle=False, noop_tells=False)
        delivered = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=50)
        stage.server.deliver("alice", mail.make(subject="unsaid"), internal_date=delivered)
        stage.clock.ahead = timedelta(seconds=300)

        assert await mode(stage, "INBOX", Mode.POLL) == "the server accepts IDLE and then says nothing of new mail"
        stage.server.deliver("alice", mail.make(subject="later"), internal_date=delivered + timedelta(seconds=250))
        assert await stage.rung(3) == ["INBOX"] * 3


async def test_idle_that_is_refused_thrice_is_done_without(server: ImapServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("idlebell.watch.watcher.OWED_FIRST_SECONDS", 0.01)
    server.plan(c.Idle, Refuse("no IDLE today"), times=None)
    async with staged(server, PROBING) as stage:
        await stage.subscribe()
        await stage.adopt()

        assert await mode(stage, "INBOX", Mode.POLL) == "the server refuses IDLE: no IDLE today"
        server.deliver("alice", mail.make())
        assert await stage.rung(1) == ["INBOX"]


@pytest.mark.parametrize(
    ("mute", "asked", "not_asked"),
    [
        ({}, c.Noop, c.Status),
        ({"noop_tells": False}, c.Status, c.Noop),
        ({"noop_tells": False, "status_tells": False}, c.Examine, c.Noop),
    ],
)
async def test_the_cheapest_question_that_tells_is_learnt(
    server: ImapServer, mute: dict[str, object], asked: type[c.Command], not_asked: type[c.Command]
) -> None:
    server.withhold("IDLE")
    async with staged(server, PROBING) as stage:
        await stage.subscribe()
        await stage.adopt()
        await stage.watching()
        server.behave(**mute)

        for number in (1, 2):
            server.deliver("alice", mail.make(subject=str(number)))
            await stage.fact(MailDetected, number)

        needless, asking = counted(server, not_asked), counted(server, asked)
        await server.until(lambda: asking.hits >= 5)
        assert needless.hits == 0
        assert await stage.rung(2) == ["INBOX"] * 2


async def test_rung_that_turns_mute_is_found_by_the_examine_that_comes_now_and_then(server: ImapServer) -> None:
    server.withhold("IDLE")
    async with staged(server, PROBING) as stage:
        await stage.subscribe()
        await stage.adopt()
        await stage.watching()
        server.deliver("alice", mail.make(subject="prompt"))
        await stage.fact(MailDetected)

        server.behave(noop_tells=False, status_tells=False)
        await put_silently(stage)

        assert await stage.rung(2) == ["INBOX"] * 2
        needless, asking = counted(server, c.Noop), counted(server, c.Examine)
        await server.until(lambda: asking.hits >= 5)
        assert needless.hits == 0


async def put_silently(stage: Stage) -> None:
    delivered = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=50)
    stage.server.deliver("alice", mail.make(subject="unsaid"), internal_date=delivered)
    stage.clock.ahead = timedelta(seconds=300)


# --- looks that nobody asked for ---


async def test_one_look_comes_early_after_an_arrival(server: ImapServer) -> None:
    async with staged(server, Cadence(probe=540, settle=0.02)) as stage:
        await watched(stage, "INBOX")
        asked = counted(server, c.Noop)
        await asked.hit()  # after the EXAMINE
        before = asked.hits

        server.deliver("alice", mail.make())
        await stage.fact(MailDetected)

        await server.until(lambda: asked.hits > before)


async def test_every_fourth_probe_asks_for_the_status(server: ImapServer) -> None:
    async with staged(server, PROBING) as stage:
        noop, status = counted(server, c.Noop), counted(server, c.Status)
        await watched(stage, "INBOX")

        await server.until(lambda: status.hits == 1)
        assert noop.hits == 3


async def test_clock_that_jumped_probes_every_session_at_once(server: ImapServer) -> None:
    async with staged(server, PATIENT) as stage:
        await watched(stage, "INBOX", "Work", sessions=2)
        noop = counted(server, c.Noop)

        await stage.fleet.suspect_all()

        await server.until(lambda: noop.hits == 2)


@pytest.mark.parametrize("mailbox", ["INBOX", "Work"])
async def test_uidvalidity_seen_in_status_begins_anew(server: ImapServer, mailbox: str) -> None:
    async with staged(server, PROBING) as stage:
        await watched(stage, "INBOX", "Work")
        server.deliver("alice", mail.make(subject="before"), mailbox)
        await stage.fact(MailDetected)

        server.mailbox("alice", mailbox).rebuild(7)
        await stage.fact(CursorRebased)
        server.deliver("alice", mail.make(subject="after"), mailbox)

        assert await stage.rung(2) == [mailbox] * 2
        place = await stage.place(mailbox)
        assert place is not None
        assert (place.uid_validity, place.uid_next) == (7, 3)


# --- how many sessions ---


async def test_sessions_that_a_server_refuses_are_learnt_and_not_asked_for_again(server: ImapServer) -> None:
    server.behave(sessions_per_user=2)
    async with staged(server, PROBING) as stage:
        stage.held = True
        await stage.subscribe("sub_1", "INBOX", "Work", "Lists")
        stage.fleet.nudge(stage.account.id)
        await stage.watching("INBOX", "Work", "Lists")
        await server.until(lambda: len(server.of("alice")) == 2)

        server.deliver("alice", mail.make(subject="1"), "Lists")
        server.deliver("alice", mail.make(subject="2"), "Work")
        server.deliver("alice", mail.make(subject="3"))

        assert await stage.rung(3) == ["INBOX", "Lists", "Work"]


async def test_many_mailboxes_are_asked_in_one_round_trip_where_the_server_can(server: ImapServer) -> None:
    """RFC 5819: a hundred STATUS a minute are no way to treat a server."""
    names = [f"Folder {number}" for number in range(8)]
    for name in names:
        server.create("alice", name)
    async with staged(server, Cadence(poll=0.05, probe=540)) as stage:
        asked = counted(server, c.Status)
        listed = counted(server, c.List)
        await stage.subscribe("sub_1", "INBOX", *names)
        await stage.adopt()
        await stage.watching("INBOX", *names)
        await server.until(lambda: listed.hits >= 3)
        server.deliver("alice", mail.make(), "Folder 5")

        assert await stage.rung(1) == ["Folder 5"]
        assert asked.hits == 0
