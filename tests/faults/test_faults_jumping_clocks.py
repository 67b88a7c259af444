"""F16, F17: the wall clock is set, the process stands still. Every session is in doubt, so all are asked at once; each of these
tests has one that is dead, and nothing else would notice it for ten minutes."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from faults.unruly_proxy import BOTH, UnrulyProxy
from faults.watched import BOUND_SECONDS, QUICK, Noticed, timed, watched
from gateway_process import GatewayProcess, subscription
from idlebell.net import clock_watch
from idlebell.net.clock import Clock
from idlebell.telemetry.facts import ClockJumped
from idlebell.testing import mail, push_service
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.push_service import PushService

STOPPED_SECONDS = 3.0
QUICKER = """\
from idlebell.net import clock_watch
from idlebell.watch import mailbox_session
clock_watch.STILL_SECONDS, clock_watch.CHECK_SECONDS = 1.5, 0.2
mailbox_session.IDLE_ACK_SECONDS = 3.0
"""
"""A process that stands still for three seconds has jumped."""


@pytest.mark.parametrize("days", [1, -1])
async def test_a_wall_clock_that_is_set_makes_no_storm_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, noticed: Noticed
) -> None:
    monkeypatch.setattr(clock_watch, "CHECK_SECONDS", 0.2)
    monkeypatch.setattr(push_service, "CLOCK_TOLERANCE", timedelta(days=2))  # it takes part in the mistake
    async with watched(tmp_path, deadlines=QUICK) as alice:
        for connection in alice.proxy.connections:
            connection.behave(swallows=BOTH)
        before = alice.proxy.accepted
        monkeypatch.setattr(Clock, "now", lambda _: datetime.now(UTC) + timedelta(days=days))
        await alice.mail()
        seconds = await timed(alice.reconnected(before))
        await alice.rung()
        await alice.still_there()
        assert [fact.reason for fact in alice.scene.facts if isinstance(fact, ClockJumped)] == ["clock-set"]
        versions = [bell.version for bell in alice.bells()]
        assert versions == sorted(set(versions))
        assert alice.calls() == []
    noticed(f"F16 wall clock set by {days:+} day, a dead session (looked at every 0.2 s)", "found, rung once", seconds)


async def test_a_process_that_stood_still_doubts_its_sessions(tmp_path: Path, noticed: Noticed) -> None:
    """A paused container, a machine that was moved: routers have forgotten the connections meanwhile."""
    async with ImapServer() as server, UnrulyProxy(server.tls_port) as proxy, PushService() as service:
        server.add_user("alice", "right")
        ca_file = tmp_path / "ca.pem"
        ca_file.write_bytes(server.ca_pem)
        async with GatewayProcess(tmp_path, ca_file, imap="probe_seconds = 600", before=QUICKER) as gateway:
            endpoints = {"new_mail": service.make_webhook("alice")}
            body = subscription(proxy.port, "alice", "right", endpoints, retention="memory", payload="summary")
            status, answer = await gateway.call("POST", "/v1/subscriptions", body)
            assert status == 201, answer
            await server.until(lambda: server.idling("alice") == 1)
            gateway.signal(signal.SIGSTOP)
            await asyncio.sleep(STOPPED_SECONDS)
            for connection in proxy.connections:
                connection.behave(swallows=BOTH)
            before = proxy.accepted
            server.deliver("alice", mail.make())
            gateway.signal(signal.SIGCONT)
            seconds = await timed(service.wait_for(lambda one: one.type == "new_mail", BOUND_SECONDS, name="alice"))
            assert proxy.accepted == before + 1
            assert "clock_jumped reason=stopped" in gateway.log.read_text()
    noticed("F17 SIGSTOP, then SIGCONT, a dead session (answer due in 3 s)", "found, rung once", seconds)
