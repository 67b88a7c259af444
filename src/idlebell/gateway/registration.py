"""Registrations under way: proof by a login, then the subscription becomes active in one step with its sessions.

Each attempt is a task that this module owns. While a request waits for it, a failure ends it and nothing is kept; once
nobody waits any more, it goes on for ten minutes, and what it comes to is told to the app by a ``reconnect`` push.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from idlebell.deliver.dispatcher import Dispatcher
from idlebell.gateway.credentials import same_credentials
from idlebell.gateway.trusting import settled
from idlebell.gateway.turns import Turns
from idlebell.gateway.wish import Wish
from idlebell.login.asker import Asker
from idlebell.login.door import LOGIN_SECONDS, Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import LoginFailed
from idlebell.login.refusal import no_room, refuses_credentials
from idlebell.model.account import (
    Account,
    Credentials,
    KeyedCredentials,
    RelayedCredentials,
    RenewableCredentials,
    Retention,
)
from idlebell.model.endpoint import Endpoint, Endpoints, Provable, WebhookEndpoint, same_endpoint, unproven
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import Draft, LossReason, Reconnect
from idlebell.model.problem import Fault, Problem, ProblemError, Retry
from idlebell.model.proof import PROVEN, Demands
from idlebell.model.subscription import Floor, Loss, Phase, StandingProblem, Subscription, has_shown_right
from idlebell.net.clock import Clock
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.session_inbox import SessionInbox
from idlebell.store.changes import RECONNECT_KEPT
from idlebell.store.contract import ConflictError, Store, StoreError
from idlebell.telemetry.facts import Emit, ReconnectAsked, StoreFailed, SupervisorCaught, where_raised
from idlebell.telemetry.status import Status
from idlebell.watch.lapses import Lapses
from idlebell.watch.strategy import Way, choose, sessions_worth

UNDER_WAY: Final = 10_000
"""Attempts, those that stand in line at the door or wait for their next try included."""
UNDER_WAY_OF_KEY: Final = 4
TRIED_FOR_SECONDS: Final = 600.0
"""How long a first login is tried when nobody waits for it any more (interface: "10 minutes")."""
PAUSES_SECONDS: Final = (5.0, 15.0, 30.0, 60.0, 120.0)
"""Between tries; the last one stays."""
CONFLICTS: Final = 8
"""Lost compare-and-sets in a row before an attempt gives up."""


@dataclass(slots=True)
class Order:
    """One attempt to show the right to an account, and what becomes of the subscription then.

    ``apply`` makes the active subscription of the one that is stored (None: it is gone) and may raise ProblemError; it is
    called again where somebody else was faster. ``credentials`` are owned by the order from now on.
    """

    subscription: SubscriptionId
    key: bytes
    account: Account
    credentials: Credentials
    retention: Retention
    mailboxes: tuple[str, ...]
    endpoints: Endpoints
    apply: Callable[[Subscription | None, Endpoints, Order], Awaitable[Subscription]]
    asker: Asker
    wish: Wish | None = None
    """Equal wishes with equal credentials are one attempt."""
    token_hashes: list[bytes] = field(default_factory=list)
    """Tokens that begin to work with the proof."""

    @property
    def single(self) -> bool:
        """Its credentials are good for one login."""
        return isinstance(self.credentials, RelayedCredentials)

    def same_as(self, wish: Wish | None, credentials: Credentials) -> bool:
        return wish is not None and self.wish == wish and same_credentials(self.credentials, credentials)


@dataclass(frozen=True, slots=True)
class Accepted:
    """``previous``: as it was stored before; None: there was nothing, or nothing that had shown its right."""

    subscription: Subscription
    previous: Subscription | None


class Attempt:
    """What a request waits for."""

    __slots__ = ("deciding", "order", "promised", "task", "waiters")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.task: asyncio.Task[Accepted | Fault | ProblemError]
        self.waiters = 0
        self.promised = False
        """An app was answered that it goes on: no failure ends it while others still wait."""
        self.deciding = False
        """A failure has been found while somebody waited: it is the answer, even if the time is just over."""

    async def wait(self, seconds: float) -> Accepted | Fault | ProblemError | None:
        """The outcome; None where it is still open after ``seconds``: from then on it goes on by itself."""
        if seconds <= 0:
            return None
        self.waiters += 1
        try:
            await asyncio.wait({self.task}, timeout=seconds)
            if self.deciding and not self.task.done():
                await asyncio.wait({self.task})
        finally:
            self.waiters -= 1
        if not self.task.done():
            return None
        if self.task.cancelled():
            return Fault(
                "overloaded", "The registration was ended: the gateway is stopping, or the subscription was deleted."
            )
        return self.task.result()


@dataclass(slots=True)
class _Group:
    """The attempts of one key. ``created``: the subscription was stored for one of them; ``promised``: an app was told that
    it goes on."""

    attempts: list[Attempt] = field(default_factory=list)
    created: bool = False
    promised: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Registrar:
    """One for a process; :meth:`stop` ends what is under way."""

    def __init__(
        self,
        store: Store,
        door: Door,
        keyring: Keyring,
        sessions: SessionInbox,
        status: Status,
        nudge: Callable[[AccountId], None],
        dispatcher: Dispatcher,
        clock: Clock,
        emit: Emit,
        *,
        demands: Demands,
        budget: Callable[[str], int],
    ) -> None:
        """``budget``: how many sessions of one account a host bears."""
        self._store = store
        self._door = door
        self._keyring = keyring
        self._sessions = sessions
        self._status = status
        self._nudge = nudge
        self._dispatcher = dispatcher
        self._clock = clock
        self._emit = emit
        self._demands = demands
        self._budget = budget
        self._groups: dict[bytes, _Group] = {}
        self._under_way = 0
        self.turns = Turns()
        """Of a key, for finding or making its subscription; of a subscription, for changing it."""

    def find(self, key: bytes, wish: Wish, credentials: Credentials) -> Attempt | None:
        """An attempt under way that asks for the same with the same credentials."""
        group = self._groups.get(key)
        if group is None:
            return None
        return next((one for one in group.attempts if one.order.same_as(wish, credentials)), None)

    def start(self, order: Order, *, created: bool = False) -> Attempt:
        """ProblemError ``overloaded`` where too much is under way already, ``too-many-requests`` where of this key alone."""
        group = self._groups.get(order.key)
        full = self._under_way >= UNDER_WAY
        if full or (group is not None and len(group.attempts) >= UNDER_WAY_OF_KEY):
            order.credentials.wipe()
            detail = "Too many registrations are under way; try again in a minute."
            raise ProblemError(Problem("overloaded" if full else "too-many-requests", detail, retry_after_seconds=60))
        if group is None:
            group = self._groups[order.key] = _Group()
        group.created = group.created or created
        attempt = Attempt(order)
        attempt.task = asyncio.create_task(self._run(attempt, group), name=f"registration {order.subscription}")
        self._under_way += 1
        group.attempts.append(attempt)
        attempt.task.add_done_callback(lambda _: self._done(attempt, group))
        return attempt

    def promise(self, attempt: Attempt) -> None:
        """Its app is answered that it goes on."""
        attempt.promised = True
        group = self._groups.get(attempt.order.key)
        if group is not None:
            group.promised = True

    def cancel(self, subscription: SubscriptionId) -> None:
        """The subscription is ended: nothing goes on for it."""
        for group in tuple(self._groups.values()):
            for attempt in group.attempts:
                if attempt.order.subscription == subscription:
                    attempt.task.cancel()

    async def verified(self, subscription: SubscriptionId, endpoints: Endpoints, source: str) -> Endpoints | Fault:
        """Each that has to answer a challenge has done so. Codes are asked for when it is stored."""
        answered: list[Endpoint] = []
        for _, endpoint in endpoints:
            waits = unproven(endpoint, self._demands)
            if not isinstance(waits, WebhookEndpoint) or any(same_endpoint(waits, one) for one in answered):
                continue
            result = await self._dispatcher.verify_webhook(subscription, waits, source)
            if not result.verified:
                detail = f"The webhook did not answer its verification with the code. {result.detail}".rstrip()
                return Fault("endpoint-unverified", detail, retry_after_seconds=max(1, int(result.next_in_seconds)))
            answered.append(waits)
        return endpoints.mapped(partial(_with_answers, answered))

    async def stop(self) -> None:
        tasks = [attempt.task for group in self._groups.values() for attempt in group.attempts]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __len__(self) -> int:
        return self._under_way

    # one attempt

    async def _run(self, attempt: Attempt, group: _Group) -> Accepted | Fault | ProblemError:
        """A supervisor: a bug in one registration ends that registration."""
        try:
            return await self._try(attempt, group)
        except StoreError as error:
            self._emit(StoreFailed(str(error)))
            return Fault("store-unavailable", "The gateway cannot store anything now; nothing was changed.")
        except Exception as error:
            self._emit(SupervisorCaught("registration", where_raised(error)))
            return Fault("internal", "The gateway failed.")
        finally:
            if not self._kept(attempt.order):
                attempt.order.credentials.wipe()

    async def _try(self, attempt: Attempt, group: _Group) -> Accepted | Fault | ProblemError:
        order = attempt.order
        began = self._clock.monotonic()
        tries = 0
        while True:
            outcome = await self._once(order, group)
            if isinstance(outcome, Accepted):
                return outcome
            if (attempt.waiters or order.single) and not attempt.promised:
                attempt.deciding = True
                await self._undo(attempt, group)
                return outcome
            if isinstance(outcome, ProblemError):
                await self._tell(order, Fault(outcome.problem.code, outcome.problem.detail), Phase.REJECTED)
                return outcome
            if refuses_credentials(outcome) or outcome.retry is Retry.NEVER or order.single:
                await self._tell(order, outcome, Phase.REJECTED)
                return outcome
            pause = max(PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS) - 1)], outcome.retry_after_seconds or 0)
            if self._clock.monotonic() - began + pause > TRIED_FOR_SECONDS:
                await self._tell(order, outcome, Phase.PENDING)
                return outcome
            tries += 1
            await self._clock.sleep(pause)

    async def _once(self, order: Order, group: _Group) -> Accepted | Fault | ProblemError:
        async with group.turn:
            opened: list[ImapConnection] = []
            if not (self._watched(order) or self._door.has_room()):
                return no_room()  # before a password is sent for nothing
            try:
                opened.append(await self._log_in(order))
                # Before the next login: at first use it has to find the same key.
                trusting = await settled(self._store, order.account, opened[0])
                if isinstance(trusting, Fault):
                    return trusting
                order.account = trusting
                needed = self._needed(order, opened[0])
                endpoints = await self.verified(order.subscription, order.endpoints, order.asker.source)
                if isinstance(endpoints, Fault):
                    return endpoints
                if isinstance(order.credentials, KeyedCredentials):
                    # Some servers make other keys for each login: only a login by them shows that they are good for another.
                    self._sessions.log_out(await self._log_in(order))
                if isinstance(order.credentials, RenewableCredentials):
                    # The last that can be refused: what is spent by it is spent by what is kept.
                    fault = await self._door.renewable(order.credentials)
                    if fault is not None:
                        return fault
                several = order.retention is Retention.SESSION and not order.single
                while len(opened) < needed and several and self._door.has_room():
                    try:
                        opened.append(await self._log_in(order))
                    except LoginFailed:
                        break  # as many as the server lets us; the other mailboxes are asked for by STATUS
                return await self._activate(order, endpoints, opened)
            except LoginFailed as failure:
                return failure.fault
            except StoreError as error:
                # Like a server that is down: who waits is told, and what goes on by itself is tried again.
                self._emit(StoreFailed(str(error)))
                return Fault("store-unavailable", "The gateway cannot store anything now; nothing was changed.")
            except ProblemError as error:
                return error
            finally:
                for connection in opened:
                    self._sessions.log_out(connection)

    async def _log_in(self, order: Order) -> ImapConnection:
        return await self._door.log_in(
            order.account, order.credentials, deadline_seconds=LOGIN_SECONDS, asker=order.asker
        )

    def _watched(self, order: Order) -> frozenset[str]:
        status = self._status.of(order.account.id)
        return status.watching() if status is not None else frozenset()

    def _needed(self, order: Order, session: ImapConnection) -> int:
        """How many sessions its mailboxes need: 0 where the login is nothing but the proof."""
        watched = self._watched(order)
        missing = len(set(order.mailboxes) - watched)
        way = choose(session.has, Lapses(), self._clock.monotonic(), several=True).way
        if watched and (way is Way.NOTIFY or not self._door.has_room()):
            return 0  # the session that is there can be told to look after more
        return sessions_worth(missing, way, self._budget(order.account.target.host), found_by_list=False)

    async def _activate(self, order: Order, endpoints: Endpoints, opened: list[ImapConnection]) -> Accepted | Fault:
        async with self.turns.of(order.subscription):
            return await self._activate_now(order, endpoints, opened)

    async def _activate_now(self, order: Order, endpoints: Endpoints, opened: list[ImapConnection]) -> Accepted | Fault:
        for _ in range(CONFLICTS):
            previous = await self._store.get(order.subscription)
            account = order.account
            if previous is None:  # its account may be gone with it
                made = await self._store.account(account.target, account.username)
                account = order.account = replace(account, id=made.id)
            trusting = await settled(self._store, account, opened[0])
            if isinstance(trusting, Fault):
                return trusting
            account = order.account = trusting
            wanted = await order.apply(previous, endpoints, order)
            wanted = replace(wanted, account_id=account.id)
            wanted = replace(wanted, floors=await present_floors(self._store, self._status, wanted))
            with self._sessions.arriving(account.id):
                try:
                    stored = await self._store.put(wanted)
                except ConflictError:
                    continue
                if self._needed(
                    order, opened[0]
                ):  # asked again: a session that was there may have been lost during the login
                    while opened:
                        self._sessions.adopt(account.id, opened.pop())
                if order.retention is not Retention.SESSION:
                    vaulted = order.retention is Retention.VAULT
                    # As it stands in the store: a login after a restart goes there and nowhere else.
                    vault_for = await self._store.account_by_id(account.id) if vaulted else None
                    self._keyring.keep(stored.id, account.id, order.credentials, vault_for=vault_for)
                    await self._keyring.settled(stored.id)
                else:
                    self._keyring.drop(stored.id)
            self._nudge(account.id)
            stored = await self._dispatcher.ask_codes(stored)
            shown = previous if previous is not None and has_shown_right(previous) else None
            return Accepted(stored, shown)
        return Fault("overloaded", "The subscription is being changed by too many at once.")

    # failures

    async def _undo(self, attempt: Attempt, group: _Group) -> None:
        """Nothing is kept of a subscription that was stored for this, unless another attempt counts on it."""
        if not group.created or group.promised or len(group.attempts) > 1:
            return
        stored = await self._store.get(attempt.order.subscription)
        if stored is not None and stored.phase is Phase.PENDING:
            await self._store.remove(stored.id)

    async def _tell(self, order: Order, fault: Fault, phase: Phase) -> None:
        """Nobody waits any more: the app learns from a ``reconnect`` that its credentials were refused, or are needed again.
        A subscription that had shown its right before stays as it was."""
        reason = LossReason.REJECTED if phase is Phase.REJECTED else LossReason.CONNECTION_LOST
        for _ in range(CONFLICTS):
            stored = await self._store.get(order.subscription)
            if stored is None or not (stored.phase in (Phase.PENDING, Phase.REJECTED) or stored.loss is not None):
                return
            now = self._clock.now()
            problem = StandingProblem(fault.code, fault.detail, now)
            # Who has shown the right before is served by any session of the account; its loss says that it was refused.
            shown = phase if stored.phase is Phase.PENDING else stored.phase
            told = Draft(stored.id, Reconnect(reason), at=now, due_at=now, expires_at=now + RECONNECT_KEPT)
            try:
                await self._store.put(replace(stored, phase=shown, loss=Loss(reason, now), problem=problem), [told])
            except ConflictError:
                continue
            self._dispatcher.nudge()
            self._emit(ReconnectAsked(order.account.id, reason.value, 1))
            return

    def _kept(self, order: Order) -> bool:
        return any(own is order.credentials for _, own in self._keyring.sets(order.account.id))

    def _done(self, attempt: Attempt, group: _Group) -> None:
        self._under_way -= 1
        group.attempts.remove(attempt)
        if not group.attempts and self._groups.get(attempt.order.key) is group:
            del self._groups[attempt.order.key]


def _with_answers(answered: Iterable[Endpoint], endpoint: Endpoint) -> Endpoint:
    if isinstance(endpoint, Provable) and any(same_endpoint(endpoint, one) for one in answered):
        return replace(endpoint, proof=PROVEN)
    return endpoint


async def present_floors(store: Store, status: Status, subscription: Subscription) -> tuple[Floor, ...]:
    """Its floors in the mailboxes that it has, and in those that are watched already the present cursor: what lies there is
    not announced to a newcomer. Watchers ground the others."""
    found = status.of(subscription.account_id)
    watched = found.watching() if found is not None else frozenset()
    kept = {floor.mailbox: floor for floor in subscription.floors if floor.mailbox in subscription.mailboxes}
    for mailbox in subscription.mailboxes:
        if mailbox in watched and mailbox not in kept:
            cursor = await store.cursor(subscription.account_id, mailbox)
            if cursor is not None:
                kept[mailbox] = Floor(mailbox, cursor.uid_validity, cursor.uid_next)
    return tuple(kept.values())
