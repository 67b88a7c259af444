"""The table of what was spent."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from idlebell.store.allowances import DAYS_KEPT
from idlebell.store.sqlite.database import Database

_READ: Final = "SELECT count FROM spent WHERE day = ? AND name = ?"
_COUNT: Final = """
INSERT INTO spent (day, name, count) VALUES (?, ?, 1) ON CONFLICT (day, name) DO UPDATE SET count = count + 1
"""
_FORGET: Final = "DELETE FROM spent WHERE day <= ?"


class AllowancesPart:
    """Keeps :class:`~idlebell.store.allowances.Allowances`."""

    _database: Database

    async def spend(self, limits: Mapping[bytes, int], day: int) -> bool:
        def job(connection: sqlite3.Connection) -> bool:
            connection.execute(_FORGET, (day - DAYS_KEPT,))
            if any(0 < limit <= _spent(connection, name, day) for name, limit in limits.items()):
                return False
            connection.executemany(_COUNT, [(day, name) for name in limits])
            return True

        return await self._database.write(job)

    async def spent(self, name: bytes, day: int) -> int:
        return self._database.read(lambda connection: _spent(connection, name, day))


def _spent(connection: sqlite3.Connection, name: bytes, day: int) -> int:
    row = connection.execute(_READ, (day, name)).fetchone()
    return 0 if row is None else int(row[0])
