"""A database out of another's hands and into ours again: for backups.

Everything here blocks, and refuses with a StoreError of one sentence.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final

from idlebell.store.contract import StoreError
from idlebell.store.routes import VERSION_FLOOR, microseconds
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import opening
from idlebell.store.sqlite.errors import store_error

AHEAD_MS: Final = 86_400_000
"""A restored database goes on so far above all that is known to have been given. The machine that died gave versions by its
clock after the backup was made; by how much that clock was ahead of ours nobody can ask it any more."""

_RENUMBER: Final = """
UPDATE outbox SET version = ? + turn FROM (SELECT seq AS one, row_number() OVER (ORDER BY version, seq) AS turn FROM outbox)
WHERE seq = one
"""


def take_snapshot(database: Path, into: Path) -> int:
    """A copy of one moment, also while a gateway writes to ``database``. Its schema."""
    opening.make_file(into)
    try:
        with closing(opening.connect_beside(database)) as source, closing(sqlite3.connect(into)) as copy:
            # All pages in one step: of one transaction, which in a WAL keeps no writer waiting.
            source.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # all of it is in the one file
            _check(copy, database)
            (schema,) = copy.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise store_error(error, database) from None
    return int(schema)


def adopt(path: Path, key: bytes, made_at: datetime, now: datetime) -> dict[str, int]:
    """Makes a copy fit to be served from by another machine than the one that made it: checks it, and lets all versions from
    now on be above those that were ever given. What of it there is, counted."""
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            opening.refuse_foreign(connection, path)
            opening.needs_migration(connection, path, opening.schema_versions())
            _check(connection, path)
            opening.check_key(connection, path, Sealer(key))
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("BEGIN IMMEDIATE")
            (given,) = connection.execute(
                "SELECT max((SELECT ifnull(max(last), 0) FROM versions), (SELECT ifnull(max(version), 0) FROM outbox))"
            ).fetchone()
            floor = max(given, microseconds(now) // 1000, microseconds(made_at) // 1000) + AHEAD_MS
            # What waits may have been sent by now, and newer ones with it.
            waiting = connection.execute(_RENUMBER, (floor,)).rowcount
            connection.execute(
                "INSERT OR REPLACE INTO versions (url, last) VALUES (?, ?)", (VERSION_FLOOR, floor + waiting)
            )
            counts = {
                table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608 - names of ours
                for table in ("accounts", "subscriptions", "api_keys")
            }
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    return counts


def _check(connection: sqlite3.Connection, path: Path) -> None:
    (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise StoreError(f"The database {path} is damaged: take another backup.")
