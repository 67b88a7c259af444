"""Sessions that are parked, before the scripted server under TLS: what they do by themselves, and what wakes them."""

from __future__ import annotations

import asyncio
import errno
import select
import ssl
from collections.abc import AsyncIterator, Callable
from contextvars import Context
from dataclasses import replace
from datetime import timedelta

import pytest

from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.notification import LossReason, Reconnect
from idlebell.model.selection import Personal
from idlebell.telemetry.facts import CycleLearnt, LookFailed, ReconnectAsked, SessionLost
from idlebell.telemetry.status import Mode
from idlebell.testing import mail
from idlebell.testing.faults import Bye, Drop, Hold, Refuse, Say, Silence
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import fleet as fleet_module
from idlebell.watch import parked as parked_module
from idlebell.watch.cadence import Cadence

PARK_SECONDS = 0.02


@pytest.fixture
async def stage(server: ImapServer) -> AsyncIterator[Stage]:
    async with staged(server, park_after_seconds=PARK_SECONDS) as stage:
        await stage.subscribe()
        await stage.adopt()
        await parked(stage)
        yield stage


async def until(condition: Callable[[], bool]) -> None:
    """The fleet tells nobody that a session is parked, for nobody has to know."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def parked(stage: Stage) -> None:
    await until(lambda: stage.fleet.parked() == 1 and stage.fleet.awake() == 0)


async def probed(stage: Stage) -> None:
    """Has the parked session show that it lives, and waits until it idles again."""
    (session,) = stage.server.of("alice")
    before = len(session.commands)
    await stage.fleet.suspect_all()
    await stage.server.until(lambda: len(session.commands) >= before + 2 and session.idling)


def commands(stage: Stage) -> list[str]:
    (session,) = stage.server.of("alice")
    return session.commands


async def test_a_quiet_session_is_parked_and_shown_as_ever(stage: Stage) -> None:
    found = stage.status.of(stage.account.id)

    assert found is not None
    (inbox,) = found
    assert (inbox.mailbox, inbox.mode, inbox.uid_validity, inbox.uid_next) == ("INBOX", Mode.IDLE, 1, 1)
    assert inbox.last_seen_alive_at is not None
    assert inbox.next_check_at is not None
    assert inbox.last_seen_alive_at < inbox.next_check_at
    assert stage.status.totals()["watching"] == 1
    assert stage.fleet.sessions() == stage.fleet.sessions_at("127.0.0.1") == 1


async def test_mail_wakes_a_parked_session_and_rings_once(stage: Stage) -> None:
    for turn in range(1, 4):
        stage.server.deliver("alice", mail.make())
        assert len(await stage.rung(turn)) == turn
        await parked(stage)

    assert await stage.counted() == 3
    assert stage.server.connections == 1
    spent = stage.status.ledger.of(stage.account.id)
    assert (spent.sessions, spent.commands) == (1, len(commands(stage)) - commands(stage).count("DONE"))
    assert spent.moved_bytes > 3_000, "the handshake, and three mails"
    stage.status.ledger.fold_of(stage.account.id)
    (day,) = stage.status.ledger.daybook.of(stage.account.id).values()
    assert sum(day.values()) == spent.commands, "by name, asleep or awake"


async def test_a_session_is_parked_again_as_soon_as_its_mail_is_told(server: ImapServer) -> None:
    """Also before the server has said + to IDLE; and what comes before that wakes it."""
    async with staged(server, park_after_seconds=3600) as stage:
        await stage.subscribe()
        await stage.adopt()
        await stage.server.until(lambda: stage.server.idling("alice") == 1)
        hold = Hold()
        stage.server.plan(c.Idle, hold)

        stage.server.deliver("alice", mail.make())
        await stage.rung(1)
        await parked(stage)
        stage.server.deliver("alice", mail.make())
        hold.release()

        assert await stage.rung(2) == ["INBOX"] * 2
        await parked(stage)
        assert stage.server.connections == 1


async def test_a_session_that_is_parked_before_idle_is_refused_wakes(server: ImapServer) -> None:
    async with staged(server, park_after_seconds=3600) as stage:
        await stage.subscribe()
        await stage.adopt()
        await stage.server.until(lambda: stage.server.idling("alice") == 1)
        stage.server.plan(c.Idle, Refuse("not now"))

        stage.server.deliver("alice", mail.make())
        await stage.rung(1)
        assert [one.command for one in await stage.fact(LookFailed) if isinstance(one, LookFailed)] == ["IDLE"]
        stage.server.deliver("alice", mail.make())

        assert await stage.rung(2) == ["INBOX"] * 2
        assert stage.server.connections == 1


async def test_keep_alives_do_not_wake(stage: Stage) -> None:
    before = len(commands(stage))

    stage.server.say(b"* OK Still here\r\n* 0 RECENT\r\n", "alice")
    await probed(stage)

    assert commands(stage)[before:] == ["NOOP", "IDLE"]
    assert stage.fleet.parked() == 1


async def test_every_fourth_probe_asks_for_the_status(stage: Stage) -> None:
    before = len(commands(stage))
    ledger, account = stage.status.ledger, stage.account.id
    ledger.fold()
    ledger.daybook.tear_out()

    for _ in range(4):
        await probed(stage)
        await until(lambda: not stage.fleet.awake())

    assert [one for one in commands(stage)[before:] if one != "IDLE"] == ["NOOP", "NOOP", "NOOP", "STATUS"]
    assert stage.fleet.parked() == 1
    for _ in range(2):  # each is counted once
        ledger.fold_of(account)
        assert ledger.daybook.of(account) == {0: {"command NOOP": 3, "command STATUS": 1, "command IDLE": 4}}


async def test_status_finds_what_the_server_has_not_said(stage: Stage) -> None:
    stage.server.behave(speaks_in_idle=False, noop_tells=False)
    stage.server.deliver("alice", mail.make())
    for _ in range(4):
        await until(lambda: stage.server.idling("alice") == 1)
        await stage.fleet.suspect_all()

    assert await stage.rung(1) == ["INBOX"]


async def test_mail_that_only_status_tells_of_is_no_older_than_the_last_look(stage: Stage) -> None:
    """A NOOP is no look: what was delivered before it, and is told after it, is new."""
    stage.server.deliver("alice", mail.make())
    await stage.rung(1)
    await parked(stage)
    stage.server.behave(speaks_in_idle=False, noop_tells=False)
    stage.server.deliver("alice", mail.make())
    for _ in range(4):
        stage.clock.ahead += timedelta(minutes=28)
        await until(lambda: stage.server.idling("alice") == 1)
        await stage.fleet.suspect_all()

    assert await stage.rung(2) == ["INBOX"] * 2


async def test_mail_that_came_while_the_machine_slept_rings(stage: Stage) -> None:
    """The monotonic clock stood still then."""
    stage.server.deliver("alice", mail.make())
    await stage.rung(1)
    await parked(stage)

    stage.clock.ahead = timedelta(hours=8)
    meanwhile = stage.clock.now().replace(microsecond=0) - timedelta(hours=4)
    stage.server.deliver("alice", mail.make(), internal_date=meanwhile)

    assert await stage.rung(2) == ["INBOX"] * 2


@pytest.mark.parametrize("moment", [c.Noop, c.Idle])
async def test_mail_that_comes_during_a_probe_rings(stage: Stage, moment: type[c.Command]) -> None:
    hold = Hold()
    stage.server.plan(moment, hold, user="alice")
    (session,) = stage.server.of("alice")
    before = len(session.commands)
    await stage.fleet.suspect_all()
    await stage.server.until(lambda: len(session.commands) > before + (moment is c.Idle))

    stage.server.deliver("alice", mail.make())
    session.tell_changes()
    hold.release()

    assert await stage.rung(1) == ["INBOX"]
    await parked(stage)
    assert await stage.counted() == 1


async def test_a_probe_that_is_refused_is_met_by_the_watcher(stage: Stage) -> None:
    stage.server.plan(c.Noop, Refuse("not now"), user="alice")

    await stage.fleet.suspect_all()

    await parked(stage)
    stage.server.deliver("alice", mail.make())
    assert await stage.rung(1) == ["INBOX"]
    assert stage.server.connections == 1


async def test_a_status_that_is_refused_to_a_parked_session_has_the_mailbox_opened_anew(stage: Stage) -> None:
    """Some servers do not say that it was deleted."""
    for _ in range(3):
        await probed(stage)
    before = len(commands(stage))
    stage.server.plan(c.Status, Refuse("no such mailbox"), user="alice")

    await stage.fleet.suspect_all()

    await stage.server.until(lambda: commands(stage)[before:] == ["STATUS", "EXAMINE", "IDLE"])


async def test_a_noop_that_is_refused_to_a_parked_session_is_made_good_by_a_look(stage: Stage) -> None:
    before = len(commands(stage))
    stage.server.plan(c.Noop, Refuse("not now"), user="alice")

    await stage.fleet.suspect_all()

    assert [one.command for one in await stage.fact(LookFailed) if isinstance(one, LookFailed)] == ["NOOP"]
    await stage.server.until(lambda: "UID FETCH" in commands(stage)[before:])


async def test_an_idle_that_is_refused_to_a_parked_session_is_met_by_the_watcher(stage: Stage) -> None:
    refused = stage.server.plan(c.Idle, Refuse("not now"), user="alice")

    await stage.fleet.suspect_all()

    await refused.hit()
    await parked(stage)
    stage.server.deliver("alice", mail.make())
    assert await stage.rung(1) == ["INBOX"]


@pytest.mark.parametrize(
    "end",
    [Bye(), Drop(), Drop(reset=True), Say(b"* OK \0\r\n", instead=True)],
    ids=["bye", "eof", "reset", "nonsense"],
)
async def test_a_session_that_ends_while_it_is_parked_is_lost_as_ever(stage: Stage, end: Bye | Drop | Say) -> None:
    stage.server.plan(c.Noop, end, user="alice")

    await stage.fleet.suspect_all()

    (lost,) = await stage.fact(SessionLost)
    assert isinstance(lost, SessionLost)
    await stage.fact(ReconnectAsked)
    assert [one.content for one in await stage.outbox()] == [Reconnect(LossReason.CONNECTION_LOST)]
    assert stage.fleet.sessions() == 0


async def test_a_server_that_hangs_up_on_a_parked_session_is_noticed_at_once(stage: Stage) -> None:
    (session,) = stage.server.of("alice")

    session.drop()

    await stage.fact(SessionLost)
    assert stage.fleet.sessions() == 0


async def test_a_server_that_dies_without_close_notify_is_noticed_by_one_waking(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel of a server whose process was killed says FIN and nothing else."""
    wakings: list[parked_module.Woken] = []
    wake = parked_module.ParkedSessions._wake

    def noted(self: parked_module.ParkedSessions, parked: parked_module.Parked, woken: parked_module.Woken) -> None:
        wakings.append(woken)
        wake(self, parked, woken)

    monkeypatch.setattr(parked_module.ParkedSessions, "_wake", noted)
    (session,) = stage.server.of("alice")
    assert session._transport is not None

    session._transport.abort()

    (lost,) = await stage.fact(SessionLost)
    assert isinstance(lost, SessionLost)
    assert "closed without close_notify" in lost.private
    assert len(wakings) == 1
    assert stage.fleet.sessions() == 0


