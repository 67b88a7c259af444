"""What the door costs as a process of its own: registrations and logins a CPU second, and memory, beside the door inside.

    python bench/door_process.py [--accounts 1000] [--short]

The gateway (``idlebell serve``, SQLite) takes so many registrations with retention ``memory`` over REST, 32 at a time, each of
which is answered once its session is in IDLE at a simulated server under TLS 1.3; then a hundred one by one, for their time.
Then the server drops everybody, and all log in again by what is kept. CPU is user and system of both processes, all threads;
memory is what is resident once the first are parked.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from rig.gateway import MeasuredGateway, Server, cpu_seconds, gateway, resident_kib, simulated_server
from rig.tables import percentile

NOWHERE = "http://127.0.0.1:9"
OUTAGE_SECONDS = 1.0
ONE_BY_ONE = 100
"""Registrations, each after the one before was answered: how long one takes."""


def processes(found: MeasuredGateway) -> list[int]:
    children = Path(f"/proc/{found.pid}/task/{found.pid}/children").read_text().split()
    return [found.pid, *map(int, children)]


def cpu_of(found: MeasuredGateway) -> list[float]:
    return list(map(cpu_seconds, processes(found)))


async def one_by_one(server: Server, found: MeasuredGateway, numbers: Iterable[int]) -> list[float]:
    took = []
    for number in numbers:
        began = time.monotonic()
        await found.subscribe(server, [number], NOWHERE, "memory")
        took.append(time.monotonic() - began)
    return took


async def measure_one(server: Server, door: str, accounts: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        more = f'[credentials]\ndoor = "{door}"\n'
        async with gateway(server, Path(name), more=more) as found:
            empty = list(map(resident_kib, processes(found)))
            began = cpu_of(found)
            await found.subscribe(server, range(accounts), NOWHERE, "memory")
            registered = cpu_of(found)
            parked = await found.settle(server, accounts)
            full = list(map(resident_kib, processes(found)))
            took = await one_by_one(server, found, range(accounts, accounts + ONE_BY_ONE))
            before = cpu_of(found)
            dropped = (await server.ask(f"outage {OUTAGE_SECONDS:g}"))["dropped"]
            assert dropped == accounts + ONE_BY_ONE, dropped
            await asyncio.sleep(OUTAGE_SECONDS)
            await server.idling(accounts + ONE_BY_ONE)
            after = cpu_of(found)
    first, again = sum(registered) - sum(began), sum(after) - sum(before)
    shares = " + ".join(f"{b - a:.1f}" for a, b in zip(before, after, strict=True))
    memory = " + ".join(f"{one / 1024:.0f}" for one in empty), " + ".join(f"{one / 1024:.0f}" for one in full)
    print(
        f"| {door} | {accounts:,} | {parked:,} | {accounts / first:,.0f} | {(accounts + ONE_BY_ONE) / again:,.0f} | {shares} "
        f"| {percentile(took, 50) * 1000:.1f} | {percentile(took, 99) * 1000:.1f} | {memory[0]} | {memory[1]} |",
        flush=True,
    )


async def measure(accounts: int) -> None:
    print(
        "| door | accounts | parked | registrations / CPU s | logins again / CPU s | CPU s of those "
        "| a registration: p50 ms | p99 ms | MiB empty | MiB full |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    async with simulated_server() as server:
        for door in ("inside", "process", "inside", "process"):
            await measure_one(server, door, accounts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=1_000)
    parser.add_argument("--short", action="store_true", help="200 accounts")
    options = parser.parse_args()
    asyncio.run(measure(200 if options.short else options.accounts))


if __name__ == "__main__":
    main()
