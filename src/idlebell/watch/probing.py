"""Has a session show that it lives, and the server that it has told all there is to tell."""

from __future__ import annotations

from idlebell.imap.responses import StatusData
from idlebell.net.clock import Clock
from idlebell.store.contract import StoreError
from idlebell.watch.answers import LookRefusedError
from idlebell.watch.beside import Beside
from idlebell.watch.canned import STATUS_EVERY, STATUS_ITEMS
from idlebell.watch.catch_up import CatchUp
from idlebell.watch.lapses import Promise
from idlebell.watch.look import NOTHING, Books
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.reports import Reports
from idlebell.watch.strategy import Way


class Probing:
    """Of one session. ``shut_out_seconds``: until a mailbox that does not open is asked for again."""

    __slots__ = ("_beside", "_books", "_caught", "_clock", "_reports", "_session", "_shut_out_seconds", "probes")

    def __init__(
        self,
        session: MailboxSession,
        caught: CatchUp,
        beside: Beside,
        reports: Reports,
        books: Books,
        clock: Clock,
        shut_out_seconds: float,
    ) -> None:
        self._session = session
        self._caught = caught
        self._beside = beside
        self._reports = reports
        self._books = books
        self._clock = clock
        self._shut_out_seconds = shut_out_seconds
        self.probes = 0
        """So far."""

    async def ask(self, primary: str) -> None:
        """Has the server show that it lives, and that it has told all there is to tell. What it has not told is found here,
        and then it is not believed any more."""
        self.probes += 1
        thorough = self.probes % STATUS_EVERY == 0
        if thorough and self._reports.chosen.way is Way.NOTIFY:
            self._beside.look_at_all()
        if not (self._caught.owed or self._caught.hidden):
            if thorough:
                await self.told(primary, await self._session.status(primary, STATUS_ITEMS))
                return
            try:
                await self._session.noop()
            except LookRefusedError as refusal:
                self._caught.owe(refusal)
                return
        await self.judge(primary, None)

    async def told(self, primary: str, status: StatusData | None) -> None:
        """What STATUS was answered; None: it was refused."""
        if status is None:
            # Is it still there? Some servers do not say that it was deleted.
            await self._caught.open(primary, self._shut_out_seconds)
            return
        await self.judge(primary, status)

    async def judge(self, primary: str, status: StatusData | None) -> None:
        """What a probe has brought. ``status``: how the mailbox stands, where that was asked."""
        owed = self._caught.owed or self._caught.hidden
        await self._caught.heed(primary)
        try:
            ahead = owed or (status is not None and await self._caught.ahead(primary, status))
        except StoreError as error:
            self._caught.store_failed(error)
            return
        if self._session.doubtful:
            # What the session has open may be gone, and it is mute then.
            await self._caught.open(primary, self._shut_out_seconds)
            return
        if not (ahead or self._session.news):
            self._caught.looks.settled = True
            return
        found = await self._caught.look(primary)
        if ahead and status is not None and not (found.messages or self._caught.failures):
            # Told by STATUS and not to be fetched: what the session has open is stale, or it is gone again.
            found = await self._caught.open(primary, self._shut_out_seconds) or NOTHING
            if not (found.messages or self._caught.failures):
                self._caught.was_hollow(primary, status)
        if found.waited and not owed:  # what was late for our own sake is no lapse of the server
            self._books.lapses.unsaid(Promise.IDLE, self._clock.monotonic(), sure=found.waited_long)
