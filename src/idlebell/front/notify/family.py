"""NOTIFY (RFC 5465) and IDLE (RFC 2177), where the upstream has none of its own: a family of commands of the front.

==============  ==================================  ===============================================================
NOTIFY is       the upstream has IDLE               it has none
==============  ==================================  ===============================================================
unset           IDLE is the upstream's              IDLE is ours: NOOP from time to time, and what it brings passes
SET, selected   the same; what the client wants     the same, less flags where they are not wanted
                with new messages comes along
SET, without    IDLE is ours, and tells nothing of the open mailbox; of the others what was asked for
``selected``
NONE            IDLE is ours, and tells nothing
==============  ==================================  ===============================================================

An upstream that has NOTIFY keeps it, as it is.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import Final

from idlebell.front.notify.attendant import Attendant, Phase
from idlebell.front.notify.further import Further
from idlebell.front.notify.pace import Pace
from idlebell.front.notify.wanted import Refused, check
from idlebell.front.own import Answer, Departed, Here, OwnCommand, Unreadable
from idlebell.imap import capabilities
from idlebell.imap.commands import Noop, Notify
from idlebell.imap.events import CommandReceived
from idlebell.imap.parse_command import parse_command
from idlebell.imap.responses import Condition
from idlebell.net.clock import Clock
from idlebell.watch.cadence import STARTING_SECONDS

NOTIFY: Final = "NOTIFY"
IDLE: Final = "IDLE"
CONDSTORE: Final = "CONDSTORE"
_CONDSTORE: Final = re.compile(rb"CONDSTORE|QRESYNC|MODSEQ|CHANGEDSINCE", re.IGNORECASE)
"""What enables CONDSTORE by being used (RFC 7162 section 3.1), wherever it stands: who writes it knows HIGHESTMODSEQ."""


class NotifyFamily:
    """One for all clients. ``further``: opens further sessions; None: each client's own is all there is."""

    def __init__(self, pace: Pace, clock: Clock, further: Further | None = None) -> None:
        self._pace = pace
        self._clock = clock
        self._further = further
        self._attendants: dict[Here, Attendant] = {}
        self._condstore: set[Here] = set()

    # --- Own ---

    def capabilities(self, upstream: frozenset[str]) -> frozenset[str]:
        return frozenset({NOTIFY, IDLE} if _lacks(upstream, IDLE) else {NOTIFY}) - upstream

    def claims(self, name: str, opening: bytes, here: Here) -> bool:
        if not _lacks(here.capabilities, NOTIFY):
            return name == IDLE and _lacks(here.capabilities, IDLE)
        attendant = self._attendants.get(here)
        if here not in self._condstore and _CONDSTORE.search(opening):
            self._condstore.add(here)
        if name == NOTIFY:
            return True
        if name == IDLE and (_lacks(here.capabilities, IDLE) or (attendant is not None and attendant.mutes_idle)):
            return True
        if attendant is not None:
            attendant.began(name)
        return False

    async def answer(self, command: OwnCommand, here: Here) -> Answer:
        attendant = self._attendants.get(here)
        if attendant is None:
            attendant = Attendant(
                here, self._pace, self._clock, self._further, lambda: here in self._condstore or _enabled(here)
            )
            self._attendants[here] = attendant
        if command.name == IDLE:
            return await self._idle(here, attendant)
        event = parse_command(command.frame, utf8=here.utf8)
        if not isinstance(event, CommandReceived):
            return Answer(Condition.BAD, f"NOTIFY: {event.reason}")
        assert isinstance(event.command, Notify)
        if not event.command.groups:
            return await attendant.none()
        wanted = check(event.command, condstore=not _lacks(here.capabilities, CONDSTORE))
        if isinstance(wanted, Refused):
            return Answer(wanted.condition, wanted.text, wanted.code)
        return await attendant.set(wanted)

    def heard(self, line: bytes, here: Here) -> bool:
        attendant = self._attendants.get(here)
        return attendant is None or attendant.heard(line)

    def ended(self, name: str, here: Here, *, ok: bool) -> None:
        attendant = self._attendants.get(here)
        if attendant is not None:
            attendant.ended(name, ok=ok)

    async def over(self, here: Here) -> None:
        self._condstore.discard(here)
        if self._further is not None:
            self._further.left(here)
        attendant = self._attendants.pop(here, None)
        if attendant is not None:
            await attendant.stop()

    # --- IDLE ---

    async def _idle(self, here: Here, attendant: Attendant) -> Answer:
        asking = asyncio.create_task(self._keep_asking(here, attendant))
        try:
            line = await here.converse(b"idling")
        finally:
            asking.cancel()
            await asyncio.wait([asking])
        if line.upper() == b"DONE":
            return Answer(Condition.OK, "IDLE terminated")
        return Answer(Condition.BAD, "DONE expected")

    async def _keep_asking(self, here: Here, attendant: Attendant) -> None:
        """For news where the server has no IDLE; where it is to tell none, so that it does not forget us."""
        muted = attendant.mutes_idle
        if muted or attendant.phase is Phase.UNSET:
            seconds = STARTING_SECONDS if muted else self._pace.poll
        else:
            seconds = self._pace.poll
        try:
            while True:
                await self._clock.sleep(seconds)
                with suppress(Unreadable):  # the session goes on, and so does the client's IDLE
                    await here.ask(attendant.keep_alive() if muted else Noop())
        except Departed:
            pass


def _lacks(offered: frozenset[str], name: str) -> bool:
    return not capabilities.has(offered, name)


def _enabled(here: Here) -> bool:
    return not here.enabled.isdisjoint(("CONDSTORE", "QRESYNC"))
