"""New mail that waits behind a retry: what was not attempted yet becomes one, so that a push service which comes back gets one
notification with a count and not all that it missed. Parts of somebody's transaction in the writer's thread."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from functools import reduce
from typing import Final

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Draft, NewMail
from idlebell.model.trail import DELIVERIES_KEPT
from idlebell.rules.merge import merged
from idlebell.store.delivered import merged_into
from idlebell.store.holds import MERGED_AT_ONCE
from idlebell.store.routes import microseconds, moment
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite.rings import Rings as Trails
from idlebell.store.sqlite.waiting import Waiting, found, opened, sealed

_RETRIES: Final = "SELECT 1 FROM queues WHERE endpoint = ? AND held_us IS NOT NULL"
# What came after the latest that was attempted was never sent. Of what came before it that is not known: a kill may have come
# between the attempt and what it came to.
_BEHIND: Final = """
WHERE endpoint = ?1 AND version > (SELECT max(version) FROM outbox WHERE endpoint = ?1 AND attempts > 0)
AND type = 'new_mail' AND leased_us IS NULL
"""
_OF_ONE: Final = _BEHIND + "AND subscription = ?2 ORDER BY version DESC LIMIT ?3"
_OF_ALL: Final = _BEHIND + "ORDER BY version LIMIT ?2"
_JOIN: Final = """
UPDATE outbox SET messages = ?, joined = ?, version = ?, at_us = ?, due_us = ?, expires_us = ?, content = ? WHERE seq = ?
"""


class Behind:
    def __init__(self, sealer: Sealer, trails: Trails) -> None:
        self._sealer = sealer
        self._trails = trails

    def retry(
        self, connection: sqlite3.Connection, subscription: SubscriptionId, endpoint: bytes, content: NewMail
    ) -> tuple[Waiting, NewMail] | None:
        """What ``content`` comes to, where something does that waits behind a retry of the endpoint."""
        if connection.execute(_RETRIES, (endpoint,)).fetchone() is None:
            return None
        for waiting in found(connection, _OF_ONE, endpoint, subscription, MERGED_AT_ONCE):
            before = opened(self._sealer, waiting)
            if isinstance(before, NewMail) and before.vip == content.vip:
                return waiting, before
        return None

    def join(
        self,
        connection: sqlite3.Connection,
        before: tuple[Waiting, NewMail],
        draft: Draft,
        content: NewMail,
        version: int,
        released: NotificationId | None,
    ) -> NewMail:
        """``draft`` comes to what waits, which stays the same under a newer version: it was never sent. What it says then."""
        waiting, known = before
        both = merged(known, content)
        times = (
            microseconds(draft.at),
            min(waiting.due_us, microseconds(draft.due_at)),
            max(waiting.expires_us, microseconds(draft.expires_at)),
        )
        counts = (both.count, waiting.joined + content.count)
        values = (*counts, version, *times, sealed(self._sealer, waiting.id, both), waiting.seq)
        connection.execute(_JOIN, values)
        if released is not None:
            kept = merged_into(waiting.id, released, 0, draft.at, draft.due_at)
            self._trails.keep_deliveries(connection, waiting.subscription, [kept])
        return both

    def gather(self, connection: sqlite3.Connection, endpoint: bytes, at: datetime) -> None:
        """An attempt has failed: what waits behind it becomes one of each subscription, the newest."""
        if connection.execute(_RETRIES, (endpoint,)).fetchone() is None:
            return
        groups: dict[tuple[SubscriptionId, bool], list[tuple[Waiting, NewMail]]] = {}
        for waiting in found(connection, _OF_ALL, endpoint, MERGED_AT_ONCE):
            content = opened(self._sealer, waiting)
            if isinstance(content, NewMail):
                groups.setdefault((waiting.subscription, content.vip), []).append((waiting, content))
        for (subscription, _), group in groups.items():
            if len(group) > 1:
                self._gather(connection, subscription, group, at)

    def _gather(
        self,
        connection: sqlite3.Connection,
        subscription: SubscriptionId,
        group: list[tuple[Waiting, NewMail]],
        at: datetime,
    ) -> None:
        older, newest = [waiting for waiting, _ in group[:-1]], group[-1][0]
        both = reduce(merged, [content for _, content in group])
        own = newest.messages - newest.joined
        times = (newest.at_us, min(one.due_us for one, _ in group), max(one.expires_us for one, _ in group))
        values = (both.count, both.count - own, newest.version, *times)
        connection.execute(_JOIN, (*values, sealed(self._sealer, newest.id, both), newest.seq))
        for one in older:
            connection.execute("DELETE FROM outbox WHERE seq = ?", (one.seq,))
        ended = older[::-1][:DELIVERIES_KEPT]
        kept = [merged_into(newest.id, one.id, one.version, moment(one.at_us), at) for one in ended]
        self._trails.keep_deliveries(connection, subscription, kept)
