"""A database looked at from outside: nothing is written, no lock is taken, nothing is migrated."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idlebell.store.contract import StoreError
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import opening


@dataclass(frozen=True, slots=True)
class Examined:
    """``schema`` of the file, ``newest`` of this program. ``sound``: None where the file is too large to be read through.
    ``rows``: by table. ``latest_us``: when something was made last; None: nothing was."""

    schema: int
    newest: int
    sound: bool | None
    fits_key: bool
    rows: dict[str, int]
    file_bytes: int
    journal_bytes: int
    latest_us: int | None
    hosts: tuple[str, ...]


HOSTS: Final = 5
"""Asked for, of those that accounts are at. Accounts of a source are at none (:attr:`~idlebell.model.source.Source.target`)."""


def examine(path: Path, sealer: Sealer) -> Examined:
    """StoreError: it cannot be read at all."""
    connection = opening.connect_reader(path)
    try:
        (schema,) = connection.execute("PRAGMA user_version").fetchone()
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")
        ]
        rows = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
        latest_us, hosts = None, ()
        if {"subscriptions", "accounts"} <= rows.keys():
            (latest_us,) = connection.execute("SELECT max(created_us) FROM subscriptions").fetchone()
            found = connection.execute("SELECT DISTINCT host FROM accounts WHERE port > 0 LIMIT ?", (HOSTS,))
            hosts = tuple(host for (host,) in found)
        journal = path.with_name(path.name + "-wal")
        return Examined(
            schema,
            max(opening.schema_versions()),
            _sound(connection, path),
            _fits(connection, path, sealer),
            rows,
            path.stat().st_size,
            journal.stat().st_size if journal.exists() else 0,
            latest_us,
            hosts,
        )
    except sqlite3.Error as error:
        raise StoreError(f"The database {path} cannot be read: {type(error).__name__}.") from None
    finally:
        connection.close()


def _sound(connection: sqlite3.Connection, path: Path) -> bool | None:
    try:
        return opening.quick_check(connection, path) or None
    except StoreError:
        return False


def _fits(connection: sqlite3.Connection, path: Path, sealer: Sealer) -> bool:
    try:
        opening.check_key(connection, path, sealer)
    except StoreError:
        return False
    return True
