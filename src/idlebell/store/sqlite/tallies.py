"""What became of each subscription's notifications, counted. Each function is a part of somebody's transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from idlebell.model.ids import SubscriptionId
from idlebell.store.routes import microseconds, moment

_DETECTED: Final = """
INSERT INTO activity (subscription, detected, last_event_us) VALUES (?, ?, ?)
ON CONFLICT (subscription) DO UPDATE
SET detected = detected + excluded.detected,
    last_event_us = max(ifnull(last_event_us, excluded.last_event_us), excluded.last_event_us)
"""

_PUSHED: Final = """
INSERT INTO activity (subscription, push_us, push_version, push_status, push_outcome) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (subscription) DO UPDATE
SET push_us = excluded.push_us, push_version = excluded.push_version, push_status = excluded.push_status,
    push_outcome = excluded.push_outcome
"""

_RANG: Final = """
INSERT INTO activity (subscription, rung_us) VALUES (?, ?)
ON CONFLICT (subscription) DO UPDATE SET rung_us = excluded.rung_us
"""

_COUNT: Final = {
    outcome: f"UPDATE activity SET {outcome} = {outcome} + ? WHERE subscription = ?"  # noqa: S608 (constant names)
    for outcome in ("accepted", "coalesced", "expired", "refused", "silenced", "withdrawn")
}


def detected(connection: sqlite3.Connection, subscription: SubscriptionId, messages: int, at: datetime) -> None:
    connection.execute(_DETECTED, (subscription, messages, microseconds(at)))


def count(connection: sqlite3.Connection, subscription: SubscriptionId, messages: int, outcome: str) -> None:
    """Of what was detected, so many messages came to ``outcome``."""
    if messages:
        connection.execute(_COUNT[outcome], (messages, subscription))


def pushed(
    connection: sqlite3.Connection,
    subscription: SubscriptionId,
    at: datetime,
    version: int,
    status: int | None,
    outcome: str,
) -> None:
    connection.execute(_PUSHED, (subscription, microseconds(at), version, status, outcome))


def rang(connection: sqlite3.Connection, subscription: SubscriptionId, at: datetime) -> None:
    connection.execute(_RANG, (subscription, microseconds(at)))


def rung_at(connection: sqlite3.Connection, subscription: SubscriptionId) -> datetime | None:
    row = connection.execute("SELECT rung_us FROM activity WHERE subscription = ?", (subscription,)).fetchone()
    return None if row is None or row[0] is None else moment(row[0])
