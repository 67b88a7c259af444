"""A notification comes into the outbox. Each function is a part of somebody's transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import NewMail, Notification
from idlebell.store.routes import Route, microseconds
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite.falls import patience_us
from idlebell.store.sqlite.waiting import sealed

_INSERT: Final = """
INSERT INTO outbox (id, subscription, type, messages, endpoint, lane, collapses, version, at_us, due_us, expires_us,
                    attempts, leased_us, patience_us, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
"""
# A newer one changes nothing where the order is kept; where versions collapse, it may be ready before the others.
_QUEUE: Final = """
INSERT INTO queues (endpoint, account, lane, ready_us, held_us, leased)
VALUES (?, (SELECT account FROM subscriptions WHERE id = ?), ?, ?, NULL, ?)
ON CONFLICT (endpoint) DO UPDATE
SET ready_us = max(ifnull(held_us, min(ready_us, excluded.ready_us)), min(ready_us, excluded.ready_us))
WHERE leased = 0 AND ?
"""
_WAITS: Final = """
SELECT EXISTS (SELECT 1 FROM queues WHERE endpoint = ?) OR EXISTS (SELECT 1 FROM queues WHERE lane = ? AND ready_us <= ?)
"""


def waits(connection: sqlite3.Connection, to: Route, now: datetime) -> bool:
    """Is there something whose turn comes before that of what would come now?"""
    (found,) = connection.execute(_WAITS, (to.endpoint, to.lane, microseconds(now))).fetchone()
    return bool(found)


def add(
    connection: sqlite3.Connection,
    sealer: Sealer,
    one: Notification,
    due_at: datetime,
    to: Route,
    leased_until: datetime | None = None,
) -> None:
    """``leased_until``: nothing else waits for its endpoint."""
    content = one.content
    messages = content.count if isinstance(content, NewMail) else 0
    due_us = microseconds(due_at)
    leased_us = None if leased_until is None else microseconds(leased_until)
    times = (microseconds(one.at), due_us, microseconds(one.expires_at), leased_us)
    places = (to.endpoint, to.lane, to.collapses)
    named = (one.id, one.subscription_id, content.type, messages, *places, one.version, *times)
    connection.execute(_INSERT, (*named, patience_us(to.patience_seconds), sealed(sealer, one.id, content)))
    ready_us = due_us if leased_us is None else leased_us
    values = (to.endpoint, one.subscription_id, to.lane, ready_us, leased_us is not None, to.collapses)
    connection.execute(_QUEUE, values)


def requeue(connection: sqlite3.Connection, subscription: SubscriptionId, to: Route, due_us: int) -> None:
    """It has come to this endpoint from another one."""
    connection.execute(_QUEUE, (to.endpoint, subscription, to.lane, due_us, False, to.collapses))
