"""What was read or removed elsewhere is taken back. Each function is a part of somebody's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification, Reminder, Seen, Told
from idlebell.rules.merge import renamed, without
from idlebell.store import changes
from idlebell.store.sqlite import rungs, tallies
from idlebell.store.sqlite.database import Database
from idlebell.store.sqlite.waiting import Waiting, opened, sealed


def withdraw(database: Database, connection: sqlite3.Connection, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
    committed: tuple[Notification, ...] = ()
    for draft in drafts:
        content = draft.content
        assert isinstance(content, Seen)
        rang = rungs.forget(connection, draft.subscription_id, content.messages)
        taken = _take_back(database, connection, draft.subscription_id, rang)
        database.rings.withdrawn(connection, draft.subscription_id, taken)
        sent = rang - taken
        if sent:
            told = replace(content, uids=tuple(sorted(one.uid for one in sent)))
            committed += database.queues.enqueue_all(connection, [replace(draft, content=told)])
    return committed


def rename(
    database: Database, connection: sqlite3.Connection, subscription: SubscriptionId, old: str, new: str
) -> None:
    """What rang, is held, or waits and was not attempted yet."""
    queues = database.queues
    rungs.rename(connection, subscription, old, new)
    queues.holdings.rename(connection, subscription, old, new)
    for waiting in queues.of_subscription(connection, subscription):
        if waiting.type not in changes.OF_MAIL or waiting.tried:
            continue
        content = opened(database.sealer, waiting)
        if content is not None and (moved := renamed(content, old, new)) != content:
            covered = sealed(database.sealer, waiting.id, moved)
            connection.execute("UPDATE outbox SET content = ? WHERE seq = ?", (covered, waiting.seq))


def _take_back(
    database: Database, connection: sqlite3.Connection, subscription: SubscriptionId, gone: frozenset[Told]
) -> frozenset[Told]:
    """Those of ``gone`` that were not attempted yet: they never will be."""
    queues = database.queues
    taken = queues.holdings.withdraw(connection, subscription, gone)
    for waiting in queues.of_subscription(connection, subscription):
        if waiting.type not in changes.OF_MAIL or waiting.tried:
            continue
        content = opened(database.sealer, waiting)
        if isinstance(content, Reminder):
            _unremind(database, connection, waiting, content, gone)
        if not isinstance(content, NewMail) or gone.isdisjoint(content.told):
            continue
        taken |= gone.intersection(content.told)
        left = without(content, gone)
        if left is None:
            queues.take(connection, [waiting], "withdrawn")
            continue
        covered = sealed(database.sealer, waiting.id, left)
        query = "UPDATE outbox SET content = ?, messages = ?, joined = ? WHERE seq = ?"
        joined = max(0, waiting.joined - (waiting.messages - left.count))
        connection.execute(query, (covered, left.count, joined, waiting.seq))
        tallies.count(connection, subscription, waiting.messages - left.count, "withdrawn")
    return taken


def _unremind(
    database: Database, connection: sqlite3.Connection, waiting: Waiting, content: Reminder, gone: frozenset[Told]
) -> None:
    left = tuple(one.uid for one in content.messages if one not in gone)
    if not left:
        database.queues.take(connection, [waiting])
    elif left != content.uids:
        covered = sealed(database.sealer, waiting.id, replace(content, uids=left))
        connection.execute("UPDATE outbox SET content = ? WHERE seq = ?", (covered, waiting.seq))
