"""What rang and is read or gone by now, however the server comes to tell of it, and what only seems so."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from flows.test_watch_endures import idling, lose, until
from flows.watch_stage import Stage, staged
from idlebell.imap import commands as c
from idlebell.model.endpoint import Endpoints, PushUrl, WebhookEndpoint
from idlebell.model.notification import Told
from idlebell.model.preferences import Preferences
from idlebell.model.secret import Secret
from idlebell.telemetry.facts import MailDetected
from idlebell.testing import mail
from idlebell.testing.faults import Say
from idlebell.testing.imap_server import ImapServer
from idlebell.watch.answers import LookRefusedError
from idlebell.watch.cadence import Cadence
from idlebell.watch.filtering import flags_of
from idlebell.watch.mailbox_session import MailboxSession

SEEN = frozenset({"\\Seen"})
HOOK = Endpoints(WebhookEndpoint(PushUrl("https://app.example.net/hook"), Secret(bytes(32))))


@pytest.fixture
async def stage(server: ImapServer) -> AsyncIterator[Stage]:
    async with staged(server, Cadence(poll=0.05), park_after_seconds=0.01) as stage:
        yield stage


async def withdrawing(stage: Stage, *mailboxes: str) -> None:
    one = await stage.subscribe("sub_1", *mailboxes)
    await stage.store.put(replace(one, endpoints=HOOK, preferences=Preferences(withdraw=True)))
    await stage.adopt()
    await stage.watching(*mailboxes)
    await idling(stage)


async def rung(stage: Stage, mailbox: str = "INBOX") -> list[int]:
    found = await stage.store.rung(stage.account.id, mailbox)
    return [one.uid for told in found.values() for one in told]


class Replica:
    """One that has not got the first message of a mailbox yet."""

    def __init__(self) -> None:
        self.lags = True

    def respell(self, responses: bytes) -> bytes:
        if not self.lags:
            return responses
        responses = responses.replace(b"[UIDNEXT 2]", b"[UIDNEXT 1]").replace(b"* 1 EXISTS", b"* 0 EXISTS")
        return re.sub(rb"(?m)^\* 1 FETCH [^\r\n]*\r\n", b"", responses)


async def test_what_a_replica_does_not_show_yet_is_not_gone(stage: Stage) -> None:
    await withdrawing(stage)
    first = stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)
    await idling(stage)
    replica = Replica()
    stage.server.behave(respell=(replica.respell,))
    await lose(stage)
    await stage.adopt()
    await stage.watching()
    await idling(stage)
    assert await rung(stage) == [first]
    session = MailboxSession(await stage.connect(), stage.clock)
    await session.examine("INBOX")
    with pytest.raises(LookRefusedError):  # nor would a reminder be dropped for it
        await flags_of(session, [Told("INBOX", session.uid_validity or 0, first)])
    session.close()

    replica.lags = False
    second = stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected, 2)
    assert await rung(stage) == [first, second]
    stage.server.mailbox("alice").expunge(second)
    await until(lambda: rung(stage), [first])
    stage.server.mailbox("alice").expunge(first)
    await until(lambda: rung(stage), [])


async def test_a_change_that_is_told_while_flags_are_fetched_is_looked_at(stage: Stage) -> None:
    await withdrawing(stage)
    stage.server.deliver("alice", mail.make())
    await stage.fact(MailDetected)
    await idling(stage)
    stage.server.plan(c.UidFetch, Say(b""))  # what is new
    stage.server.plan(c.UidFetch, Say(b"* 1 FETCH (UID 1 FLAGS ())\r\n"))  # and then it changed
    stage.server.mailbox("alice").set_flags(1, SEEN)
    await until(lambda: rung(stage), [])


async def test_what_is_read_or_removed_in_a_mailbox_beside_is_found_by_its_status(stage: Stage) -> None:
    """And each change is looked at once."""
    stage.server.create("alice", "Work")
    await withdrawing(stage, "INBOX", "Work")
    for number in range(3):
        stage.server.deliver("alice", mail.make(), "Work")
        await stage.fact(MailDetected, number + 1)
    await until(lambda: rung(stage, "Work"), [1, 2, 3])
    stage.server.mailbox("alice", "Work").set_flags(1, SEEN)
    await until(lambda: rung(stage, "Work"), [2, 3])
    stage.server.mailbox("alice", "Work").expunge(2)
    await until(lambda: rung(stage, "Work"), [3])

    asked = stage.server.plan(c.Status, Say(b""), times=None)
    await stage.server.until(lambda: asked.hits >= 3)
    opened = stage.server.plan(c.Examine, Say(b""), times=None)
    await stage.server.until(lambda: asked.hits >= 6)
    assert opened.hits == 0


async def test_what_is_removed_in_a_mailbox_that_notify_tells_of_is_found_at_once(server: ImapServer) -> None:
    server.offer("NOTIFY")
    server.create("alice", "Work")
    async with staged(server) as stage:
        await withdrawing(stage, "INBOX", "Work")
        for number in range(2):
            stage.server.deliver("alice", mail.make(), "Work")
            await stage.fact(MailDetected, number + 1)
        stage.server.mailbox("alice", "Work").expunge(1)
        await until(lambda: rung(stage, "Work"), [2])
