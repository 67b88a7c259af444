"""From a path to connections that are safe to use: modes, the lock, pragmas, migrations, a look at the file's health.

Everything here blocks, and refuses with a StoreError of one sentence that names the path and the mend.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from importlib.resources import files
from pathlib import Path
from typing import Final

from idlebell.store.contract import StoreError
from idlebell.store.sealing import Sealer, not_made
from idlebell.store.sqlite.errors import store_error

APPLICATION_ID: Final = 0x1D1EBE11
"""In the file's header (https://sqlite.org/pragma.html#pragma_application_id): tells our database from another's."""
OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables; RETURNING and UPSERT are older."""
BUSY_SECONDS: Final = 5.0
"""How long the writer waits for another process, as ``idlebell keys`` while the gateway serves."""
READER_BUSY_SECONDS: Final = 0.25
"""A reader in the event loop waits only for the recovery of a WAL; longer would be a stall that everybody feels."""
QUICK_CHECK_BYTES: Final = 128 * 1024 * 1024
"""``quick_check`` reads every page. It finds what no query would (a damaged page sums up without complaint), but it cannot be
broken off before SQLite 3.41, so a larger file starts without: a start is never late for it."""
JOURNAL_BYTES: Final = 64 * 1024 * 1024
"""A WAL that grew beyond this is cut back when it is reset."""
_PROOF: Final = b"idlebell"
_PROOF_CONTEXT: Final = b"secrets\0value\0proof"


class ServeLock:
    """Held by the one process that serves from a database. It lies in a file of its own: closing any descriptor of the
    database itself would drop the locks of SQLite (https://sqlite.org/howtocorrupt.html, section 2.2)."""

    def __init__(self, database: Path) -> None:
        path = database.with_name(database.name + ".lock")
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise not_made("lock file", path, error) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise StoreError(
                f"Another idlebell serves from {database}: stop it first, or give this one a database of its own."
            ) from None

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def make_file(path: Path) -> None:
    """So that it is nobody else's to read from the first byte on; SQLite gives the WAL the mode of the database."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise not_made("database", path, error) from None


def connect_writer(path: Path) -> sqlite3.Connection:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old for {path}: use 3.37 or newer.")
    try:
        connection = _connect(path, "rw", BUSY_SECONDS)
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    try:
        refuse_foreign(connection, path)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(f"The file system of {path} cannot hold a WAL: put the database on a local one.")
        # FULL: a commit that was acknowledged survives a power cut (https://sqlite.org/pragma.html#pragma_synchronous).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA secure_delete = ON")
        # What may have to be undone of one statement: small, and otherwise a file that is made and removed for each commit.
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
    except sqlite3.Error as error:
        connection.close()
        raise store_error(error, path) from None
    except StoreError:
        connection.close()
        raise
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    try:
        connection = _connect(path, "ro", READER_BUSY_SECONDS)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    return connection


def empty_wal(path: Path) -> bool:
    """Moves all that is in the WAL into the database and cuts it to nothing, by a connection of its own, so that the writer
    goes on meanwhile. False: a reader or the writer stood in the way."""
    try:
        connection = _connect(path, "rw", READER_BUSY_SECONDS)
        try:
            (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    return not busy


def connect_beside(path: Path) -> sqlite3.Connection:
    """To read from, for once. Unlike a reader it leaves neither WAL nor index behind where it was the last one: they would be
    root's, say, and nothing that the gateway could open."""
    try:
        connection = _connect(path, "rw", BUSY_SECONDS)
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    return connection


def _connect(path: Path, mode: str, busy_seconds: float) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
    )


def refuse_foreign(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and (application != 0 or tables):
        raise StoreError(f"The database {path} belongs to another program: name another in [store] url.")


def schema_versions() -> dict[int, str]:
    """Migrations by number: ``NNNN_name.sql``."""
    folder = files("idlebell.store.sqlite") / "migrations"
    scripts = {entry.name: entry for entry in folder.iterdir() if entry.name.endswith(".sql")}
    return {int(name[:4]): scripts[name].read_text("utf-8") for name in sorted(scripts)}


def needs_migration(connection: sqlite3.Connection, path: Path, versions: dict[int, str]) -> bool:
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    if version > max(versions):
        raise StoreError(
            f"The database {path} has schema {version}, this program knows up to {max(versions)}:"
            " run the newer Idlebell, or restore the backup from before its first start."
        )
    return bool(version < max(versions))


def migrate(connection: sqlite3.Connection, path: Path, versions: dict[int, str]) -> None:
    """All that is missing in one transaction: after a crash the database is the old one or the new one."""
    try:
        # Otherwise a table that is replaced would take along what refers to it (https://sqlite.org/lang_altertable.html section
        # 7). It cannot be said within a transaction.
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Asked again under the lock: another process may have been faster.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            for number, script in versions.items():
                if number > version:
                    for statement in statements(script):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {number}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
                raise StoreError(f"The database {path} refers to what is not in it; it is left as it was.")
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        raise store_error(error, path) from None


def statements(script: str) -> list[str]:
    """``executescript`` would commit what is open, so a script is cut where SQLite itself says that a statement ends."""
    found: list[str] = []
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            found.append(statement.strip())
            statement = ""
    if statement.strip():
        raise ValueError("a migration ends in the middle of a statement")
    return found


def quick_check(connection: sqlite3.Connection, path: Path, max_bytes: int = QUICK_CHECK_BYTES) -> bool:
    """StoreError where the file is damaged; False where it is too large to tell."""
    try:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        if pages * page_bytes > max_bytes:
            return False
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    if verdict != "ok":
        raise StoreError(f"The database {path} is damaged: move it away and restore a backup.")
    return True


def check_key(connection: sqlite3.Connection, path: Path, sealer: Sealer) -> None:
    """A wrong key is found at the start, not at the first push."""
    try:
        query = "SELECT value FROM secrets WHERE name = 'proof'"
        row = connection.execute(query).fetchone()
        if row is None:
            sealed = sealer.seal(_PROOF, _PROOF_CONTEXT)
            connection.execute("INSERT OR IGNORE INTO secrets (name, value) VALUES ('proof', ?)", (sealed,))
            row = connection.execute(query).fetchone()
    except sqlite3.Error as error:
        raise store_error(error, path) from None
    try:
        sealer.open(row[0], _PROOF_CONTEXT)
    except StoreError:
        raise StoreError(
            f"The database {path} is sealed with another key than the one of [store] key_file: put the right one back."
        ) from None


def forget_orphans(connection: sqlite3.Connection, path: Path) -> None:
    """Accounts that were made for a registration which was cut off before it was stored. At start only: later they may be
    those of a registration that is just being stored."""
    try:
        connection.execute("DELETE FROM accounts WHERE id NOT IN (SELECT account FROM subscriptions)")
    except sqlite3.Error as error:
        raise store_error(error, path) from None
