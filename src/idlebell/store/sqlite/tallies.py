"""What became of each subscription's notifications, counted. Each function is a part of somebody's transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final

from idlebell.model.ids import SubscriptionId
from idlebell.rules.pace import NEVER, Lately
from idlebell.store.routes import microseconds, moment
from idlebell.store.sqlite.waiting import Waiting

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

_ACCEPTED: Final = """
INSERT INTO activity (subscription, push_us, push_version, push_status, push_outcome, accepted, coalesced)
VALUES (?, ?, ?, ?, 'accepted', ?, ?)
ON CONFLICT (subscription) DO UPDATE
SET push_us = excluded.push_us, push_version = excluded.push_version, push_status = excluded.push_status,
    push_outcome = excluded.push_outcome, accepted = accepted + excluded.accepted,
    coalesced = coalesced + excluded.coalesced
"""

_PACED: Final = """
INSERT INTO activity (subscription, rung_us, minute_us, minute_came) VALUES (?, ?, ?, ?)
ON CONFLICT (subscription) DO UPDATE
SET rung_us = excluded.rung_us, minute_us = excluded.minute_us, minute_came = excluded.minute_came
"""
_LATELY: Final = "SELECT rung_us, minute_us, minute_came FROM activity WHERE subscription = ?"

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


def accepted(connection: sqlite3.Connection, waiting: Waiting, at: datetime, status: int | None) -> None:
    """As :func:`pushed` and :func:`count`: what had come to it counts as coalesced."""
    push = (waiting.subscription, microseconds(at), waiting.version, status)
    connection.execute(_ACCEPTED, (*push, waiting.messages - waiting.joined, waiting.joined))


def paced(connection: sqlite3.Connection, subscription: SubscriptionId, lately: Lately) -> None:
    times = [None if at is None else microseconds(at) for at in (lately.rung_at, lately.minute_at)]
    connection.execute(_PACED, (subscription, *times, lately.came))


def lately(connection: sqlite3.Connection, subscription: SubscriptionId) -> Lately:
    row = connection.execute(_LATELY, (subscription,)).fetchone()
    if row is None:
        return NEVER
    rung_us, minute_us, came = row
    return Lately(None if rung_us is None else moment(rung_us), None if minute_us is None else moment(minute_us), came)
