"""Which messages rang, and what becomes of them when they are read or gone. Parts of somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import TOLD_KEPT, Told
from idlebell.store import codec
from idlebell.store.sqlite.rows import text

_RECORD: Final = "INSERT OR REPLACE INTO rung (subscription, mailbox, uid_validity, uid) VALUES (?, ?, ?, ?)"
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
_FORGET: Final = "DELETE FROM rung WHERE subscription = ? AND mailbox = ? AND uid_validity = ? AND uid = ?"


def record(connection: sqlite3.Connection, subscription: SubscriptionId, told: Iterable[Told]) -> None:
    mailboxes: dict[str, int] = {}
    for one in told:
        connection.execute(_RECORD, (subscription, text(one.mailbox), one.uid_validity, one.uid))
        mailboxes[one.mailbox] = one.uid_validity
    for mailbox, uid_validity in mailboxes.items():
        connection.execute(_PRUNE, (subscription, text(mailbox), uid_validity, TOLD_KEPT))


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
    return frozenset(
        one
        for one in told
        if connection.execute(_FORGET, (subscription, text(one.mailbox), one.uid_validity, one.uid)).rowcount
    )
