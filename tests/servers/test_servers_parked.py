"""What a parked session says by itself, and what each real server answers: exactly what was to come, so that it sleeps on."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from imapclient import IMAPClient

from faults.fault_scene import Scene, scene
from gateway_process import subscription
from idlebell.testing import mail
from idlebell.watch.cadence import Cadence
from idlebell.watch.canned import STATUS_EVERY
from servers.mail_server import SandboxedServer, User

CADENCE: Final = Cadence(idle=1.0, probe=1.0, settle=1.0)
"""A probe a second; in life they are half a minute apart and more."""
PARK_SECONDS: Final = 0.1
PROBES: Final = STATUS_EVERY + 1
"""One of them asks STATUS, wherever the count begins, and one comes after it."""
LOOKS_SECONDS: Final = PARK_SECONDS / 10
"""Who wakes is awake for at least :data:`PARK_SECONDS`."""
BOUND_SECONDS: Final = 60


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.needs(name)) for name in ("dovecot", "cyrus", "courier")]
)
async def test_probes_do_not_wake_a_parked_session(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """NOOP and STATUS alike; and mail, which does wake it, rings once, and it sleeps again."""
    server: SandboxedServer = request.getfixturevalue(name)
    user = await asyncio.to_thread(server.add_user)
    await asyncio.to_thread(select_once, server, user)
    ca_pem = server.ca_file.read_bytes()
    async with scene(tmp_path, cadence=CADENCE, more_ca_pem=ca_pem, park_after_seconds=PARK_SECONDS) as made:
        watched = await subscribed(made, server, user)
        for number in (1, 2):
            await asyncio.to_thread(server.deliver, user.name, mail.make(subject=f"mail {number}"))
            await made.service.wait_for(number, BOUND_SECONDS, name=user.name)
            assert await sleeps_through(made, watched, PROBES) == PROBES
        assert len(made.service.of(user.name)) == 2
        made.nobody_was_surprised()


def select_once(server: SandboxedServer, user: User) -> None:
    """As a user's own client has: until then Courier numbers a mailbox anew for each who looks, also for a STATUS."""
    with IMAPClient("localhost", server.ports.imaps, ssl_context=server.client_context()) as client:
        client.login(user.name, user.password)
        client.select_folder("INBOX")


async def subscribed(made: Scene, server: SandboxedServer, user: User) -> dict[str, Any]:
    wish = subscription(
        server.ports.imaps, user.name, user.password, made.simple(user.name), retention="memory", wait_seconds=30
    )
    answer = await made.subscribe(wish)
    assert answer.status == 201, answer
    assert isinstance(answer.json, dict)
    return answer.json


async def sleeps_through(made: Scene, watched: dict[str, Any], probes: int) -> int:
    """How many probes it slept through from when it was parked, ``probes`` at most."""
    fleet = made.running.engine.fleet
    async with asyncio.timeout(BOUND_SECONDS):
        while fleet.parked() == 0:
            await asyncio.sleep(LOOKS_SECONDS)
        known = await alive_at(made, watched)
        done = 0
        while done < probes:
            if fleet.awake():
                return done
            # It is reckoned back from now at each look, so it trembles.
            if (seen := await alive_at(made, watched)) > known + timedelta(seconds=CADENCE.probe / 2):
                known, done = seen, done + 1
            await asyncio.sleep(LOOKS_SECONDS)
        return done


async def alive_at(made: Scene, watched: dict[str, Any]) -> datetime:
    """When the server was last heard to the end of a probe."""
    answer = await made.call("GET", f"/v1/subscriptions/{watched['id']}", token=watched["token"])
    assert isinstance(answer.json, dict)
    return datetime.fromisoformat(answer.json["last_seen_alive_at"])
