"""Asks whether mail has come, where the server does not tell: climbs from the cheapest question that has ever told of mail to
the one that must."""

from __future__ import annotations

from typing import Final

from idlebell.store.contract import StoreError
from idlebell.watch.answers import LookRefusedError
from idlebell.watch.canned import STATUS_ITEMS
from idlebell.watch.catch_up import CatchUp
from idlebell.watch.lapses import LADDER, Lapses, Rung
from idlebell.watch.look import Found
from idlebell.watch.mailbox_session import MailboxSession

EXAMINE_EVERY: Final = 10
"""Of so many polls one opens the mailbox anew, where a cheaper way has proven itself."""


class Polling:
    """Of one session. ``shut_out_seconds``: until a mailbox that does not open is asked for again."""

    __slots__ = ("_caught", "_lapses", "_polls", "_session", "_shut_out_seconds")

    def __init__(self, session: MailboxSession, caught: CatchUp, lapses: Lapses, shut_out_seconds: float) -> None:
        self._session = session
        self._caught = caught
        self._lapses = lapses
        self._shut_out_seconds = shut_out_seconds
        self._polls = 0

    async def ask(self, mailbox: str) -> None:
        """Of the open mailbox. Raises what the session raises."""
        lapses = self._lapses
        self._polls += 1
        rungs = LADDER if lapses.rung is None else (lapses.rung,)
        if lapses.rung is not None and self._polls % EXAMINE_EVERY == 0:
            rungs = (lapses.rung, Rung.EXAMINE)
        if self._session.doubtful:
            rungs = (Rung.EXAMINE,)
        answered = True
        for rung in dict.fromkeys(rungs):
            try:
                found = await self._climb(rung, mailbox)
            except LookRefusedError as refusal:
                self._caught.owe(refusal)
                answered = False
                continue
            except StoreError as error:
                self._caught.store_failed(error)
                return
            if found is None:
                continue
            if found.messages and (lapses.rung is None or found.waited):
                lapses.rung = rung
            return
        if answered and Rung.EXAMINE in rungs and self._session.open_mailbox == mailbox:  # the others may be mute
            self._caught.looks.saw_nothing(mailbox)

    async def _climb(self, rung: Rung, mailbox: str) -> Found | None:
        """None: nothing came, as far as this question tells."""
        match rung:
            case Rung.NOOP:
                await self._session.noop()
                await self._caught.heed(mailbox)
                told = self._session.news or self._caught.hidden
            case Rung.STATUS:
                status = await self._session.status(mailbox, STATUS_ITEMS)
                told = self._session.news or (status is not None and await self._caught.ahead(mailbox, status))
            case Rung.EXAMINE:
                found = await self._caught.open(mailbox, self._shut_out_seconds)
                return found if found is None or found.messages else None
        if not told and not self._caught.failures:
            return None
        found = await self._caught.look(mailbox)
        # What STATUS tells of and nothing finds is not visible in what the session has open, or it is gone again.
        return found if found.messages or rung is Rung.NOOP or self._caught.failures else None
