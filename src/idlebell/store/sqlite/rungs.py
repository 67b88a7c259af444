"""Which messages rang, and when they are to ring again. Each function is a part of somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import TOLD_KEPT, Told
from idlebell.model.preferences import Preferences
from idlebell.store import codec
from idlebell.store.owed import due_at, moved_by
from idlebell.store.reminders import Owed
from idlebell.store.routes import microseconds, moment
from idlebell.store.sqlite.rows import text

_ONE: Final = "WHERE subscription = ? AND mailbox = ? AND uid_validity = ? AND uid = ?"
_RECORD: Final = "INSERT OR REPLACE INTO rung (subscription, mailbox, uid_validity, uid, due_us) VALUES (?, ?, ?, ?, ?)"
# Those of another UIDVALIDITY, and the oldest.
_PRUNE: Final = """
DELETE FROM rung WHERE subscription = ?1 AND mailbox = ?2 AND (uid_validity <> ?3 OR uid <= (
    SELECT uid FROM rung WHERE subscription = ?1 AND mailbox = ?2 AND uid_validity = ?3 ORDER BY uid DESC LIMIT 1 OFFSET ?4
))
"""
_READ: Final = """
SELECT subscriptions.id, uid_validity, uid, details FROM subscriptions JOIN rung ON rung.subscription = subscriptions.id
WHERE account = ? AND mailbox = ? ORDER BY subscriptions.id, uid
"""
_WISH: Final = "SELECT details FROM subscriptions WHERE id = ?"
_OWED: Final = """
SELECT account, subscription, mailbox, uid_validity, uid, ifnull(owed_us, due_us)
FROM rung JOIN subscriptions ON subscriptions.id = subscription
WHERE due_us <= ? ORDER BY due_us, subscription, mailbox, uid LIMIT ?
"""
_FORGET: Final = f"DELETE FROM rung {_ONE}"  # noqa: S608
_SCHEDULE: Final = f"UPDATE rung SET due_us = ?, owed_us = NULL {_ONE}"  # noqa: S608
_SETTLE: Final = f"UPDATE rung SET due_us = NULL, owed_us = NULL {_ONE} AND due_us IS NOT NULL"  # noqa: S608
_PUT_OFF: Final = f"UPDATE rung SET owed_us = ifnull(owed_us, due_us), due_us = ? {_ONE} AND due_us IS NOT NULL"  # noqa: S608
_SETTLE_ALL: Final = "UPDATE rung SET due_us = NULL, owed_us = NULL WHERE subscription = ? AND due_us IS NOT NULL"
_MOVE_ALL: Final = "UPDATE rung SET due_us = due_us + ?, owed_us = NULL WHERE subscription = ? AND due_us IS NOT NULL"
_RENAME: Final = "UPDATE OR REPLACE rung SET mailbox = ? WHERE subscription = ? AND mailbox = ?"
_MICROSECOND: Final = timedelta(microseconds=1)


def record(
    connection: sqlite3.Connection, subscription: SubscriptionId, told: Iterable[Told], rang_at: datetime | None
) -> None:
    """``rang_at`` None: it is held, and rings later."""
    due_us = _due_us(connection, subscription, rang_at) if told else None
    mailboxes: dict[str, int] = {}
    for one in told:
        connection.execute(_RECORD, (*_key(subscription, one), due_us))
        mailboxes[one.mailbox] = one.uid_validity
    for mailbox, uid_validity in mailboxes.items():
        connection.execute(_PRUNE, (subscription, text(mailbox), uid_validity, TOLD_KEPT))


def rang(
    connection: sqlite3.Connection, subscription: SubscriptionId, told: Iterable[Told], rang_at: datetime | None
) -> None:
    """What was recorded rings now, or (None) not yet after all."""
    if told:
        schedule(connection, subscription, told, _due_us(connection, subscription, rang_at))


def find(connection: sqlite3.Connection, account: AccountId, mailbox: str) -> dict[SubscriptionId, tuple[Told, ...]]:
    found: dict[SubscriptionId, tuple[Told, ...]] = {}
    wanted: dict[str, bool] = {}
    for one, uid_validity, uid, details in connection.execute(_READ, (account, text(mailbox))):
        if one not in wanted:
            wanted[one] = codec.decode_wish(details).withdraw
        if wanted[one]:
            found[SubscriptionId(one)] = (*found.get(SubscriptionId(one), ()), Told(mailbox, uid_validity, uid))
    return found


def forget(connection: sqlite3.Connection, subscription: SubscriptionId, told: Iterable[Told]) -> frozenset[Told]:
    """Those that had rung."""
    return frozenset(one for one in told if connection.execute(_FORGET, _key(subscription, one)).rowcount)


def rename(connection: sqlite3.Connection, subscription: SubscriptionId, old: str, new: str) -> None:
    connection.execute(_RENAME, (text(new), subscription, text(old)))


# Reminders


def owed(connection: sqlite3.Connection, now: datetime, limit: int) -> tuple[Owed, ...]:
    return tuple(
        Owed(AccountId(account), SubscriptionId(one), _told(mailbox, uid_validity, uid), moment(since_us))
        for account, one, mailbox, uid_validity, uid, since_us in connection.execute(_OWED, (microseconds(now), limit))
    )


def settle(connection: sqlite3.Connection, subscription: SubscriptionId, told: Iterable[Told]) -> list[Told]:
    """They are owed no reminder any more. Those that were."""
    return [one for one in told if connection.execute(_SETTLE, _key(subscription, one)).rowcount]


def schedule(
    connection: sqlite3.Connection, subscription: SubscriptionId, told: Iterable[Told], due_us: int | None
) -> None:
    for one in told:
        connection.execute(_SCHEDULE, (due_us, *_key(subscription, one)))


def put_off(connection: sqlite3.Connection, owed: Iterable[Owed], until: datetime) -> None:
    for one in owed:
        connection.execute(_PUT_OFF, (microseconds(until), *_key(one.subscription, one.message)))


def rewish(
    connection: sqlite3.Connection, subscription: SubscriptionId, before: Preferences, after: Preferences
) -> None:
    """What is owed follows what is wished now."""
    by = moved_by(before, after)
    if by is None:
        settle_all(connection, subscription)
    elif by:
        connection.execute(_MOVE_ALL, (by // _MICROSECOND, subscription))


def settle_all(connection: sqlite3.Connection, subscription: SubscriptionId) -> None:
    connection.execute(_SETTLE_ALL, (subscription,))


def _due_us(connection: sqlite3.Connection, subscription: SubscriptionId, rang_at: datetime | None) -> int | None:
    row = None if rang_at is None else connection.execute(_WISH, (subscription,)).fetchone()
    due = None if row is None or rang_at is None else due_at(codec.decode_wish(row[0]), rang_at)
    return None if due is None else microseconds(due)


def _key(subscription: SubscriptionId, one: Told) -> tuple[SubscriptionId, bytes, int, int]:
    return subscription, text(one.mailbox), one.uid_validity, one.uid


def _told(mailbox: bytes, uid_validity: int, uid: int) -> Told:
    return Told(mailbox.decode("utf-8", "surrogatepass"), uid_validity, uid)
