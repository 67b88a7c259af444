"""The watcher: one session's coroutine, from its first look at a mailbox to its last.

open -> survey -> arrange (NOTIFY where it serves) -> look at the others -> wait (IDLE, or a pause) -> look -> ...

It ends by returning (its session was not needed any more and was logged out) or by raising what ended the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from idlebell.imap.responses import BadEventCode, StatusData
from idlebell.model.account import Account
from idlebell.model.ids import SubscriptionId
from idlebell.model.selection import Selection
from idlebell.model.shown_text import shown
from idlebell.net.imap_connection import ImapConnection
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import LookFailed, WatchChanged
from idlebell.watch.beside import Beside
from idlebell.watch.catch_up import OWED_FIRST_SECONDS, OWED_LONGEST_SECONDS, CatchUp
from idlebell.watch.lapses import Promise
from idlebell.watch.look import NOTHING, Books, Looks, Means
from idlebell.watch.mailbox_session import LookRefusedError, MailboxSession
from idlebell.watch.polling import Polling
from idlebell.watch.reports import Reports
from idlebell.watch.strategy import Assignment, Chosen, Way, choose, event_groups
from idlebell.watch.survey import STATUS_ITEMS, Survey

SIT_OUT_SECONDS = 300.0
"""How long a mailbox that the server does not open is left alone before it is asked for again. Short enough to keep the session
alive meanwhile."""
STATUS_EVERY: Final = 4
"""Of so many probes one asks STATUS instead of NOOP: it finds what a server does not even say at NOOP. Under NOTIFY it asks
for all mailboxes."""
FULL_CYCLE: Final = 0.8
"""A quiet wait of this part of the cycle that a server bears shows that it still does."""
HUNG_UP_SECONDS: Final = 60.0
"""A session that ends in a shorter quiet than this does not end for its sake."""


class Watcher:
    __slots__ = (
        "_assignment",
        "_beside",
        "_books",
        "_caught",
        "_means",
        "_near",
        "_polling",
        "_probes",
        "_reports",
        "_selected",
        "_selections",
        "_session",
        "_subscriptions_told",
        "_survey",
        "_survey_at",
        "_suspected",
        "account",
        "task",
    )

    def __init__(
        self,
        account: Account,
        session: MailboxSession,
        assignment: Assignment,
        books: Books,
        means: Means,
        *,
        near: bool,
    ) -> None:
        """``near``: the server is on a network that the operator names as his own."""
        self.account = account
        self._session = session
        self._assignment: Assignment | None = assignment
        self._books = books
        self._means = means
        self._near = near
        self._reports = Reports(account, lambda: self.mailboxes, means)
        self._caught = CatchUp(account, session, Looks(account, session, books, means), self._reports, means)
        self._polling = Polling(session, self._caught, books.lapses, SIT_OUT_SECONDS)
        self._beside = Beside(account, session, self._caught, self._reports, books, means)
        self._selections: tuple[tuple[SubscriptionId, Selection], ...] = ()
        self._survey: Survey | None = None
        self._selected: frozenset[str] = frozenset()  # the mailboxes that the selections mean
        self._survey_at = 0.0
        self._subscriptions_told = True  # NOTIFY can tell of them, as far as we know
        self._probes = 0
        self._suspected = False
        self.task: asyncio.Task[None] | None = None
        """Where the fleet runs it."""

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """All that it looks after. Empty: it is leaving."""
        return (self._assignment.primary, *self._assignment.others) if self._assignment else ()

    @property
    def primary(self) -> str | None:
        """The mailbox it is on, or on its way to. None: it is leaving."""
        return self._assignment.primary if self._assignment else None

    @property
    def connection(self) -> ImapConnection:
        return self._session.connection

    def assign(
        self,
        assignment: Assignment | None,
        fresh: Sequence[tuple[SubscriptionId, str]] = (),
        selections: Sequence[tuple[SubscriptionId, Selection]] = (),
    ) -> None:
        """Takes effect after the look that may be under way. None: log out and end."""
        self._caught.looks.fresh = tuple(fresh)
        if tuple(selections) != self._selections:
            self._selections = tuple(selections)
            self._selected = frozenset()  # it was of other selections
            self._survey_at = 0.0
            self._session.interrupt()
        if assignment != self._assignment:
            self._assignment = assignment
            self._beside.look_at_all()
            self._session.interrupt()

    def probe(self) -> None:
        """Has the session show that it lives, at once: time has passed that nobody noticed."""
        self._suspected = True
        self._session.interrupt()

    async def run(self) -> None:
        try:
            while True:
                await self._caught.turn()
                if (assignment := self._assignment) is None:
                    break
                self._session.attend(assignment.others)
                await self._opened(assignment.primary)
                await self._find_mailboxes()
                if self._assignment != assignment:
                    continue
                await self._arrange(assignment)
                if await self._beside.look(assignment, self._stays(assignment)):
                    await self._opened(assignment.primary)
                if (alert := self._session.take_alert()) is not None:
                    self._reports.alert(alert)
                if self._beside.again:
                    continue
                if self._session.open_mailbox != assignment.primary:
                    await self._sit_out(assignment)
                elif self._session.news:
                    await self._caught.look(assignment.primary)
                elif self._reports.chosen.way is Way.POLL:
                    await self._poll(assignment)
                else:
                    await self._wait(assignment)
            await self._session.log_out()
        finally:
            self._session.close()

    @property
    def quiet_seconds(self) -> float | None:
        """For how long nothing had been said in IDLE when the session ended; None: it did not end there."""
        since = self._session.quiet_since
        return None if since is None else self._means.clock.monotonic() - since

    def _stays(self, assignment: Assignment) -> Callable[[], bool]:
        return lambda: self._assignment == assignment

    # --- opening ---

    async def _opened(self, mailbox: str) -> None:
        """Opens the mailbox where it is not open, grounds who is new to it and catches up."""
        if self._session.open_mailbox == mailbox:
            return
        if await self._caught.open(mailbox, SIT_OUT_SECONDS) is not None:
            self._caught.looks.settled = False  # what comes before IDLE has no EXISTS of its own on some servers

    async def _sit_out(self, assignment: Assignment) -> None:
        """The mailbox does not open: keep the session alive for a while, then ask again. Those that are looked after beside it
        are looked at meanwhile."""
        seconds = SIT_OUT_SECONDS * (1.0 - 0.1 * self._means.entropy())
        await self._session.pause(min(seconds, self._means.cadence.poll) if assignment.others else seconds)
        if self.primary == assignment.primary:
            try:
                await self._session.noop()
            except LookRefusedError as refusal:
                self._caught.owe(refusal)

    # --- which mailboxes there are ---

    async def _find_mailboxes(self) -> None:
        """Asks which mailboxes the selections mean, at first, where the server says that they changed, and from time to time
        where it does not say."""
        changed = self._session.take_names_changed()
        now = self._means.clock.monotonic()
        if not self._selections or not (changed or now >= self._survey_at):
            return
        self._survey = self._survey or Survey(self.account, self._session, self._books, self._means)
        selections = self._selections
        try:
            surveyed = await self._survey.take(selections)
        except StoreError as error:
            self._caught.store_failed(error)
            self._ask_again(selections, now + OWED_LONGEST_SECONDS)
            return
        except LookRefusedError as refusal:
            self._caught.owe(refusal)
            self._reports.unlisted(refusal)
            self._ask_again(selections, now + SIT_OUT_SECONDS)
            return
        self._reports.unlisted(None)
        self._selected = surveyed.names
        self._ask_again(selections, now + surveyed.next_seconds)
        self._beside.listed(surveyed.statuses)
        if surveyed.changed:
            self._means.resolved(self.account.id)

    def _ask_again(self, answered: tuple[tuple[SubscriptionId, Selection], ...], at: float) -> None:
        """Which mailboxes there are, at ``at``; at once where others are asked for than those that were ``answered``."""
        if self._selections is answered:
            self._survey_at = at

    # --- how they are watched ---

    async def _arrange(self, assignment: Assignment) -> None:
        now = self._means.clock.monotonic()
        if self._session.take_overflow():
            self._beside.look_at_all()
            self._books.lapses.refused(Promise.NOTIFY, now, "some events were dropped")
        chosen = self._choose(assignment)
        if chosen.way is Way.NOTIFY:
            try:
                await self._notify(assignment)
            except LookRefusedError as refusal:
                self._means.emit(LookFailed(self.account.id, refusal.command, shown(refusal.text)))
                self._books.lapses.refused(Promise.NOTIFY, now, shown(refusal.text), for_good=True)
                chosen = self._choose(assignment)
        if chosen.way is not Way.NOTIFY:
            await self._session.notify_no_more()
        if chosen != self._reports.chosen:
            self._reports.chosen = chosen
            self._beside.look_at_all()  # from now on they are asked at another rhythm
            if chosen.reason is not None:
                self._means.emit(WatchChanged(self.account.id, chosen.way.value, chosen.reason))

    def _choose(self, assignment: Assignment) -> Chosen:
        now = self._means.clock.monotonic()
        several = bool(assignment.others or self._selections)  # NOTIFY also tells of the second mailbox when it is made
        return choose(self._session.has, self._books.lapses, now, several=several)

    async def _notify(self, assignment: Assignment) -> None:
        kinds = tuple(selection for _, selection in self._selections)
        mailboxes = (assignment.primary, *assignment.others)
        while True:
            groups = event_groups(mailboxes, kinds, self._selected, with_subscriptions=self._subscriptions_told)
            try:
                await self._session.notify(groups)
            except LookRefusedError as refusal:
                if self._subscriptions_told and kinds and isinstance(refusal.code, BadEventCode):
                    self._subscriptions_told = False
                    continue
                raise
            return

    # --- waiting ---

    async def _wait(self, assignment: Assignment) -> None:
        """In IDLE, until the server says something or it has to show that it lives."""
        means, hosts, host = self._means, self._means.hosts, self.account.target.host
        learnt = hosts.idle_seconds(host)
        seconds = means.cadence.cycle(
            learnt,
            sessions=means.sessions(),
            own=self._near,
            settled=self._caught.looks.settled,
            entropy=means.entropy(),
        )
        if assignment.others:
            seconds = min(seconds, max(0.0, self._beside.due_at - means.clock.monotonic()))
        if self._selections:
            seconds = min(seconds, max(0.0, self._survey_at - means.clock.monotonic()))
        if self._caught.failures:
            seconds = min(seconds, self._caught.owed_seconds)
        await self._reports.alive(seconds, self._caught.looked)
        try:
            quiet = await self._session.idle(seconds)
        except LookRefusedError as refusal:
            await self._refused_to_idle(refusal)
            return
        self._books.lapses.accepted(Promise.IDLE)
        if quiet and seconds >= FULL_CYCLE * means.cadence.bears(learnt):
            hosts.bore(host)
        if self._session.news:
            if (await self._caught.look(assignment.primary)).messages:
                self._books.lapses.told(Promise.IDLE)
        elif quiet or self._suspected or self._caught.failures:
            await self._probe(assignment)

    async def _refused_to_idle(self, refusal: LookRefusedError) -> None:
        means = self._means
        means.emit(LookFailed(self.account.id, refusal.command, shown(refusal.text)))
        self._books.lapses.refused(Promise.IDLE, means.clock.monotonic(), shown(refusal.text))
        await self._session.pause(OWED_FIRST_SECONDS)

    async def _probe(self, assignment: Assignment) -> None:
        """Has the server show that it lives, and that it has told all there is to tell. What it has not told is found here,
        and then it is not believed any more."""
        self._suspected = False
        self._probes += 1
        thorough = self._probes % STATUS_EVERY == 0
        if thorough and self._reports.chosen.way is Way.NOTIFY:
            self._beside.look_at_all()
        primary, owed = assignment.primary, self._caught.owed or self._caught.hidden
        status: StatusData | None = None
        try:
            if owed:
                ahead = True
            elif thorough:
                status = await self._session.status(primary, STATUS_ITEMS)
                if status is None:
                    await self._caught.open(
                        primary, SIT_OUT_SECONDS
                    )  # is it still there? Some servers do not say that it was deleted
                    return
                ahead = await self._caught.ahead(primary, status)
            else:
                await self._session.noop()
                ahead = False
        except LookRefusedError as refusal:
            self._caught.owe(refusal)
            return
        except StoreError as error:
            self._caught.store_failed(error)
            return
        if not (ahead or self._session.news):
            self._caught.looks.settled = True
            return
        found = await self._caught.look(primary)
        if ahead and status is not None and not (found.messages or self._caught.failures):
            # Told by STATUS and not to be fetched: what the session has open is stale, or it is gone again.
            found = await self._caught.open(primary, SIT_OUT_SECONDS) or NOTHING
            if not (found.messages or self._caught.failures):
                self._caught.was_hollow(primary, status)
        if found.waited and not owed:  # what was late for our own sake is no lapse of the server
            self._books.lapses.unsaid(Promise.IDLE, self._means.clock.monotonic(), sure=found.waited_long)

    async def _poll(self, assignment: Assignment) -> None:
        """Without IDLE."""
        means, primary = self._means, assignment.primary
        seconds = means.cadence.polling(means.entropy())
        if self._caught.failures:
            seconds = min(seconds, self._caught.owed_seconds)
        if self._caught.hidden:
            seconds = min(seconds, means.cadence.settle)
        await self._reports.alive(seconds, self._caught.looked)
        await self._session.pause(seconds)
        if self._assignment != assignment:
            return
        self._suspected = False
        await self._polling.ask(primary)
