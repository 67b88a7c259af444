"""One database, its three ways in, and what every part of the store shares.

``write``: the writer's thread. ``read``: indexed point reads in the event loop, microseconds each; a caller sees there what
its own writes left. ``scan``: whatever may take longer, in a thread of its own with a connection of its own.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from idlebell.rules.pace import Pace
from idlebell.store.ahead import Taker
from idlebell.store.contract import StoreError
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite.errors import store_error
from idlebell.store.sqlite.opening import ServeLock, connect_reader, empty_wal
from idlebell.store.sqlite.queues import Queues
from idlebell.store.sqlite.rings import Rings
from idlebell.store.sqlite.rows import Rows
from idlebell.store.sqlite.wanted import shared_targets
from idlebell.store.sqlite.writer import Job, Writer

T = TypeVar("T")


class Database:
    """Made within a running event loop, which it belongs to. ``entropy`` is called in the writer's thread."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        lock: ServeLock | None,
        sealer: Sealer,
        entropy: Callable[[int], bytes],
        pace: Pace,
    ) -> None:
        self.sealer = sealer
        self.entropy = entropy
        self.rows = Rows(sealer)
        self.target = shared_targets()
        self.rings = Rings(sealer)
        self.queues = Queues(self.rows, self.rings, sealer, entropy, pace)
        self.taker: Taker | None = None
        self._path = path
        self._lock = lock
        self._reader = connect_reader(path)
        self._scanner = connect_reader(path)
        self._scans = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store-scan")
        self._closed = False
        self._writer = Writer(connection, self._translated)

    async def write(self, job: Job[T], *, patient: bool = False, ended: Callable[[T | None], None] | None = None) -> T:
        """The result of ``job`` once it is durable (:meth:`.writer.Writer.write`)."""
        return await self._writer.write(job, patient=patient, ended=ended)

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        return self._ask(self._reader, query)

    async def scan(self, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed:
            raise StoreError("The store is closed.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scans, self._ask, self._scanner, query)

    async def empty_wal(self) -> bool:
        """Into the database, and to no length. False: a reader stood in the way."""
        if self._closed:
            raise StoreError("The store is closed.")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._scans, empty_wal, self._path)

    async def close(self) -> None:
        """Finishes what was asked before. A second call does nothing."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._scans.shutdown)
        self._scanner.close()
        self._reader.close()
        # Last, so that it is the writer who empties the WAL into the database and removes it.
        await self._writer.close()
        if self._lock is not None:
            self._lock.release()

    def _ask(self, connection: sqlite3.Connection, query: Callable[[sqlite3.Connection], T]) -> T:
        if self._closed and connection is self._reader:
            raise StoreError("The store is closed.")
        try:
            return query(connection)
        except sqlite3.Error as error:
            raise self._translated(error) from None

    def _translated(self, error: sqlite3.Error) -> StoreError:
        return store_error(error, self._path)
