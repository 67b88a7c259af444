"""What was removed, gone from the files too.

In the database itself ``secure_delete`` writes zeroes over it at once
(https://sqlite.org/pragma.html#pragma_secure_delete). Pages as they were before lie in the WAL until that is emptied
(https://sqlite.org/wal.html, section 2.2), which SQLite does when it has grown, and then from its beginning only.
"""

from __future__ import annotations

import sqlite3
from typing import Final

from idlebell.store.sqlite.database import Database

_FORGET_SERVERS: Final = "DELETE FROM learnt WHERE host NOT IN (SELECT host FROM accounts)"


class ScrubbingPart:
    """Keeps :class:`~idlebell.store.scrubbing.Scrubbing`."""

    _database: Database
    _scrubbed: int = -1
    """How many had been forgotten when it was scrubbed last; -1: another process may have left something."""

    async def scrub(self) -> bool:
        forgotten = self._database.queues.forgotten
        if forgotten == self._scrubbed:
            return True

        def job(connection: sqlite3.Connection) -> None:
            connection.execute(_FORGET_SERVERS)

        await self._database.write(job)
        if not await self._database.empty_wal():
            return False
        self._scrubbed = forgotten
        return True