async def test_a_server_that_does_not_answer_is_noticed_in_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parked_module, "IDLE_ACK_SECONDS", 0.05)
    monkeypatch.setattr(parked_module, "COMMAND_SECONDS", 0.05)
    stage.server.plan(c.Noop, Silence(), user="alice")

    await stage.fleet.suspect_all()

    (lost,) = await stage.fact(SessionLost)
    assert isinstance(lost, SessionLost)
    assert "did not answer within 60 s" in lost.private


@pytest.mark.parametrize("moment", [c.Noop, c.Idle])
async def test_an_answer_that_does_not_come_says_nothing_of_how_long_a_quiet_is_borne(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, moment: type[c.Command]
) -> None:
    monkeypatch.setattr(parked_module, "IDLE_ACK_SECONDS", 0.05)
    monkeypatch.setattr(parked_module, "COMMAND_SECONDS", 0.05)
    monkeypatch.setattr(fleet_module, "HUNG_UP_SECONDS", 0.0)
    stage.server.plan(moment, Silence(), user="alice")

    await stage.fleet.suspect_all()

    await stage.fact(SessionLost)
    assert not [fact for fact in stage.facts if isinstance(fact, CycleLearnt)]


async def test_a_session_that_wakes_before_it_has_to_show_that_it_lives_is_asked_awake(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet_module, "SUSPECTS_AT_ONCE", 1)
    monkeypatch.setattr(fleet_module, "SUSPECTS_PER_SECOND", 2.0)
    (first,) = stage.server.of("alice")
    account = await stage.store.account(ImapTarget("localhost", stage.server.tls_port, Tls.IMPLICIT), "alice")
    other = replace(stage, account=account)
    await other.subscribe("sub_2")
    await other.adopt()
    await until(lambda: stage.fleet.parked() == 2)
    (second,) = (one for one in stage.server.of("alice") if one is not first)
    hold = Hold()

    suspecting = asyncio.create_task(stage.fleet.suspect_all())
    await stage.server.until(lambda: "NOOP" in (*first.commands, *second.commands))
    planned = stage.server.plan(c.UidFetch, hold, times=2, user="alice")
    stage.server.deliver("alice", mail.make())
    await planned.hit()
    await suspecting
    hold.release()

    await stage.rung(2)
    await until(lambda: stage.fleet.parked() == 2)
    assert not [fact for fact in stage.facts if isinstance(fact, SessionLost)]


