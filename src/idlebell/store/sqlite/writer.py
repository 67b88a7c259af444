"""The one writer: a thread that commits what many callers ask for in one transaction.

In: jobs, functions of the connection. Out: their results, once they are durable. A commit costs one fsync, so the jobs that
come while one is under way share the next: the more callers, the cheaper each. Jobs that nobody waits for let others join
them for a moment.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from idlebell.store.contract import StoreError

MAX_WAITING = 1024
"""Jobs accepted and not answered yet; further callers wait their turn."""
MAX_BATCH = 256
"""Jobs in one transaction: it bounds how long the first of them waits for the last."""
PATIENCE_SECONDS = 0.02
"""How long a patient job waits for company: where many mails come, the next one's commit takes it along; where few come,
nothing is to be saved."""

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]
Translate = Callable[[sqlite3.Error], StoreError]


@dataclass(frozen=True, slots=True)
class _Asked:
    job: Job[Any]
    future: asyncio.Future[Any]
    patient: bool
    ended: Callable[[Any], None] | None


@dataclass(frozen=True, slots=True)
class _Answer:
    asked: _Asked
    value: Any = None
    error: Exception | None = None


class _TornError(Exception):
    """SQLite has rolled back the whole transaction, not only the statement (https://sqlite.org/lang_transaction.html)."""


class Writer:
    """Owns ``connection`` (in autocommit mode) from now on. Made and used within one running event loop."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        translate: Translate,
        *,
        max_waiting: int = MAX_WAITING,
        max_batch: int = MAX_BATCH,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._connection = connection
        self._translate = translate
        self._max_batch = max_batch
        self._patience_seconds = patience_seconds
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(max_waiting)
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._closed = False
        self._last_taken = False  # nothing comes after what the thread has taken
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    async def write(self, job: Job[T], *, patient: bool = False, ended: Callable[[T | None], None] | None = None) -> T:
        """Runs ``job`` in the writer's thread and returns its result when it is on disk. What it raises reaches this caller
        alone, and what it had written is undone. It may run more than once (its transaction may fail for another's sake), so it
        does nothing but read and write the connection. A caller that is cancelled does not know whether it was done.
        ``patient``: it waits a moment for others to share the commit with. ``ended`` is called in the loop, also where the
        caller was cancelled meanwhile, with the result, or None where nothing was done."""
        await self._room.acquire()
        if self._closed:
            self._room.release()
            raise StoreError("The store is closed.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._asked.put(_Asked(job, future, patient, ended))
        return await future

    async def close(self) -> None:
        """Finishes what was asked before and closes the connection. A second call does nothing."""
        if not self._closed:
            self._closed = True
            self._asked.put(None)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while not self._last_taken:
            batch: list[_Asked] = []
            self._collect(batch, self._asked.get())
            self._await_company(batch)
            if batch:
                try:
                    answers = self._committed(batch)
                except sqlite3.Error as error:  # not even the rollback worked
                    answers = [_Answer(asked, error=self._translate(error)) for asked in batch]
                try:
                    self._loop.call_soon_threadsafe(self._answer, answers)
                except RuntimeError:  # the loop is closed: nobody waits any more
                    break
        self._connection.close()

    def _collect(self, batch: list[_Asked], asked: _Asked | None) -> None:
        """``asked`` and what else is there."""
        while asked is not None:
            batch.append(asked)
            if len(batch) >= self._max_batch or self._asked.empty():
                return
            asked = self._asked.get_nowait()
        self._last_taken = True

    def _await_company(self, batch: list[_Asked]) -> None:
        """Once: who came along while it was waited for is waited with no more."""
        if batch and not self._last_taken and all(asked.patient for asked in batch):
            with contextlib.suppress(queue.Empty):
                self._collect(batch, self._asked.get(timeout=self._patience_seconds))

    def _answer(self, answers: list[_Answer]) -> None:
        for answer in answers:
            self._room.release()
            if answer.asked.ended is not None:
                answer.asked.ended(answer.value)
            future = answer.asked.future
            if future.done():
                continue
            if answer.error is None:
                future.set_result(answer.value)
            else:
                future.set_exception(answer.error)

    def _committed(self, batch: list[_Asked]) -> list[_Answer]:
        """``batch``, and what is asked while it is under way, which is added to it. Nearly always nothing fails, so nothing is
        kept to be undone for one alone: where something does, all begin anew, apart."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return [_Answer(asked, error=self._translate(error)) for asked in batch]
        answers: list[_Answer] = []
        try:
            while len(answers) < len(batch):
                answers += [_Answer(asked, self._value(asked)) for asked in batch[len(answers) :]]
                if not self._last_taken and len(batch) < self._max_batch and not self._asked.empty():
                    self._collect(batch, self._asked.get_nowait())
            self._connection.execute("COMMIT")
        except Exception:  # it comes again, and is told then
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return self._apart(batch)
        return answers

    def _apart(self, batch: list[_Asked]) -> list[_Answer]:
        """In one transaction, but what one of them raises undoes nothing of the others'."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return [_Answer(asked, error=self._translate(error)) for asked in batch]
        try:
            answers = [self._step(asked) for asked in batch]
            self._connection.execute("COMMIT")
        except (sqlite3.Error, _TornError) as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if len(batch) > 1:
                # One of them was too much, maybe not the others.
                return [answer for asked in batch for answer in self._apart([asked])]
            cause = error.__cause__ if isinstance(error, _TornError) else error
            assert isinstance(cause, Exception)
            return [_Answer(batch[0], error=self._translated(cause))]
        return answers

    def _step(self, asked: _Asked) -> _Answer:
        """One caller's part, between savepoints: its failure undoes nothing of the others'."""
        self._connection.execute("SAVEPOINT caller")
        try:
            value = self._value(asked)
        except Exception as error:  # whatever it is, it is the caller's: handed over, not swallowed
            if not self._connection.in_transaction:
                raise _TornError from error
            self._connection.execute("ROLLBACK TO caller")
            self._connection.execute("RELEASE caller")
            return _Answer(asked, error=self._translated(error))
        self._connection.execute("RELEASE caller")
        return _Answer(asked, value)

    def _value(self, asked: _Asked) -> Any:
        return None if asked.future.cancelled() else asked.job(self._connection)

    def _translated(self, error: Exception) -> Exception:
        return self._translate(error) if isinstance(error, sqlite3.Error) else error
