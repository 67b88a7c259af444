"""The watcher: one session's coroutine, from its first look at a mailbox to its last.

open -> survey -> arrange (NOTIFY where it serves) -> look at the others -> wait (IDLE, or a pause) -> look -> ...

It ends by returning (its session was not needed any more and was logged out) or by raising what ended the session.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Final

from idlebell.imap.responses import BadEventCode
from idlebell.model.account import Account
from idlebell.model.ids import SubscriptionId
from idlebell.model.selection import Selection
from idlebell.model.shown_text import shown
from idlebell.net.imap_connection import ImapConnection
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import LookFailed, WatchChanged
from idlebell.watch.answering import answer
from idlebell.watch.answers import LookRefusedError, Waited
from idlebell.watch.beside import Beside
from idlebell.watch.canned import STATUS_EVERY, Turn
from idlebell.watch.catch_up import OWED_FIRST_SECONDS, OWED_LONGEST_SECONDS, CatchUp
from idlebell.watch.lapses import Promise
from idlebell.watch.left_off import LeftOff
from idlebell.watch.look import Books, Looks, Means
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.parked import Parked
from idlebell.watch.polling import Polling
from idlebell.watch.probing import Probing
from idlebell.watch.record import record
from idlebell.watch.reports import Reports
from idlebell.watch.strategy import NO_MAILBOXES, Assignment, Chosen, Way, choose, event_groups, instead
from idlebell.watch.survey import Survey

SIT_OUT_SECONDS = 300.0
"""How long a mailbox that the server does not open is left alone before it is asked for again. Short enough to keep the session
alive meanwhile."""
HUNG_UP_SECONDS: Final = 60.0
"""A session that ends in a shorter quiet than this does not end for its sake."""


class Watcher:
    __slots__ = (
        "_assignment", "_beside", "_books", "_caught", "_left_off", "_means", "_near", "_polling", "_probing",
        "_reports", "_selected", "_selections", "_session", "_shut", "_subscriptions_told", "_survey", "_survey_at",
        "_suspected", "account", "task",
    )  # fmt: skip

    def __init__(
        self,
        account: Account,
        session: MailboxSession,
        assignment: Assignment,
        books: Books,
        means: Means,
        *,
        near: bool,
        left_off: LeftOff | None = None,
    ) -> None:
        """``near``: the server is on a network that the operator names as his own. ``left_off``: the session was parked."""
        self.account = account
        self._session = session
        self._assignment: Assignment | None = assignment
        self._books = books
        self._means = means
        self._near = near
        self._reports = Reports(account, self.mailboxes, means)
        self._caught = CatchUp(account, session, Looks(account, session, books, means), self._reports, means)
        self._polling = Polling(session, self._caught, books.lapses, SIT_OUT_SECONDS)
        self._beside = Beside(account, session, self._caught, self._reports, books, means)
        self._probing = Probing(session, self._caught, self._beside, self._reports, books, means.clock, SIT_OUT_SECONDS)
        self._selections: tuple[tuple[SubscriptionId, Selection], ...] = ()
        self._survey: Survey | None = None
        self._selected = NO_MAILBOXES  # the mailboxes that the selections mean
        self._survey_at = 0.0
        self._subscriptions_told = True  # NOTIFY can tell of them, as far as we know
        self._suspected = False
        self._shut = NO_MAILBOXES  # that did not open since another did
        self._left_off = left_off
        if left_off is not None:
            self._reports.chosen = left_off.chosen
            self._reports.told(self._caught.looked)
            self._caught.looks.resumed(left_off.exists, settled=left_off.settled)
            self._probing.probes = left_off.probes
        self.task: asyncio.Task[Parked | None] | None = None
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
            self._selected = NO_MAILBOXES  # it was of other selections
            self._survey_at = 0.0
            self._session.interrupt()
        if assignment != self._assignment:
            self._take(assignment)
            self._session.interrupt()
        elif self._means.looks.wait(self.account.id):
            self._session.interrupt()

    def _take(self, assignment: Assignment | None) -> None:
        self._assignment = assignment
        self._reports.mailboxes = self.mailboxes
        self._beside.look_at_all()

    def probe(self) -> None:
        """Has the session show that it lives, at once: time has passed that nobody noticed."""
        self._suspected = True
        self._session.interrupt()

    async def run(self) -> Parked | None:
        """Until the session is over, is not needed any more, or can be parked."""
        connection = self._session.connection
        with self._means.status.ledger.session(self.account.id, connection, connection.client.sent):
            return await self._run()

    async def _run(self) -> Parked | None:
        try:
            left_off, self._left_off = self._left_off, None
            if left_off is not None and (parked := await self._go_on(left_off)) is not None:
                return parked
            while True:
                await self._caught.turn()
                if (assignment := self._assignment) is None:
                    break
                self._session.attend(assignment.others)
                if not await self._opened(assignment.primary) and self._turned_away(assignment):
                    continue
                await self._find_mailboxes()
                if self._assignment != assignment:
                    continue
                await self._arrange(assignment)
                if await self._beside.look(assignment, self._stays(assignment)):
                    await self._opened(assignment.primary)
                if (alert := self._session.remarks.take_alert()) is not None:
                    self._reports.alert(alert)
                if self._beside.again:
                    continue
                if self._session.open_mailbox != assignment.primary:
                    await self._sit_out(assignment)
                elif self._session.news:
                    await self._caught.look(assignment.primary)
                elif looks := self._means.looks.take(self.account.id, self.mailboxes):
                    await answer(looks, self._session)
                elif self._reports.chosen.way is Way.POLL:
                    await self._poll(assignment)
                elif (parked := await self._wait(assignment)) is not None:
                    return parked
            await self._session.log_out()
            return None
        finally:
            self._session.close()

    @property
    def undisturbed(self) -> bool:
        """Has nobody asked anything of it since it was parked?"""
        return not (self._session.interrupted or self._caught.looks.fresh)

    @property
    def quiet_seconds(self) -> float | None:
        """For how long nothing had been said in IDLE when the session ended; None: it did not end there."""
        since = self._session.quiet_since
        return None if since is None else self._means.clock.monotonic() - since

    def _stays(self, assignment: Assignment) -> Callable[[], bool]:
        return lambda: self._assignment == assignment

    # --- opening ---

    async def _opened(self, mailbox: str) -> bool:
        """Opens the mailbox where it is not open, grounds who is new to it and catches up. False: it does not open."""
        if self._session.open_mailbox == mailbox:
            return True
        if await self._caught.open(mailbox, SIT_OUT_SECONDS) is None:
            return False
        self._shut = NO_MAILBOXES
        self._caught.looks.settled = False  # what comes before IDLE has no EXISTS of its own on some servers
        return True

    def _turned_away(self, assignment: Assignment) -> bool:
        """The primary mailbox does not open. False: neither does any other."""
        self._shut |= {assignment.primary}
        other = instead(assignment, self._shut)
        if other is None or self._assignment != assignment:
            return False
        self._take(other)
        return True

    async def _sit_out(self, assignment: Assignment) -> None:
        """No mailbox opens: keep the session alive for a while, then ask again. Those that are looked after beside it are
        looked at meanwhile."""
        self._shut = NO_MAILBOXES
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

    async def _wait(self, assignment: Assignment) -> Parked | None:
        """In IDLE, until the server says something or it has to show that it lives."""
        means = self._means
        seconds = self._cycle()
        if assignment.others:
            seconds = min(seconds, max(0.0, self._beside.due_at - means.clock.monotonic()))
        if self._selections:
            seconds = min(seconds, max(0.0, self._survey_at - means.clock.monotonic()))
        if self._caught.failures:
            seconds = min(seconds, self._caught.owed_seconds)
        await self._reports.alive(seconds, self._caught.looked)
        due_at = means.clock.monotonic() + seconds
        try:
            answer_seconds = await self._session.ask_to_idle()
            # What it was opened, woken or asked for is done: it need not wait for the server's word.
            if parked := self._park(assignment, means.clock.monotonic() + answer_seconds, Turn.IDLE):
                return parked
            await self._session.idle_agreed(answer_seconds)
        except LookRefusedError as refusal:
            await self._refused_to_idle(refusal)
            return None
        return await self._see_out(assignment, due_at, seconds)

    async def _see_out(self, assignment: Assignment, due_at: float, seconds: float) -> Parked | None:
        """The wait until ``due_at``, of ``seconds`` in all. A session that rests is parked where it can be."""
        session, means = self._session, self._means
        if means.park_after_seconds:
            session.shed()  # at once, for it can never be parked with OpenSSL's state, and that is most of what it holds
        try:
            rest_seconds = means.park_after_seconds or math.inf
            while True:
                waited = await session.idle_on(due_at - means.clock.monotonic(), rest_seconds=rest_seconds)
                if waited is Waited.TOUCHED:
                    await self._caught.heed(assignment.primary)
                    continue
                if waited is not Waited.RESTING:
                    break
                if (parked := self._park(assignment, due_at)) is not None:
                    return parked
                rest_seconds *= 2.0  # something was going on with the account; perhaps it is over then
        except LookRefusedError as refusal:
            await self._refused_to_idle(refusal)
            return None
        await self._waited(assignment, waited, seconds)
        return None

    def _cycle(self) -> float:
        return self._means.cycle(self.account.target.host, near=self._near, settled=self._caught.looks.settled)

    async def _waited(self, assignment: Assignment, waited: Waited, seconds: float) -> None:
        """What follows a wait of ``seconds`` that ended as ``waited``."""
        self._books.lapses.accepted(Promise.IDLE)
        suspected, self._suspected = self._suspected, False  # whatever is asked now shows that the session lives
        quiet = waited is Waited.QUIET
        if quiet:
            self._means.hosts.bore_quiet(self.account.target.host, seconds)
        if self._session.news:
            if (await self._caught.look(assignment.primary)).messages:
                self._books.lapses.told(Promise.IDLE)
        elif quiet or suspected or self._caught.failures or self._session.doubtful:
            await self._probing.ask(assignment.primary)

    # --- parked ---

    def _park(self, assignment: Assignment, due_at: float, turn: Turn = Turn.IDLING) -> Parked | None:
        """The session as a record, where that tells all of it. ``due_at``: the end of the wait, or of that for the answer
        due at ``turn``."""
        caught, means = self._caught, self._means
        plain = self._assignment == assignment and not (
            assignment.others or self._selections or self._suspected or caught.engaged
        )
        if not (plain and means.park_after_seconds and means.may_park(self.account.id)):
            return None
        known, looked = self._reports.known(assignment.primary), self._books.looked_at.get(assignment.primary)
        self._session.shed()
        parked = record(self.account, self._session, self._reports.chosen, known, looked, due_at, turn, near=self._near)
        if parked is not None:
            parked.probes, parked.settled = self._probing.probes % STATUS_EVERY, caught.looks.settled
            caught.looks.fresh = ()  # who was new is grounded, or will be told to the next watcher
        return parked

    async def _go_on(self, left_off: LeftOff) -> Parked | None:
        """Ends the wait, or the probe, that was on."""
        session, now = self._session, self._means.clock.monotonic()
        left = max(0.0, left_off.due_at - now)
        primary = session.open_mailbox or "INBOX"
        watched = Assignment(primary)  # what it is to do by now is looked at afterwards
        try:
            match left_off.turn:
                case Turn.IDLING:
                    return await self._see_out(watched, left_off.due_at, left)
                case Turn.IDLE:
                    try:
                        await session.idle_agreed(left)
                    except LookRefusedError as refusal:
                        await self._refused_to_idle(refusal)
                        return None
                    seconds = self._cycle()
                    return await self._see_out(watched, now + seconds, seconds)
                case Turn.DONE:
                    await session.idle_ended(left)
                    await self._waited(watched, Waited.STIRRED, 0.0)
                case Turn.NOOP:
                    await session.noop_completed(left)
                    await self._probing.judge(primary, None)
                case Turn.STATUS:
                    await self._probing.told(primary, await session.status_completed(primary, left))
        except LookRefusedError as refusal:
            self._caught.owe(refusal)
        return None

    async def _refused_to_idle(self, refusal: LookRefusedError) -> None:
        means = self._means
        means.emit(LookFailed(self.account.id, refusal.command, shown(refusal.text)))
        self._books.lapses.refused(Promise.IDLE, means.clock.monotonic(), shown(refusal.text))
        await self._session.pause(OWED_FIRST_SECONDS)

    async def _poll(self, assignment: Assignment) -> None:
        """Without IDLE."""
        means, primary = self._means, assignment.primary
        seconds = means.cadence.polling(means.entropy())
        if self._caught.failures:
            seconds = min(seconds, self._caught.owed_seconds)
        if self._caught.hidden:
            seconds = min(seconds, means.cadence.settle)
        await self._reports.alive(seconds, self._caught.looked)
        if 0 < means.park_after_seconds <= seconds:
            self._session.shed()
        await self._session.pause(seconds)
        if self._assignment != assignment:
            return
        self._suspected = False
        await self._polling.ask(primary)
