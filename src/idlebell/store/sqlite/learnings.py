"""What was learnt of servers."""

from __future__ import annotations

import sqlite3
from typing import Final

from idlebell.model.learnt import HOSTS_KEPT, Learnt
from idlebell.store.routes import microseconds, moment
from idlebell.store.sqlite.database import Database

_READ: Final = "SELECT host, idle_seconds, sessions, clock_lag_seconds, quiet_us FROM learnt"
# What is replaced gets a new seq: it is among the newest again.
_WRITE: Final = (
    "INSERT OR REPLACE INTO learnt (host, idle_seconds, sessions, clock_lag_seconds, quiet_us) VALUES (?, ?, ?, ?, ?)"
)
_PRUNE: Final = "DELETE FROM learnt WHERE seq <= (SELECT seq FROM learnt ORDER BY seq DESC LIMIT 1 OFFSET ?)"


class LearningsPart:
    """Keeps :class:`~idlebell.store.learnings.Learnings`."""

    _database: Database

    async def learnt(self) -> dict[str, Learnt]:
        found = await self._database.scan(lambda connection: connection.execute(_READ).fetchall())
        return {
            host: Learnt(idle_seconds, sessions, lag_seconds, None if quiet_us is None else moment(quiet_us))
            for host, idle_seconds, sessions, lag_seconds, quiet_us in found
        }

    async def learn(self, host: str, learnt: Learnt) -> None:
        quiet_us = None if learnt.quiet_since is None else microseconds(learnt.quiet_since)

        def job(connection: sqlite3.Connection) -> None:
            values = (host, learnt.idle_seconds, learnt.sessions, learnt.clock_lag_seconds, quiet_us)
            connection.execute(_WRITE, values)
            connection.execute(_PRUNE, (HOSTS_KEPT,))

        await self._database.write(job)
