"""What is kept of verdicts and deliveries, as it is asked for and forgotten."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from idlebell.model.ids import SubscriptionId
from idlebell.model.trail import KEPT_FOR, Delivery, KeptVerdict
from idlebell.store.contract import TRAILS_AT_ONCE
from idlebell.store.routes import microseconds
from idlebell.store.sqlite.database import Database
from idlebell.store.sqlite.rings import DAY_US, FORGET, TABLES


class TrailsPart:
    """Keeps :class:`~idlebell.store.contract.Trails`."""

    _database: Database

    async def verdicts(self, subscription: SubscriptionId) -> tuple[KeptVerdict, ...]:
        rings = self._database.rings
        return self._database.read(lambda connection: rings.verdicts(connection, subscription))

    async def deliveries(self, subscription: SubscriptionId) -> tuple[Delivery, ...]:
        rings = self._database.rings
        return self._database.read(lambda connection: rings.deliveries(connection, subscription))

    async def forget_trails(self, now: datetime, limit: int = TRAILS_AT_ONCE) -> int:
        oldest = microseconds(now - KEPT_FOR) // DAY_US

        def job(connection: sqlite3.Connection) -> int:
            return sum(connection.execute(FORGET[table], (oldest, limit)).rowcount for table in TABLES)

        return await self._database.write(job)
