"""The fleet: compares what is wanted (the store) with what runs, and starts, moves and stops watchers.

Creation, change, restart and recovery are one path: something changes in the store or in the inbox of sessions, the account is
nudged, and :meth:`Fleet._reconcile` makes what runs fit what is wanted. A nudge is only a hint; every account is looked at once
a minute anyway.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import islice

from idlebell.imap.errors import RemoteProtocolError
from idlebell.model.account import Account
from idlebell.model.ids import AccountId
from idlebell.model.notification import LossReason
from idlebell.model.problem import Blame, Fault
from idlebell.model.subscription import StandingProblem
from idlebell.net.errors import TimedOut, TransportError
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.session_inbox import SessionInbox
from idlebell.net.wheel import Wheel
from idlebell.store.contract import StoreError, WantedAccount
from idlebell.telemetry.facts import ReconnectAsked, SessionLost, StoreFailed, SupervisorCaught, where_raised
from idlebell.telemetry.status import MailboxStatus, Watch
from idlebell.watch.answering import LOST
from idlebell.watch.diagnose import diagnose
from idlebell.watch.grounding import ground_newcomers
from idlebell.watch.held import Held
from idlebell.watch.look import Means
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.parked import Parked
from idlebell.watch.parking import Parking
from idlebell.watch.recovery import backoff, pause
from idlebell.watch.restart import announce_restart
from idlebell.watch.returns import Returns
from idlebell.watch.strategy import assign, by_want, choose, sessions_worth
from idlebell.watch.watcher import HUNG_UP_SECONDS, Watcher

ROUND_SECONDS = 60.0
"""Between two looks at everything."""
WANTED_AT_ONCE = 500
"""Accounts that are read from the store and compared before the next ones are."""
AT_ONCE = 64
"""Accounts reconciled at the same time."""
SUSPECTS_PER_SECOND = 500.0
"""Accounts whose sessions are probed after a jump of the clock: twenty thousand in forty seconds, without a stall."""
SUSPECTS_AT_ONCE = 50
STOP_SECONDS = 10.0
"""For all sessions to be logged out in good order."""
LET_IN_ATTEMPTS = 7
"""Sessions that are lost again and again after good logins lengthen the pause up to this attempt's, a minute."""
DOWN_FOR_ALL = frozenset({"unreachable", "session-lost", "server-error"})
"""Faults of a server or of the way to it, not of one account."""
STORE_RETRY_SECONDS = 5.0


