"""What is kept of verdicts and deliveries: a sealed ring a subscription in a table each."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Told
from idlebell.model.trail import DELIVERIES_KEPT, KEPT_FOR, VERDICTS_KEPT, Delivery, KeptVerdict
from idlebell.store import trail_codec
from idlebell.store.contract import StoreError
from idlebell.store.routes import microseconds
from idlebell.store.sealing import Sealer

DAY_US: Final = 86_400_000_000
TABLES: Final = ("verdicts", "deliveries")
# A row even where there is no ring yet, none where the subscription is gone.
_READ: Final = {
    table: f"SELECT day, ring FROM subscriptions LEFT JOIN {table} ON subscription = id WHERE id = ?"  # noqa: S608
    for table in TABLES
}
_WRITE: Final = {
    table: f"INSERT OR REPLACE INTO {table} (subscription, day, ring) VALUES (?, ?, ?)"  # noqa: S608
    for table in TABLES
}
# The day has an index, which is left alone while it is the same.
_CHANGE: Final = {table: f"UPDATE {table} SET ring = ? WHERE subscription = ?" for table in TABLES}  # noqa: S608
FORGET: Final = {
    table: f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE day < ? LIMIT ?)"  # noqa: S608
    for table in TABLES
}


class Rings:
    """Each method that writes is a part of somebody's transaction in the writer's thread."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def keep_verdicts(self, connection: sqlite3.Connection, verdicts: Sequence[KeptVerdict]) -> None:
        by_subscription: defaultdict[SubscriptionId, list[KeptVerdict]] = defaultdict(list)
        for verdict in verdicts:
            by_subscription[verdict.subscription_id].append(verdict)
        for subscription, found in by_subscription.items():
            newest_first = found[: -VERDICTS_KEPT - 1 : -1]
            lines = map(trail_codec.encode_verdict, newest_first)
            self._add(connection, "verdicts", subscription, lines, newest_first[0].at, VERDICTS_KEPT)

    def keep_deliveries(
        self, connection: sqlite3.Connection, subscription: SubscriptionId, deliveries: Sequence[Delivery]
    ) -> None:
        """``deliveries``: newest first."""
        lines = map(trail_codec.encode_delivery, deliveries[:DELIVERIES_KEPT])
        self._add(connection, "deliveries", subscription, lines, deliveries[0].at, DELIVERIES_KEPT)

    def withdrawn(self, connection: sqlite3.Connection, subscription: SubscriptionId, gone: frozenset[Told]) -> None:
        """These will not be told any more: they were read or deleted elsewhere."""
        ring = self._ring(connection, "verdicts", subscription) if gone else b""
        changed = trail_codec.withdrawn(ring, subscription, gone)
        if changed != ring:
            sealed = self._sealer.seal(changed, _context("verdicts", subscription))
            connection.execute(_CHANGE["verdicts"], (sealed, subscription))

    def verdicts(self, connection: sqlite3.Connection, subscription: SubscriptionId) -> tuple[KeptVerdict, ...]:
        ring = self._ring(connection, "verdicts", subscription)
        return trail_codec.opened(ring, trail_codec.decode_verdict(subscription))

    def deliveries(self, connection: sqlite3.Connection, subscription: SubscriptionId) -> tuple[Delivery, ...]:
        return trail_codec.opened(self._ring(connection, "deliveries", subscription), trail_codec.decode_delivery)

    def _add(
        self,
        connection: sqlite3.Connection,
        table: str,
        subscription: SubscriptionId,
        newest_first: Iterable[bytes],
        at: datetime,
        kept: int,
    ) -> None:
        row = connection.execute(_READ[table], (subscription,)).fetchone()
        if row is None:
            return
        before, sealed = row
        ring = trail_codec.joined(self._opened(table, subscription, sealed), newest_first, kept, at - KEPT_FOR)
        sealed = self._sealer.seal(ring, _context(table, subscription))
        day = microseconds(at) // DAY_US
        if day == before:
            connection.execute(_CHANGE[table], (sealed, subscription))
        else:
            connection.execute(_WRITE[table], (subscription, day, sealed))

    def _ring(self, connection: sqlite3.Connection, table: str, subscription: SubscriptionId) -> bytes:
        row = connection.execute(_READ[table], (subscription,)).fetchone()
        return b"" if row is None else self._opened(table, subscription, row[1])

    def _opened(self, table: str, subscription: SubscriptionId, sealed: bytes | None) -> bytes:
        """Damaged on disk it is begun anew: it only ever told of what was."""
        if sealed is None:
            return b""
        try:
            return self._sealer.open(sealed, _context(table, subscription))
        except StoreError:
            return b""


def _context(table: str, subscription: SubscriptionId) -> bytes:
    return table.encode("ascii") + b"\0ring\0" + subscription.encode("ascii")
