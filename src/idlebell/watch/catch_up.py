"""Looks until a mailbox is caught up with, and remembers what is still owed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idlebell.imap.responses import StatusData
from idlebell.model.account import Account
from idlebell.model.shown_text import shown
from idlebell.store.contract import ConflictError, StoreError
from idlebell.telemetry.facts import LookFailed, StoreFailed
from idlebell.watch.answers import Extent, LookRefusedError, MailboxRefusedError
from idlebell.watch.detect import UpToDate, locate
from idlebell.watch.look import HOLLOW_LOOKS, NOTHING, Found, Looks, Means
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.patience import Patience
from idlebell.watch.reports import Reports
from idlebell.watch.withdrawals import Withdrawals

OWED_FIRST_SECONDS: Final = 1.0
OWED_LONGEST_SECONDS: Final = 60.0
"""Between looks that failed for the store's or the server's sake, doubling."""


@dataclass(frozen=True, slots=True)
class _Hollow:
    """A STATUS whose UIDNEXT is ahead of all that is to be found."""

    uid_next: int | None
    messages: int | None
    looks: int

    def says(self, status: StatusData) -> bool:
        return (status.uid_next, status.messages) == (self.uid_next, self.messages)


class CatchUp:
    """Of one session. What fails for the store's or the server's sake is owed: it is looked for again soon, over the same
    session, and from what EXAMINE said, so that who is new to the mailbox stands where it stood then and another UIDVALIDITY is
    not missed."""

    __slots__ = (
        "_account", "_hollow", "_means", "_patience", "_reports", "_session", "_unlooked", "_withdrawals", "failures",
        "looked", "looks",
    )  # fmt: skip

    def __init__(self, account: Account, session: MailboxSession, looks: Looks, reports: Reports, means: Means) -> None:
        self._account = account
        self._session = session
        self._reports = reports
        self._means = means
        self._patience = Patience()
        self._withdrawals = Withdrawals(account, session, means)
        self._hollow: dict[str, _Hollow] = {}
        self._unlooked: tuple[str, Extent] | None = None  # opened, and the first look at it is still owed
        self.looks = looks
        self.looked = 0
        """Looks so far."""
        self.failures = 0
        """Looks in a row that came to nothing."""

    @property
    def owed(self) -> bool:
        return self._unlooked is not None or self.failures > 0

    @property
    def hidden(self) -> bool:
        """Has EXISTS told of mail in the open mailbox that no FETCH found, so that it is worth asking again?"""
        return 0 < self.looks.hidden < HOLLOW_LOOKS

    @property
    def engaged(self) -> bool:
        """Does it remember more than that all is told?"""
        return self.owed or self.hidden or bool(self._hollow)

    @property
    def owed_seconds(self) -> float:
        """When to look again."""
        return owed_seconds(self.failures)

    async def turn(self) -> None:
        """Before the session is turned to once more: a server that stirs for nothing over and over is left alone a while."""
        seconds = self._patience.turn(self._means.clock.monotonic())
        if seconds:
            await self._session.pause(seconds)

    async def open(self, mailbox: str, shut_out_seconds: float) -> Found | None:
        """Opens the mailbox, anew where it is open, and looks at it. None: it does not open, which is shown;
        ``shut_out_seconds`` until it is asked for again."""
        try:
            extent = await self._session.examine(mailbox)
        except MailboxRefusedError as refusal:
            await self._reports.shut_out(mailbox, refusal, shut_out_seconds)
            return None
        return await self.look(mailbox, extent)

    async def look(self, mailbox: str, extent: Extent | None = None) -> Found:
        """At the open mailbox. ``extent``: EXAMINE has just said so."""
        self._session.looked()
        self.looked += 1
        if extent is not None:
            self._unlooked = (mailbox, extent)
        found = NOTHING
        try:
            if self._unlooked is not None and self._unlooked[0] == mailbox:
                found = await self.looks.until_settled(mailbox, self._unlooked[1])
                self._unlooked = None
            if extent is None:
                found = await self.looks.until_settled(mailbox, None)
            await self._withdrawals.look(mailbox)
            self.failures = 0
        except StoreError as error:
            self.store_failed(error)
        except ConflictError:
            self.failures += 1
        except (LookRefusedError, MailboxRefusedError) as refusal:
            self.owe(refusal)
        if found.messages:
            self._patience.rewarded()
        return found

    async def heed(self, mailbox: str) -> None:
        """Messages changed or went, if the server told so: a look where somebody wants to know."""
        try:
            if self._session.take_touched() and await self._withdrawals.concerned(mailbox):
                self._session.stir()
        except StoreError as error:
            self.store_failed(error)

    async def withdraws(self) -> bool:
        """Does anybody want to know of what is read or gone, in whichever mailbox? StoreError."""
        return any(one.preferences.withdraw for one in await self._means.store.of_account(self._account.id))

    async def concerned(self, mailbox: str) -> bool:
        """Does anybody want to know whether what rang in it is read or gone? StoreError."""
        return await self._withdrawals.concerned(mailbox)

    async def ahead(self, mailbox: str, status: StatusData) -> bool:
        """Does ``status`` tell of more than was looked at? StoreError."""
        cursor = await self._means.store.cursor(self._account.id, mailbox)
        if cursor is None or self.looks.new_to(mailbox) or status.uid_next is None:
            return True
        validity = status.uid_validity or cursor.uid_validity
        if isinstance(locate(cursor, validity, status.uid_next, status.messages), UpToDate):
            self._hollow.pop(mailbox, None)
            self.looks.saw_nothing(mailbox)
            return False
        hollow = self._hollow.get(mailbox)
        return hollow is None or not hollow.says(status) or hollow.looks < HOLLOW_LOOKS

    def was_hollow(self, mailbox: str, status: StatusData) -> None:
        """Nothing was found of what ``status`` tells: expunged before we came, or not visible on this replica yet. For the
        same words it is looked at :data:`HOLLOW_LOOKS` times."""
        before = self._hollow.pop(mailbox, None)
        if len(self._hollow) >= self._means.max_mailboxes:
            self._hollow.clear()
        looks = before.looks if before is not None and before.says(status) else 0
        self._hollow[mailbox] = _Hollow(status.uid_next, status.messages, looks + 1)

    def store_failed(self, error: StoreError) -> None:
        self.failures += 1
        self._means.emit(StoreFailed(str(error)))

    def owe(self, refusal: LookRefusedError | MailboxRefusedError) -> None:
        self.failures += 1
        self._means.emit(LookFailed(self._account.id, refusal.command, shown(refusal.text)))


def owed_seconds(failures: int) -> float:
    return min(OWED_FIRST_SECONDS * 2.0 ** min(failures - 1, 10), OWED_LONGEST_SECONDS)
