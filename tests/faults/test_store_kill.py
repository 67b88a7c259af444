"""A process that commits and is killed at any moment: what it said was done is there, and cursor and outbox agree."""

from __future__ import annotations

import asyncio
import os
import random
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import store_samples as samples
from idlebell.model.endpoint import Endpoints
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite

ROUNDS = 20
ROUND_SECONDS = 0.15
CHILD = """
import asyncio, os, sys
from pathlib import Path
import store_samples as samples
from idlebell.model.cursor import Cursor
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import open_sqlite

async def keep_committing(store, account, mailbox):
    cursor = await store.cursor(account.id, mailbox)
    while True:
        uid = 1 if cursor is None else cursor.uid_next
        new = Cursor(1, uid + 1)
        await store.commit(account.id, mailbox, cursor, new, [samples.draft(samples.sub_id(1))])
        os.write(1, f"{mailbox} {new.uid_next}\\n".encode())
        cursor = new

async def main():
    store = await open_sqlite(Path(sys.argv[1]), Sealer(bytes(32)), entropy=os.urandom)
    account = await store.account(samples.TARGET, "alice")
    await asyncio.gather(*(keep_committing(store, account, f"box {n}") for n in range(8)))

asyncio.run(main())
"""


async def prepare(path: Path) -> None:
    store = await open_sqlite(path, Sealer(bytes(32)), entropy=os.urandom)
    account = await store.account(samples.TARGET, "alice")
    await store.put(samples.subscription(account.id, endpoints=Endpoints(samples.webhook())))
    await store.close()


def killed_while_committing(path: Path, after_seconds: float) -> dict[str, int]:
    """What the child had acknowledged: mailbox and UIDNEXT."""
    environment = os.environ | {"PYTHONPATH": str(Path(samples.__file__).parent)}
    command = [sys.executable, "-c", CHILD, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        said = os.read(child.stdout.fileno(), 65536)  # it has begun
        end = time.monotonic() + after_seconds
        # Read on, so that a full pipe does not stop it.
        while (left := end - time.monotonic()) > 0:
            if select.select([child.stdout], [], [], left)[0]:
                said += os.read(child.stdout.fileno(), 65536)
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read()
    assert child.returncode == -signal.SIGKILL
    acknowledged: dict[str, int] = {}
    for line in said.decode().splitlines():
        mailbox, _, uid_next = line.rpartition(" ")
        acknowledged[mailbox] = int(uid_next)
    return acknowledged


async def look(path: Path) -> tuple[dict[str, int], int, int]:
    """UIDNEXT by mailbox, messages detected, notifications waiting."""
    store = await open_sqlite(path, Sealer(bytes(32)), entropy=os.urandom)
    account = await store.account(samples.TARGET, "alice")
    cursors = {}
    for number in range(8):
        cursor = await store.cursor(account.id, f"box {number}")
        cursors[f"box {number}"] = 1 if cursor is None else cursor.uid_next
    counts = (await store.activity(samples.sub_id(1))).counts
    waiting = (await store.counts())["pending_notifications"]
    await store.close()
    return cursors, counts.detected, waiting


def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "idlebell.db"
    asyncio.run(prepare(path))
    chance = random.Random(20)  # the moments differ, the run repeats
    committed = 0
    for _ in range(ROUNDS):
        acknowledged = killed_while_committing(path, chance.random() * ROUND_SECONDS)
        cursors, detected, waiting = asyncio.run(look(path))
        for mailbox, uid_next in acknowledged.items():
            assert cursors[mailbox] >= uid_next
        announced = sum(uid_next - 1 for uid_next in cursors.values())
        assert announced == detected == waiting, "the cursor moved with its notification or not at all"
        assert announced > committed, "each round committed something, or it shows nothing"
        committed = announced
