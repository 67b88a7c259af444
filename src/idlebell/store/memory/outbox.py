"""The outbox of the store in memory, and what a change of a subscription means for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from idlebell.model.endpoint import Role
from idlebell.model.ids import ID_ENTROPY_BYTES, NotificationId, SubscriptionId, notification_id
from idlebell.model.notification import Draft, Leased, NewMail, Notification, Reconnect, Reminder, Test
from idlebell.model.preferences import Preferences
from idlebell.model.subscription import LastPush, Subscription
from idlebell.rules.pace import Pace
from idlebell.rules.schedule import Held, Silenced, reschedules, scheduled
from idlebell.store import changes, falling
from idlebell.store.ahead import Ahead, Taker
from idlebell.store.contract import (
    OVERDUE_AT_ONCE,
    RELEASED_AT_ONCE,
    Deferred,
    Dropped,
    EndpointGone,
    Postponed,
    Settled,
    Settlement,
    Unverified,
)
from idlebell.store.delivered import coalesced, delivered, merged_into, silenced
from idlebell.store.falling import FALLEN_AT_ONCE
from idlebell.store.holds import Hold, Unsent, after_coming, after_release, held, placed, unsent
from idlebell.store.memory import behind
from idlebell.store.memory.falls import Falls
from idlebell.store.memory.heartbeats import Heartbeats
from idlebell.store.memory.holds import MemoryHolds
from idlebell.store.memory.rungs import Rungs
from idlebell.store.memory.waiting import Tally, Waiting, Waitings
from idlebell.store.owed import due_at, moved_by
from idlebell.store.routes import Route, route, routes, version_after
from idlebell.store.sealing import KEY_BYTES, Sealer
from idlebell.store.taking import Share, Taken


class MemoryOutbox(MemoryHolds):
    """Keeps :class:`~idlebell.store.contract.Outbox`, and the subscriptions whose it is."""

    def __init__(self, entropy: Callable[[int], bytes], pace: Pace) -> None:
        super().__init__()
        self._entropy = entropy
        self._pace = pace
        self._digest = Sealer(entropy(KEY_BYTES)).fingerprint
        self._subscriptions: dict[SubscriptionId, Subscription] = {}
        self._outbox = Waitings(lambda one: self._subscriptions[one].account_id)
        self._falls = Falls(self._outbox, self._subscriptions, self._digest, self._save, self._keep_deliveries)
        self._heartbeats = Heartbeats()
        self._versions: dict[bytes, int] = {}
        self._rungs = Rungs()
        self._taker: Taker | None = None

    async def enqueue(self, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
        return self._enqueue_all(drafts)

    def _enqueue_all(self, drafts: Sequence[Draft], ahead: Ahead | None = None) -> tuple[Notification, ...]:
        """``ahead``: what can be sent at once is leased."""
        committed: list[Notification] = []
        for draft in drafts:
            subscription = self._subscriptions.get(draft.subscription_id)
            if subscription is None:
                continue
            if not changes.takes(subscription.phase, subscription.paused, draft.content.type):
                continue
            to = self._route(subscription.id, draft.content.role)
            if to is None or self._holds(draft, subscription):
                continue
            placed_ahead = (
                ahead is not None and not scheduled(subscription.preferences) and self._outbox.free(draft, to, ahead)
            )
            notification = self._enqueue(draft)
            if ahead is not None and ahead.offer is not None and placed_ahead:
                leased = self._lease(self._outbox.queues[to.endpoint], ahead.offer.now, ahead.offer.until)
                assert leased is not None, "it has just come, and nothing else waits"
                ahead.leased.append(leased)
                notification = leased.notification
            committed += [] if notification is None else [notification]
        return tuple(committed)

    async def release(self, now: datetime, limit: int = RELEASED_AT_ONCE) -> int:
        fell = self._falls.release(now, FALLEN_AT_ONCE)
        due = sorted((hold.due_at, one) for one, hold in self._holds_of.items() if hold.due_at <= now)[:limit]
        for _, one in due:
            self._release(self._subscriptions[one], now)
        return len(due) + fell

    async def lanes(self, now: datetime, limit: int) -> tuple[bytes, ...]:
        return tuple(self._outbox.lanes(now)[:limit])

    async def lease(self, lane: bytes, now: datetime, until: datetime, limit: int) -> tuple[Leased, ...]:
        taken: list[Leased] = []
        for endpoint in self._outbox.in_turn(lane, now, limit):
            one = self._lease(self._outbox.queues[endpoint], now, until)
            if one is not None:
                taken.append(one)
                self._outbox.took_turn(endpoint, now)
        return tuple(taken)

    async def take(self, now: datetime, until: datetime, limit: int, share: Share) -> Taken:
        released = await self.release(now)
        lanes = await self.lanes(now, limit)
        leased: list[Leased] = []
        left = len(lanes) == limit or released == RELEASED_AT_ONCE
        shares = share(lanes, self._outbox.tried(lanes))
        left |= len(shares) < len(lanes)
        for lane, places in shares.items():
            of_lane = await self.lease(lane, now, until, places)
            left |= len(of_lane) >= places
            leased += of_lane
        return Taken(tuple(leased), len(lanes), left, await self.next_due(now))

    async def settle(self, notification: NotificationId, settlement: Settlement) -> bool:
        if isinstance(settlement, Dropped) and settlement.outcome not in ("expired", "refused"):
            raise ValueError(f"a notification is dropped as expired or refused, not {settlement.outcome}")
        entry = self._outbox.by_id.get(notification)
        if entry is None:
            return False
        subscription = self._subscriptions[entry.notification.subscription_id]
        endpoint, patient = entry.route.endpoint, entry.route.patience_seconds > 0
        if not isinstance(settlement, Unverified | Deferred):
            self._keep_deliveries(subscription.id, [delivered(*entry.named, settlement)])
        match settlement:
            case Settled():
                self._pushed(entry, settlement.at, settlement.status, "accepted")
                self._accepted(entry, settlement.at, "accepted")
                self._falls.worked(entry)
                self._save_if(changes.mended(self._subscriptions[subscription.id]))
                if entry.route.collapses:
                    for older in self._outbox.queue(entry.route.endpoint):
                        if older.notification.version < entry.notification.version:
                            kept = coalesced(*older.named, settlement.at)
                            self._keep_deliveries(older.notification.subscription_id, [kept])
                            self._accepted(older, settlement.at, "coalesced")
                elif entry.notification.content.type == Test.type:
                    self._outbox.retry_now(entry.route.endpoint, settlement.at)
            case Postponed():
                self._pushed(entry, settlement.at, settlement.status, "retry")
                attempts = entry.notification.attempts + 1
                entry.notification = replace(entry.notification, attempts=attempts)
                entry.due_at, entry.leased_until = settlement.due_at, None
                self._move(entry)
                for one, ended in behind.gather(self._outbox, endpoint, settlement.at):
                    self._keep_deliveries(one, ended)
                if patient:
                    self._falls.failed(subscription.id, endpoint, settlement.at)
                self._save_if(changes.failing(self._subscriptions[subscription.id], settlement.problem))
            case Dropped():
                self._pushed(entry, settlement.at, settlement.status, settlement.outcome)
                if settlement.outcome == "refused" and patient and self._falls_instead(entry, settlement.at):
                    return True
                self._take(entry, settlement.outcome)
                if settlement.problem is not None:
                    self._save_if(changes.troubled(subscription, settlement.problem))
            case EndpointGone():
                self._pushed(entry, settlement.at, settlement.status, "gone")
                self._gone(entry, subscription, settlement)
            case Deferred():
                if self._defer(entry, settlement.at, settlement.due_at):
                    return True
            case Unverified():
                meanwhile = changes.proven(subscription, entry.notification.content.role)
                entry.due_at, entry.leased_until = settlement.at if meanwhile else settlement.due_at, None
                self._move(entry)
        return self._outbox.served(endpoint, settlement.at)

    async def overdue(
        self, now: datetime, limit: int = OVERDUE_AT_ONCE
    ) -> tuple[tuple[SubscriptionId, NotificationId], ...]:
        over = self._outbox.overdue(now)[:limit]
        for one in over:
            await self.settle(one.id, changes.unreached(one.attempts, now))
        return tuple((one.subscription_id, one.id) for one in over)

    async def waits(self, notification: NotificationId) -> datetime | None:
        entry = self._outbox.by_id.get(notification)
        if entry is None:
            return next((hold.due_at for hold in self._holds_of.values() if hold.id == notification), None)
        return entry.due_at

    async def next_due(self, now: datetime) -> datetime | None:
        falls = [at for one in self._outbox.by_id.values() if (at := self._falls.falls_at(one)) is not None]
        held = [hold.due_at for hold in self._holds_of.values()]
        return min((*self._outbox.due(now), *held, *falls), default=None)

    async def release_leases(self) -> None:
        for entry in list(self._outbox.by_id.values()):
            if entry.lapse():
                self._move(entry)

    # inside

    def _save_if(self, changed: Subscription | None) -> None:
        if changed is not None:
            self._save(changed)

    def _save(self, subscription: Subscription) -> Subscription:
        subscription = replace(subscription, revision=subscription.revision + 1)
        before = self._subscriptions.get(subscription.id)
        self._subscriptions[subscription.id] = subscription
        self._heartbeats.reckon(subscription)
        if subscription.paused or subscription.phase.over:
            self._give_up(subscription.id, "expired")
            self._rungs.settle_all(subscription.id)
        elif before is not None and reschedules(before.preferences, subscription.preferences):
            self._hurry(subscription.id)
        if before is not None:
            by = moved_by(before.preferences, subscription.preferences)
            if by is None:
                self._rungs.settle_all(subscription.id)
            elif by:
                self._rungs.move_all(subscription.id, by)
        for entry in self._outbox.of_subscription(subscription.id):
            closed = changes.obsolete(subscription, before, entry.notification.content.type)
            if subscription.phase.over or (closed and entry.leased_until is None):
                self._take(entry, "expired")
            elif entry.leased_until is None:
                self._move(entry)
        proven = changes.newly_proven(subscription, before)
        for entry in self._outbox.of_subscription(subscription.id) if proven else ():
            if entry.notification.content.role in proven and entry.leased_until is None:
                entry.due_at = min(entry.due_at, entry.notification.at)
        return subscription

    def _next_version(self, url: bytes, at: datetime) -> int:
        version = self._versions[url] = version_after(self._versions.get(url), at)
        return version

    def _route(self, subscription: SubscriptionId, role: Role) -> Route | None:
        one = self._subscriptions[subscription]
        patience = falling.patience(one.preferences, one.endpoints)
        return routes(one.endpoints, self._digest, patience).get(role)

    # What rings later

    def _holds(self, draft: Draft, subscription: Subscription) -> bool:
        """Is it held or silenced, so that it is no notification now?"""
        content, wish = draft.content, subscription.preferences
        if not isinstance(content, NewMail) or not (scheduled(wish) or self._pace.limits):
            return False
        tally = self._tallies.setdefault(subscription.id, Tally())
        timing = placed(wish, content, draft.at, draft.at, tally.lately, self._pace)
        if isinstance(timing, Silenced):
            tally.saw(content.count, draft.at)
            tally.silenced += content.count
            return True
        hold = held(self._holds_of.get(subscription.id), draft, content, timing, self._new_id)
        tally.lately = after_coming(wish, content, draft.at, tally.lately, self._pace, rings=hold is None)
        if hold is None:
            return False
        tally.saw(content.count, draft.at)
        self._rungs.record(subscription.id, content.told, None)
        self._holds_of[subscription.id] = hold
        return True

    def _unsent(self, draft: Draft) -> Unsent | None:
        """What has become of a draft of new mail that is no notification; None: it had nowhere to go."""
        subscription = self._subscriptions.get(draft.subscription_id)
        if subscription is None or not changes.takes(subscription.phase, subscription.paused, draft.content.type):
            return None
        if self._route(subscription.id, draft.content.role) is None:
            return None
        hold = self._holds_of.get(subscription.id)
        return unsent((hold.id, hold.due_at) if hold is not None and hold.at >= draft.at else None, draft.at)

    def _release(self, subscription: Subscription, now: datetime) -> None:
        hold, wish, tally = self._holds_of[subscription.id], subscription.preferences, self._tallies[subscription.id]
        timing = placed(wish, hold.content, hold.at, now, tally.lately, self._pace)
        if isinstance(timing, Held):
            self._holds_of[subscription.id] = replace(hold, due_at=timing.until)
        elif isinstance(timing, Silenced):
            self._give_up(subscription.id, "silenced")
            self._keep_deliveries(subscription.id, [silenced(hold.id, 0, hold.content.type, hold.at, now)])
        else:
            tally.lately = after_release(wish, hold.content, now, tally.lately, self._pace)
            if self._enqueue(hold.draft(subscription.id, now), released=hold.id) is None:
                self._give_up(subscription.id, "expired")
            self._holds_of.pop(subscription.id, None)

    def _may_ring(self, entry: Waiting, wish: Preferences, now: datetime, *, attempted: bool) -> bool:
        """May what is about to be sent ring now? Else it is silenced, or held where it was never sent."""
        notification = entry.notification
        content = notification.content
        if not isinstance(content, NewMail | Reminder) or not scheduled(wish):
            return True
        timing = placed(wish, content, notification.at, now)
        if isinstance(timing, Silenced):
            self._take(entry, "silenced")
            self._keep_deliveries(notification.subscription_id, [silenced(*entry.named, now)])
            return False
        if not isinstance(timing, Held) or attempted:
            return True
        if isinstance(content, Reminder):
            self._take(entry)
            self._rungs.schedule(notification.subscription_id, content.messages, timing.until)
        else:
            self._hold(entry, content, timing.until, now)
        return False

    def _hold(self, entry: Waiting, content: NewMail, until: datetime, now: datetime) -> None:
        """New mail that was never sent is held instead."""
        notification = entry.notification
        self._take(entry)
        self._rungs.schedule(notification.subscription_id, content.told, None)
        keep = notification.expires_at - entry.due_at
        self._hold_again(entry, Hold(notification.id, content, notification.at, until, keep), now)

    def _defer(self, entry: Waiting, at: datetime, until: datetime) -> bool:
        """True: it went to another endpoint."""
        content = entry.notification.content
        if entry.route.patience_seconds and not entry.notification.attempts:
            # Somebody behind it may have more left.
            endpoint, entry.due_at, entry.leased_until = entry.route.endpoint, at, None
            self._move(entry)
            moved = entry.notification.id not in self._outbox.by_id or entry.route.endpoint != endpoint
            if moved or self._falls.spent(entry, at, until):
                return True
        if isinstance(content, NewMail) and not entry.notification.attempts:
            self._hold(entry, content, until, at)
        else:
            entry.due_at, entry.leased_until = until, None
            self._move(entry)
        return False

    def _new_id(self) -> NotificationId:
        return notification_id(self._entropy(ID_ENTROPY_BYTES))

    def _enqueue(self, draft: Draft, *, released: NotificationId | None = None) -> Notification | None:
        """``released``: as which it was held, and what it tells of is counted as detected already."""
        to = self._route(draft.subscription_id, draft.content.role)
        if to is None:
            return None
        content, one = draft.content, draft.subscription_id
        version = self._next_version(to.url, draft.at)
        if isinstance(content, NewMail):
            note = self._rungs.schedule if released else self._rungs.record
            note(one, content.told, due_at(self._subscriptions[one].preferences, draft.due_at))
        if isinstance(content, NewMail) and not released:
            self._tallies.setdefault(one, Tally()).saw(content.count, draft.at)
        if (
            isinstance(content, NewMail)
            and (before := behind.retry(self._outbox, one, to.endpoint, content)) is not None
        ):
            if released is not None:
                kept = merged_into(before.notification.id, released, 0, draft.at, draft.due_at)
                self._keep_deliveries(one, [kept])
            return behind.join(self._outbox, before, draft, content, version)
        notification = Notification(
            released or self._new_id(), one, content, version, draft.at, draft.expires_at, attempts=0
        )
        self._outbox.add(Waiting(notification, to, draft.due_at))
        return notification

    def _take(self, entry: Waiting, outcome: str | None = None) -> None:
        """Out of the outbox, counted as ``outcome`` (what had come to one that is accepted: as coalesced); None: with it goes
        the count."""
        self._outbox.remove(entry)
        if outcome is not None and entry.messages:
            tally = self._tallies[entry.notification.subscription_id]
            joined = entry.joined if outcome == "accepted" else 0
            tally.coalesced += joined
            setattr(tally, outcome, getattr(tally, outcome) + entry.messages - joined)

    def _accepted(self, entry: Waiting, at: datetime, outcome: str) -> None:
        self._take(entry, outcome)
        if isinstance(entry.notification.content, Reconnect):
            self._save_if(changes.asked(self._subscriptions[entry.notification.subscription_id], at))

    def _move(self, entry: Waiting) -> None:
        """To where its subscription now wants it, as something never sent; dropped where there is no such place."""
        notification = entry.notification
        to = self._route(notification.subscription_id, notification.content.role)
        subscription = self._subscriptions[notification.subscription_id]
        type_of_content = notification.content.type
        lost = changes.nowhere(type_of_content, to) or changes.obsolete(subscription, None, type_of_content)
        if to is None or lost:
            self._take(entry, "expired")
        elif to.endpoint != entry.route.endpoint:
            self._outbox.remove(entry)
            version = self._next_version(to.url, notification.at)
            if notification.attempts:
                entry.due_at = notification.at
            entry.notification = replace(notification, version=version, attempts=0)
            entry.route, entry.leased_until, entry.falls_at = to, None, None
            self._outbox.add(entry)

    def _lease(self, queue: list[Waiting], now: datetime, until: datetime) -> Leased | None:
        for entry in queue:
            entry.lapse()
        chosen = queue[0]
        if chosen.route.collapses:
            chosen = [entry for entry in queue if entry.due_at <= now][-1]
        attempted = chosen.notification.attempts > 0
        if chosen.route.collapses:
            attempts = max(entry.notification.attempts for entry in queue[: queue.index(chosen) + 1])
            chosen.notification = replace(chosen.notification, attempts=attempts)
        notification = chosen.notification
        subscription = self._subscriptions[notification.subscription_id]
        endpoint = subscription.endpoints.serving(notification.content.role)
        elsewhere = endpoint is None or route(endpoint, self._digest).endpoint != chosen.route.endpoint
        if endpoint is None or elsewhere or changes.obsolete(subscription, None, notification.content.type):
            self._move(chosen)
            return None
        if not self._may_ring(chosen, subscription.preferences, now, attempted=attempted):
            return None
        chosen.leased_until = until
        if not attempted:  # what was ever sent never changes
            notification = replace(notification, content=changes.said(subscription, notification.content))
            chosen.notification = notification
        return Leased(notification, endpoint, chosen.route.lane)

    def _pushed(self, entry: Waiting, at: datetime, status: int | None, outcome: str) -> None:
        tally = self._tallies.setdefault(entry.notification.subscription_id, Tally())
        tally.last_push = LastPush(at, entry.notification.version, status, outcome)

    def _gone(self, entry: Waiting, subscription: Subscription, settlement: EndpointGone) -> None:
        endpoint = entry.route.endpoint
        left = subscription.endpoints.without(lambda own: route(own, self._digest).endpoint == endpoint)
        if left == subscription.endpoints:
            # The app has a new endpoint since: the old one's end tells nothing about that.
            entry.due_at, entry.leased_until = settlement.at, None
            self._move(entry)
            return
        if left.new_mail is None:
            self._give_up(subscription.id, "refused")
        found = [one for one in self._outbox.of_subscription(subscription.id) if one.route.endpoint == endpoint]
        falls = [one for one in found if left.bells and falling.goes_on(one.notification.content.role)]
        for one in found:
            if one not in falls:
                self._take(one, "refused")
        self._save(changes.deserted(subscription, left, settlement))
        for one in [one for one in falls if one.notification.id in self._outbox.by_id]:
            one.leased_until = None
            self._move(one)

    def _falls_instead(self, entry: Waiting, at: datetime) -> bool:
        """What one endpoint refuses another may take."""
        endpoint, attempts = entry.route.endpoint, entry.notification.attempts + 1
        entry.notification = replace(entry.notification, attempts=attempts)
        entry.due_at, entry.leased_until = at, None
        self._move(entry)
        gone = entry.notification.id not in self._outbox.by_id
        return gone or entry.route.endpoint != endpoint or self._falls.fall(entry, at)
