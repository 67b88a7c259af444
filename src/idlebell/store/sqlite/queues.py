"""What happens in the outbox's tables, each function a part of somebody's transaction in the writer's thread.

``outbox`` holds what waits, ``queues`` for each endpoint when something of it can be leased. One notification of an endpoint
is in flight at a time. Its order is that of versions; a retry that waits holds up what came after it, so that a failing
endpoint is not called more often because more mail comes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from idlebell.model.endpoint import Role
from idlebell.model.ids import ID_ENTROPY_BYTES, NotificationId, SubscriptionId, notification_id
from idlebell.model.notification import Content, Draft, Leased, NewMail, Notification, Reconnect, Reminder
from idlebell.model.preferences import Preferences
from idlebell.model.subscription import Phase, Subscription
from idlebell.rules.pace import Pace
from idlebell.rules.schedule import Held, Rings, Silenced, reschedules, scheduled
from idlebell.store import changes, codec
from idlebell.store.ahead import Ahead
from idlebell.store.delivered import merged_into, silenced
from idlebell.store.falling import FALLEN_AT_ONCE
from idlebell.store.holds import Hold, Unsent, placed, unsent
from idlebell.store.routes import Route, microseconds, moment, version_after
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import incoming, rows, rungs, tallies
from idlebell.store.sqlite.behind import Behind
from idlebell.store.sqlite.falls import Falls, patience_us
from idlebell.store.sqlite.holdings import Holdings
from idlebell.store.sqlite.rings import Rings as Trails
from idlebell.store.sqlite.rows import Rows
from idlebell.store.sqlite.waiting import Waiting, found, opened, sealed

_STANDING: Final = "SELECT phase, paused, routes, iif(scheduled, details, NULL) FROM subscriptions WHERE id = ?"

# What was leased may have been sent.
_LAPSE: Final = """
UPDATE outbox SET leased_us = NULL, attempts = max(attempts, 1) WHERE endpoint = ? AND leased_us IS NOT NULL
"""

_EMPTIED: Final = "DELETE FROM queues WHERE endpoint = ?1 AND NOT EXISTS (SELECT 1 FROM outbox WHERE endpoint = ?1)"

# What :func:`~idlebell.store.routes.version_after` says, in one statement; x'': :data:`~idlebell.store.routes.VERSION_FLOOR`.
_VERSION: Final = """
INSERT INTO versions (url, last) VALUES (?, max(?, ifnull((SELECT last + 1 FROM versions WHERE url = x''), 0)))
ON CONFLICT (url) DO UPDATE SET last = max(last + 1, excluded.last) RETURNING last
"""


class Queues:
    """``entropy`` is called in the writer's thread."""

    def __init__(self, rows: Rows, trails: Trails, sealer: Sealer, entropy: Callable[[int], bytes], pace: Pace) -> None:
        self._rows = rows
        self._trails = trails
        self._sealer = sealer
        self._entropy = entropy
        self.falls = Falls(rows, trails, sealer.fingerprint, self.save)
        self._behind = Behind(sealer, trails)
        self.holdings = Holdings(sealer, self._new_id, pace)
        self.forgotten = 0

    def save(
        self, connection: sqlite3.Connection, subscription: Subscription, before: Subscription | None = None
    ) -> Subscription:
        """Writes it under the next revision; what waits for it follows. ``before``: as it was, where its loss, its pause or
        its schedule may have changed."""
        subscription = replace(subscription, revision=subscription.revision + 1)
        rerouted = self._rows.write(connection, subscription)
        if subscription.paused or subscription.phase.over:
            self.holdings.give_up(connection, subscription.id, "expired")
            rungs.settle_all(connection, subscription.id)
        elif before is not None and reschedules(before.preferences, subscription.preferences):
            self.holdings.hurry(connection, subscription.id)
        if before is not None:
            rungs.rewish(connection, subscription.id, before.preferences, subscription.preferences)
        proven = changes.newly_proven(subscription, before)
        stays = not (rerouted or changes.closes(subscription, before) or subscription.paused or subscription.phase.over)
        if stays and not proven:
            return subscription
        own = self.of_subscription(connection, subscription.id)
        if subscription.phase.over:
            self.take(connection, own, "expired")
            return subscription
        own = [waiting for waiting in own if waiting.leased_us is None]
        obsolete = [waiting for waiting in own if changes.obsolete(subscription, before, waiting.type)]
        self.take(connection, obsolete, "expired")
        for waiting in own:
            if waiting not in obsolete:
                self.move(connection, waiting)
        if proven:
            self._hurry(connection, subscription.id, proven)
        return subscription

    def _hurry(self, connection: sqlite3.Connection, subscription: SubscriptionId, roles: frozenset[Role]) -> None:
        """What waits for endpoints of these roles is due."""
        for waiting in self.of_subscription(connection, subscription):
            if waiting.leased_us is None and codec.ROLE_OF_TYPE[waiting.type] in roles:
                due_us = min(waiting.due_us, waiting.at_us)
                connection.execute("UPDATE outbox SET due_us = ? WHERE seq = ?", (due_us, waiting.seq))
                self._reckon(connection, waiting.endpoint)

    def save_if(
        self, connection: sqlite3.Connection, changed: Subscription | None, before: Subscription | None = None
    ) -> None:
        if changed is not None:
            self.save(connection, changed, before)

    def enqueue_all(
        self, connection: sqlite3.Connection, drafts: Sequence[Draft], ahead: Ahead | None = None
    ) -> tuple[Notification, ...]:
        """``ahead``: what can be sent at once is leased."""
        committed: list[Notification] = []
        for draft in drafts:
            row = connection.execute(_STANDING, (draft.subscription_id,)).fetchone()
            if row is not None and changes.takes(Phase(row[0]), bool(row[1]), draft.content.type):
                to = codec.decode_route(row[2], draft.content.role)
                if to is not None and not self.holdings.holds(connection, draft, row[3]):
                    one = (
                        self._lease_ahead(connection, draft, to, ahead)
                        if ahead is not None and row[3] is None
                        else None
                    )
                    committed.append(one or self._enqueue(connection, draft, to))
        return tuple(committed)

    def unsent(self, connection: sqlite3.Connection, draft: Draft) -> Unsent | None:
        """What has become of a draft of new mail that is no notification; None: it had nowhere to go."""
        row = connection.execute(_STANDING, (draft.subscription_id,)).fetchone()
        if row is None or not changes.takes(Phase(row[0]), bool(row[1]), draft.content.type):
            return None
        if codec.decode_route(row[2], draft.content.role) is None:
            return None
        return unsent(self.holdings.telling(connection, draft.subscription_id, draft.at), draft.at)

    def enqueue(self, connection: sqlite3.Connection, draft: Draft) -> Notification | None:
        """Whether or not its subscription is paused. None: it has nowhere to go."""
        to = self._rows.route(connection, draft.subscription_id, draft.content.role)
        return None if to is None else self._enqueue(connection, draft, to)

    def _enqueue(
        self, connection: sqlite3.Connection, draft: Draft, to: Route, *, released: NotificationId | None = None
    ) -> Notification:
        """``released``: as which it was held, and what it tells of is counted as detected already."""
        content = draft.content
        version = _next_version(connection, to.url, draft.at)
        if isinstance(content, NewMail):
            before = self._behind.retry(connection, draft.subscription_id, to.endpoint, content)
            if before is not None:
                return self._join(connection, before, draft, content, version, released)
        return self._add(connection, draft, to, version, released)

    def _add(
        self,
        connection: sqlite3.Connection,
        draft: Draft,
        to: Route,
        version: int,
        released: NotificationId | None = None,
        leased_until: datetime | None = None,
    ) -> Notification:
        content, one = draft.content, released or self._new_id()
        made = Notification(one, draft.subscription_id, content, version, draft.at, draft.expires_at, attempts=0)
        incoming.add(connection, self._sealer, made, draft.due_at, to, leased_until)
        if isinstance(content, NewMail):
            self._rings(connection, draft, content, released)
        return made

    def _lease_ahead(
        self, connection: sqlite3.Connection, draft: Draft, to: Route, ahead: Ahead
    ) -> Notification | None:
        """It is leased where it can be sent at once, out of nobody's turn."""
        offer = ahead.offer
        if offer is None or not offer.suits(draft, to.patience_seconds) or incoming.waits(connection, to, offer.now):
            return None
        subscription = self._rows.one(connection, rows.BY_ID, draft.subscription_id)
        endpoint = None if subscription is None else subscription.endpoints.serving(draft.content.role)
        if subscription is None or endpoint is None or not ahead.reserve(to.lane):
            return None
        said = replace(draft, content=changes.said(subscription, draft.content))
        version = _next_version(connection, to.url, draft.at)
        one = self._add(connection, said, to, version, leased_until=offer.until)
        ahead.leased.append(Leased(one, endpoint, to.lane))
        return one

    def _join(
        self,
        connection: sqlite3.Connection,
        before: tuple[Waiting, NewMail],
        draft: Draft,
        content: NewMail,
        version: int,
        released: NotificationId | None,
    ) -> Notification:
        both = self._behind.join(connection, before, draft, content, version, released)
        self._rings(connection, draft, content, released)
        one = before[0]
        expires_at = max(moment(one.expires_us), draft.expires_at)
        return Notification(one.id, one.subscription, both, version, draft.at, expires_at, attempts=0)

    def _rings(
        self, connection: sqlite3.Connection, draft: Draft, content: NewMail, released: NotificationId | None
    ) -> None:
        if released is None:
            tallies.detected(connection, draft.subscription_id, content.count, draft.at)
        if content.told:
            note = rungs.rang if released else rungs.record
            note(connection, draft.subscription_id, content.told, draft.due_at)

    def _new_id(self) -> NotificationId:
        return notification_id(self._entropy(ID_ENTROPY_BYTES))

    def release(self, connection: sqlite3.Connection, now_us: int, limit: int) -> int:
        """Holds that are due are placed anew, and what has waited for too long falls through; how many did."""
        now = moment(now_us)
        fell = self.falls.release(connection, now_us, FALLEN_AT_ONCE)
        due = self.holdings.due(connection, now_us, limit)
        for subscription, hold in due:
            row = connection.execute(_STANDING, (subscription,)).fetchone()
            timing = self.holdings.timing(connection, subscription, hold, row[3], now)
            if isinstance(timing, Silenced):
                kept = silenced(hold.id, 0, hold.content.type, hold.at, now)
                self._trails.keep_deliveries(connection, subscription, [kept])
            if not isinstance(timing, Rings):
                continue
            if (to := codec.decode_route(row[2], hold.content.role)) is None:
                self.holdings.give_up(connection, subscription, "expired")
            else:
                self.holdings.take(connection, subscription)
                self._enqueue(connection, hold.draft(subscription, now), to, released=hold.id)
        return len(due) + fell

    def _may_ring(
        self, connection: sqlite3.Connection, waiting: Waiting, content: Content, wish: Preferences, now: datetime
    ) -> bool:
        """May what is about to be sent ring now? Else it is silenced, or held where it was never sent."""
        if not isinstance(content, NewMail | Reminder) or not scheduled(wish):
            return True
        came_at = moment(waiting.at_us)
        timing = placed(wish, content, came_at, now)
        if isinstance(timing, Silenced):
            self.take(connection, [waiting], "silenced")
            kept = silenced(waiting.id, waiting.version, waiting.type, came_at, now)
            self._trails.keep_deliveries(connection, waiting.subscription, [kept])
            return False
        if not isinstance(timing, Held) or waiting.attempts:
            return True
        if isinstance(content, Reminder):
            self.take(connection, [waiting])
            rungs.schedule(connection, waiting.subscription, content.messages, microseconds(timing.until))
        else:
            self.hold(connection, waiting, content, timing.until, now)
        return False

    def hold(
        self, connection: sqlite3.Connection, waiting: Waiting, content: NewMail, until: datetime, now: datetime
    ) -> None:
        """New mail that was never sent is held instead."""
        came_at = moment(waiting.at_us)
        self.take(connection, [waiting])
        rungs.rang(connection, waiting.subscription, content.told, None)
        keep = moment(waiting.expires_us) - moment(waiting.due_us)
        into = self.holdings.join(connection, waiting.subscription, Hold(waiting.id, content, came_at, until, keep))
        if into != waiting.id:
            kept = merged_into(into, waiting.id, waiting.version, came_at, now)
            self._trails.keep_deliveries(connection, waiting.subscription, [kept])

    def by_id(self, connection: sqlite3.Connection, notification: NotificationId) -> Waiting | None:
        return next(iter(found(connection, "WHERE id = ?", notification)), None)

    def of_subscription(self, connection: sqlite3.Connection, subscription: SubscriptionId) -> list[Waiting]:
        """Oldest first."""
        return found(connection, "WHERE subscription = ? ORDER BY version", subscription)

    def older(self, connection: sqlite3.Connection, than: Waiting) -> list[Waiting]:
        query = "WHERE endpoint = ? AND version < ? ORDER BY version"
        return found(connection, query, than.endpoint, than.version)

    def leased(self, connection: sqlite3.Connection) -> list[Waiting]:
        return found(connection, "WHERE leased_us IS NOT NULL ORDER BY seq")

    def take(self, connection: sqlite3.Connection, taken: Sequence[Waiting], outcome: str | None = None) -> bool:
        """Out of the outbox, counted as ``outcome`` (what had come to one that is accepted: as coalesced); None: with it goes
        the count. Does more wait for any of their endpoints?"""
        for waiting in taken:
            connection.execute("DELETE FROM outbox WHERE seq = ?", (waiting.seq,))
            if outcome is not None:
                joined = waiting.joined if outcome == "accepted" else 0
                tallies.count(connection, waiting.subscription, joined, "coalesced")
                tallies.count(connection, waiting.subscription, waiting.messages - joined, outcome)
        left = False
        for endpoint in {waiting.endpoint for waiting in taken}:
            if not connection.execute(_EMPTIED, (endpoint,)).rowcount:
                left |= self._reckon(connection, endpoint)
        return left

    def accept(
        self, connection: sqlite3.Connection, taken: Sequence[Waiting], at: datetime, outcome: str | None = None
    ) -> bool:
        """As :meth:`take`."""
        left = self.take(connection, taken, outcome)
        for waiting in taken:
            if waiting.type == Reconnect.type:
                subscription = self._rows.one(connection, rows.BY_ID, waiting.subscription)
                assert subscription is not None
                self.save_if(connection, changes.asked(subscription, at))
        return left

    def retry(self, connection: sqlite3.Connection, waiting: Waiting, at: datetime, due_us: int) -> None:
        """An attempt at it has failed."""
        self.postpone(connection, waiting, due_us, waiting.attempts + 1)
        self._behind.gather(connection, waiting.endpoint, at)
        self.falls.failed(connection, waiting, at)

    def postpone(self, connection: sqlite3.Connection, waiting: Waiting, due_us: int, attempts: int) -> None:
        """Ends the lease. Where its subscription has another endpoint by now, it goes there."""
        connection.execute(
            "UPDATE outbox SET due_us = ?, attempts = ?, leased_us = NULL WHERE seq = ?",
            (due_us, attempts, waiting.seq),
        )
        self._reckon(connection, waiting.endpoint)
        self.move(connection, waiting._replace(due_us=due_us, attempts=attempts, leased_us=None))

    def move(self, connection: sqlite3.Connection, waiting: Waiting) -> None:
        """To where its subscription now wants it, as something never sent; dropped where there is no such place."""
        _, paused, routes, _ = connection.execute(_STANDING, (waiting.subscription,)).fetchone()
        to = codec.decode_route(routes, codec.ROLE_OF_TYPE[waiting.type])
        if to is None or changes.nowhere(waiting.type, to) or (paused and waiting.type in changes.OF_MAIL):
            self.take(connection, [waiting], "expired")
        elif to.endpoint != waiting.endpoint:
            version = _next_version(connection, to.url, moment(waiting.at_us))
            due_us = waiting.at_us if waiting.attempts else waiting.due_us
            connection.execute(
                "UPDATE outbox SET endpoint = ?, lane = ?, collapses = ?, version = ?, due_us = ?, attempts = 0,"
                " leased_us = NULL, patience_us = ?, falls_us = NULL WHERE seq = ?",
                (to.endpoint, to.lane, to.collapses, version, due_us, patience_us(to.patience_seconds), waiting.seq),
            )
            self._reckon(connection, waiting.endpoint)
            incoming.requeue(connection, waiting.subscription, to, due_us)

    def lease(
        self, connection: sqlite3.Connection, endpoint: bytes, now_us: int, until_us: int, *, lapsed: bool
    ) -> Leased | None:
        """What is next of an endpoint that is ready; ``lapsed``: it was leased. None: nothing of it can be sent after all."""
        if lapsed:
            connection.execute(_LAPSE, (endpoint,))
            self._reckon(connection, endpoint)
        first = found(connection, "WHERE endpoint = ? ORDER BY version LIMIT 2", endpoint)
        waiting = first[0]
        attempts = waiting.attempts
        if waiting.collapses and len(first) > 1:
            query = "WHERE endpoint = ? AND due_us <= ? ORDER BY version DESC LIMIT 1"
            (waiting,) = found(connection, query, endpoint, now_us)
            query = "SELECT max(attempts) FROM outbox WHERE endpoint = ? AND version <= ?"
            (attempts,) = connection.execute(query, (endpoint, waiting.version)).fetchone()
        leased = self._opened(connection, waiting, attempts, moment(now_us))
        if leased is None:
            self._reckon(connection, endpoint)
            return None
        connection.execute("UPDATE outbox SET leased_us = ? WHERE seq = ?", (until_us, waiting.seq))
        if attempts != waiting.attempts:  # an index holds it
            connection.execute("UPDATE outbox SET attempts = ? WHERE seq = ?", (attempts, waiting.seq))
        connection.execute("UPDATE queues SET ready_us = ?, leased = 1 WHERE endpoint = ?", (until_us, endpoint))
        return leased

    def pushed(
        self, connection: sqlite3.Connection, waiting: Waiting, at: datetime, status: int | None, outcome: str
    ) -> None:
        tallies.pushed(connection, waiting.subscription, at, waiting.version, status, outcome)

    def forget(self, connection: sqlite3.Connection, subscription: SubscriptionId) -> None:
        """All of a subscription, and the account if it was the last."""
        query = "SELECT account FROM subscriptions WHERE id = ?"
        row = connection.execute(query, (subscription,)).fetchone()
        if row is None:
            return
        self.forgotten += 1
        self.take(connection, self.of_subscription(connection, subscription))
        connection.execute("DELETE FROM subscriptions WHERE id = ?", (subscription,))
        connection.execute(
            "DELETE FROM accounts WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM subscriptions WHERE account = ?1)", row
        )

    def _opened(self, connection: sqlite3.Connection, waiting: Waiting, attempts: int, now: datetime) -> Leased | None:
        role = codec.ROLE_OF_TYPE[waiting.type]
        both = self._rows.with_route(connection, waiting.subscription, role)
        assert both is not None
        subscription, to = both
        endpoint = subscription.endpoints.serving(role)
        obsolete = changes.obsolete(subscription, None, waiting.type)
        if to is None or endpoint is None or to.endpoint != waiting.endpoint or obsolete:
            self.move(connection, waiting)
            return None
        content = opened(self._sealer, waiting)
        if content is None:
            # It can never be sent, and must not hold up its lane for ever.
            self.take(connection, [waiting], "refused")
            return None
        if not self._may_ring(connection, waiting, content, subscription.preferences, now):
            return None
        at, expires_at = moment(waiting.at_us), moment(waiting.expires_us)
        if waiting.attempts == 0:  # what was ever sent never changes
            content = self._said(connection, waiting, subscription, content)
        notification = Notification(
            waiting.id, waiting.subscription, content, waiting.version, at, expires_at, attempts
        )
        return Leased(notification, endpoint, waiting.lane)

    def _said(
        self, connection: sqlite3.Connection, waiting: Waiting, subscription: Subscription, content: Content
    ) -> Content:
        """What is to be said, written down where that is less than was committed."""
        said = changes.said(subscription, content)
        if said != content:
            covered = sealed(self._sealer, waiting.id, said)
            connection.execute("UPDATE outbox SET content = ? WHERE seq = ?", (covered, waiting.seq))
        return said

    def _reckon(self, connection: sqlite3.Connection, endpoint: bytes) -> bool:
        """When something of this endpoint can be leased, from what now waits for it. False: nothing does."""
        query = "SELECT lane, collapses, due_us, attempts, subscription FROM outbox WHERE endpoint = ? ORDER BY version LIMIT 1"
        row = connection.execute(query, (endpoint,)).fetchone()
        if row is None:
            connection.execute("DELETE FROM queues WHERE endpoint = ?", (endpoint,))
            return False
        lane, collapses, ready_us, attempts, whose = row
        held_us: int | None = ready_us if attempts else None
        query = "SELECT max(leased_us) FROM outbox WHERE endpoint = ? AND leased_us IS NOT NULL"
        (leased_us,) = connection.execute(query, (endpoint,)).fetchone()
        if collapses:
            query = "SELECT min(due_us), max(CASE WHEN attempts > 0 THEN due_us END) FROM outbox WHERE endpoint = ?"
            ready_us, held_us = connection.execute(query, (endpoint,)).fetchone()
            ready_us = ready_us if held_us is None else max(ready_us, held_us)
        values: tuple[Any, ...] = (endpoint, whose, lane, ready_us if leased_us is None else leased_us, held_us)
        connection.execute(
            "INSERT INTO queues (endpoint, account, lane, ready_us, held_us, leased)"
            " VALUES (?, (SELECT account FROM subscriptions WHERE id = ?), ?, ?, ?, ?) ON CONFLICT (endpoint) DO UPDATE"
            " SET ready_us = excluded.ready_us, held_us = excluded.held_us, leased = excluded.leased",
            (*values, leased_us is not None),
        )
        return True


def _next_version(connection: sqlite3.Connection, url: bytes, at: datetime) -> int:
    (version,) = connection.execute(_VERSION, (url, version_after(None, at))).fetchone()
    return int(version)
