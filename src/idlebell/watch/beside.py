"""The mailboxes that a session looks after beside the one that it has open."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from idlebell.imap.responses import StatusData
from idlebell.model.account import Account
from idlebell.model.shown_text import shown
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import LookFailed, StoreFailed
from idlebell.watch.answers import LookRefusedError
from idlebell.watch.canned import STATUS_ITEMS
from idlebell.watch.catch_up import CatchUp, owed_seconds
from idlebell.watch.lapses import Promise
from idlebell.watch.look import Books, Means
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.reports import Reports
from idlebell.watch.strategy import NO_MAILBOXES, Assignment, Way

TOGETHER: Final = 5
"""So many mailboxes are asked for together rather than one by one, although LIST then tells of all that there are."""
LOOKS_AT_ONCE: Final = 5
"""While mail goes on to come into a mailbox that is open for a look; what comes later is told by its STATUS."""
POLL_SHARE: Final = 0.9
"""Of ``poll_seconds``: all of them together take their time, too."""
READING_ITEMS: Final = (*STATUS_ITEMS, "UNSEEN")
"""Where somebody wants to know whether what rang is read or gone: that moves no UIDNEXT."""


@dataclass(frozen=True, slots=True)
class _Owed:
    """A look that failed for the store's or the server's sake."""

    failures: int
    at: float


class Beside:
    """Of one session. STATUS tells of them, said under NOTIFY, told along with LIST or asked for; only one where there is more
    than was announced is opened, or where messages changed or went and somebody wants to know that of what rang."""

    __slots__ = (
        "_account",
        "_again",
        "_all_at",
        "_books",
        "_caught",
        "_listed",
        "_means",
        "_owed",
        "_reading",
        "_reports",
        "_session",
    )

    def __init__(
        self,
        account: Account,
        session: MailboxSession,
        caught: CatchUp,
        reports: Reports,
        books: Books,
        means: Means,
    ) -> None:
        self._account = account
        self._session = session
        self._caught = caught
        self._reports = reports
        self._books = books
        self._means = means
        self._all_at = 0.0
        self._again = NO_MAILBOXES  # NOTIFY says nothing of what comes to a mailbox while it is open for its look
        self._owed: dict[str, _Owed] = {}
        self._listed: dict[str, StatusData] = {}
        self._reading = False  # somebody wants to know what of all that rang is read or gone

    def look_at_all(self) -> None:
        """At the next turn, whatever has been said of them."""
        self._all_at = 0.0

    def listed(self, statuses: Mapping[str, StatusData]) -> None:
        """A LIST has just told these along: they are compared at the next turn, at no cost."""
        self._listed = dict(statuses)

    @property
    def again(self) -> bool:
        """Are some to be asked for again before the next wait?"""
        return bool(self._again)

    @property
    def due_at(self) -> float:
        """When the next one is to be asked for, by the monotonic clock."""
        return min((self._all_at, *(one.at for one in self._owed.values())))

    async def look(self, assignment: Assignment, still: Callable[[], bool]) -> bool:
        """At those of which the server has said something or a look is owed; at all of them from time to time. ``still``: is
        this still what the session does? Raises what the session raises. False: nothing was to be done; else another mailbox
        may be open now."""
        if not still():
            return False  # there are others by now, all of which are due
        said = self._session.take_statuses()
        if self._again:
            self._again &= frozenset(assignment.others)
        self._owed = {mailbox: owed for mailbox, owed in self._owed.items() if mailbox in assignment.others}
        now = self._means.clock.monotonic()
        due = now >= self._all_at
        if not assignment.others or not (due or said or self._listed or self._again or self._owed):
            return False
        try:
            self._reading = await self._caught.withdraws()
        except StoreError as error:
            self._means.emit(StoreFailed(str(error)))
        if due:
            # Under NOTIFY every thorough probe asks for them.
            told = self._reports.chosen.way is Way.NOTIFY
            self._all_at = math.inf if told else now + self._means.cadence.poll * POLL_SHARE
            await self._ask_together(assignment.others)
        for mailbox in assignment.others:
            listed = self._listed.pop(mailbox, None)
            status = said.get(mailbox) or listed
            owed = self._owed.get(mailbox)
            overdue = owed is not None and now >= owed.at
            if not (due or status is not None or overdue or mailbox in self._again):
                continue
            await self._look_at(mailbox, status, said=mailbox in said)
            if not still():
                break
            if self._session.news and self._session.open_mailbox == assignment.primary:
                await self._caught.look(assignment.primary)  # it waits for no round of the others
        return True

    async def _ask_together(self, mailboxes: Sequence[str]) -> None:
        if sum(one not in self._listed for one in mailboxes) < TOGETHER or not self._session.has("LIST-STATUS"):
            return
        try:
            told = await self._session.status_of_all(READING_ITEMS if self._reading else STATUS_ITEMS)
        except LookRefusedError as refusal:
            self._means.emit(LookFailed(self._account.id, refusal.command, shown(refusal.text)))
            return
        self._listed |= {one: told[one] for one in mailboxes if one in told}

    async def _look_at(self, mailbox: str, status: StatusData | None, *, said: bool) -> None:
        again, owed = mailbox in self._again, self._owed.pop(mailbox, None)
        if again:
            self._again -= {mailbox}
        try:
            concerned = self._reading and await self._caught.concerned(mailbox)
            if status is None or (concerned and status.unseen is None and not said):
                status = await self._session.status(mailbox, READING_ITEMS if concerned else STATUS_ITEMS)
            ahead = status is None or await self._caught.ahead(mailbox, status)
        except StoreError as error:
            self._means.emit(StoreFailed(str(error)))
            self._owe(mailbox, owed)
            return
        poll = self._means.cadence.poll
        stood = None if status is None or not concerned else self._standing(mailbox, status)
        if not ahead and (stood is None or stood == self._books.stood.get(mailbox)):
            await self._reports.unchanged(mailbox, poll)
            return
        if self._session.open_mailbox == mailbox:
            found = await self._caught.look(mailbox)
        else:
            opened = await self._caught.open(mailbox, poll)
            if opened is None:
                return
            found = opened
        for _ in range(LOOKS_AT_ONCE):
            if not self._session.news:
                break
            more = await self._caught.look(mailbox)
            found = found if found.messages else more
        told = self._reports.chosen.way is Way.NOTIFY
        if self._caught.failures:
            self._owe(mailbox, owed)
        else:
            if told and (found.messages or not again):
                self._again |= {mailbox}
            self._books.stood.pop(mailbox, None)
            if stood is not None and not (ahead and status is not None and status.unseen is None):
                self._books.stood[mailbox] = stood  # else it is looked at once more, for nobody knows what it was
            if status is not None and ahead and not found.messages:
                self._caught.was_hollow(mailbox, status)
        await self._reports.watching(mailbox, poll)
        if told and found.messages and owed is None:
            if said:
                self._books.lapses.told(Promise.NOTIFY)
            elif found.waited:
                self._books.lapses.unsaid(Promise.NOTIFY, self._means.clock.monotonic(), sure=found.waited_long)

    def _standing(self, mailbox: str, status: StatusData) -> tuple[int | None, int | None]:
        """Messages and unseen ones; where it does not tell of these, as it was told last."""
        _, unseen = self._books.stood.get(mailbox, (None, None))
        return status.messages, unseen if status.unseen is None else status.unseen

    def _owe(self, mailbox: str, before: _Owed | None) -> None:
        failures = 1 if before is None else before.failures + 1
        self._owed[mailbox] = _Owed(failures, self._means.clock.monotonic() + owed_seconds(failures))
