"""The store's contract. Two stores keep it (memory, SQLite); the same tests run against both.

Every method is atomic and, once it returns, durable. A method that writes may be called from many tasks at once. The parts
(:class:`Subscriptions`, :class:`Cursors`, :class:`Outbox`, :class:`Trails`, and those in files of their own) are separate
protocols because a store without transactions across its parts must be able to keep them; what has to be one step is one
method of one part.

All times are aware datetimes in UTC, given by the caller: a store has no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from idlebell.model.account import Account, ImapTarget
from idlebell.model.cursor import Cursor
from idlebell.model.ids import AccountId, ApiKeyId, NotificationId, SubscriptionId
from idlebell.model.notification import Draft, Leased, LossReason, Notification, Told
from idlebell.model.selection import Selection
from idlebell.model.sighting import Sighting
from idlebell.model.subscription import Activity, Floor, StandingProblem, Subscription
from idlebell.model.trail import Delivery, KeptVerdict
from idlebell.store.ahead import LeasesAhead
from idlebell.store.allowances import Allowances
from idlebell.store.daybook import Tallies
from idlebell.store.grants import Grants
from idlebell.store.keys import Keys
from idlebell.store.learnings import Learnings
from idlebell.store.reminders import Reminders
from idlebell.store.scrubbing import Scrubbing
from idlebell.store.taking import Share, Taken
from idlebell.store.trusting import Trusting
from idlebell.store.vaulted import VaultedSets

CURSORS_KEPT: Final = 200
"""Of one account, of mailboxes that are gone: whoever makes and deletes mailboxes all day fills no disk."""
EXPIRED_AT_ONCE: Final = 500
"""Leases ended in one step: it bounds how long every other writer waits for it."""
TRAILS_AT_ONCE: Final = 500
"""As many trails are forgotten in one step."""
NONE_KNOWN: Final[Mapping[bytes, Sighting]] = MappingProxyType({})


class StoreError(Exception):
    """The store cannot do it now (full disk, locked, broken). Nothing was changed; the same call may work later."""


class ConflictError(Exception):
    """Compare-and-set failed: what was expected is no longer so. Read again and decide again."""


@dataclass(frozen=True, slots=True)
class WantedAccount:
    """An account that somebody wants watched, and which of its mailboxes, in order of first mention."""

    account: Account
    mailboxes: tuple[str, ...]
    fresh: tuple[tuple[SubscriptionId, str], ...]
    """Subscriptions (active ones) that have no floor in a mailbox yet: they are grounded at the next look."""
    selections: tuple[tuple[SubscriptionId, Selection], ...] = ()
    """Of those (active ones) whose mailboxes are found by LIST."""


class Subscriptions(Trusting, Protocol):
    async def account(self, target: ImapTarget, username: str) -> Account:
        """The account with this host, port, user name and trust; made if there is none (the first one's ``tls`` stays)."""
        ...

    async def account_by_id(self, account: AccountId) -> Account | None: ...

    async def account_by_key(self, target: ImapTarget, username: str) -> Account | None:
        """As :meth:`account`, but none is made."""
        ...

    async def get(self, subscription: SubscriptionId) -> Subscription | None: ...

    async def by_key(self, key_digest: bytes) -> Subscription | None: ...

    async def of_account(self, account: AccountId) -> tuple[Subscription, ...]:
        """All that are not over, oldest first."""
        ...

    async def page(self, owner: ApiKeyId | None, after: SubscriptionId | None, limit: int) -> tuple[Subscription, ...]:
        """Those that ``owner`` made (None: all), by id."""
        ...

    async def with_unsent_codes(self, now: datetime, limit: int) -> tuple[Subscription, ...]:
        """Those with a code that stands and may not have been sent
        (:attr:`~idlebell.model.subscription.Subscription.unsent_code_until`), up to ``limit``, the first to end first."""
        ...

    async def put(self, subscription: Subscription, drafts: Sequence[Draft] = ()) -> Subscription:
        """Stores it if the stored revision is the one given (0: not stored yet), and returns it with the next one.
        ConflictError otherwise, and where another subscription has its key. Where the URL of a role has changed, what waits
        for the old endpoint goes to the new one under new versions; where a role is gone, what waits for it is dropped. A
        subscription that is over loses its queue, one that is paused the mail in it: it is not told of that later either.
        Where an endpoint has been proven, what waits for it is due at once.
        Where it has changed when messages ring, what is held (:meth:`Outbox.release`) is due at once, to be placed anew.
        Where a loss is closed, its ``reconnect`` that was not sent yet is dropped. ``drafts``
        about the subscription itself are enqueued in the same step, paused or not."""
        ...

    async def remove(self, subscription: SubscriptionId) -> None:
        """Forgets it, its queue and its activity, and the account if nobody else has it. Unknown: nothing happens."""
        ...

    async def wanted(self, after: AccountId | None = None, limit: int | None = None) -> tuple[WantedAccount, ...]:
        """What the reconciler compares with what runs, by account: those that come ``after`` one, up to ``limit``. Only
        subscriptions with ``wanted`` true count."""
        ...

    async def wanted_of(self, account: AccountId) -> WantedAccount | None: ...

    async def unsettled(self) -> tuple[AccountId, ...]:
        """Every account that has a subscription in phase PENDING or ACTIVE and without a ``source``: who is told of a
        restart."""
        ...

    async def expire(self, now: datetime, limit: int = EXPIRED_AT_ONCE) -> tuple[Subscription, ...]:
        """Moves those whose lease is over to EXPIRED (queue dropped, not ``declared`` ones), removes those that have been
        over for longer than they are shown, up to ``limit`` of each, and returns the newly expired."""
        ...

    async def next_lapse(self) -> datetime | None:
        """When :meth:`expire` has something to move next; None: no lease runs."""
        ...

    async def activity(self, subscription: SubscriptionId) -> Activity: ...

    async def counts(self) -> dict[str, int]:
        """Totals for the operator: ``accounts``, ``pending_notifications``, and ``subscriptions_PHASE`` for each phase."""
        ...

    async def ground(self, subscription: SubscriptionId, floor: Floor) -> None:
        """Sets the floor of a mailbox where there is none yet; otherwise nothing happens."""
        ...

    async def resolve(
        self,
        subscription: SubscriptionId,
        mailboxes: tuple[str, ...],
        floors: Sequence[Floor] = (),
        *,
        found_for: Selection | None = None,
    ) -> None:
        """What its selection selects was found to be ``mailboxes``. Floors of those that it selects no more are dropped,
        ``floors`` are set where there is none yet. Of the account's mailboxes that nobody wants any more the
        :data:`CURSORS_KEPT` last looked at keep their cursors: they may come back. Nothing happens to one without a
        selection, that is over, or that selects something else than ``found_for`` by now."""
        ...

    async def record_loss(
        self,
        account: AccountId,
        reason: LossReason,
        at: datetime,
        due_at: datetime,
        *,
        pending_only: bool = False,
        problem: StandingProblem | None = None,
    ) -> int:
        """The account has neither session nor credentials. Each of its active subscriptions (and, where the reason is
        RESTART, each pending one, whose login died with the process) that is not ``declared`` and has no open loss gets one,
        and one ``reconnect`` notification due at ``due_at``, in one step. Where a loss is open, only reason RESTART begins a
        new one, and not while an earlier ``reconnect`` still waits in the outbox. ``pending_only``: the active ones need
        nothing, for the account's credentials are held. ``problem`` is shown until
        the loss is closed. Returns how many were told."""
        ...

    async def clear_loss(self, account: AccountId) -> None:
        """The account has a session again: open losses of its active subscriptions are closed with their problem, their
        ``reconnect`` that were not sent yet dropped. Others are not served by a session that somebody else has opened."""
        ...

    async def remind(self, now: datetime, limit: int) -> int:
        """Enqueues the ``reconnect`` of each loss whose ``next_at`` has come (:class:`~idlebell.model.subscription.Loss`)."""
        ...

    async def warn(self, now: datetime, limit: int) -> int:
        """Enqueues the ``expiring`` of each whose lease ends soon, once a lease
        (:attr:`~idlebell.model.subscription.Subscription.expiring_at`). One that was not sent yet is dropped where the lease
        is renewed. Fewer than ``limit``: that was all."""
        ...


class Cursors(Protocol):
    async def cursor(self, account: AccountId, mailbox: str) -> Cursor | None: ...

    async def commit(
        self,
        account: AccountId,
        mailbox: str,
        expected: Cursor | None,
        new: Cursor,
        drafts: Sequence[Draft],
        *,
        sighted: Sequence[Sighting] = (),
        known: Mapping[bytes, Sighting] = NONE_KNOWN,
        verdicts: Sequence[KeptVerdict] = (),
    ) -> tuple[Notification, ...]:
        """THE durable step: moves the cursor from ``expected`` to ``new`` and enqueues the notifications, both or neither.
        ConflictError when the cursor is not ``expected``. A draft whose subscription is gone, over or paused by now is left
        out, as is one without an endpoint for it. Versions are given here: max(last of this endpoint's URL + 1, milliseconds
        of the draft's ``at`` since the epoch). New mail that may not ring now is held, or silenced (:class:`Outbox`), and is
        not among what is returned. ``sighted`` is recorded in the same step; ConflictError where what is stored
        for one of their digests is not what ``known`` has for it. Of an account the newest
        :data:`~idlebell.model.sighting.SIGHTINGS_KEPT` are kept. ``verdicts``, in the order of their UIDs, are kept in the same
        step (:class:`Trails`); those that ring, now or later, with the notification that tells of them."""
        ...

    async def sightings(self, account: AccountId, digests: Sequence[bytes]) -> dict[bytes, Sighting]:
        """Those that are stored."""
        ...

    async def renamed(self, account: AccountId, old: str, new: str) -> None:
        """The mailbox has another name. Its cursor moves (where ``new`` has one, that stays and the old one goes), as do
        sightings, and name, floor, what rang and what waits to ring of subscriptions with a selection. Those with fixed
        names keep what they have, as does what was attempted."""
        ...


@dataclass(frozen=True, slots=True)
class Tried:
    """What an attempt took. ``host``: of the push service; empty where there is none. ``silence``: why there was no answer
    (:class:`~idlebell.model.trail.Delivery`)."""

    took_ms: float
    host: str
    silence: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The push service took it: where it was a test, what the endpoint is to be tried with again is due. ``tried``, of this
    and the others: None where nothing was sent."""

    at: datetime
    status: int
    tried: Tried | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """It is tried again, not before ``due_at``. ``problem``: shown where nothing else is."""

    at: datetime
    due_at: datetime
    status: int | None
    problem: StandingProblem | None = None
    tried: Tried | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """It is given up: ``outcome`` is ``expired`` or ``refused``."""

    at: datetime
    outcome: str
    status: int | None
    problem: StandingProblem | None = None
    tried: Tried | None = None


@dataclass(frozen=True, slots=True)
class EndpointGone:
    """The endpoint will never work again: all that waits for it is dropped as ``refused``. A ``new_mail`` endpoint ends the
    subscription (phase ENDED), another one only sets ``problem`` and is removed from the subscription."""

    at: datetime
    status: int
    problem: StandingProblem
    tried: Tried | None = None


@dataclass(frozen=True, slots=True)
class Unverified:
    """Nothing was sent: the endpoint has not shown yet that it is wanted. It is not attempted before ``due_at``, unless the
    endpoint is proven earlier, or has been meanwhile."""

    at: datetime
    due_at: datetime
    status: int | None = None
    tried: Tried | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Its endpoint has had what it may have in a day. New mail that was never attempted goes to the next of a list, with all
    that comes until ``due_at``; where there is none, it is held until then, together with what comes meanwhile. Anything else
    waits. It is no attempt."""

    at: datetime
    due_at: datetime
    status: int | None = None
    tried: Tried | None = None


Settlement: TypeAlias = Settled | Postponed | Dropped | EndpointGone | Unverified | Deferred

RELEASED_AT_ONCE: Final = 200
"""Holds released in one step: at seven in the morning many quiet hours end together."""
OVERDUE_AT_ONCE: Final = 200
"""Given up in one step: what a push service that is down was not sent within a day comes to its end together."""


class Outbox(Protocol):
    """What waits to be sent. New mail of a subscription that has a schedule is placed when it is committed, when it is
    released and when it is leased (:func:`~idlebell.rules.schedule.place`, as of then). What may ring later only is held: one
    hold a subscription, which takes in what comes meanwhile (:func:`~idlebell.rules.merge.merged`) and is no notification
    yet, but has the id of the one that it becomes. What is silenced is counted and gone; where it was to ring before, that is
    kept as a delivery (:class:`Trails`), as is what was to ring and came to a hold that was there."""

    async def enqueue(self, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
        """As in :meth:`Cursors.commit`, without a cursor: tests, heartbeats, expiries."""
        ...

    async def rung(self, account: AccountId, mailbox: str) -> Mapping[SubscriptionId, tuple[Told, ...]]:
        """Messages of a mailbox that subscriptions were told of, or are to be, and that were not withdrawn: of each the
        newest :data:`~idlebell.model.notification.TOLD_KEPT` of one UIDVALIDITY. Only those that a draft's content names are
        kept, and only of subscriptions that want them withdrawn any is given."""
        ...

    async def withdraw(self, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
        """Each tells one subscription that messages are read or gone (:class:`~idlebell.model.notification.Seen`). Those of
        them that were not attempted yet are taken out of what waits and what is held, and counted as withdrawn; of the rest
        that rang it is told. Nobody is told of others. Kept verdicts on what was taken out say so."""
        ...

    async def release(self, now: datetime, limit: int = RELEASED_AT_ONCE) -> int:
        """Places up to ``limit`` holds that are due anew: most become notifications, with versions of their own, as long of
        use from ``now`` on as they would have been from their arrival. Returns how many were placed."""
        ...

    async def lanes(self, now: datetime, limit: int) -> tuple[bytes, ...]:
        """Lanes with something due and not leased, longest waiting first."""
        ...

    async def lease(self, lane: bytes, now: datetime, until: datetime, limit: int) -> tuple[Leased, ...]:
        """Takes up to ``limit`` due notifications of a lane until ``until``, the longest waiting first; an endpoint that was
        just served stands behind those that were not, and with what is taken all else of its account and lane stands behind
        what waits for others. Per endpoint only the oldest waiting one is taken, so that order is kept;
        where the endpoint's kind only knows versions (SimplePush), the newest one instead, which supersedes the older. A lease
        that has lapsed may have led to a push, so it counts as an attempt (:meth:`release_leases`). New mail
        that may not ring any more is held or silenced instead, but for what was attempted before: that is only silenced."""
        ...

    async def take(self, now: datetime, until: datetime, limit: int, share: Share) -> Taken:
        """:meth:`release`, :meth:`lanes` and :meth:`lease` in one step, which sees what is asked to be written before it,
        though it be not durable yet: then both become so together, and only then this returns. ``share``, given the lanes,
        says how many to lease of each; it may be called in another thread, more than once, and must touch nothing else."""
        ...

    async def settle(self, notification: NotificationId, settlement: Settlement) -> bool:
        """Ends the lease. :class:`Settled` on a kind that only knows versions also settles, as coalesced, what older waits for
        the endpoint. An id that is no longer there is no error: the subscription may have ended meanwhile. A settled
        ``reconnect`` moves the loss on (:meth:`~idlebell.model.subscription.Loss.accepted`). What was accepted shows that the
        endpoint works: a problem that says otherwise is over. It is kept as a delivery in the same step (:class:`Trails`).
        True: more may wait for the endpoint, or for the next of its list, due now or later."""
        ...

    async def overdue(
        self, now: datetime, limit: int = OVERDUE_AT_ONCE
    ) -> tuple[tuple[SubscriptionId, NotificationId], ...]:
        """Gives up to ``limit`` up, as :class:`Dropped` would, that are of no use any more (``expires_at``) and not leased:
        their turn may never come, where their push service is down. Of those that were attempted ``endpoint-failing`` is the
        subscription's problem. Fewer than ``limit``: that was all."""
        ...

    async def waits(self, notification: NotificationId) -> datetime | None:
        """Until when it waits to be sent, or is held, at least; None: it does not wait any more."""
        ...

    async def next_due(self, now: datetime) -> datetime | None:
        """When the earliest notification that is not leased, or hold, is due; None where nothing waits."""
        ...

    async def release_leases(self) -> None:
        """At start: whoever held a lease is dead. What was leased may have been sent, so it counts as attempted once."""
        ...

    async def heartbeats_due(self, now: datetime, limit: int) -> tuple[Subscription, ...]:
        """Those whose next heartbeat has come, longest due first: active, not paused, with ``heartbeat_seconds``. The first
        is due at once."""
        ...

    async def beat(
        self, subscription: SubscriptionId, now: datetime, drafts: Sequence[Draft]
    ) -> tuple[Notification, ...]:
        """Enqueues ``drafts`` (as :meth:`enqueue`) and makes the next heartbeat due ``heartbeat_seconds`` from ``now``, in
        one step. Nothing happens where it takes no heartbeats by now."""
        ...

    async def put_off(self, subscriptions: Sequence[SubscriptionId], until: datetime) -> None:
        """Their heartbeat cannot be sent now: it is due at ``until`` instead. It may be due earlier again where the
        subscription changes meanwhile."""
        ...


class Trails(Protocol):
    """How messages and notifications fared. Of a subscription the newest are kept, as many as :mod:`idlebell.model.trail` says,
    fewer where they are long, and none for longer than it says once a newer one comes or :meth:`forget_trails` is called."""

    async def verdicts(self, subscription: SubscriptionId) -> tuple[KeptVerdict, ...]:
        """Newest first. None of one that is not there."""
        ...

    async def deliveries(self, subscription: SubscriptionId) -> tuple[Delivery, ...]:
        """Newest first."""
        ...

    async def forget_trails(self, now: datetime, limit: int = TRAILS_AT_ONCE) -> int:
        """Of subscriptions that have had nothing for longer than trails are kept, by the day. How many there were."""
        ...


class Store(
    Subscriptions,
    Cursors,
    Outbox,
    LeasesAhead,
    Reminders,
    Trails,
    Learnings,
    Keys,
    Grants,
    Allowances,
    Scrubbing,
    VaultedSets,
    Tallies,
    Protocol,
):
    def fingerprint(self, value: bytes) -> bytes:
        """A keyed digest (32 bytes): equal values can be found again, and none can be guessed from the store alone."""
        ...

    async def check(self) -> None:
        """Can it be written to? StoreError says what is wrong."""
        ...

    async def close(self) -> None: ...
