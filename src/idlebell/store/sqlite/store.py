"""The store in SQLite, put together from its parts."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

from idlebell.rules.pace import NO_PACE, Pace
from idlebell.store.contract import StoreError
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import opening
from idlebell.store.sqlite.allowances import AllowancesPart
from idlebell.store.sqlite.cursors import CursorsPart
from idlebell.store.sqlite.database import Database
from idlebell.store.sqlite.daybook import DaybookPart
from idlebell.store.sqlite.grants import GrantsPart
from idlebell.store.sqlite.heartbeats import HeartbeatsPart
from idlebell.store.sqlite.keys import KeysPart
from idlebell.store.sqlite.learnings import LearningsPart
from idlebell.store.sqlite.outbox import OutboxPart
from idlebell.store.sqlite.reminders import RemindersPart
from idlebell.store.sqlite.scrubbing import ScrubbingPart
from idlebell.store.sqlite.subscriptions import SubscriptionsPart
from idlebell.store.sqlite.trails import TrailsPart
from idlebell.store.sqlite.vaulted import VaultedSetsPart

_PROBE = "INSERT INTO probes (name, count) VALUES ('check', 1) ON CONFLICT (name) DO UPDATE SET count = count + 1"


class SqliteStore(
    SubscriptionsPart,
    CursorsPart,
    OutboxPart,
    RemindersPart,
    HeartbeatsPart,
    TrailsPart,
    LearningsPart,
    KeysPart,
    GrantsPart,
    AllowancesPart,
    ScrubbingPart,
    VaultedSetsPart,
    DaybookPart,
):
    """Keeps :class:`~idlebell.store.contract.Store`. Made by :func:`open_sqlite`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def fingerprint(self, value: bytes) -> bytes:
        return self._database.sealer.fingerprint(b"value\0" + value)

    async def check(self) -> None:
        await self._database.write(lambda connection: connection.execute(_PROBE).rowcount)

    async def close(self) -> None:
        """Finishes what was asked before; a second call does nothing."""
        await self._database.close()


async def open_sqlite(
    path: Path,
    sealer: Sealer,
    *,
    entropy: Callable[[int], bytes],
    serve: bool = True,
    pace: Pace = NO_PACE,
) -> SqliteStore:
    """Opens ``path``, or makes it, mode 0600. StoreError says in one sentence what is wrong and what mends it.

    ``serve``: this process is the one that watches and delivers, so it takes the serve lock (one process a database) and
    looks at the file's health first. False: to manage keys, also beside a process that serves. ``entropy`` gives that many
    random bytes and is called from another thread. ``pace``: of subscriptions that wish none of their own. The store belongs to
    the running event loop.
    """
    connection, lock = await asyncio.to_thread(_open, path, sealer, serve)
    try:
        return SqliteStore(Database(path, connection, lock, sealer, entropy, pace))
    except StoreError:
        connection.close()
        if lock is not None:
            lock.release()
        raise


def _open(path: Path, sealer: Sealer, serve: bool) -> tuple[sqlite3.Connection, opening.ServeLock | None]:
    lock = opening.ServeLock(path) if serve else None
    try:
        opening.make_file(path)
        connection = opening.connect_writer(path)
        try:
            _prepare(connection, path, sealer, serve)
        except StoreError:
            connection.close()
            raise
    except StoreError:
        if lock is not None:
            lock.release()
        raise
    return connection, lock


def _prepare(connection: sqlite3.Connection, path: Path, sealer: Sealer, serve: bool) -> None:
    if serve:
        opening.quick_check(connection, path)
    versions = opening.schema_versions()
    if opening.needs_migration(connection, path, versions):
        # Never under the feet of a process that serves: it knows the old tables only.
        lock = None if serve else opening.ServeLock(path)
        try:
            opening.migrate(connection, path, versions)
        finally:
            if lock is not None:
                lock.release()
    opening.check_key(connection, path, sealer)
    if serve:
        opening.forget_orphans(connection, path)
