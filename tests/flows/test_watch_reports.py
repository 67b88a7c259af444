"""Reports of a mail server beside its sessions: who tells, and what is found later."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from flows.watch_stage import Stage, staged
from idlebell.ingest.message import message_of
from idlebell.model.cursor import Cursor
from idlebell.model.secret import Secret
from idlebell.model.source import Form, Report, Source
from idlebell.telemetry.facts import MailDetected, ReconnectAsked, SessionLost
from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer
from idlebell.watch.reporting import Heard, Reporting


@pytest.fixture
async def stage(server: ImapServer) -> AsyncIterator[Stage]:
    async with staged(server) as stage:
        yield stage


async def told(stage: Stage, uid: int, source: Source) -> Heard:
    cursor = await stage.place()
    assert cursor is not None
    message = message_of(uid, stage.clock.now(), headers={})
    return await Reporting(stage.means).hear(source, Report("alice", "INBOX", cursor.uid_validity, uid, message))


async def test_reports_ring_while_the_session_is_lost_and_the_next_one_finds_the_rest(stage: Stage) -> None:
    """Nothing twice, nothing lost: the report of the second mail never came."""
    source = Source("main", Form.OX, Secret("k"), imap=stage.account.target)
    await stage.subscribe("by_session")
    by_source = await stage.subscribe("by_source")
    await stage.store.put(replace(by_source, source=source.id))
    await stage.adopt()
    await stage.watching()
    await stage.server.until(lambda: stage.server.idling("alice") == 1)
    stage.server.deliver("alice", mail.make(subject="by the session"))
    await stage.fact(MailDetected)
    assert await told(stage, 1, source) is Heard.LEFT
    assert await stage.counted("by_source") == 1, "the session tells all of the account"

    stage.server.say(b"* BYE the server goes\r\n", "alice")
    await stage.fact(SessionLost)
    await stage.fact(ReconnectAsked)
    for subject in ("reported", "not reported", "reported too"):
        stage.server.deliver("alice", mail.make(subject=subject))
    assert [await told(stage, uid, source) for uid in (2, 4, 2, 1)] == [
        Heard.TOLD, Heard.TOLD, Heard.KNOWN, Heard.KNOWN,
    ]  # fmt: skip
    assert [await stage.counted(name) for name in ("by_session", "by_source")] == [3, 3]

    await stage.adopt()
    await stage.fact(MailDetected, 4)
    assert [await stage.counted(name) for name in ("by_session", "by_source")] == [4, 4]
    await stage.watching()
    cursor = await stage.place()
    assert cursor is not None
    assert cursor.gaps == ()
    assert replace(cursor, highest_mod_seq=None, count=None) == Cursor(cursor.uid_validity, 5)
