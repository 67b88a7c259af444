"""The table of what was done on a day."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Final

from idlebell.store.daybook import DAYS_KEPT, Counts, Subject, added
from idlebell.store.sqlite.database import Database

_READ: Final = "SELECT day, counts FROM tallies WHERE subject = ? ORDER BY day DESC"
# A row even where nothing was counted yet, none where there is no such subject.
_BEFORE: Final = """
SELECT counts FROM (SELECT id FROM accounts WHERE id = ?1 UNION ALL SELECT id FROM subscriptions WHERE id = ?1)
LEFT JOIN tallies ON subject = ?1 AND day = ?2
"""
_WRITE: Final = "INSERT OR REPLACE INTO tallies (subject, day, counts) VALUES (?, ?, ?)"
_FORGET: Final = "DELETE FROM tallies WHERE day <= ?"


class DaybookPart:
    """Keeps :class:`~idlebell.store.daybook.Tallies`. What is removed goes by a trigger."""

    _database: Database

    async def tally(self, day: int, counts: Mapping[Subject, Counts]) -> None:
        def job(connection: sqlite3.Connection) -> None:
            connection.execute(_FORGET, (day - DAYS_KEPT,))
            for subject, more in counts.items():
                row = connection.execute(_BEFORE, (subject, day)).fetchone()
                if row is not None:
                    before = json.loads(row[0]) if row[0] is not None else {}
                    connection.execute(_WRITE, (subject, day, json.dumps(added(before, more), separators=(",", ":"))))

        await self._database.write(job, patient=True)

    async def tallies(self, subject: Subject) -> tuple[tuple[int, Counts], ...]:
        rows = self._database.read(lambda connection: connection.execute(_READ, (subject,)).fetchall())
        return tuple((day, json.loads(counts)) for day, counts in rows)
