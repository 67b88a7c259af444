"""Messages that are to ring again: whether they are unread still is asked of the session that is open.

What was read or removed meanwhile rings nothing. Where nobody can be asked for longer than a grace it rings all the same: a
ring too many is better than one too few.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import Draft, Reminder, Told
from idlebell.model.problem import Fault
from idlebell.net.clock import Clock
from idlebell.net.look_inbox import Look, LookInbox
from idlebell.rules.compiled import NO_FILTER
from idlebell.rules.match import listening
from idlebell.store.contract import Store, StoreError
from idlebell.store.reminders import Owed
from idlebell.telemetry.facts import Emit, StoreFailed, SupervisorCaught, where_raised
from idlebell.telemetry.status import Status, Watch
from idlebell.watch.withdrawals import DEALT_WITH

EVERY_SECONDS: Final = 5.0
AT_ONCE: Final = 500
"""Messages that are read from the store in one step."""
ASKED_AT_ONCE: Final = 50
"""Sessions. Each is woken for it, and thousands may be due when a night ends or the gateway starts."""
ANSWER_SECONDS: Final = 30.0
AGAIN: Final = timedelta(minutes=1)
GRACE: Final = timedelta(minutes=10)
"""A session that was lost is back by then, or will not be until its user has done something."""


class Reminding:
    """``nudge`` wakes the session of an account, ``committed`` tells that something may be due in the outbox. ``keep``: how
    long a ring is of use."""

    def __init__(
        self,
        store: Store,
        looks: LookInbox,
        status: Status,
        clock: Clock,
        emit: Emit,
        nudge: Callable[[AccountId], None],
        committed: Callable[[], None],
        keep: timedelta,
    ) -> None:
        self._store = store
        self._looks = looks
        self._status = status
        self._clock = clock
        self._emit = emit
        self._nudge = nudge
        self._committed = committed
        self._keep = keep
        self._asking = asyncio.Semaphore(ASKED_AT_ONCE)
        self._loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="reminders")

    async def stop(self) -> None:
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def remind(self) -> None:
        """Of all that is owed by now. StoreError where the store cannot."""
        now = self._clock.now()
        # What was dealt with is due later or not at all, so each step finds others.
        while owed := await self._store.reminders_owed(now, AT_ONCE):
            together: defaultdict[tuple[AccountId, str, int], list[Owed]] = defaultdict(list)
            for one in owed:
                together[one.account, one.message.mailbox, one.message.uid_validity].append(one)
            await asyncio.gather(*(self._deal_with(*key, found) for key, found in together.items()))
            if len(owed) < AT_ONCE:
                break

    async def _deal_with(self, account: AccountId, mailbox: str, uid_validity: int, owed: Sequence[Owed]) -> None:
        """``owed``: all of that mailbox. Who does not hear of it any more is owed nothing."""
        hearing = {one.id for one in listening(await self._store.of_account(account), mailbox)}
        heard = [one for one in owed if one.subscription in hearing]
        async with self._asking:
            unread = await self._unread(account, mailbox, tuple({one.message for one in heard}))
        now = self._clock.now()
        if unread is None:
            late = [] if self._watch(account, mailbox) is Watch.FAILED else heard  # it is gone, with what was in it
            ringing = [one for one in late if now - one.since >= GRACE]
            waiting = [one for one in heard if now - one.since < GRACE]
            await self._store.put_off_reminders(waiting, now + AGAIN)
        else:
            ringing = [one for one in heard if one.message in unread]
            waiting = []
        uids: defaultdict[SubscriptionId, list[int]] = defaultdict(list)
        for one in ringing:
            uids[one.subscription].append(one.message.uid)
        drafts = [
            Draft(
                one,
                Reminder(mailbox, uid_validity, tuple(sorted(own))),
                at=now,
                due_at=now,
                expires_at=now + self._keep,
            )
            for one, own in uids.items()
        ]
        settled = [(one.subscription, one.message) for one in owed if one not in ringing and one not in waiting]
        if drafts:
            self._committed()  # before it is: so what is taken from the outbox shares its commit
        if drafts or settled:
            await self._store.ring_again(drafts, settled)

    async def _unread(self, account: AccountId, mailbox: str, messages: tuple[Told, ...]) -> frozenset[Told] | None:
        """Those of ``messages`` that are there and unread. None: nobody could say."""
        if not messages:
            return frozenset()
        if self._watch(account, mailbox) is not Watch.WATCHING:
            return None
        look = Look(mailbox, 0, NO_FILTER, flags_of=messages)
        if not self._looks.ask(account, look):
            return None
        try:
            self._nudge(account)
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await look.answer
        except TimeoutError:
            return None
        finally:
            self._looks.take_back(account, look)
        if isinstance(answer, Fault):
            return None
        unread = {one.uid for one in answer if not any(map(one.has_flag, DEALT_WITH))}
        return frozenset(one for one in messages if one.uid in unread)

    def _watch(self, account: AccountId, mailbox: str) -> Watch | None:
        status = self._status.of(account)
        watched = None if status is None else status.mailboxes.get(mailbox)
        return None if watched is None else watched.watch

    async def _run(self) -> None:
        """A supervisor: whatever goes wrong is met again in the next round."""
        while True:
            try:
                await self.remind()
            except StoreError as error:
                self._emit(StoreFailed(str(error)))
            except Exception as error:
                self._emit(SupervisorCaught("reminders", where_raised(error)))
            await self._clock.sleep(EVERY_SECONDS)
