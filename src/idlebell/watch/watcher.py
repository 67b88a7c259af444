"""The watcher: one session's coroutine, from its first look at a mailbox to its last.

open -> ground -> catch up -> wait (IDLE, or a pause where there is none) -> catch up -> wait ...

It ends by returning (its session was not needed any more and was logged out) or by raising what ended the session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from idlebell.imap.sequence_set import SequenceSet
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft
from idlebell.model.problem import Fault
from idlebell.model.shown_text import shown
from idlebell.model.subscription import Floor, Subscription
from idlebell.net.clock import Clock
from idlebell.rules.match import listening, match, match_flood
from idlebell.rules.needs import fetch_items
from idlebell.store.contract import ConflictError, Store, StoreError
from idlebell.telemetry.facts import CursorRebased, Emit, LookFailed, MailDetected, StoreFailed, WatchStarted
from idlebell.telemetry.status import MailboxStatus, Mode, Status, Watch
from idlebell.watch.cadence import Cadence
from idlebell.watch.detect import (
    Baseline,
    Behind,
    Flood,
    NewUids,
    Quiet,
    Rebased,
    UpToDate,
    decide,
    decide_count,
    locate,
)
from idlebell.watch.diagnose import refused_mailbox
from idlebell.watch.mailbox_session import (
    Extent,
    LookRefusedError,
    MailboxRefusedError,
    MailboxSession,
    too_many,
)
from idlebell.watch.strategy import Assignment

SIT_OUT_SECONDS = 300.0
"""How long a mailbox that the server does not open is left alone before it is asked for again. Short enough to keep the session
alive meanwhile."""
CONFLICTS = 5
"""Lost compare-and-sets in a row before a look is left to the next cycle."""
OWED_FIRST_SECONDS = 1.0
OWED_LONGEST_SECONDS = 60.0
"""Between looks that failed for the store's or the server's sake, doubling."""
_POLLED_ITEMS = ("UIDNEXT", "UIDVALIDITY", "MESSAGES")


@dataclass(frozen=True, slots=True)
class Means:
    """What every watcher works with; one for all of them."""

    store: Store
    status: Status
    clock: Clock
    emit: Emit
    entropy: Callable[[], float]
    """A number in [0, 1)."""
    cadence: Cadence
    keep: timedelta
    """How long a ring is of use (``retry_for_seconds``)."""
    committed: Callable[[], None]
    """Tells the dispatcher that something may be due: a hint."""


class Watcher:
    __slots__ = (
        "_assignment",
        "_failures",
        "_fresh",
        "_means",
        "_polled_at",
        "_refusals",
        "_session",
        "_settled",
        "_unlooked",
        "account",
        "task",
    )

    def __init__(
        self,
        account: Account,
        session: MailboxSession,
        assignment: Assignment,
        fresh: Sequence[tuple[SubscriptionId, str]],
        means: Means,
    ) -> None:
        self.account = account
        self._session = session
        self._assignment: Assignment | None = assignment
        self._fresh = tuple(fresh)
        self._means = means
        self._polled_at = 0.0
        self._settled = True
        self._failures = 0  # looks in a row that came to nothing
        self._refusals = 0  # waits in a row that the server refused
        self._unlooked: tuple[str, Extent] | None = None  # opened, and the first look at it is still owed
        self.task: asyncio.Task[None] | None = None
        """Where the fleet runs it."""

    @property
    def mailboxes(self) -> tuple[str, ...]:
        """All that it looks after. Empty: it is leaving."""
        return (self._assignment.primary, *self._assignment.polled) if self._assignment else ()

    @property
    def primary(self) -> str | None:
        """The mailbox it is on, or on its way to. None: it is leaving."""
        return self._assignment.primary if self._assignment else None

    def assign(self, assignment: Assignment | None, fresh: Sequence[tuple[SubscriptionId, str]] = ()) -> None:
        """Takes effect after the look that may be under way. None: log out and end."""
        self._fresh = tuple(fresh)
        if assignment != self._assignment:
            self._assignment = assignment
            self._polled_at = 0.0
            self._session.interrupt()

    async def run(self) -> None:
        try:
            while (assignment := self._assignment) is not None:
                await self._opened(assignment.primary)
                await self._poll_others(assignment)
                if self._session.open_mailbox == assignment.primary:
                    await self._wait(assignment)
                    await self._catch_up(assignment.primary)
                else:
                    await self._sit_out(assignment)
            await self._session.log_out()
        finally:
            self._session.close()

    # --- opening ---

    async def _opened(self, mailbox: str) -> None:
        """Opens the mailbox where it is not open, grounds who is new to it and catches up."""
        if self._session.open_mailbox == mailbox:
            return
        try:
            extent = await self._session.examine(mailbox)
        except MailboxRefusedError as refusal:
            await self._shut_out(mailbox, refusal, SIT_OUT_SECONDS)
            return
        await self._catch_up(mailbox, extent)
        self._settled = False  # what comes before IDLE is entered has no EXISTS of its own on some servers
        self._means.emit(WatchStarted(self.account.id, self._mode(polled=False)[0].value))

    async def _shut_out(self, mailbox: str, refusal: MailboxRefusedError, next_seconds: float) -> None:
        """The server does not open the mailbox. The operator is told once: nobody else waits for a declared account."""
        fault = refused_mailbox(mailbox, refusal.code, refusal.text)
        status = self._means.status.of(self.account.id)
        known = status.mailboxes.get(mailbox) if status else None
        if known is None or known.watch is not Watch.FAILED:
            self._means.emit(LookFailed(self.account.id, "EXAMINE", fault.detail))
        await self._report(mailbox, Watch.FAILED, next_seconds, fault=fault)

    async def _sit_out(self, assignment: Assignment) -> None:
        """The mailbox does not open: keep the session alive for a while, then ask again. Those that are polled over this
        session are looked at meanwhile."""
        seconds = SIT_OUT_SECONDS * (1.0 - 0.1 * self._means.entropy())
        await self._session.pause(min(seconds, self._means.cadence.poll) if assignment.polled else seconds)
        if self.primary == assignment.primary:
            try:
                await self._session.noop()
            except LookRefusedError as refusal:
                self._owe(refusal)

    # --- waiting ---

    async def _wait(self, assignment: Assignment) -> None:
        cadence = self._means.cadence
        seconds = cadence.next_cycle(idles=self._session.idles, settled=self._settled, entropy=self._means.entropy())
        if assignment.polled:
            seconds = min(seconds, cadence.poll)
        if self._failures:
            seconds = min(seconds, _owed_seconds(self._failures))
        await self._report(assignment.primary, Watch.WATCHING, seconds)
        try:
            if self._session.idles:
                await self._session.idle(seconds)
            else:
                await self._session.pause(seconds)
                await self._session.noop()
        except LookRefusedError as refusal:
            # Counted by itself: the looks in between go well, and a server that never lets us wait is not asked for ever.
            self._refusals += 1
            self._means.emit(LookFailed(self.account.id, refusal.command, shown(refusal.text)))
            await self._session.pause(_owed_seconds(self._refusals))
        else:
            self._refusals = 0

    # --- looking ---

    async def _catch_up(self, mailbox: str, extent: Extent | None = None) -> None:
        """One look at the open mailbox, and the commit of what it found. What fails for the store's or the server's sake is
        owed: it is looked for again soon, over the same session, and from what EXAMINE said, so that who is new to the
        mailbox stands where it stood then and another UIDVALIDITY is not missed."""
        self._session.looked()
        started = self._means.clock.monotonic()
        if extent is not None:
            self._unlooked = (mailbox, extent)
        try:
            if self._unlooked is not None and self._unlooked[0] == mailbox:
                await self._look_until_settled(mailbox, self._unlooked[1], started)
                self._unlooked = None
            if extent is None:
                await self._look_until_settled(mailbox, None, started)
            self._failures = 0
        except StoreError as error:
            self._store_failed(error)
        except ConflictError:
            self._failures += 1
        except (LookRefusedError, MailboxRefusedError) as refusal:
            self._owe(refusal)

    async def _look_until_settled(self, mailbox: str, extent: Extent | None, started: float) -> None:
        for _ in range(CONFLICTS - 1):
            try:
                await self._look(mailbox, extent, started)
            except ConflictError:
                continue
            return
        await self._look(mailbox, extent, started)

    def _store_failed(self, error: StoreError) -> None:
        self._failures += 1
        self._means.emit(StoreFailed(str(error)))

    def _owe(self, refusal: LookRefusedError | MailboxRefusedError) -> None:
        self._failures += 1
        self._means.emit(LookFailed(self.account.id, refusal.command, shown(refusal.text)))

    async def _look(self, mailbox: str, extent: Extent | None, started: float) -> None:
        means, session = self._means, self._session
        cursor = await means.store.cursor(self.account.id, mailbox)
        if extent is None and cursor is not None and session.uid_validity == cursor.uid_validity:
            # Within a session only the UIDs tell; `n:*` asks for what is new and costs one line when nothing is.
            position: Baseline | Rebased | UpToDate | Behind = Behind(cursor.uid_next, None)
        else:
            extent = extent or await session.examine(mailbox)
            if extent.uid_next is None and (
                cursor is None or cursor.uid_validity != extent.uid_validity or self._new_to(mailbox)
            ):
                extent = replace(extent, uid_next=await session.uid_next())
            await self._ground(mailbox, extent)
            position = locate(cursor, extent.uid_validity, extent.uid_next, extent.exists)
        self._settled = True
        match position:
            case Baseline(new) | Rebased(new):
                await means.store.commit(self.account.id, mailbox, cursor, new, ())
                if isinstance(position, Rebased):
                    means.emit(CursorRebased(self.account.id, "uid-validity"))
            case Behind(first, span):
                assert cursor is not None
                await self._fetch_and_commit(mailbox, cursor, first, span, extent, started)
            case UpToDate():
                pass

    async def _fetch_and_commit(
        self, mailbox: str, cursor: Cursor, first: int, span: int | None, extent: Extent | None, started: float
    ) -> None:
        means, session = self._means, self._session
        subscriptions = await self._listening(mailbox)
        items = fetch_items(subscriptions, has_preview=session.connection.has("PREVIEW"))
        uid_next = extent.uid_next if extent else None
        decision: Quiet | NewUids | Flood
        if too_many(span, cursor.count, session.exists):
            uid_next = uid_next or await session.uid_next()
            counted = await session.count_new(first, uid_next - 1)
            decision = decide_count(cursor, counted, uid_next, session.exists)
        else:
            fetched = await session.fetch(SequenceSet.starting_at(first), items)
            decision = decide(cursor, fetched, uid_next, session.exists)
        if isinstance(decision, Quiet):
            if decision.cursor.uid_next != cursor.uid_next:
                await means.store.commit(self.account.id, mailbox, cursor, decision.cursor, ())
            return
        # Only who is told of it pays for the count of unseen messages.
        tells = any(one.endpoints.new_mail is not None and one.endpoints.new_mail.carries_body for one in subscriptions)
        unseen = await session.count_unseen() if tells else None
        # Who joined while the server was asked is told, too: the cursor is about to pass what came since.
        subscriptions = await self._listening(mailbox)
        if not set(fetch_items(subscriptions, has_preview=session.connection.has("PREVIEW"))) <= set(items):
            raise ConflictError("Somebody who joined meanwhile wants to know more than was fetched.")
        now = means.clock.now()
        drafts: tuple[Draft, ...]
        if isinstance(decision, Flood):
            upto = decision.cursor.uid_next
            drafts = match_flood(
                subscriptions, mailbox, cursor.uid_validity, decision.count, upto, unseen, now, means.keep
            )
        else:
            drafts = match(subscriptions, mailbox, cursor.uid_validity, decision.messages, unseen, now, means.keep)
        committed = await means.store.commit(self.account.id, mailbox, cursor, decision.cursor, drafts)
        self._settled = False
        means.committed()
        found = decision.count if isinstance(decision, Flood) else len(decision.messages)
        took_ms = (means.clock.monotonic() - started) * 1000.0
        means.emit(MailDetected(self.account.id, found, len(committed), took_ms))

    async def _listening(self, mailbox: str) -> tuple[Subscription, ...]:
        return listening(await self._means.store.of_account(self.account.id), mailbox)

    def _new_to(self, mailbox: str) -> bool:
        return any(wished == mailbox for _, wished in self._fresh)

    async def _ground(self, mailbox: str, extent: Extent) -> None:
        """Who is new to the mailbox is told of what comes from now on."""
        for subscription, wished in self._fresh:
            if wished == mailbox and extent.uid_next is not None:
                await self._means.store.ground(subscription, Floor(mailbox, extent.uid_validity, extent.uid_next))
        self._fresh = tuple(one for one in self._fresh if one[1] != mailbox)

    # --- mailboxes without a session of their own ---

    async def _poll_others(self, assignment: Assignment) -> None:
        now = self._means.clock.monotonic()
        if not assignment.polled or now < self._polled_at:
            return
        self._polled_at = now + self._means.cadence.poll * 0.9
        for mailbox in assignment.polled:
            try:
                await self._poll(mailbox)
            except StoreError as error:
                self._store_failed(error)
        await self._opened(assignment.primary)

    async def _poll(self, mailbox: str) -> None:
        """STATUS first; only where it tells of something is the mailbox opened."""
        cursor = await self._means.store.cursor(self.account.id, mailbox)
        if cursor is not None and not self._new_to(mailbox):
            status = await self._session.status(mailbox, _POLLED_ITEMS)
            if status is not None and status.uid_next is not None:
                validity = status.uid_validity or cursor.uid_validity
                if isinstance(locate(cursor, validity, status.uid_next, status.messages), UpToDate):
                    await self._report(mailbox, Watch.WATCHING, self._means.cadence.poll, polled=True)
                    return
        try:
            extent = await self._session.examine(mailbox)
        except MailboxRefusedError as refusal:
            await self._shut_out(mailbox, refusal, self._means.cadence.poll)
            return
        await self._catch_up(mailbox, extent)
        await self._report(mailbox, Watch.WATCHING, self._means.cadence.poll, polled=True)

    # --- telling ---

    async def _report(
        self, mailbox: str, watch: Watch, next_seconds: float, *, polled: bool = False, fault: Fault | None = None
    ) -> None:
        means = self._means
        now = means.clock.now()
        try:
            cursor = await means.store.cursor(self.account.id, mailbox)
        except StoreError as error:
            means.emit(StoreFailed(str(error)))
            return  # what was said last stands
        if mailbox not in self.mailboxes:
            return  # it was given up meanwhile, and nothing is to be said of it any more
        if cursor is None and watch is Watch.WATCHING:
            watch = Watch.CONNECTING  # nothing is known to be new yet: the first look is still owed
        mode, reason = self._mode(polled=polled) if watch is Watch.WATCHING else (None, None)
        means.status.report(
            self.account.id,
            MailboxStatus(
                mailbox,
                watch,
                mode=mode,
                mode_reason=reason,
                uid_validity=cursor.uid_validity if cursor else None,
                uid_next=cursor.uid_next if cursor else None,
                last_seen_alive_at=now,
                next_check_at=now + timedelta(seconds=next_seconds),
                fault=fault,
            ),
        )

    def _mode(self, *, polled: bool) -> tuple[Mode, str | None]:
        if polled:
            return Mode.POLL, "no session of its own: looked at by STATUS over another one"
        if self._session.idles:
            return Mode.IDLE, None
        return Mode.POLL, "the server has no IDLE"


def _owed_seconds(failures: int) -> float:
    return min(OWED_FIRST_SECONDS * 2.0 ** min(failures - 1, 10), OWED_LONGEST_SECONDS)
