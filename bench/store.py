"""How many durable commits a second, what they cost, and what a point read and the list of wanted accounts cost.

    python bench/store.py [--folder DIR] [--seconds 2] [--accounts 10000]

Raw sqlite3 with one row a commit runs beside it, on the same disk in the same run: the numbers compare with each other, not
with those of another machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import sqlite3
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from idlebell.model.account import Account, ImapTarget, Tls
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import Endpoints, PushUrl, SimplePushEndpoint
from idlebell.model.ids import subscription_id
from idlebell.model.notification import Draft, NewMail
from idlebell.model.subscription import Subscription
from idlebell.model.trail import KeptVerdict
from idlebell.model.verdict import Outcome
from idlebell.store.contract import Settled, Tried
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import SqliteStore, open_sqlite
from rig.stored import stored

CALLERS = (1, 16, 64)
BUILDERS = 64
NOW = datetime.now(UTC)
TRIED = Tried(12.3, "push.example.net")
TARGET = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)


@dataclass(frozen=True, slots=True)
class Rate:
    name: str
    per_second: float
    cpu_us: float

    def __str__(self) -> str:
        return f"{self.name:<44}{self.per_second:>12,.0f}/s{self.cpu_us:>10.1f} us CPU each"


def subscription(account: Account, number: int) -> Subscription:
    mail, reconnect = (PushUrl(f"https://push.example.net/{number}/{role}") for role in ("mail", "reconnect"))
    return stored(account, number, Endpoints(SimplePushEndpoint(mail), SimplePushEndpoint(reconnect)))


async def measured(name: str, callers: int, seconds: float, step: Callable[[int], Awaitable[None]]) -> Rate:
    done = 0
    end = time.perf_counter() + seconds

    async def caller(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await step(number)
            done += 1

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller(number) for number in range(callers)))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Rate(name, done / wall, cpu / done * 1e6)


def raw(folder: Path, seconds: float) -> Rate:
    connection = sqlite3.connect(folder / "raw.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)")
    value, done = os.urandom(200), 0
    wall, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < seconds:
        connection.execute("INSERT INTO rows (value) VALUES (?)", (value,))
        done += 1
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    connection.close()
    return Rate("raw sqlite3, one row a commit", done / wall, cpu / done * 1e6)


async def commits(store: SqliteStore, account: Account, callers: int, seconds: float, *, kept: bool = False) -> Rate:
    """``kept``: each with its verdict."""
    cursors: dict[int, Cursor | None] = {}

    async def commit(number: int) -> None:
        mailbox, expected = f"{callers} {number} {kept}", cursors.get(number)
        new = Cursor(1, 1 if expected is None else expected.uid_next + 1)
        drafts = [
            Draft(
                subscription_id(number.to_bytes(15, "big")),
                NewMail(mailbox, 1, 1, None),
                NOW,
                NOW,
                NOW + timedelta(days=1),
            )
        ]
        uid, to = new.uid_next - 1, drafts[0].subscription_id
        verdict = KeptVerdict(to, NOW, "INBOX", 1, uid, uid, Outcome.RINGS, message=b"123456789", took_ms=1.5)
        await store.commit(account.id, mailbox, expected, new, drafts, verdicts=[verdict] if kept else [])
        cursors[number] = new

    name = f"commit with one draft{' and its verdict' if kept else ''}, {callers} callers"
    return await measured(name, callers, seconds, commit)


async def deliveries(store: SqliteStore) -> Rate:
    """Of all that the commits left: SimplePush, so one push settles what waits for its endpoint."""
    done = (await store.counts())["pending_notifications"]
    until = NOW + timedelta(minutes=1)
    wall, cpu = time.perf_counter(), time.process_time()
    while lanes := await store.lanes(NOW, 10):
        for lane in lanes:
            leased = await store.lease(lane, NOW, until, 64)
            await asyncio.gather(*(store.settle(one.notification.id, Settled(NOW, 201, TRIED)) for one in leased))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Rate("settle what one push supersedes", done / wall, cpu / done * 1e6)


async def pushes(store: SqliteStore, accounts: int) -> Rate:
    """One notification for each account, leased and settled 64 at a time."""
    drafts = [
        Draft(subscription_id(n.to_bytes(15, "big")), NewMail("INBOX", 1, 1, None), NOW, NOW, NOW + timedelta(days=1))
        for n in range(accounts)
    ]
    await store.enqueue(drafts)
    done, until = 0, NOW + timedelta(minutes=1)
    wall, cpu = time.perf_counter(), time.process_time()
    while lanes := await store.lanes(NOW, 10):
        for lane in lanes:
            leased = await store.lease(lane, NOW, until, 64)
            await asyncio.gather(*(store.settle(one.notification.id, Settled(NOW, 201, TRIED)) for one in leased))
            done += len(leased)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Rate("lease and settle, 64 at a time", done / wall, cpu / done * 1e6)


async def build(store: SqliteStore, accounts: int) -> list[Account]:
    made: list[Account] = []

    async def builder(first: int) -> None:
        for number in range(first, accounts, BUILDERS):
            account = await store.account(TARGET, f"user{number}@example.org")
            await store.put(subscription(account, number))
            made.append(account)

    await asyncio.gather(*(builder(first) for first in range(BUILDERS)))
    return made


async def run(folder: Path, seconds: float, accounts: int) -> None:
    print(raw(folder, seconds))
    store = await open_sqlite(folder / "idlebell.db", Sealer(os.urandom(32)), entropy=os.urandom)
    cpu = time.process_time()
    made = await build(store, accounts)
    print(f"{'account and subscription put':<56}{(time.process_time() - cpu) / accounts * 1e6:>12.1f} us CPU each")
    for callers in CALLERS:
        print(await commits(store, made[0], callers, seconds))
        print(await commits(store, made[0], callers, seconds, kept=True))
    print(await deliveries(store))
    print(await pushes(store, accounts))

    async def cursor(_: int) -> None:
        await store.cursor(made[0].id, "1 0")

    async def get(_: int) -> None:
        await store.get(subscription_id((7).to_bytes(15, "big")))

    print(await measured("point read: cursor", 1, seconds, cursor))
    print(await measured("point read: subscription, opened", 1, seconds, get))
    wall = time.perf_counter()
    wanted = await store.wanted()
    wall = time.perf_counter() - wall
    del wanted
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    wanted = await store.wanted()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    per_10k = kept / len(wanted) * 10_000 / 1024
    print(f"wanted(): {len(wanted):,} accounts in {wall * 1000:.0f} ms, {per_10k:,.0f} KiB per 10,000")
    await store.close()
    size = (folder / "idlebell.db").stat().st_size
    print(f"database: {size / accounts:,.0f} bytes an account, queue and versions included")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="where the databases are made")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--accounts", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        asyncio.run(run(Path(folder), options.seconds, options.accounts))


if __name__ == "__main__":
    main()
