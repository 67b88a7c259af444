"""Accounts, subscriptions, and what happens to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from idlebell.model.account import Account, ImapTarget
from idlebell.model.ids import ID_ENTROPY_BYTES, AccountId, ApiKeyId, SubscriptionId, account_id
from idlebell.model.notification import Draft, LossReason, Reconnect
from idlebell.model.selection import Selection
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
from idlebell.model.trust import Trust
from idlebell.store import changes
from idlebell.store.contract import CURSORS_KEPT, EXPIRED_AT_ONCE, ConflictError, WantedAccount
from idlebell.store.routes import VERSIONS_KEPT_MS, microseconds, moment
from idlebell.store.sqlite import rows
from idlebell.store.sqlite.database import Database
from idlebell.store.sqlite.wanted import WANTED, WANTED_OF, wanted_accounts

# One statement, so that all of it is of one moment.
_ACTIVITY: Final = """
SELECT detected, accepted, coalesced, expired, refused,
       (SELECT ifnull(sum(messages), 0) FROM outbox WHERE outbox.subscription = activity.subscription)
       + ifnull((SELECT messages FROM holds WHERE holds.subscription = activity.subscription), 0),
       silenced, withdrawn, push_us, push_version, push_status, push_outcome, last_event_us
FROM activity WHERE subscription = ?
"""


class SubscriptionsPart:
    """Keeps :class:`~idlebell.store.contract.Subscriptions`."""

    _database: Database

    async def account(self, target: ImapTarget, username: str) -> Account:
        found = await self.account_by_key(target, username)
        if found is not None:
            return found

        def job(connection: sqlite3.Connection) -> Account:
            account = rows.account_by_key(connection, target, username)
            if account is None:
                account = Account(account_id(self._database.entropy(ID_ENTROPY_BYTES)), target, username)
                rows.write_account(connection, account)
            return account

        return await self._database.write(job)

    async def retrust(self, account: AccountId, before: Trust, after: Trust) -> None:
        await self._database.write(lambda connection: rows.retrust(connection, account, before, after))

    async def account_by_id(self, account: AccountId) -> Account | None:
        return self._database.read(lambda connection: rows.account_by_id(connection, account))

    async def account_by_key(self, target: ImapTarget, username: str) -> Account | None:
        return self._database.read(lambda connection: rows.account_by_key(connection, target, username))

    async def get(self, subscription: SubscriptionId) -> Subscription | None:
        return self._one(rows.BY_ID, subscription)

    async def by_key(self, key_digest: bytes) -> Subscription | None:
        return self._one(rows.BY_KEY, key_digest)

    async def of_account(self, account: AccountId) -> tuple[Subscription, ...]:
        select = self._database.rows.select
        return tuple(self._database.read(lambda connection: select(connection, rows.LIVING, account)))

    async def page(self, owner: ApiKeyId | None, after: SubscriptionId | None, limit: int) -> tuple[Subscription, ...]:
        select = self._database.rows.select
        query, values = (rows.PAGE, ()) if owner is None else (rows.PAGE_OF_OWNER, (owner,))
        found = await self._database.scan(lambda connection: select(connection, query, *values, after or "", limit))
        return tuple(found)

    async def with_unsent_codes(self, now: datetime, limit: int) -> tuple[Subscription, ...]:
        select, now_us = self._database.rows.select, microseconds(now)
        return tuple(self._database.read(lambda connection: select(connection, rows.UNSENT, now_us, limit)))

    async def put(self, subscription: Subscription, drafts: Sequence[Draft] = ()) -> Subscription:
        def job(connection: sqlite3.Connection) -> Subscription:
            stored = self._database.rows.one(connection, rows.BY_ID, subscription.id)
            if (0 if stored is None else stored.revision) != subscription.revision:
                raise ConflictError("The subscription was changed meanwhile.")
            query = "SELECT 1 FROM subscriptions WHERE key_digest = ? AND id <> ?"
            if connection.execute(query, (subscription.key_digest, subscription.id)).fetchone() is not None:
                raise ConflictError("Another subscription has this key.")
            if rows.account_by_id(connection, subscription.account_id) is None:
                raise ConflictError("The account is gone.")
            saved = self._database.queues.save(connection, subscription, stored)
            for draft in drafts:
                self._database.queues.enqueue(connection, draft)
            return saved

        return await self._database.write(job)

    async def remove(self, subscription: SubscriptionId) -> None:
        queues = self._database.queues
        await self._database.write(lambda connection: queues.forget(connection, subscription))

    async def wanted(self, after: AccountId | None = None, limit: int | None = None) -> tuple[WantedAccount, ...]:
        return await self._database.scan(
            lambda connection: wanted_accounts(connection.execute(WANTED, (after or "",)), self._database.target, limit)
        )

    async def wanted_of(self, account: AccountId) -> WantedAccount | None:
        found = self._database.read(
            lambda connection: wanted_accounts(connection.execute(WANTED_OF, (account,)), self._database.target)
        )
        return next(iter(found), None)

    async def unsettled(self) -> tuple[AccountId, ...]:
        query = (
            "SELECT DISTINCT account FROM subscriptions "
            "WHERE phase IN ('pending', 'active') AND source IS NULL ORDER BY account"
        )
        found = await self._database.scan(lambda connection: connection.execute(query).fetchall())
        return tuple(AccountId(account) for (account,) in found)

    async def expire(self, now: datetime, limit: int = EXPIRED_AT_ONCE) -> tuple[Subscription, ...]:
        queues, select = self._database.queues, self._database.rows.select
        now_us, forgotten_us = microseconds(now), microseconds(now - SHOWN_AFTER_END)

        def job(connection: sqlite3.Connection) -> tuple[Subscription, ...]:
            lapsed = [changes.expired(one, now) for one in select(connection, rows.LAPSED, now_us, limit)]
            newly = tuple(queues.save(connection, one) for one in lapsed if one is not None)
            query = "SELECT id FROM subscriptions WHERE ended_us <= ? ORDER BY ended_us, id LIMIT ?"
            for (one,) in connection.execute(query, (forgotten_us, limit)).fetchall():
                queues.forget(connection, one)
            oldest = now_us // 1000 - VERSIONS_KEPT_MS
            connection.execute("DELETE FROM versions WHERE last < ?", (oldest,))
            return newly

        return await self._database.write(job)

    async def next_lapse(self) -> datetime | None:
        query = "SELECT min(lapses_us) FROM subscriptions WHERE lapses_us IS NOT NULL"
        (lapses_us,) = self._database.read(lambda connection: connection.execute(query).fetchone())
        return None if lapses_us is None else moment(lapses_us)

    async def activity(self, subscription: SubscriptionId) -> Activity:
        row = self._database.read(lambda connection: connection.execute(_ACTIVITY, (subscription,)).fetchone())
        return Activity(Counts()) if row is None else _activity(row)

    async def counts(self) -> dict[str, int]:
        def query(connection: sqlite3.Connection) -> dict[str, int]:
            totals: dict[str, int] = {}
            (totals["accounts"],) = connection.execute("SELECT count(*) FROM accounts").fetchone()
            waiting = "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM holds)"
            (totals["pending_notifications"],) = connection.execute(waiting).fetchone()
            phases = dict(connection.execute("SELECT phase, count(*) FROM subscriptions GROUP BY phase"))
            return totals | {f"subscriptions_{phase.value}": phases.get(phase.value, 0) for phase in Phase}

        return await self._database.scan(query)

    async def ground(self, subscription: SubscriptionId, floor: Floor) -> None:
        def job(connection: sqlite3.Connection) -> None:
            stored = self._database.rows.one(connection, rows.BY_ID, subscription)
            if stored is not None:
                self._database.queues.save_if(connection, changes.grounded(stored, floor))

        await self._database.write(job)

    async def resolve(
        self,
        subscription: SubscriptionId,
        mailboxes: tuple[str, ...],
        floors: Sequence[Floor] = (),
        *,
        found_for: Selection | None = None,
    ) -> None:
        def job(connection: sqlite3.Connection) -> None:
            stored = self._database.rows.one(connection, rows.BY_ID, subscription)
            if stored is None:
                return
            self._database.queues.save_if(connection, changes.resolved(stored, mailboxes, floors, found_for))
            self._forget_cursors(connection, stored.account_id)

        await self._database.write(job)

    def _forget_cursors(self, connection: sqlite3.Connection, account: AccountId) -> None:
        found = connection.execute("SELECT mailbox, looked_us FROM cursors WHERE account = ?", (account,)).fetchall()
        if len(found) <= CURSORS_KEPT:
            return
        looked = {name.decode("utf-8", "surrogatepass"): None if at is None else moment(at) for name, at in found}
        living = self._database.rows.select(connection, rows.LIVING, account)
        for mailbox in changes.forgotten(looked, living, CURSORS_KEPT):
            connection.execute("DELETE FROM cursors WHERE account = ? AND mailbox = ?", (account, rows.text(mailbox)))

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
        queues = self._database.queues

        def job(connection: sqlite3.Connection) -> int:
            told = 0
            for one in self._database.rows.select(connection, rows.LIVING, account):
                query = "SELECT 1 FROM outbox WHERE subscription = ? AND type = ?"
                waits = connection.execute(query, (one.id, Reconnect.type)).fetchone() is not None
                changed = changes.lost(one, reason, at, waits, pending_only, problem)
                if changed is not None:
                    queues.save(connection, changed)
                    told += queues.enqueue(connection, changes.reconnect(changed, at, due_at)) is not None
            return told

        return await self._database.write(job)

    async def clear_loss(self, account: AccountId) -> None:
        queues = self._database.queues

        def job(connection: sqlite3.Connection) -> None:
            for one in self._database.rows.select(connection, rows.LIVING, account):
                queues.save_if(connection, changes.found(one), one)

        await self._database.write(job)

    async def remind(self, now: datetime, limit: int) -> int:
        queues = self._database.queues

        def job(connection: sqlite3.Connection) -> int:
            told = 0
            for one in self._database.rows.select(connection, rows.REMINDED, microseconds(now), limit):
                changed = changes.reminded(one, now)
                if changed is not None:
                    queues.save(connection, changed)
                    told += queues.enqueue(connection, changes.reconnect(changed, now, now)) is not None
            return told

        return await self._database.write(job)

    async def warn(self, now: datetime, limit: int) -> int:
        queues = self._database.queues

        def job(connection: sqlite3.Connection) -> int:
            found = self._database.rows.select(connection, rows.EXPIRING, microseconds(now), limit)
            for one in found:
                changed = changes.warned(one, now)
                # What was not due after all was reckoned by a migration: written again, it is reckoned as it should be.
                queues.save(connection, changed or one)
                if changed is not None:
                    queues.enqueue(connection, changes.expiring(changed, now))
            return len(found)

        return await self._database.write(job)

    def _one(self, query: str, value: Any) -> Subscription | None:
        return self._database.read(lambda connection: self._database.rows.one(connection, query, value))


def _activity(row: tuple[Any, ...]) -> Activity:
    *counts, push_us, push_version, push_status, push_outcome, last_event_us = row
    last_push = None if push_us is None else LastPush(moment(push_us), push_version, push_status, push_outcome)
    return Activity(Counts(*counts), last_push, None if last_event_us is None else moment(last_event_us))
