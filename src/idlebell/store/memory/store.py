"""The store that forgets: everything in dicts. For tests, and for ``idlebell watch`` without ``--state``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from idlebell.model.account import Account, ImapTarget
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Role
from idlebell.model.ids import (
    ID_ENTROPY_BYTES,
    AccountId,
    ApiKeyId,
    NotificationId,
    SubscriptionId,
    account_id,
    notification_id,
)
from idlebell.model.notification import Draft, Leased, LossReason, NewMail, Notification, Reconnect
from idlebell.model.subscription import (
    SHOWN_AFTER_END,
    Activity,
    Counts,
    Floor,
    LastPush,
    Phase,
    StandingProblem,
    Subscription,
)
from idlebell.store import changes
from idlebell.store.contract import (
    EXPIRED_AT_ONCE,
    ConflictError,
    Dropped,
    EndpointGone,
    Postponed,
    Settled,
    Settlement,
    WantedAccount,
)
from idlebell.store.memory.keys import MemoryKeys
from idlebell.store.memory.waiting import Tally, Waiting, Waitings, leased_until, ready_at
from idlebell.store.routes import VERSIONS_KEPT_MS, Route, microseconds, route, routes, version_after
from idlebell.store.sealing import KEY_BYTES, Sealer


class MemoryStore(MemoryKeys):
    """Keeps :class:`~idlebell.store.contract.Store`. ``entropy`` gives that many random bytes."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        super().__init__()
        self._entropy = entropy
        self._digest = Sealer(entropy(KEY_BYTES)).fingerprint
        self._accounts: dict[AccountId, Account] = {}
        self._subscriptions: dict[SubscriptionId, Subscription] = {}
        self._by_key: dict[bytes, SubscriptionId] = {}
        self._cursors: dict[tuple[AccountId, str], Cursor] = {}
        self._outbox = Waitings()
        self._versions: dict[bytes, int] = {}
        self._tallies: dict[SubscriptionId, Tally] = {}

    # Subscriptions

    async def account(self, target: ImapTarget, username: str) -> Account:
        known = await self.account_by_key(target, username)
        if known is not None:
            return known
        account = Account(account_id(self._entropy(ID_ENTROPY_BYTES)), target, username)
        self._accounts[account.id] = account
        return account

    async def account_by_id(self, account: AccountId) -> Account | None:
        return self._accounts.get(account)

    async def account_by_key(self, target: ImapTarget, username: str) -> Account | None:
        key = (target.host, target.port, username)
        return next((one for one in self._accounts.values() if _key(one) == key), None)

    async def get(self, subscription: SubscriptionId) -> Subscription | None:
        return self._subscriptions.get(subscription)

    async def by_key(self, key_digest: bytes) -> Subscription | None:
        found = self._by_key.get(key_digest)
        return None if found is None else self._subscriptions[found]

    async def of_account(self, account: AccountId) -> tuple[Subscription, ...]:
        return tuple(self._living(account))

    async def page(self, owner: ApiKeyId | None, after: SubscriptionId | None, limit: int) -> tuple[Subscription, ...]:
        ids = sorted(
            one.id
            for one in self._subscriptions.values()
            if (owner is None or one.owner == owner) and (after is None or one.id > after)
        )
        return tuple(self._subscriptions[one] for one in ids[:limit])

    async def put(self, subscription: Subscription, drafts: Sequence[Draft] = ()) -> Subscription:
        stored = self._subscriptions.get(subscription.id)
        if (0 if stored is None else stored.revision) != subscription.revision:
            raise ConflictError("The subscription was changed meanwhile.")
        if self._by_key.get(subscription.key_digest, subscription.id) != subscription.id:
            raise ConflictError("Another subscription has this key.")
        if subscription.account_id not in self._accounts:
            raise ConflictError("The account is gone.")
        if stored is not None:
            del self._by_key[stored.key_digest]
        self._by_key[subscription.key_digest] = subscription.id
        saved = self._save(subscription)
        for draft in drafts:
            self._enqueue(draft)
        return saved

    async def remove(self, subscription: SubscriptionId) -> None:
        stored = self._subscriptions.pop(subscription, None)
        if stored is None:
            return
        del self._by_key[stored.key_digest]
        for entry in self._outbox.of_subscription(subscription):
            self._take(entry)
        self._tallies.pop(subscription, None)
        if not any(one.account_id == stored.account_id for one in self._subscriptions.values()):
            del self._accounts[stored.account_id]
            for key in [key for key in self._cursors if key[0] == stored.account_id]:
                del self._cursors[key]

    async def wanted(self) -> tuple[WantedAccount, ...]:
        found = [await self.wanted_of(account) for account in sorted(self._accounts)]
        return tuple(one for one in found if one is not None)

    async def wanted_of(self, account: AccountId) -> WantedAccount | None:
        mailboxes: dict[str, None] = {}
        fresh: list[tuple[SubscriptionId, str]] = []
        active = [one for one in self._living(account) if one.wanted]
        for one in active:
            mailboxes.update(dict.fromkeys(one.mailboxes))
            fresh += [(one.id, mailbox) for mailbox in changes.fresh_mailboxes(one)]
        return WantedAccount(self._accounts[account], tuple(mailboxes), tuple(fresh)) if active else None

    async def unsettled(self) -> tuple[AccountId, ...]:
        phases = (Phase.PENDING, Phase.ACTIVE)
        return tuple(sorted({one.account_id for one in self._subscriptions.values() if one.phase in phases}))

    async def expire(self, now: datetime, limit: int = EXPIRED_AT_ONCE) -> tuple[Subscription, ...]:
        lapsed = [one for one in self._subscriptions.values() if changes.expired(one, now) is not None]
        lapsed.sort(key=lambda one: (one.expires_at, one.id))
        newly = [self._save(changed) for one in lapsed[:limit] if (changed := changes.expired(one, now)) is not None]
        forgotten = [
            (one.over_since, one.id)
            for one in self._subscriptions.values()
            if one.over_since is not None and one.phase.over and one.over_since <= now - SHOWN_AFTER_END
        ]
        for _, one_id in sorted(forgotten)[:limit]:
            await self.remove(one_id)
        oldest = microseconds(now) // 1000 - VERSIONS_KEPT_MS
        self._versions = {url: last for url, last in self._versions.items() if last >= oldest}
        return tuple(newly)

    async def activity(self, subscription: SubscriptionId) -> Activity:
        tally = self._tallies.get(subscription, Tally())
        pending = sum(entry.messages for entry in self._outbox.of_subscription(subscription))
        counts = Counts(tally.detected, tally.accepted, tally.coalesced, tally.expired, tally.refused, pending)
        return Activity(counts, tally.last_push, tally.last_event_at)

    async def counts(self) -> dict[str, int]:
        totals = {"accounts": len(self._accounts), "pending_notifications": len(self._outbox.by_id)}
        totals |= {f"subscriptions_{phase.value}": 0 for phase in Phase}
        for one in self._subscriptions.values():
            totals[f"subscriptions_{one.phase.value}"] += 1
        return totals

    async def ground(self, subscription: SubscriptionId, floor: Floor) -> None:
        stored = self._subscriptions.get(subscription)
        if stored is not None:
            self._save_if(changes.grounded(stored, floor))

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
        told = 0
        for one in self._living(account):
            waits = any(
                isinstance(entry.notification.content, Reconnect) for entry in self._outbox.of_subscription(one.id)
            )
            changed = changes.lost(one, reason, at, waits, pending_only, problem)
            if changed is not None:
                self._save(changed)
                told += self._enqueue(changes.reconnect(changed, at, due_at)) is not None
        return told

    async def clear_loss(self, account: AccountId) -> None:
        for one in self._living(account):
            self._save_if(changes.found(one))

    async def remind(self, now: datetime, limit: int) -> int:
        due = [
            (one.loss.next_at, one.id)
            for one in self._subscriptions.values()
            if one.loss is not None and changes.reminded(one, now) is not None and one.loss.next_at is not None
        ]
        told = 0
        for _, one_id in sorted(due)[:limit]:
            changed = changes.reminded(self._subscriptions[one_id], now)
            assert changed is not None
            self._save(changed)
            told += self._enqueue(changes.reconnect(changed, now, now)) is not None
        return told

    # Cursors

    async def cursor(self, account: AccountId, mailbox: str) -> Cursor | None:
        return self._cursors.get((account, mailbox))

    async def commit(
        self, account: AccountId, mailbox: str, expected: Cursor | None, new: Cursor, drafts: Sequence[Draft]
    ) -> tuple[Notification, ...]:
        if account not in self._accounts:
            raise ConflictError("The account is gone.")
        if self._cursors.get((account, mailbox)) != expected:
            raise ConflictError("The cursor was moved meanwhile.")
        self._cursors[account, mailbox] = new
        return await self.enqueue(drafts)

    # Outbox

    async def enqueue(self, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
        committed: list[Notification] = []
        for draft in drafts:
            subscription = self._subscriptions.get(draft.subscription_id)
            if subscription is None:
                continue
            if changes.takes(subscription.phase, subscription.paused, draft.content.type):
                notification = self._enqueue(draft)
                committed += [] if notification is None else [notification]
        return tuple(committed)

    async def lanes(self, now: datetime, limit: int) -> tuple[bytes, ...]:
        earliest: dict[bytes, datetime] = {}
        for queue in self._outbox.queues.values():
            lane, ready = queue[0].route.lane, ready_at(queue)
            if ready <= now:
                earliest[lane] = min(ready, earliest.get(lane, ready))
        ordered = sorted(earliest, key=lambda lane: (earliest[lane], lane))
        return tuple(ordered[:limit])

    async def lease(self, lane: bytes, now: datetime, until: datetime, limit: int) -> tuple[Leased, ...]:
        ready = sorted(
            (ready_at(queue), endpoint)
            for endpoint, queue in self._outbox.queues.items()
            if queue[0].route.lane == lane and ready_at(queue) <= now
        )
        taken = [self._lease(self._outbox.queues[endpoint], now, until) for _, endpoint in ready[:limit]]
        return tuple(one for one in taken if one is not None)

    async def settle(self, notification: NotificationId, settlement: Settlement) -> None:
        if isinstance(settlement, Dropped) and settlement.outcome not in ("expired", "refused"):
            raise ValueError(f"a notification is dropped as expired or refused, not {settlement.outcome}")
        entry = self._outbox.by_id.get(notification)
        if entry is None:
            return
        subscription = self._subscriptions[entry.notification.subscription_id]
        match settlement:
            case Settled():
                self._pushed(entry, settlement.at, settlement.status, "accepted")
                self._accepted(entry, settlement.at, "accepted")
                if entry.route.collapses:
                    for older in self._outbox.queue(entry.route.endpoint):
                        if older.notification.version < entry.notification.version:
                            self._accepted(older, settlement.at, "coalesced")
            case Postponed():
                self._pushed(entry, settlement.at, settlement.status, "retry")
                attempts = entry.notification.attempts + 1
                entry.notification = replace(entry.notification, attempts=attempts)
                entry.due_at, entry.leased_until = settlement.due_at, None
                self._move(entry)
            case Dropped():
                self._pushed(entry, settlement.at, settlement.status, settlement.outcome)
                self._take(entry, settlement.outcome)
                if settlement.problem is not None:
                    self._save_if(changes.troubled(subscription, settlement.problem))
            case EndpointGone():
                self._pushed(entry, settlement.at, settlement.status, "gone")
                self._gone(entry, subscription, settlement)

    async def next_due(self, now: datetime) -> datetime | None:
        ready = [(ready_at(queue), leased_until(queue)) for queue in self._outbox.queues.values()]
        return min((at for at, leased in ready if leased is None or at <= now), default=None)

    async def release_leases(self) -> None:
        for entry in list(self._outbox.by_id.values()):
            if entry.leased_until is not None:
                entry.leased_until = None
                self._move(entry)

    # Store

    def fingerprint(self, value: bytes) -> bytes:
        return self._digest(b"value\0" + value)

    async def check(self) -> None:
        """It can always be written to."""

    async def close(self) -> None:
        """Nothing is held."""

    # inside

    def _living(self, account: AccountId) -> list[Subscription]:
        found = (one for one in self._subscriptions.values() if one.account_id == account)
        return sorted((one for one in found if not one.phase.over), key=lambda one: (one.created_at, one.id))

    def _save_if(self, changed: Subscription | None) -> None:
        if changed is not None:
            self._save(changed)

    def _save(self, subscription: Subscription) -> Subscription:
        subscription = replace(subscription, revision=subscription.revision + 1)
        before = self._subscriptions.get(subscription.id)
        self._subscriptions[subscription.id] = subscription
        for entry in self._outbox.of_subscription(subscription.id):
            closed = changes.obsolete(subscription, before, entry.notification.content.type)
            if subscription.phase.over or (closed and entry.leased_until is None):
                self._take(entry, "expired")
            elif entry.leased_until is None:
                self._move(entry)
        return subscription

    def _next_version(self, url: bytes, at: datetime) -> int:
        version = self._versions[url] = version_after(self._versions.get(url), at)
        return version

    def _route(self, subscription: SubscriptionId, role: Role) -> Route | None:
        return routes(self._subscriptions[subscription].endpoints, self._digest).get(role)

    def _enqueue(self, draft: Draft) -> Notification | None:
        to = self._route(draft.subscription_id, draft.content.role)
        if to is None:
            return None
        notification = Notification(
            notification_id(self._entropy(ID_ENTROPY_BYTES)),
            draft.subscription_id,
            draft.content,
            self._next_version(to.url, draft.at),
            draft.at,
            draft.expires_at,
            attempts=0,
        )
        self._outbox.add(Waiting(notification, to, draft.due_at))
        if isinstance(draft.content, NewMail):
            tally = self._tallies.setdefault(draft.subscription_id, Tally())
            tally.detected += draft.content.count
            tally.last_event_at = max(draft.at, tally.last_event_at or draft.at)
        return notification

    def _take(self, entry: Waiting, outcome: str | None = None) -> None:
        """Out of the outbox, counted as ``outcome``; None: with it goes the count."""
        self._outbox.remove(entry)
        if outcome is not None and entry.messages:
            tally = self._tallies[entry.notification.subscription_id]
            setattr(tally, outcome, getattr(tally, outcome) + entry.messages)

    def _accepted(self, entry: Waiting, at: datetime, outcome: str) -> None:
        self._take(entry, outcome)
        if isinstance(entry.notification.content, Reconnect):
            self._save_if(changes.asked(self._subscriptions[entry.notification.subscription_id], at))

    def _move(self, entry: Waiting) -> None:
        """To where its subscription now wants it, as something never sent; dropped where there is no such place."""
        notification = entry.notification
        to = self._route(notification.subscription_id, notification.content.role)
        subscription = self._subscriptions[notification.subscription_id]
        if to is None or changes.obsolete(subscription, None, notification.content.type):
            self._take(entry, "expired")
        elif to.endpoint != entry.route.endpoint:
            self._outbox.remove(entry)
            version = self._next_version(to.url, notification.at)
            if notification.attempts:
                entry.due_at = notification.at
            entry.notification = replace(notification, version=version, attempts=0)
            entry.route, entry.leased_until = to, None
            self._outbox.add(entry)

    def _lease(self, queue: list[Waiting], now: datetime, until: datetime) -> Leased | None:
        for entry in queue:
            entry.leased_until = None
        chosen = queue[0]
        if chosen.route.collapses:
            chosen = [entry for entry in queue if entry.due_at <= now][-1]
            attempts = max(entry.notification.attempts for entry in queue[: queue.index(chosen) + 1])
            chosen.notification = replace(chosen.notification, attempts=attempts)
        notification = chosen.notification
        subscription = self._subscriptions[notification.subscription_id]
        endpoint = subscription.endpoints.serving(notification.content.role)
        elsewhere = endpoint is None or route(endpoint, self._digest).endpoint != chosen.route.endpoint
        if endpoint is None or elsewhere or changes.obsolete(subscription, None, notification.content.type):
            self._move(chosen)
            return None
        chosen.leased_until = until
        return Leased(notification, endpoint, chosen.route.lane)

    def _pushed(self, entry: Waiting, at: datetime, status: int | None, outcome: str) -> None:
        tally = self._tallies.setdefault(entry.notification.subscription_id, Tally())
        tally.last_push = LastPush(at, entry.notification.version, status, outcome)

    def _gone(self, entry: Waiting, subscription: Subscription, settlement: EndpointGone) -> None:
        endpoint = entry.route.endpoint
        gone = frozenset(role for role, own in subscription.endpoints if route(own, self._digest).endpoint == endpoint)
        if not gone:
            # The app has a new endpoint since: the old one's end tells nothing about that.
            entry.due_at, entry.leased_until = settlement.at, None
            self._move(entry)
            return
        for one in self._outbox.of_subscription(subscription.id):
            if one.route.endpoint == endpoint:
                self._take(one, "refused")
        self._save(changes.deserted(subscription, gone, settlement))


def _key(account: Account) -> tuple[str, int, str]:
    return account.target.host, account.target.port, account.username