async def test_a_probe_is_due_by_itself(server: ImapServer) -> None:
    async with staged(server, Cadence(idle=0.2), park_after_seconds=PARK_SECONDS) as stage:
        await stage.subscribe()
        await stage.adopt()
        await parked(stage)
        (session,) = server.of("alice")
        await server.until(lambda: session.commands.count("NOOP") >= 2)


async def test_a_second_app_wakes_the_session_and_is_told_of_what_comes_from_then_on(stage: Stage) -> None:
    stage.server.deliver("alice", mail.make())
    await stage.rung(1)
    await parked(stage)

    await stage.subscribe("sub_2")
    stage.fleet.nudge(stage.account.id)
    await until(lambda: stage.fleet.awake() == 1)
    await parked(stage)
    stage.server.deliver("alice", mail.make())

    await stage.rung(3)
    assert await stage.counted("sub_1") == 2
    assert await stage.counted("sub_2") == 1
    assert stage.server.connections == 1


async def test_a_nudge_that_changes_nothing_does_not_wake(stage: Stage) -> None:
    before = len(commands(stage))

    stage.fleet.nudge(stage.account.id)
    await probed(stage)

    assert commands(stage)[before:] == ["NOOP", "IDLE"]


async def test_an_account_that_nobody_wants_any_more_is_logged_out(stage: Stage) -> None:
    (session,) = stage.server.of("alice")
    (subscription,) = await stage.store.of_account(stage.account.id)

    await stage.store.remove(subscription.id)
    stage.fleet.nudge(stage.account.id)

    await stage.server.until(lambda: not stage.server.of("alice"))
    assert session.commands[-1] == "LOGOUT"
    await until(lambda: stage.fleet.sessions() == stage.fleet.sessions_at("127.0.0.1") == 0)


