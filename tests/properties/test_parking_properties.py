"""A session that parks and wakes is as one that never slept: the same mail rings, each once (architecture, invariant 8)."""

from __future__ import annotations

import asyncio
import itertools
from enum import Enum

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.watch_stage import Stage, staged
from idlebell.testing import mail
from idlebell.testing.imap_server import ImapServer
from idlebell.watch.cadence import Cadence

SOON_SECONDS = 0.001
_numbers = itertools.count()


def _mail() -> bytes:
    """Each is another one: a mail that was expunged and comes again within the second has moved out and back."""
    return mail.make(subject=str(next(_numbers)))


class Act(Enum):
    DELIVER = "a mail comes"
    DELIVER_TWO = "two come at once"
    DELIVER_SEEN = "one comes that a filter has marked as read"
    EXPUNGE = "one that has rung is expunged"
    KEEP_ALIVE = "the server says that it is still there"
    NONSENSE = "the server says something that means nothing to us"
    HALF = "the server says half a line, and then the rest"
    SUSPECT = "the session has to show that it lives"
    NUDGE = "something may have changed"
    RINGS = "what has come so far rings"
    REST = "nothing happens for a while"


async def told(acts: list[Act], park_after_seconds: float) -> tuple[int, int]:
    """How many messages rang, and how many should have."""
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        async with staged(server, Cadence(idle=30), park_after_seconds=park_after_seconds) as stage:
            await stage.subscribe()
            await stage.adopt()
            await stage.watching()
            await server.until(lambda: server.idling("alice") == 1)
            due = 0
            for act in acts:
                due += await _do(stage, act, due, parks=park_after_seconds > 0)
            server.deliver("alice", _mail())
            due += 1
            await stage.rung(due)
            # Whatever was told twice is counted by now: this one comes after it.
            server.deliver("alice", _mail())
            due += 1
            await stage.rung(due)
            assert server.connections == 1
            return await stage.counted(), due


async def _do(stage: Stage, act: Act, due: int, *, parks: bool) -> int:
    """How many more are to ring."""
    server = stage.server
    match act:
        case Act.DELIVER:
            server.deliver("alice", _mail())
            return 1
        case Act.DELIVER_TWO:
            server.deliver("alice", _mail())
            server.deliver("alice", _mail())
            return 2
        case Act.DELIVER_SEEN:
            server.deliver("alice", _mail(), flags=frozenset({"\\Seen"}))
        case Act.EXPUNGE:
            await stage.rung(due)
            mailbox = server.mailbox("alice")
            if mailbox.messages:
                mailbox.expunge(next(iter(mailbox.messages)))
        case Act.KEEP_ALIVE:
            server.say(b"* OK Still here\r\n", "alice")
        case Act.NONSENSE:
            server.say(b"* FLAGS (\\Seen)\r\n", "alice")
        case Act.HALF:
            server.say(b"* OK Still", "alice")  # two TLS records
            server.say(b" here\r\n", "alice")
        case Act.SUSPECT:
            await stage.fleet.suspect_all()
        case Act.NUDGE:
            stage.fleet.nudge(stage.account.id)
        case Act.RINGS:
            await stage.rung(due)
        case Act.REST:
            await stage.rung(due)
            async with asyncio.timeout(10):
                while parks and stage.fleet.awake():
                    await asyncio.sleep(SOON_SECONDS)
    return 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(acts=st.lists(st.sampled_from(Act), max_size=12))
def test_a_session_that_parks_and_wakes_rings_as_one_that_never_slept(acts: list[Act]) -> None:
    parked, due = asyncio.run(told(acts, SOON_SECONDS))
    awake, _ = asyncio.run(told(acts, 0.0))

    assert parked == awake == due
