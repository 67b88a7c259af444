"""Many sessions lost at once, and many that want in: everybody comes back, a server that refuses slows alone, and who lives is
not touched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faults.fault_scene import NAMES, Scene, scene
from gateway_process import subscription
from idlebell.imap import commands
from idlebell.login.admission import WINDOW_FIRST
from idlebell.telemetry.facts import LoginFailed, SessionOpened
from idlebell.testing import mail
from idlebell.testing.faults import Hold, Refuse
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.imap_session import ImapSession

CROWD = 60
"""At one server: three windows, so that who does not come at first has to come in his turn."""
LONG_SECONDS = 60.0
"""What no run comes near to."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as found:
        yield found


@pytest.fixture
async def other(stage: Scene) -> AsyncIterator[ImapServer]:
    """Another server, by another name of this machine."""
    async with ImapServer(habits=Habits(tls_context=stage.authority.server_context(*NAMES))) as server:
        yield server


async def crowd(stage: Scene, server: ImapServer, host: str, retention: str = "memory") -> list[str]:
    """Users of ``server`` who are watched."""
    names = [f"{host}-{number}" for number in range(CROWD)]

    async def come(name: str) -> None:
        server.add_user(name, "right")
        body = subscription(
            server.tls_port, name, "right", stage.simple(name), host=host, retention=retention, wait_seconds=30
        )
        answer = await stage.subscribe(body)
        assert answer.status in (201, 202), answer

    await asyncio.gather(*map(come, names))
    await server.until(lambda: server.idling() == CROWD, LONG_SECONDS)
    return names


def drop(server: ImapServer, *but: ImapSession) -> None:
    for session in server.sessions.difference(but):
        session.drop()


async def back(server: ImapServer, logins: int) -> None:
    """Everybody, after so many logins in all."""
    await server.until(lambda: len(server.logins) >= logins and server.idling() == CROWD, LONG_SECONDS)


def failures(stage: Scene, host: str) -> list[LoginFailed]:
    return [fact for fact in stage.login_failures() if fact.host == host]


async def test_everybody_is_back_after_a_drop_with_one_login_each(stage: Scene) -> None:
    names = await crowd(stage, stage.server, "127.0.0.1")
    logins = len(stage.server.logins)
    drop(stage.server)
    await back(stage.server, logins + CROWD)
    assert sorted(stage.server.logins[logins:]) == sorted(names)
    assert not stage.login_failures()
    stage.nobody_was_surprised()


async def test_a_server_that_refuses_slows_alone_and_who_lives_is_not_touched(stage: Scene, other: ImapServer) -> None:
    """One server is away, and holds up neither the return of another one's sessions nor a registration there."""
    await crowd(stage, stage.server, "127.0.0.1")
    await crowd(stage, other, "localhost")
    (kept,) = stage.server.of("127.0.0.1-0")
    await other.stop()
    logins = len(stage.server.logins)
    drop(stage.server, kept)
    await back(stage.server, logins + CROWD - 1)
    await stage.healthy()
    assert not failures(stage, "127.0.0.1")
    assert stage.server.of("127.0.0.1-0") == [kept]

    door = stage.running.gateway.means.door
    await stage.until(lambda: _so(bool(failures(stage, "localhost"))))
    assert door.paces.rate("localhost", door._clock.monotonic()) > 0
    assert door.paces.rate("127.0.0.1", door._clock.monotonic()) == 0

    await other.start()
    await other.until(lambda: other.idling() == CROWD, LONG_SECONDS)
    stage.nobody_was_surprised()


async def test_a_server_that_says_limit_is_asked_by_fewer_at_once(stage: Scene) -> None:
    """``NO [LIMIT]`` to everybody: those of the first window ask, and then no more than the pace lets in."""
    await crowd(stage, stage.server, "127.0.0.1")
    stage.server.plan(commands.Authenticate, Refuse("too many of you", "LIMIT"), times=None)
    drop(stage.server)
    door = stage.running.gateway.means.door
    await stage.until(lambda: _so(len(failures(stage, "127.0.0.1")) >= WINDOW_FIRST))
    assert door.admission.window("127.0.0.1") < WINDOW_FIRST
    assert door.paces.rate("127.0.0.1", door._clock.monotonic()) > 0


async def test_logins_that_hang_hold_up_no_other_server(stage: Scene, other: ImapServer) -> None:
    await crowd(stage, other, "localhost")
    hold = Hold()
    hanging = other.plan(commands.Authenticate, hold, times=None)
    drop(other)
    await hanging.hit()
    await stage.healthy()
    stage.server.deliver("healthy", mail.make())
    await stage.service.wait_for(1, LONG_SECONDS, name="healthy")
    hanging.cancel()
    hold.release()
    await other.until(lambda: other.idling() == CROWD, LONG_SECONDS)


async def test_the_apps_of_a_crowd_without_credentials_are_asked_and_no_login_is_tried(stage: Scene) -> None:
    """Retention ``session``: there is nothing to log in with."""
    names = await crowd(stage, stage.server, "127.0.0.1", retention="session")
    opened = sum(isinstance(fact, SessionOpened) for fact in stage.facts)
    drop(stage.server)
    for name in names:
        await stage.service.wait_for(1, LONG_SECONDS, name=f"{name}-lost")
    assert sum(isinstance(fact, SessionOpened) for fact in stage.facts) == opened


async def _so(holds: bool) -> bool:
    return holds
