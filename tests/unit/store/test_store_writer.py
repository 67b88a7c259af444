"""The writer's thread: what callers share, and what they do not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from idlebell.store.contract import ConflictError, StoreError
from idlebell.store.sqlite.errors import store_error
from idlebell.store.sqlite.writer import Writer


class Bench:
    """A table of numbers, a writer, and a gate that keeps the writer busy until it is opened."""

    def __init__(self, path: Path, **bounds: Any) -> None:
        self.path = path
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0.05)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, fill BLOB)")
        self.commits: list[str] = []
        self.connection.set_trace_callback(self.commits.append)
        self.writer = Writer(self.connection, lambda error: store_error(error, path), **bounds)
        self.gate = threading.Event()

    def hold(self, _: sqlite3.Connection) -> None:
        self.gate.wait(10)

    def numbers(self) -> list[int]:
        with sqlite3.connect(self.path) as reader:
            found = [number for (number,) in reader.execute("SELECT number FROM numbers ORDER BY number")]
        reader.close()
        return found

    def transactions(self) -> int:
        return self.commits.count("COMMIT")


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "numbers.db")
    yield made
    made.gate.set()
    await made.writer.close()


def insert(number: int) -> Callable[[sqlite3.Connection], int]:
    def job(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO numbers (number) VALUES (?)", (number,))
        return number

    return job


def refuse(number: int) -> Callable[[sqlite3.Connection], int]:
    def job(connection: sqlite3.Connection) -> int:
        insert(number)(connection)
        raise ConflictError("no")

    return job


async def gather_behind_gate(bench: Bench, *jobs: Callable[[sqlite3.Connection], int]) -> list[object]:
    """The writer is busy while all of them ask, so that they share a transaction."""
    held = asyncio.create_task(bench.writer.write(bench.hold))
    asked = [asyncio.create_task(bench.writer.write(job)) for job in jobs]
    await asyncio.sleep(0)
    bench.gate.set()
    await held
    return await asyncio.gather(*asked, return_exceptions=True)


async def test_an_answer_comes_when_it_is_committed(bench: Bench) -> None:
    assert await bench.writer.write(insert(1)) == 1
    assert bench.numbers() == [1]


async def test_callers_that_ask_while_another_is_under_way_share_its_commit(bench: Bench) -> None:
    results = await gather_behind_gate(bench, *(insert(number) for number in range(50)))
    assert results == list(range(50))
    assert bench.transactions() == 1


async def test_the_failure_of_one_caller_undoes_nothing_of_the_others(bench: Bench) -> None:
    results = await gather_behind_gate(bench, insert(1), refuse(2), insert(3), insert(3), insert(4))
    assert [type(result) for result in results] == [int, ConflictError, int, StoreError, int]
    assert bench.numbers() == [1, 3, 4]


async def test_a_mistake_in_a_job_reaches_its_caller_and_the_writer_goes_on(bench: Bench) -> None:
    def mistake(_: sqlite3.Connection) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bench.writer.write(mistake)
    assert await bench.writer.write(insert(1)) == 1


async def test_a_job_that_tears_the_whole_transaction_spoils_no_other(bench: Bench) -> None:
    """As a full disk does, where SQLite rolls back everything by itself."""

    def tear(connection: sqlite3.Connection) -> int:
        connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("torn")

    results = await gather_behind_gate(bench, insert(1), tear, insert(2))
    assert [type(result) for result in results] == [int, StoreError, int]
    assert bench.numbers() == [1, 2]


async def test_a_caller_that_was_cancelled_before_its_turn_is_passed_over(bench: Bench) -> None:
    held = asyncio.create_task(bench.writer.write(bench.hold))
    asked = [asyncio.create_task(bench.writer.write(insert(number))) for number in (1, 2)]
    await asyncio.sleep(0)
    asked[0].cancel()
    await asyncio.gather(asked[0], return_exceptions=True)
    bench.gate.set()
    await held
    assert await asked[1] == 2
    assert bench.numbers() == [2]


async def test_a_full_queue_makes_callers_wait_and_loses_none(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "numbers.db", max_waiting=3, max_batch=2)
    held = asyncio.create_task(bench.writer.write(bench.hold))
    asked = [asyncio.create_task(bench.writer.write(insert(number))) for number in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    assert bench.writer._asked.qsize() <= 3
    bench.gate.set()
    await held
    assert await asyncio.gather(*asked) == list(range(20))
    await bench.writer.close()
    assert bench.numbers() == list(range(20))


async def test_room_is_given_back_also_by_those_who_fail_or_are_cancelled(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "numbers.db", max_waiting=2)
    for number in range(5):
        with pytest.raises(ConflictError):
            await bench.writer.write(refuse(number))
        task = asyncio.create_task(bench.writer.write(insert(number)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await bench.writer.write(insert(99)) == 99
    await bench.writer.close()


async def test_no_transaction_holds_more_than_its_bound(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "numbers.db", max_batch=4)
    await gather_behind_gate(bench, *(insert(number) for number in range(20)))
    assert bench.transactions() >= 5
    await bench.writer.close()


async def test_a_full_disk_refuses_and_the_same_connection_works_when_there_is_room(bench: Bench) -> None:
    """``max_page_count`` gives the same SQLITE_FULL as a full file system."""

    def fill(number: int, size: int) -> Callable[[sqlite3.Connection], int]:
        def job(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO numbers VALUES (?, zeroblob(?))", (number, size))
            return number

        return job

    def allow(pages: int) -> Callable[[sqlite3.Connection], int]:
        return lambda connection: int(connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()[0])

    await bench.writer.write(allow(10))
    results = await gather_behind_gate(bench, insert(1), fill(2, 1_000_000), insert(3))
    assert [type(result) for result in results] == [int, StoreError, int]
    assert "disk is full" in str(results[1])
    assert bench.numbers() == [1, 3]
    await bench.writer.write(allow(100_000))
    assert await bench.writer.write(fill(2, 1_000_000)) == 2


async def test_a_database_locked_by_another_is_refused_and_works_again(bench: Bench) -> None:
    other = sqlite3.connect(bench.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    results = await asyncio.gather(*(bench.writer.write(insert(n)) for n in (1, 2)), return_exceptions=True)
    assert [type(result) for result in results] == [StoreError, StoreError]
    assert "locked" in str(results[0])
    other.execute("ROLLBACK")
    other.close()
    assert await bench.writer.write(insert(1)) == 1


async def test_closing_finishes_what_was_asked_and_refuses_what_comes_after(bench: Bench) -> None:
    held = asyncio.create_task(bench.writer.write(bench.hold))
    asked = [asyncio.create_task(bench.writer.write(insert(number))) for number in range(5)]
    await asyncio.sleep(0)
    closing = asyncio.create_task(bench.writer.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="closed"):
        await bench.writer.write(insert(9))
    bench.gate.set()
    await closing
    await held
    assert await asyncio.gather(*asked) == list(range(5))
    await bench.writer.close()
    assert bench.numbers() == list(range(5))


async def test_those_who_wait_for_room_when_it_closes_are_refused(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "numbers.db", max_waiting=1)
    held = asyncio.create_task(bench.writer.write(bench.hold))
    waiting = asyncio.create_task(bench.writer.write(insert(1)))
    await asyncio.sleep(0)
    closing = asyncio.create_task(bench.writer.close())
    await asyncio.sleep(0)
    bench.gate.set()
    await closing
    await held
    with pytest.raises(StoreError, match="closed"):
        await waiting


async def test_a_patient_job_is_committed_with_the_next_that_comes(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "numbers.db", patience_seconds=60)
    patient = asyncio.create_task(bench.writer.write(insert(1), patient=True))
    await asyncio.sleep(0)
    assert await asyncio.gather(bench.writer.write(insert(2)), patient) == [2, 1]
    assert bench.transactions() == 1
    await bench.writer.close()


async def test_a_patient_job_that_stays_alone_is_committed_soon(bench: Bench) -> None:
    assert await bench.writer.write(insert(1), patient=True) == 1
    assert bench.numbers() == [1]


async def test_closing_hurries_a_patient_job(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "numbers.db", patience_seconds=60)
    patient = asyncio.create_task(bench.writer.write(insert(1), patient=True))
    await asyncio.sleep(0)
    await bench.writer.close()
    assert await patient == 1
