"""A server that complains of the open mailbox and then says nothing of it is asked for the mailbox anew."""

from __future__ import annotations

import asyncio

import pytest

from flows.watch_stage import staged
from idlebell.imap import commands as c
from idlebell.testing import mail
from idlebell.testing.faults import Say
from idlebell.testing.imap_server import ImapServer
from idlebell.watch import remarks
from idlebell.watch.cadence import Cadence

COMPLAINT = b"* NO Internal error occurred. Refer to server log for more information.\r\n"
PATIENT = Cadence(idle=540, poll=500, settle=500)


@pytest.mark.parametrize("park_after_seconds", [0.0, 0.01], ids=["awake", "parked"])
async def test_mail_that_only_another_examine_shows_rings_at_the_complaint(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch, park_after_seconds: float
) -> None:
    monkeypatch.setattr(remarks, "REOPENED_EVERY_SECONDS", 0.0)
    server.behave(speaks_in_idle=False, noop_tells=False, status_tells=False)
    async with staged(server, PATIENT, park_after_seconds) as stage:
        await stage.subscribe()
        await stage.adopt()
        await server.until(lambda: server.idling("alice") == 1)
        if park_after_seconds:
            async with asyncio.timeout(10):
                while not stage.fleet.parked():
                    await asyncio.sleep(0.001)
        server.deliver("alice", mail.make())

        server.say(COMPLAINT)

        assert await stage.rung(1) == ["INBOX"]
        assert server.connections == 1


async def test_a_server_that_complains_at_every_idle_is_not_asked_over_and_over(server: ImapServer) -> None:
    async with staged(server, PATIENT, 0.01) as stage:
        await stage.subscribe()
        complained = server.plan(c.Idle, Say(COMPLAINT), times=None)
        examined = server.plan(c.Examine, Say(b""), times=None)
        await stage.adopt()
        await server.until(lambda: server.idling("alice") == 1)
        for number in range(1, 4):
            server.deliver("alice", mail.make())
            assert await stage.rung(number) == ["INBOX"] * number
            await server.until(lambda: server.idling("alice") == 1)

        assert complained.hits == 4
        assert examined.hits == 1
