"""What waits for a push service that is down costs nobody else anything: no step of the outbox walks over it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from contracts.store_steps import enqueue, put
from idlebell.model.endpoint import Endpoints
from idlebell.store.contract import Settled
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import SqliteStore, open_sqlite
from store_samples import LEASE, NOW, TARGET, webhook

DEAD = b"a lane that is down "[:16]
STEP = 10
"""Instructions of SQLite's virtual machine between two counts."""
_SEED = """
WITH RECURSIVE numbers (n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?2)
"""
_QUEUES = "INSERT INTO queues (endpoint, lane, ready_us, leased) SELECT randomblob(16), ?3, n, 0 FROM numbers"
_OUTBOX = """
INSERT INTO outbox (id, subscription, type, messages, endpoint, lane, collapses, version, at_us, due_us, expires_us,
                    attempts, content)
SELECT 'ntf_' || n, ?4, 'new_mail', 1, randomblob(16), ?3, 0, n, n, n, ?5, 0, x'00' FROM numbers
"""


class Steps:
    """Counts what SQLite does in the writer's thread."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.count = 0

    def _tick(self) -> int:
        self.count += 1
        return 0

    async def of(self, work: Callable[[], Awaitable[object]]) -> int:
        write = self._store._database.write
        await write(lambda connection: connection.set_progress_handler(self._tick, STEP))
        self.count = 0
        await work()
        await write(lambda connection: connection.set_progress_handler(None, 0))
        return self.count


@pytest.mark.parametrize("step", ["take", "settle", "overdue", "lanes and next_due"])
async def test_no_step_of_the_outbox_does_more_because_much_waits_for_another_service(
    tmp_path: Path, step: str
) -> None:
    store = await open_sqlite(tmp_path / "idlebell.db", Sealer(bytes(32)), entropy=os.urandom)
    account = await store.account(TARGET, "alice")
    alive = await put(store, account, 1)
    down = await put(store, account, 2)
    steps = Steps(store)

    async def work() -> None:
        one = await enqueue(store, alive)
        match step:
            case "take":
                taken = await store.take(
                    NOW, NOW + LEASE, 64, lambda lanes, _: {lane: 4 for lane in lanes if lane != DEAD}
                )
                assert [leased.notification.id for leased in taken.leased] == [one.id]
                assert taken.lanes <= 2
            case "settle":
                assert not await store.settle(one.id, Settled(NOW, 200))
            case "overdue":
                assert await store.overdue(NOW) == ()
            case _:
                assert await store.next_due(NOW) is not None
                assert DEAD in await store.lanes(NOW, 64)
        await store.settle(one.id, Settled(NOW, 200))

    def seed(first: int, upto: int) -> Awaitable[None]:
        expires_us = int((NOW + LEASE).timestamp() * 1e6)
        values = (first, upto, DEAD, down.id, expires_us)

        def job(connection: object) -> None:
            connection.execute(_SEED + _QUEUES, values[:3])  # type: ignore[attr-defined]
            connection.execute(_SEED + _OUTBOX, values)  # type: ignore[attr-defined]

        return store._database.write(job)

    await seed(0, 200)
    little = min([await steps.of(work) for _ in range(3)])
    await seed(200, 20_000)
    much = min([await steps.of(work) for _ in range(3)])
    await store.close()
    assert much <= little * 1.2 + 5, (little, much)


async def test_a_push_costs_no_more_because_its_account_has_many_endpoints_at_the_service(tmp_path: Path) -> None:
    async def steps(endpoints: int) -> int:
        store = await open_sqlite(tmp_path / f"{endpoints}.db", Sealer(bytes(32)), entropy=os.urandom)
        account = await store.account(TARGET, "alice")
        for number in range(endpoints):
            own = Endpoints(webhook(f"https://hook.example.net/{number}"))
            await enqueue(store, await put(store, account, number, endpoints=own))
        (lane,) = await store.lanes(NOW, 10)
        counted = min(
            [await Steps(store).of(lambda: store.lease(lane, NOW + LEASE, NOW + 2 * LEASE, 1)) for _ in range(3)]
        )
        await store.close()
        return counted

    little, much = await steps(8), await steps(80)
    assert much <= little * 1.2 + 5, (little, much)
