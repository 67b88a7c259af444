"""The store that forgets: everything in dicts. For tests, and for ``idlebell watch`` without ``--state``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
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
    ApiKey,
    Counts,
    Floor,
    LastPush,
    Phase,
    StandingProblem,
    Subscription,
)
from idlebell.store import changes
from idlebell.store.contract import (
    ConflictError,
    Dropped,
    EndpointGone,
    Postponed,
    Settled,
    Settlement,
    WantedAccount,
)
from idlebell.store.routes import VERSIONS_KEPT_MS, Route, microseconds, route, routes, version_after
from idlebell.store.sealing import KEY_BYTES, Sealer


@dataclass(slots=True)
class _Waiting:
    notification: Notification
    route: Route
    due_at: datetime
    leased_until: datetime | None = None

    @property
    def messages(self) -> int:
        content = self.notification.content
        return content.count if isinstance(content, NewMail) else 0


@dataclass(slots=True)
class _Tally:
    detected: int = 0
    accepted: int = 0
    coalesced: int = 0
    expired: int = 0
    refused: int = 0
    last_push: LastPush | None = None
    last_event_at: datetime | None = None


def _leased_until(queue: Iterable[_Waiting]) -> datetime | None:
    return max((entry.leased_until for entry in queue if entry.leased_until is not None), default=None)


def _ready_at(queue: list[_Waiting]) -> datetime:
    """When something of an endpoint's queue can be leased. One of it is in flight at a time; the order is kept; a retry that
    waits holds up what came after it, so that a failing endpoint is not called more often because more mail comes."""
    until = _leased_until(queue)
    if until is not None:
        return until
    if not queue[0].route.collapses:
        return queue[0].due_at
    attempted = [entry.due_at for entry in queue if entry.notification.attempts]
    return max([min(entry.due_at for entry in queue), *attempted])


class MemoryStore:
    """Keeps :class:`~idlebell.store.contract.Store`. ``entropy`` gives that many random bytes."""

    def __init__(self, entropy: Callable[[int], bytes]) -> None:
        self._entropy = entropy
        self._digest = Sealer(entropy(KEY_BYTES)).fingerprint
        self._accounts: dict[AccountId, Account] = {}
        self._subscriptions: dict[SubscriptionId, Subscription] = {}
        self._by_key: dict[bytes, SubscriptionId] = {}
        self._cursors: dict[tuple[AccountId, str], Cursor] = {}
        self._outbox: dict[NotificationId, _Waiting] = {}
        self._queues: dict[bytes, list[_Waiting]] = {}
        """By endpoint, in order of version."""
        self._versions: dict[bytes, int] = {}
        self._tallies: dict[SubscriptionId, _Tally] = {}
        self._vapid_key: bytes | None = None
        self._api_keys: dict[ApiKeyId, ApiKey] = {}

    # Subscriptions

    async def account(self, target: ImapTarget, username: str) -> Account:
        key = (target.host, target.port, username)
        for account in self._accounts.values():
            if (account.target.host, account.target.port, account.username) == key:
                return account
        account = Account(account_id(self._entropy(ID_ENTROPY_BYTES)), target, username)
        self._accounts[account.id] = account
        return account

    async def account_by_id(self, account: AccountId) -> Account | None:
        return self._accounts.get(account)

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

    async def put(self, subscription: Subscription) -> Subscription:
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
        return self._save(subscription)

    async def remove(self, subscription: SubscriptionId) -> None:
        stored = self._subscriptions.pop(subscription, None)
        if stored is None:
            return
        del self._by_key[stored.key_digest]
        for entry in self._of_subscription(subscription):
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

    async def expire(self, now: datetime) -> tuple[Subscription, ...]:
        newly = [
            self._save(changed)
            for one in sorted(self._subscriptions.values(), key=lambda one: (one.expires_at, one.id))
            if (changed := changes.expired(one, now)) is not None
        ]
        for one in list(self._subscriptions.values()):
            if one.over_since is not None and one.phase.over and one.over_since <= now - SHOWN_AFTER_END:
                await self.remove(one.id)
        oldest = microseconds(now) // 1000 - VERSIONS_KEPT_MS
        self._versions = {url: last for url, last in self._versions.items() if last >= oldest}
        return tuple(newly)

    async def activity(self, subscription: SubscriptionId) -> Activity:
        tally = self._tallies.get(subscription, _Tally())
        pending = sum(entry.messages for entry in self._of_subscription(subscription))
        counts = Counts(tally.detected, tally.accepted, tally.coalesced, tally.expired, tally.refused, pending)
        return Activity(counts, tally.last_push, tally.last_event_at)

    async def counts(self) -> dict[str, int]:
        totals = {"accounts": len(self._accounts), "pending_notifications": len(self._outbox)}
        totals |= {f"subscriptions_{phase.value}": 0 for phase in Phase}
        for one in self._subscriptions.values():
            totals[f"subscriptions_{one.phase.value}"] += 1
        return totals

    async def ground(self, subscription: SubscriptionId, floor: Floor) -> None:
        stored = self._subscriptions.get(subscription)
        if stored is not None:
            self._save_if(changes.grounded(stored, floor))

    async def record_problem(self, account: AccountId, problem: StandingProblem | None) -> None:
        for one in self._living(account):
            self._save_if(changes.troubled(one, problem))

    async def record_loss(self, account: AccountId, reason: LossReason, at: datetime, due_at: datetime) -> int:
        told = 0
        for one in self._living(account):
            waits = any(isinstance(entry.notification.content, Reconnect) for entry in self._of_subscription(one.id))
            changed = changes.lost(one, reason, at, waits)
            if changed is not None:
                self._save(changed)
                told += self._enqueue(changes.reconnect(changed, at, due_at)) is not None
        return told

    async def clear_loss(self, account: AccountId) -> None:
        for one in self._living(account):
            changed = changes.found(one)
            if changed is not None:
                self._save(changed)
                for entry in self._of_subscription(one.id):
                    if isinstance(entry.notification.content, Reconnect):
                        self._take(entry)

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
        for queue in self._queues.values():
            lane, ready_at = queue[0].route.lane, _ready_at(queue)
            if ready_at <= now:
                earliest[lane] = min(ready_at, earliest.get(lane, ready_at))
        ordered = sorted(earliest, key=lambda lane: (earliest[lane], lane))
        return tuple(ordered[:limit])

    async def lease(self, lane: bytes, now: datetime, until: datetime, limit: int) -> tuple[Leased, ...]:
        ready = sorted(
            (_ready_at(queue), endpoint)
            for endpoint, queue in self._queues.items()
            if queue[0].route.lane == lane and _ready_at(queue) <= now
        )
        taken = [self._lease(self._queues[endpoint], now, until) for _, endpoint in ready[:limit]]
        return tuple(one for one in taken if one is not None)

    async def settle(self, notification: NotificationId, settlement: Settlement) -> None:
        if isinstance(settlement, Dropped) and settlement.outcome not in ("expired", "refused"):
            raise ValueError(f"a notification is dropped as expired or refused, not {settlement.outcome}")
        entry = self._outbox.get(notification)
        if entry is None:
            return
        subscription = self._subscriptions[entry.notification.subscription_id]
        match settlement:
            case Settled():
                self._pushed(entry, settlement.at, settlement.status, "accepted")
                self._accepted(entry, settlement.at, "accepted")
                if entry.route.collapses:
                    for older in list(self._queues.get(entry.route.endpoint, ())):
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
        ready = [(_ready_at(queue), _leased_until(queue)) for queue in self._queues.values()]
        return min((at for at, leased in ready if leased is None or at <= now), default=None)

    async def release_leases(self) -> None:
        for entry in list(self._outbox.values()):
            if entry.leased_until is not None:
                entry.leased_until = None
                self._move(entry)

    # Keys

    async def vapid_key(self) -> bytes | None:
        return self._vapid_key

    async def put_vapid_key(self, der: bytes) -> bytes:
        if self._vapid_key is None:
            self._vapid_key = der
        return self._vapid_key

    async def api_key(self, token_hash: bytes) -> ApiKey | None:
        return next((key for key in self._api_keys.values() if key.token_hash == token_hash), None)

    async def api_keys(self) -> tuple[ApiKey, ...]:
        return tuple(sorted(self._api_keys.values(), key=lambda key: (key.created_at, key.id)))

    async def put_api_key(self, key: ApiKey) -> None:
        self._api_keys[key.id] = key

    async def remove_api_key(self, key: ApiKeyId) -> bool:
        return self._api_keys.pop(key, None) is not None

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

    def _of_subscription(self, subscription: SubscriptionId) -> list[_Waiting]:
        """Oldest first."""
        found = (one for one in self._outbox.values() if one.notification.subscription_id == subscription)
        return sorted(found, key=lambda one: one.notification.version)

    def _save_if(self, changed: Subscription | None) -> None:
        if changed is not None:
            self._save(changed)

    def _save(self, subscription: Subscription) -> Subscription:
        subscription = replace(subscription, revision=subscription.revision + 1)
        self._subscriptions[subscription.id] = subscription
        for entry in self._of_subscription(subscription.id):
            if subscription.phase.over:
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
        entry = _Waiting(notification, to, draft.due_at)
        self._outbox[notification.id] = entry
        self._queues.setdefault(to.endpoint, []).append(entry)
        if isinstance(draft.content, NewMail):
            tally = self._tallies.setdefault(draft.subscription_id, _Tally())
            tally.detected += draft.content.count
            tally.last_event_at = max(draft.at, tally.last_event_at or draft.at)
        return notification

    def _take(self, entry: _Waiting, outcome: str | None = None) -> None:
        """Out of the outbox, counted as ``outcome``; None: with it goes the count."""
        del self._outbox[entry.notification.id]
        self._unqueue(entry)
        if outcome is not None and entry.messages:
            tally = self._tallies[entry.notification.subscription_id]
            setattr(tally, outcome, getattr(tally, outcome) + entry.messages)

    def _unqueue(self, entry: _Waiting) -> None:
        queue = self._queues[entry.route.endpoint]
        queue.remove(entry)
        if not queue:
            del self._queues[entry.route.endpoint]

    def _accepted(self, entry: _Waiting, at: datetime, outcome: str) -> None:
        self._take(entry, outcome)
        if isinstance(entry.notification.content, Reconnect):
            self._save_if(changes.asked(self._subscriptions[entry.notification.subscription_id], at))

    def _move(self, entry: _Waiting) -> None:
        """To where its subscription now wants it, as something never sent; dropped where there is no such place."""
        notification = entry.notification
        to = self._route(notification.subscription_id, notification.content.role)
        if to is None:
            self._take(entry, "expired")
        elif to.endpoint != entry.route.endpoint:
            self._unqueue(entry)
            version = self._next_version(to.url, notification.at)
            if notification.attempts:
                entry.due_at = notification.at
            entry.notification = replace(notification, version=version, attempts=0)
            entry.route, entry.leased_until = to, None
            self._queues.setdefault(to.endpoint, []).append(entry)

    def _lease(self, queue: list[_Waiting], now: datetime, until: datetime) -> Leased | None:
        for entry in queue:
            entry.leased_until = None
        chosen = queue[0]
        if chosen.route.collapses:
            chosen = [entry for entry in queue if entry.due_at <= now][-1]
            attempts = max(entry.notification.attempts for entry in queue[: queue.index(chosen) + 1])
            chosen.notification = replace(chosen.notification, attempts=attempts)
        notification = chosen.notification
        endpoint = self._subscriptions[notification.subscription_id].endpoints.serving(notification.content.role)
        if endpoint is None or route(endpoint, self._digest).endpoint != chosen.route.endpoint:
            self._move(chosen)
            return None
        chosen.leased_until = until
        return Leased(notification, endpoint, chosen.route.lane)

    def _pushed(self, entry: _Waiting, at: datetime, status: int | None, outcome: str) -> None:
        tally = self._tallies.setdefault(entry.notification.subscription_id, _Tally())
        tally.last_push = LastPush(at, entry.notification.version, status, outcome)

    def _gone(self, entry: _Waiting, subscription: Subscription, settlement: EndpointGone) -> None:
        endpoint = entry.route.endpoint
        gone = frozenset(role for role, own in subscription.endpoints if route(own, self._digest).endpoint == endpoint)
        if not gone:
            # The app has a new endpoint since: the old one's end tells nothing about that.
            entry.due_at, entry.leased_until = settlement.at, None
            self._move(entry)
            return
        for one in self._of_subscription(subscription.id):
            if one.route.endpoint == endpoint:
                self._take(one, "refused")
        self._save(changes.deserted(subscription, gone, settlement))