async def test_parked_sessions_take_their_leave_when_the_gateway_stops(stage: Stage) -> None:
    (session,) = stage.server.of("alice")

    await stage.fleet.stop()

    await stage.server.until(lambda: not stage.server.of("alice"))
    assert session.commands[-1] == "LOGOUT"


async def test_a_session_that_the_system_cannot_park_stays_awake_and_rings(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def none_left() -> None:
        tried.append(True)
        raise OSError(errno.EMFILE, "no descriptor is left")

    monkeypatch.setattr(select, "epoll", none_left)
    async with staged(server, park_after_seconds=PARK_SECONDS) as stage:
        await stage.subscribe()
        await stage.adopt()
        await until(lambda: len(tried) > 1)
        server.deliver("alice", mail.make())

        assert await stage.rung(1) == ["INBOX"]
        assert stage.fleet.forms() == {"awake": 1, "parked": 0}
        assert server.connections == 1


async def test_a_server_that_only_ever_keeps_alive_wakes_its_session(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Awake it is bounded by what it may say on average."""
    monkeypatch.setattr(parked_module, "KEEP_ALIVES", 3)

    def woken() -> bool:
        stage.server.say(b"* OK Still here\r\n", "alice")
        return stage.fleet.awake() == 1

    await until(woken)


async def test_a_selection_is_not_parked_but_served(server: ImapServer) -> None:
    server.create("alice", "Work")
    async with staged(server, Cadence(poll=0.1), park_after_seconds=PARK_SECONDS) as stage:
        await stage.subscribe(selection=Personal())
        await stage.adopt()
        await stage.watching("INBOX", "Work")

        server.deliver("alice", mail.make(), mailbox="Work")

        assert await stage.rung(1) == ["Work"]
        assert stage.fleet.parked() == 0


async def test_a_session_under_tls_1_2_stays_awake() -> None:
    async with ImapServer() as server:
        context = server.habits.tls_context
        assert context is not None
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        server.add_user("alice", "apass")
        async with staged(server, park_after_seconds=PARK_SECONDS) as stage:
            await stage.subscribe()
            await stage.adopt()
            await stage.watching()
            await server.until(lambda: server.idling("alice") == 1)
            await asyncio.sleep(PARK_SECONDS * 5)

            server.deliver("alice", mail.make())

            assert await stage.rung(1) == ["INBOX"]
            assert stage.fleet.parked() == 0


async def test_one_timer_turns_the_wheel_however_many_are_due(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is left over arms itself again for ever, and each of them looks through all deadlines."""
    monkeypatch.setattr(parked_module, "DUE_AT_ONCE", 1)
    timers: list[tuple[asyncio.TimerHandle, float]] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def counted(
        delay: float, callback: Callable[..., object], *given: object, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = call_later(delay, callback, *given, context=context)
        if getattr(callback, "__func__", None) is parked_module.ParkedSessions._turn_wheel:
            timers.append((timer, loop.time() + delay))
        return timer

    monkeypatch.setattr(loop, "call_later", counted)
    async with staged(server, Cadence(idle=0.2), park_after_seconds=PARK_SECONDS) as stage:
        await stage.subscribe()
        await stage.adopt()
        for number in range(2, 5):
            name = f"user-{number}"
            server.add_user(name, "apass")
            account = await stage.store.account(ImapTarget("localhost", server.tls_port, Tls.IMPLICIT), name)
            other = replace(stage, account=account)
            await other.subscribe(f"sub_{number}")
            await other.adopt()
        await server.until(lambda: sum(one.commands.count("NOOP") for one in server.sessions) >= 8, 30)

        pending = [timer for timer, due_at in timers if not timer.cancelled() and due_at > loop.time()]
        assert len(pending) <= 1
