"""The cursors, and the one durable step that moves them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from idlebell.model.cursor import Cursor
from idlebell.model.ids import AccountId
from idlebell.model.notification import Draft, Notification
from idlebell.store.contract import ConflictError
from idlebell.store.sqlite import rows
from idlebell.store.sqlite.database import Database

_READ: Final = "SELECT uid_validity, uid_next, highest_mod_seq, count FROM cursors WHERE account = ? AND mailbox = ?"
_MOVE: Final = """
INSERT INTO cursors (account, mailbox, uid_validity, uid_next, highest_mod_seq, count) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (account, mailbox) DO UPDATE
SET uid_validity = excluded.uid_validity, uid_next = excluded.uid_next, highest_mod_seq = excluded.highest_mod_seq,
    count = excluded.count
"""


class CursorsPart:
    """Keeps :class:`~idlebell.store.contract.Cursors`."""

    _database: Database

    async def cursor(self, account: AccountId, mailbox: str) -> Cursor | None:
        return self._database.read(lambda connection: _cursor(connection, account, mailbox))

    async def commit(
        self, account: AccountId, mailbox: str, expected: Cursor | None, new: Cursor, drafts: Sequence[Draft]
    ) -> tuple[Notification, ...]:
        def job(connection: sqlite3.Connection) -> tuple[Notification, ...]:
            stored = _cursor(connection, account, mailbox)
            if stored != expected:
                raise ConflictError("The cursor was moved meanwhile.")
            if stored is None and rows.account_by_id(connection, account) is None:
                raise ConflictError("The account is gone.")
            values = (new.uid_validity, new.uid_next, new.highest_mod_seq, new.count)
            connection.execute(_MOVE, (account, rows.text(mailbox), *values))
            return self._database.queues.enqueue_all(connection, drafts)

        return await self._database.write(job)


def _cursor(connection: sqlite3.Connection, account: AccountId, mailbox: str) -> Cursor | None:
    row = connection.execute(_READ, (account, rows.text(mailbox))).fetchone()
    return None if row is None else Cursor(*row)