class Fleet:
    """``reopen`` opens a session with credentials that are held: a Fault where that fails, None where none are left.
    ``holds`` says whether there are any; ``is_near`` whether a server is on a network that the operator names as his own."""

    def __init__(
        self,
        means: Means,
        inbox: SessionInbox,
        reopen: Callable[[Account], Awaitable[ImapConnection | Fault | None]],
        holds: Callable[[AccountId], bool],
        is_near: Callable[[ImapConnection], bool],
        wheel: Wheel | None = None,
    ) -> None:
        self._means = means
        self._inbox = inbox
        self._reopen = reopen
        self._holds = holds
        self._is_near = is_near
        self._held: dict[AccountId, Held] = {}
        # Linked: each minute it has all accounts, and is eaten up from its beginning.
        self._nudged: OrderedDict[AccountId, None] = OrderedDict()
        self._at_work: dict[AccountId, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._returning = 0
        self._at_host: Counter[str] = Counter()
        self._returns = Returns(means.clock)
        self._parking = Parking(means, self._held, self._start, wheel)

    # --- what others may ask ---

    def nudge(self, account: AccountId) -> None:
        """Something about this account may have changed."""
        self._nudged[account] = None
        self._wake.set()

    async def announce_restart(self) -> None:
        """To be called once, before :meth:`run`."""
        await announce_restart(self._means, self._holds)

    async def run(self) -> None:
        """Until cancelled. A supervisor: without it nobody would ever be watched again."""
        ticker = asyncio.create_task(self._tick(), name="fleet-round")
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                try:
                    self._start_nudged()
                except Exception as error:
                    self._means.emit(SupervisorCaught("fleet", where_raised(error)))
        finally:
            ticker.cancel()

    async def stop(self) -> None:
        """Logs out every session, within :data:`STOP_SECONDS`."""
        self._stopping = True
        self._parking.log_out()
        cut = [*self._at_work.values(), *(held.reopening for held in self._held.values() if held.reopening)]
        for unfinished in cut:
            unfinished.cancel()
        tasks = [task for held in self._held.values() for watcher in held.watchers if (task := watcher.task)]
        for held in self._held.values():
            for watcher in held.watchers:
                watcher.assign(None)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
            for one in late:
                one.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await asyncio.gather(*cut, return_exceptions=True)
        await self._inbox.close()

    # --- reconciling ---

    async def _tick(self) -> None:
        while True:
            try:
                await self._go_round()
            except StoreError as error:
                self._means.emit(StoreFailed(str(error)))
                await self._means.clock.sleep(STORE_RETRY_SECONDS)
                continue
            except Exception as error:  # a supervisor: without its rounds a lost nudge would never be made good
                self._means.emit(SupervisorCaught("fleet", where_raised(error)))
                await self._means.clock.sleep(STORE_RETRY_SECONDS)
                continue
            await self._means.clock.sleep(ROUND_SECONDS)

    async def _go_round(self) -> None:
        """Nudges all accounts but those that are parked as they are wanted."""
        parked = self._parking.accounts()
        last: AccountId | None = None
        while wanted := await self._means.store.wanted(last, WANTED_AT_ONCE):
            for one in wanted:
                account = one.account.id
                parked.discard(account)
                if not self._rests(one):
                    self._nudged[account] = None
            last = wanted[-1].account.id
            self._wake.set()
        for account in dict.fromkeys((*parked, *self._held, *self._inbox.waiting())):
            self._nudged[account] = None
        self._wake.set()

    def _start_nudged(self) -> None:
        """One task an account at a time; a nudge that comes while one is at work is kept for after it."""
        if self._stopping:
            return
        free = AT_ONCE - len(self._at_work)
        for account in [*islice((one for one in self._nudged if one not in self._at_work), free)]:
            del self._nudged[account]
            task = asyncio.create_task(self._reconcile_safely(account))
            self._at_work[account] = task
            task.add_done_callback(partial(self._worked, account))

    def _worked(self, account: AccountId, _: asyncio.Task[None]) -> None:
        del self._at_work[account]
        if self._nudged:
            self._wake.set()

    async def _reconcile_safely(self, account: AccountId) -> None:
        """A supervisor: whatever goes wrong with one account is met again in a minute and touches no other."""
        try:
            await self._reconcile(account)
        except StoreError as error:
            self._means.emit(StoreFailed(str(error)))
        except Exception as error:
            self._means.emit(SupervisorCaught("fleet", where_raised(error)))

    async def _reconcile(self, account: AccountId) -> None:
        wanted = await self._means.store.wanted_of(account)
        if self._inbox.expects(account):
            return  # sessions are on their way; whoever brings them nudges
        held_back = self._inbox.held_back(account) and not self._holds(account)
        if wanted is not None and self._rests(wanted) and not held_back:
            return
        self._parking.wake(account)
        held = self._held.get(account)
        if wanted is None or held_back:
            if held is not None:
                self._release(held)
            for session in self._inbox.take(account):
                self._inbox.log_out(session)
            return
        held = self._held[account] = held or Held(wanted.account)
        held.account = wanted.account  # whose keys may have been exchanged
        for gone in set(held.wanted) - set(wanted.mailboxes):
            self._means.status.forget(account, gone)
            held.books.forget(gone)
        held.wanted = by_want(wanted.mailboxes)
        held.found_by_list = bool(wanted.selections)
        self._deal(held, wanted, self._inbox.take(account))
        await ground_newcomers(self._means, account, wanted)
        await self._mend(held)

    def _deal(self, held: Held, wanted: WantedAccount, offered: list[ImapConnection]) -> None:
        """Gives every session its mailboxes; starts watchers for new sessions, logs out what is not needed."""
        watchers = [watcher for watcher in held.watchers if watcher.primary is not None]
        worth = self._worth(held, offered)
        assignments = assign(held.wanted, [*(watcher.primary for watcher in watchers), *(None for _ in offered)], worth)
        surveyor = next((one for one, work in zip(watchers, assignments, strict=False) if work is not None), None)
        for watcher, assignment in zip(watchers, assignments, strict=False):
            watcher.assign(assignment, wanted.fresh, wanted.selections if watcher is surveyor else ())
        for connection, assignment in zip(offered, assignments[len(watchers) :], strict=True):
            if assignment is None:
                self._inbox.log_out(connection)
                continue
            session = MailboxSession(connection, self._means.clock)
            near = self._is_near(connection)
            watcher = Watcher(held.account, session, assignment, held.books, self._means, near=near)
            watcher.assign(assignment, wanted.fresh, () if surveyor is not None else wanted.selections)
            surveyor = surveyor or watcher
            self._at_host[held.account.target.host] += 1
            self._start(held, watcher, self._means.clock.monotonic())

    def _start(self, held: Held, watcher: Watcher, opened_at: float) -> None:
        watcher.task = asyncio.create_task(watcher.run())
        held.watchers.append(watcher)
        watcher.task.add_done_callback(partial(self._ended, held, watcher, opened_at))

    async def _mend(self, held: Held) -> None:
        """Mailboxes without a session: open one if credentials are held; if no session is left at all, ask the apps."""
        sessions = [watcher.primary for watcher in held.watchers if watcher.primary is not None]
        if sessions and not held.served:
            await self._means.store.clear_loss(held.account.id)
            held.served = True
        if not self._missing(held) or (held.reopening is not None and not held.reopening.done()):
            return
        if self._holds(held.account.id):
            held.reopening = asyncio.create_task(self._reopen_safely(held))
            held.reopening.add_done_callback(partial(self._returned, held.account.id))
            self._returning += 1
        elif not sessions:
            await self._give_up(held)

    def _returned(self, account: AccountId, _: asyncio.Task[None]) -> None:
        self._returning -= 1
        self.nudge(account)

    async def _give_up(self, held: Held) -> None:
        """Whoever has not been asked yet is asked: the store says who."""
        account = held.account.id
        held.served = False
        living = await self._means.store.of_account(account)
        if self._inbox.expects(account) or self._inbox.offers(account) or self._inbox.attended(account):
            return  # a session has come meanwhile, or will; whoever brings it nudges
        refused = held.fault is not None and held.fault.blame is Blame.CREDENTIALS
        reason = LossReason.REJECTED if refused else LossReason.CONNECTION_LOST
        count = 0
        if any(one.wanted and not one.declared and one.loss is None for one in living):
            now = self._means.clock.now()
            # The sessions are forgotten with their faults: what is shown from now on stands with the subscription.
            problem = StandingProblem(held.fault.code, held.fault.detail, now) if held.fault is not None else None
            count = await self._means.store.record_loss(account, reason, now, now, problem=problem)
        self._means.looks.refuse(account, LOST)
        if self._means.status.of(account) is not None:
            self._means.status.forget(account)
        if count:
            self._means.emit(ReconnectAsked(account, reason.value, count))
            self._means.committed()

    def _release(self, held: Held) -> None:
        """Nobody wants the account any more, or a client's own session stands for it."""
        if held.reopening is not None:
            held.reopening.cancel()
        for watcher in held.watchers:
            watcher.assign(None)
        self._means.status.forget(held.account.id)
        if not held.watchers:
            self._held.pop(held.account.id, None)

    # --- sessions that end, and new ones ---

    def _ended(self, held: Held, watcher: Watcher, opened_at: float, task: asyncio.Task[Parked | None]) -> None:
        """A watcher's task is done: its session is parked, was not needed any more, or is over."""
        held.steady(opened_at, self._means.clock.monotonic())
        held.watchers.remove(watcher)
        if not task.cancelled() and task.exception() is None and (parked := task.result()) is not None:
            parked.opened_at = opened_at
            if not self._parking.park(held, watcher, parked, stopping=self._stopping):
                self.nudge(held.account.id)
            return
        self._at_host[held.account.target.host] -= 1
        if not self._at_host[held.account.target.host]:
            del self._at_host[held.account.target.host]
        error = None if task.cancelled() else task.exception()
        quiet = watcher.quiet_seconds
        if isinstance(error, TransportError) and quiet is not None and quiet >= HUNG_UP_SECONDS:
            silently = isinstance(error, TimedOut)
            self._means.hosts.hung_up(held.account.target.host, quiet, silently=silently)
        if isinstance(error, TransportError | RemoteProtocolError):
            held.fault = diagnose(error)
            host = held.account.target.host
            self._means.emit(SessionLost(held.account.id, host, held.fault.code, held.fault.detail, held.fault.private))
        elif error is not None:
            held.fault = Fault("internal", "The gateway failed.", where_raised(error))
            self._means.emit(SupervisorCaught("watcher", where_raised(error)))
        for mailbox in watcher.mailboxes if error is not None else ():
            self._means.status.report(held.account.id, MailboxStatus(mailbox, Watch.RECONNECTING, fault=held.fault))
        if not held.watchers and held.reopening is not None:
            held.reopening.cancel()  # it may be waiting long for one more session; now it is the first that is missing
        if not self._stopping:
            self.nudge(held.account.id)

    def _living(self, held: Held) -> list[Watcher]:
        return [watcher for watcher in held.watchers if watcher.primary is not None]

    def _worth(self, held: Held, offered: Sequence[ImapConnection] = ()) -> int:
        """How many sessions the account is to have, by what its server can do as far as that is known."""
        known = [*(watcher.connection for watcher in self._living(held)), *offered]
        now = self._means.clock.monotonic()
        way = choose(known[0].has, held.books.lapses, now, several=True).way if known else None
        budget = self._means.hosts.sessions(held.account.target.host)
        return sessions_worth(len(held.wanted), way, budget, found_by_list=held.found_by_list)

    def _missing(self, held: Held) -> int:
        return max(0, self._worth(held) - len(self._living(held)))

    # --- when time has passed unnoticed ---

    async def suspect_all(self) -> None:
        """The machine slept, the process stood still, or the clock jumped: every session has to show that it lives, paced."""
        # By account, for a session may be parked or woken before its turn comes.
        suspects = [*dict.fromkeys((*self._held, *self._parking.accounts()))]
        for start in range(0, len(suspects), SUSPECTS_AT_ONCE):
            for account in suspects[start : start + SUSPECTS_AT_ONCE]:
                self._parking.suspect(account)
            await self._means.clock.sleep(SUSPECTS_AT_ONCE / SUSPECTS_PER_SECOND)

    # --- for the operator ---

    def sessions(self) -> int:
        return self._at_host.total()

    def returning(self) -> int:
        """Accounts whose lost sessions are being opened again: what they had is theirs, whoever else wants in."""
        return self._returning

    def awake(self) -> int:
        return self.sessions() - self.parked()

    def parked(self) -> int:
        return len(self._parking)

    def forms(self) -> dict[str, int]:
        """Sessions by their form."""
        return {"awake": self.awake(), "parked": self.parked()}

    def may_park(self, account: AccountId) -> bool:
        """Does the one session that runs stand for all that is to be done about the account?"""
        busy = self._stopping or account in self._nudged or account in self._at_work or self._inbox.offers(account)
        return not (busy or self._means.looks.wait(account)) and self._parking.may_park(account)

    def _rests(self, wanted: WantedAccount) -> bool:
        """Is the account parked, and is nothing else wanted of it?"""
        account = wanted.account.id
        return self._parking.suits(wanted) and not (self._inbox.offers(account) or self._means.looks.wait(account))

    def sessions_at(self, host: str) -> int:
        return self._at_host[host]

    async def _reopen_safely(self, held: Held) -> None:
        """A supervisor, as for reconciling."""
        try:
            await self._reopen_one(held)
        except StoreError as error:
            self._means.emit(StoreFailed(str(error)))
            await self._means.clock.sleep(STORE_RETRY_SECONDS)
        except Exception as error:
            self._means.emit(SupervisorCaught("fleet", where_raised(error)))
            await self._means.clock.sleep(STORE_RETRY_SECONDS)

    async def _reopen_one(self, held: Held) -> None:
        """Tries, with the credentials that are held, until there is a session, and offers it as whoever registers does."""
        while self._missing(held) and self._holds(held.account.id):
            if held.fault is not None:
                held.attempts = held.attempts + 1 if held.waits is backoff(held.fault) else 1
                held.waits = backoff(held.fault)
                await self._wait_for_return(held, held.fault)
            account = held.account
            answer = await self._reopen(account)
            if answer is None:
                return
            if not isinstance(answer, Fault):
                held.fault = None
                held.attempts = min(held.attempts, LET_IN_ATTEMPTS)
                self._returns.let_in(account.target.host)
                self._inbox.adopt(account.id, answer)
                return
            if answer.code == "too-many-connections" and (live := len(self._living(held))):
                # Not lost: its other sessions look after all mailboxes. The server has told what it bears.
                self._means.hosts.limited(account.target.host, live)
                continue
            held.fault = answer
            if answer.code == "certificate-changed" and not self._living(held):
                await self._give_up(held)  # it is tried on, but somebody has to know
            looked_after = {mailbox for watcher in held.watchers for mailbox in watcher.mailboxes}
            for mailbox in set(held.wanted) - looked_after:
                self._means.status.report(account.id, MailboxStatus(mailbox, Watch.RECONNECTING, fault=answer))

    async def _wait_for_return(self, held: Held, fault: Fault) -> None:
        """The pause before the next attempt. It ends early where another account gets in at a server that was down for all:
        the pace at which sessions are opened to one server keeps that from being a storm. Only once: a server that lets
        everybody in and drops them again would be asked for ever by those who follow each other. After that it ends within
        a minute: where others live the server is there, and the account's mail should ring within two minutes again."""
        host, entropy = held.account.target.host, self._means.entropy()
        at_most = min(held.attempts, LET_IN_ATTEMPTS)
        # A session that was lost had been let in.
        there = fault.code == "session-lost" or (fault.code in DOWN_FOR_ALL and self._at_host[host] > 0)
        seconds = pause(fault, at_most if there else held.attempts, entropy)
        if fault.code not in DOWN_FOR_ALL:
            await self._means.clock.sleep(seconds)
            return
        started = self._means.clock.monotonic()
        if not await self._returns.within(host, seconds):
            return
        if held.hastened:
            left = started + seconds - self._means.clock.monotonic()
            await self._means.clock.sleep(max(0.0, min(left, pause(fault, at_most, entropy))))
        held.hastened = True
