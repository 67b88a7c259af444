"""The outbox: what waits, whose turn it is, what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from idlebell.model.ids import AccountId, NotificationId, SubscriptionId
from idlebell.model.notification import Draft, Leased, NewMail, Notification, Test, Told
from idlebell.model.subscription import Subscription
from idlebell.model.trail import DELIVERIES_KEPT
from idlebell.store import changes, codec, falling
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
from idlebell.store.delivered import coalesced, delivered
from idlebell.store.routes import microseconds, moment, route
from idlebell.store.sqlite import rows, rungs, tallies
from idlebell.store.sqlite.database import Database
from idlebell.store.sqlite.queues import Queues
from idlebell.store.sqlite.waiting import Waiting, found, opened
from idlebell.store.sqlite.withdrawals import withdraw
from idlebell.store.taking import BEHIND_LOOKED_AT, Share, Taken, in_turn, looked_at

# From lane to lane along the index: as many steps as there are lanes, however much waits in each.
_LANES: Final = """
WITH RECURSIVE lanes (lane) AS (
    SELECT min(lane) FROM queues
    UNION ALL
    SELECT (SELECT min(lane) FROM queues WHERE queues.lane > lanes.lane) FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lane, (SELECT min(ready_us) FROM queues WHERE queues.lane = lanes.lane) AS ready_us,
       EXISTS (SELECT 1 FROM queues INDEXED BY queues_tried WHERE queues.lane = lanes.lane AND held_us IS NOT NULL)
FROM lanes WHERE lane IS NOT NULL AND ready_us <= ? ORDER BY ready_us, lane LIMIT ?
"""
_READY: Final = (
    "SELECT endpoint, leased, account FROM queues WHERE lane = ? AND ready_us <= ? ORDER BY ready_us, endpoint LIMIT ?"
)
_NEXT_OF_ACCOUNT: Final = "SELECT min(ready_us) FROM queues WHERE account = ? AND leased = 0 AND lane = ?"
_BEHIND: Final = (
    "SELECT account FROM queues WHERE lane = ? AND ready_us > ? AND ready_us <= ? ORDER BY ready_us LIMIT ?"
)
_TURN: Final = "UPDATE queues SET ready_us = ?1 WHERE account = ?2 AND leased = 0 AND lane = ?3 AND ready_us < ?1"
# A lease that has lapsed is none.
_NEXT: Final = """
SELECT min(ready_us) FROM (
    SELECT min(ready_us) AS ready_us FROM queues WHERE leased = 0
    UNION ALL
    SELECT min(ready_us) FROM queues WHERE leased = 1 AND ready_us <= ?
    UNION ALL
    SELECT min(due_us) FROM holds
    UNION ALL
    SELECT min(falls_us) FROM outbox WHERE falls_us IS NOT NULL AND leased_us IS NULL
)
"""
# Whoever was served stands behind those that were not. No row: nothing else waits for the endpoint.
_SERVED: Final = "UPDATE queues SET ready_us = max(ready_us, ?) WHERE endpoint = ? RETURNING 1"
_OVERDUE: Final = "SELECT id FROM outbox WHERE expires_us <= ? AND leased_us IS NULL ORDER BY expires_us LIMIT ?"
# Cheaper than to open the subscription for each push; that a mailbox has such a name costs no more than that.
_RETRIES: Final = "WHERE endpoint = ? AND attempts > 0 AND due_us > ? AND leased_us IS NULL"
_TROUBLED: Final = "SELECT 1 FROM subscriptions WHERE id = ? AND instr(details, '[\"endpoint-')"


class OutboxPart:
    """Keeps :class:`~idlebell.store.contract.Outbox`."""

    _database: Database

    async def enqueue(self, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
        queues = self._database.queues
        return await self._database.write(lambda connection: queues.enqueue_all(connection, drafts))

    async def rung(self, account: AccountId, mailbox: str) -> Mapping[SubscriptionId, tuple[Told, ...]]:
        return self._database.read(lambda connection: rungs.find(connection, account, mailbox))

    async def withdraw(self, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
        return await self._database.write(lambda connection: withdraw(self._database, connection, drafts))

    async def release(self, now: datetime, limit: int = RELEASED_AT_ONCE) -> int:
        queues = self._database.queues
        return await self._database.write(lambda connection: queues.release(connection, microseconds(now), limit))

    async def lanes(self, now: datetime, limit: int) -> tuple[bytes, ...]:
        rows = self._database.read(lambda connection: _lanes(connection, microseconds(now), limit))
        return tuple(lane for lane, _ in rows)

    async def lease(self, lane: bytes, now: datetime, until: datetime, limit: int) -> tuple[Leased, ...]:
        queues = self._database.queues
        now_us, until_us = microseconds(now), microseconds(until)

        return await self._database.write(lambda connection: _lease(connection, queues, lane, now_us, until_us, limit))

    async def take(self, now: datetime, until: datetime, limit: int, share: Share) -> Taken:
        queues = self._database.queues
        now_us, until_us = microseconds(now), microseconds(until)

        def job(connection: sqlite3.Connection) -> Taken:
            released = queues.release(connection, now_us, RELEASED_AT_ONCE)
            lanes = _lanes(connection, now_us, limit)
            leased: list[Leased] = []
            left = len(lanes) == limit or released == RELEASED_AT_ONCE
            shares = share([lane for lane, _ in lanes], {lane for lane, tried in lanes if tried})
            left |= len(shares) < len(lanes)
            for lane, places in shares.items():
                of_lane = _lease(connection, queues, lane, now_us, until_us, places)
                left |= len(of_lane) >= places
                leased += of_lane
            return Taken(tuple(leased), len(lanes), left, _next_due(connection, now_us))

        return await self._database.write(job)

    async def settle(self, notification: NotificationId, settlement: Settlement) -> bool:
        if isinstance(settlement, Dropped) and settlement.outcome not in ("expired", "refused"):
            raise ValueError(f"a notification is dropped as expired or refused, not {settlement.outcome}")

        def job(connection: sqlite3.Connection) -> bool:
            waiting = self._database.queues.by_id(connection, notification)
            if waiting is None:
                return False
            fell = self._settle(connection, waiting, settlement)
            if isinstance(settlement, Settled) and not fell:
                return False  # nothing else waits for it
            served = (microseconds(settlement.at), waiting.endpoint)
            return connection.execute(_SERVED, served).fetchone() is not None or fell

        # The service has it, and its lane is free for the next: only this endpoint waits.
        return await self._database.write(job, patient=True)

    async def overdue(
        self, now: datetime, limit: int = OVERDUE_AT_ONCE
    ) -> tuple[tuple[SubscriptionId, NotificationId], ...]:
        def job(connection: sqlite3.Connection) -> tuple[tuple[SubscriptionId, NotificationId], ...]:
            given_up = []
            for (one,) in connection.execute(_OVERDUE, (microseconds(now), limit)).fetchall():
                waiting = self._database.queues.by_id(connection, one)
                assert waiting is not None
                self._settle(connection, waiting, changes.unreached(waiting.attempts, now))
                given_up.append((waiting.subscription, waiting.id))
            return tuple(given_up)

        return await self._database.write(job)

    async def waits(self, notification: NotificationId) -> datetime | None:
        query = "SELECT due_us FROM outbox WHERE id = ?1 UNION ALL SELECT due_us FROM holds WHERE id = ?1"
        row = self._database.read(lambda connection: connection.execute(query, (notification,)).fetchone())
        return None if row is None else moment(row[0])

    async def next_due(self, now: datetime) -> datetime | None:
        return self._database.read(lambda connection: _next_due(connection, microseconds(now)))

    async def release_leases(self) -> None:
        queues = self._database.queues

        def job(connection: sqlite3.Connection) -> None:
            for waiting in queues.leased(connection):
                queues.postpone(connection, waiting, waiting.due_us, max(1, waiting.attempts))

        await self._database.write(job)

    def _settle(self, connection: sqlite3.Connection, waiting: Waiting, settlement: Settlement) -> bool:
        """True: it went to another endpoint, or it was accepted and more waits for its own."""
        queues = self._database.queues
        at, status = settlement.at, settlement.status
        came_at = moment(waiting.at_us)
        if not isinstance(settlement, Unverified | Deferred):
            kept = delivered(waiting.id, waiting.version, waiting.type, came_at, settlement)
            self._database.rings.keep_deliveries(connection, waiting.subscription, [kept])
        match settlement:
            case Settled():
                tallies.accepted(connection, waiting, at, status)
                left = queues.accept(connection, [waiting], at)
                queues.falls.worked(connection, waiting)
                if connection.execute(_TROUBLED, (waiting.subscription,)).fetchone() is not None:
                    queues.save_if(connection, changes.mended(self._subscription(connection, waiting)))
                if waiting.collapses and left:
                    older = queues.older(connection, waiting)
                    queues.accept(connection, older, at, "coalesced")
                    self._coalesced(connection, older, at)
                elif left and waiting.type == Test.type:
                    # The endpoint works: what it was to be tried again with later is due.
                    for retry in found(connection, _RETRIES, waiting.endpoint, microseconds(at)):
                        queues.postpone(connection, retry, microseconds(at), retry.attempts)
                return left
            case Postponed():
                queues.pushed(connection, waiting, at, status, "retry")
                queues.retry(connection, waiting, at, microseconds(settlement.due_at))
                if settlement.problem is not None:
                    subscription = self._subscription(connection, waiting)
                    queues.save_if(connection, changes.failing(subscription, settlement.problem))
            case Dropped():
                queues.pushed(connection, waiting, at, status, settlement.outcome)
                if settlement.outcome == "refused" and waiting.patience_us is not None:
                    # Somebody behind it may take it.
                    queues.postpone(connection, waiting, microseconds(at), waiting.attempts + 1)
                    still = queues.by_id(connection, waiting.id)
                    if still is None or still.endpoint != waiting.endpoint or queues.falls.fall(connection, still, at):
                        return True
                queues.take(connection, [waiting], settlement.outcome)
                if settlement.problem is not None:
                    subscription = self._subscription(connection, waiting)
                    queues.save_if(connection, changes.troubled(subscription, settlement.problem))
            case EndpointGone():
                queues.pushed(connection, waiting, at, status, "gone")
                self._gone(connection, waiting, settlement)
            case Deferred():
                return self._defer(connection, waiting, settlement)
            case Unverified():
                meanwhile = changes.proven(self._subscription(connection, waiting), codec.ROLE_OF_TYPE[waiting.type])
                due_at = settlement.at if meanwhile else settlement.due_at
                queues.postpone(connection, waiting, microseconds(due_at), waiting.attempts)
        return False

    def _coalesced(self, connection: sqlite3.Connection, older: Sequence[Waiting], at: datetime) -> None:
        """Two subscriptions may have the same endpoint."""
        for subscription in {one.subscription for one in older}:
            own = [one for one in reversed(older) if one.subscription == subscription]
            kept = [coalesced(one.id, one.version, one.type, moment(one.at_us), at) for one in own[:DELIVERIES_KEPT]]
            self._database.rings.keep_deliveries(connection, subscription, kept)

    def _defer(self, connection: sqlite3.Connection, waiting: Waiting, settlement: Deferred) -> bool:
        queues, at = self._database.queues, settlement.at
        if waiting.patience_us is not None and not waiting.attempts:
            # Somebody behind it may have more left.
            queues.postpone(connection, waiting, microseconds(at), 0)
            still = queues.by_id(connection, waiting.id)
            moved = still is None or still.endpoint != waiting.endpoint
            if still is None or moved or queues.falls.spent(connection, still, at, settlement.due_at):
                return True
            waiting = still
        content = opened(self._database.sealer, waiting)
        if isinstance(content, NewMail) and not waiting.attempts:
            queues.hold(connection, waiting, content, settlement.due_at, at)
        else:
            queues.postpone(connection, waiting, microseconds(settlement.due_at), waiting.attempts)
        return False

    def _gone(self, connection: sqlite3.Connection, waiting: Waiting, settlement: EndpointGone) -> None:
        queues = self._database.queues
        subscription = self._subscription(connection, waiting)
        fingerprint = self._database.sealer.fingerprint
        left = subscription.endpoints.without(lambda own: route(own, fingerprint).endpoint == waiting.endpoint)
        if left == subscription.endpoints:
            # The app has a new endpoint since: the old one's end tells nothing about that.
            queues.postpone(connection, waiting, microseconds(settlement.at), waiting.attempts)
            return
        if left.new_mail is None:
            queues.holdings.give_up(connection, subscription.id, "refused")
        own = [one for one in queues.of_subscription(connection, subscription.id) if one.endpoint == waiting.endpoint]
        falls = [one for one in own if left.bells and falling.goes_on(codec.ROLE_OF_TYPE[one.type])]
        queues.take(connection, [one for one in own if one not in falls], "refused")
        queues.save(connection, changes.deserted(subscription, left, settlement))
        for one in falls:
            still = queues.by_id(connection, one.id)
            if still is not None:
                queues.postpone(connection, still, still.due_us, still.attempts)

    def _subscription(self, connection: sqlite3.Connection, waiting: Waiting) -> Subscription:
        subscription = self._database.rows.one(connection, rows.BY_ID, waiting.subscription)
        assert subscription is not None, "foreign keys hold: what waits has a subscription"
        return subscription


def _lanes(connection: sqlite3.Connection, now_us: int, limit: int) -> list[tuple[bytes, bool]]:
    """And of each: does something wait that was tried?"""
    return [(lane, bool(tried)) for lane, _, tried in connection.execute(_LANES, (now_us, limit)).fetchall()]


def _lease(
    connection: sqlite3.Connection, queues: Queues, lane: bytes, now_us: int, until_us: int, limit: int
) -> tuple[Leased, ...]:
    ready = connection.execute(_READY, (lane, now_us, looked_at(limit))).fetchall()
    taken: list[Leased] = []
    for endpoint, leased, account in in_turn(ready, lambda row: row[2], limit):
        one = queues.lease(connection, endpoint, now_us, until_us, lapsed=bool(leased))
        if one is not None:
            taken.append(one)
            if len(ready) > limit:
                _turn(connection, account, lane, now_us)
    return tuple(taken)


def _turn(connection: sqlite3.Connection, account: str, lane: bytes, now_us: int) -> None:
    """What was leased was its account's turn: all else of it in this lane stands behind what waits for others, but before
    what was leased, which stands behind where more waits for it. Nothing is written where nobody else waits, so that an account
    with a thousand endpoints does not pay for each push with all of them."""
    (first_us,) = connection.execute(_NEXT_OF_ACCOUNT, (account, lane)).fetchone()
    if first_us is None or first_us >= now_us - 1:
        return
    behind = connection.execute(_BEHIND, (lane, first_us, now_us, BEHIND_LOOKED_AT)).fetchall()
    if len(behind) == BEHIND_LOOKED_AT or any(other != account for (other,) in behind):
        connection.execute(_TURN, (now_us - 1, account, lane))


def _next_due(connection: sqlite3.Connection, now_us: int) -> datetime | None:
    (at_us,) = connection.execute(_NEXT, (now_us,)).fetchone()
    return None if at_us is None else moment(at_us)
