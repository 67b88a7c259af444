"""The store that forgets: everything in dicts. For tests, and for ``idlebell watch`` without ``--state``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from idlebell.model.account import Account, ImapTarget
from idlebell.model.cursor import Cursor
from idlebell.model.ids import (
    ID_ENTROPY_BYTES,
    AccountId,
    ApiKeyId,
    SubscriptionId,
    account_id,
)
from idlebell.model.notification import Draft, LossReason, Notification, Reconnect
from idlebell.model.selection import Selection
from idlebell.model.sighting import Sighting
from idlebell.model.subscription import (
    SHOWN_AFTER_END,
    Activity,
    Counts,
    Floor,
    Phase,
    StandingProblem,
    Subscription,
)
from idlebell.model.trail import KeptVerdict
from idlebell.model.trust import Trust, identity
from idlebell.rules.pace import NO_PACE, Pace
from idlebell.store import changes
from idlebell.store.ahead import Ahead, Taker
from idlebell.store.contract import (
    CURSORS_KEPT,
    EXPIRED_AT_ONCE,
    NONE_KNOWN,
    ConflictError,
    WantedAccount,
)
from idlebell.store.daybook import Counts as DayCounts
from idlebell.store.daybook import Subject
from idlebell.store.delivered import told_of
from idlebell.store.memory.allowances import MemoryAllowances
from idlebell.store.memory.beats import MemoryBeats
from idlebell.store.memory.daybook import MemoryDaybook
from idlebell.store.memory.grants import MemoryGrants
from idlebell.store.memory.keys import MemoryKeys
from idlebell.store.memory.learnings import MemoryLearnings
from idlebell.store.memory.reminders import MemoryReminders
from idlebell.store.memory.sightings import Sightings
from idlebell.store.memory.vaulted import MemoryVaultedSets
from idlebell.store.memory.waiting import Tally
from idlebell.store.routes import VERSIONS_KEPT_MS, microseconds


class MemoryStore(
    MemoryReminders,
    MemoryBeats,
    MemoryLearnings,
    MemoryKeys,
    MemoryGrants,
    MemoryAllowances,
    MemoryVaultedSets,
    MemoryDaybook,
):
    """Keeps :class:`~idlebell.store.contract.Store`. ``entropy`` gives that many random bytes. ``pace``: of subscriptions that
    wish none of their own."""

    def __init__(self, entropy: Callable[[int], bytes], pace: Pace = NO_PACE) -> None:
        super().__init__(entropy, pace)
        self._accounts: dict[AccountId, Account] = {}
        self._by_key: dict[bytes, SubscriptionId] = {}
        self._cursors: dict[tuple[AccountId, str], Cursor] = {}
        self._sightings = Sightings()

    # Subscriptions

    async def account(self, target: ImapTarget, username: str) -> Account:
        known = await self.account_by_key(target, username)
        if known is not None:
            return known
        account = Account(account_id(self._entropy(ID_ENTROPY_BYTES)), target, username)
        self._accounts[account.id] = account
        return account

    async def retrust(self, account: AccountId, before: Trust, after: Trust) -> None:
        known = self._accounts.get(account)
        if known is None or known.target.trust != before:
            raise ConflictError("The account is gone, or trusts another key by now.")
        target = replace(known.target, trust=after)
        other = await self.account_by_key(target, known.username)
        if other is not None and other.id != account:
            raise ConflictError("Another account trusts these keys already.")
        self._accounts[account] = replace(known, target=target)

    async def account_by_id(self, account: AccountId) -> Account | None:
        return self._accounts.get(account)

    async def account_by_key(self, target: ImapTarget, username: str) -> Account | None:
        key = _key(target, username)
        return next((one for one in self._accounts.values() if _key(one.target, one.username) == key), None)

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

    async def with_unsent_codes(self, now: datetime, limit: int) -> tuple[Subscription, ...]:
        ends = [(one.unsent_code_until, one) for one in self._subscriptions.values()]
        found = [(until, one.id) for until, one in ends if until is not None and until > now]
        return tuple(self._subscriptions[one] for _, one in sorted(found)[:limit])

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
        self._holds_of.pop(subscription, None)
        self._rungs.forget_all(subscription)
        self._heartbeats.forget(subscription)
        self._forget_trails_of(subscription)
        self._forget_links(subscription)
        self._forget_days(subscription)
        if not any(one.account_id == stored.account_id for one in self._subscriptions.values()):
            del self._accounts[stored.account_id]
            for key in [key for key in self._cursors if key[0] == stored.account_id]:
                del self._cursors[key]
            self._sightings.forget(stored.account_id)
            self._forget_days(stored.account_id)

    async def tally(self, day: int, counts: Mapping[Subject, DayCounts]) -> None:
        known = {one: more for one, more in counts.items() if one in self._accounts or one in self._subscriptions}
        self._tally(day, known)

    async def scrub(self) -> bool:
        self._forget_servers({account.target.host for account in self._accounts.values()})
        return True

    async def wanted(self, after: AccountId | None = None, limit: int | None = None) -> tuple[WantedAccount, ...]:
        found: list[WantedAccount] = []
        for account in sorted(account for account in self._accounts if account > (after or "")):
            if len(found) == limit:
                break
            if (one := await self.wanted_of(account)) is not None:
                found.append(one)
        return tuple(found)

    async def wanted_of(self, account: AccountId) -> WantedAccount | None:
        mailboxes: dict[str, None] = {}
        fresh: list[tuple[SubscriptionId, str]] = []
        selections: list[tuple[SubscriptionId, Selection]] = []
        active = [one for one in self._living(account) if one.wanted]
        for one in active:
            mailboxes.update(dict.fromkeys(one.mailboxes))
            fresh += [(one.id, mailbox) for mailbox in changes.fresh_mailboxes(one)]
            selections += [] if one.selection is None else [(one.id, one.selection)]
        if not active:
            return None
        return WantedAccount(self._accounts[account], tuple(mailboxes), tuple(fresh), tuple(selections))

    async def unsettled(self) -> tuple[AccountId, ...]:
        phases = (Phase.PENDING, Phase.ACTIVE)
        found = (one for one in self._subscriptions.values() if one.phase in phases and one.source is None)
        return tuple(sorted({one.account_id for one in found}))

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

    async def next_lapse(self) -> datetime | None:
        running = (one for one in self._subscriptions.values() if not one.phase.over and not one.declared)
        return min((one.expires_at for one in running), default=None)

    async def activity(self, subscription: SubscriptionId) -> Activity:
        tally = self._tallies.get(subscription, Tally())
        pending = sum(entry.messages for entry in self._outbox.of_subscription(subscription))
        if (hold := self._holds_of.get(subscription)) is not None:
            pending += hold.content.count
        counts = Counts(
            tally.detected,
            tally.accepted,
            tally.coalesced,
            tally.expired,
            tally.refused,
            pending,
            tally.silenced,
            tally.withdrawn,
        )
        return Activity(counts, tally.last_push, tally.last_event_at)

    async def counts(self) -> dict[str, int]:
        totals = {
            "accounts": len(self._accounts),
            "pending_notifications": len(self._outbox.by_id) + len(self._holds_of),
        }
        totals |= {f"subscriptions_{phase.value}": 0 for phase in Phase}
        for one in self._subscriptions.values():
            totals[f"subscriptions_{one.phase.value}"] += 1
        return totals

    async def ground(self, subscription: SubscriptionId, floor: Floor) -> None:
        stored = self._subscriptions.get(subscription)
        if stored is not None:
            self._save_if(changes.grounded(stored, floor))

    async def resolve(
        self,
        subscription: SubscriptionId,
        mailboxes: tuple[str, ...],
        floors: Sequence[Floor] = (),
        *,
        found_for: Selection | None = None,
    ) -> None:
        stored = self._subscriptions.get(subscription)
        if stored is None:
            return
        self._save_if(changes.resolved(stored, mailboxes, floors, found_for))
        account = stored.account_id
        looked = {name: cursor.looked_at for (owner, name), cursor in self._cursors.items() if owner == account}
        for mailbox in changes.forgotten(looked, self._living(account), CURSORS_KEPT):
            del self._cursors[account, mailbox]

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

    async def warn(self, now: datetime, limit: int) -> int:
        due = [
            (one.expiring_at, one.id)
            for one in self._subscriptions.values()
            if one.expiring_at is not None and one.expiring_at <= now
        ]
        for _, one_id in sorted(due)[:limit]:
            changed = changes.warned(self._subscriptions[one_id], now)
            assert changed is not None
            self._save(changed)
            self._enqueue(changes.expiring(changed, now))
        return len(due[:limit])

    # Cursors

    async def cursor(self, account: AccountId, mailbox: str) -> Cursor | None:
        return self._cursors.get((account, mailbox))

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
        if account not in self._accounts or self._cursors.get((account, mailbox)) != expected:
            raise ConflictError("The cursor was moved meanwhile, or the account is gone.")
        self._sightings.record(account, sighted, known)
        self._cursors[account, mailbox] = new
        ahead = Ahead(self._taker)
        committed = self._enqueue_all(drafts, ahead)
        self._keep_verdicts(self._subscriptions, told_of(verdicts, drafts, committed, self._unsent))
        ahead.end(drafts, committed=True)
        return committed

    def hand_to(self, taker: Taker | None) -> None:
        self._taker = taker

    async def sightings(self, account: AccountId, digests: Sequence[bytes]) -> dict[bytes, Sighting]:
        return self._sightings.find(account, digests)

    async def renamed(self, account: AccountId, old: str, new: str) -> None:
        if old == new:
            return
        cursor = self._cursors.pop((account, old), None)
        if cursor is not None:
            self._cursors.setdefault((account, new), cursor)
        self._sightings.renamed(account, old, new)
        for one in self._living(account):
            changed = changes.renamed(one, old, new)
            if changed is not None:
                self._save(changed)
                self._rename(one.id, old, new)

    # Store

    def fingerprint(self, value: bytes) -> bytes:
        return self._digest(b"value\0" + value)

    async def check(self) -> None:
        """It can always be written to."""

    async def close(self) -> None:
        """Nothing is held."""

    # inside

    def _has(self, subscription: SubscriptionId) -> bool:
        return subscription in self._subscriptions

    def _living(self, account: AccountId) -> list[Subscription]:
        found = (one for one in self._subscriptions.values() if one.account_id == account)
        return sorted((one for one in found if not one.phase.over), key=lambda one: (one.created_at, one.id))


def _key(target: ImapTarget, username: str) -> tuple[str, int, str, str]:
    return target.host, target.port, username, identity(target.trust)
