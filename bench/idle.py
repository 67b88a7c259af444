"""What idle mailboxes cost of a core, and how long the loop ever stands still.

    python bench/idle.py [--mailboxes 15000] [--seconds 70] [--keepalive 120] [--probe 0] [--awake] [--profile] [--short]

The gateway (``idlebell serve``, SQLite, retention ``session``) holds the mailboxes at a simulated server, under TLS 1.3 and in
IDLE, parked where it parks them. The server says ``* OK Still here`` to each session every ``--keepalive`` seconds, evenly
spread, as Dovecot does every two minutes. ``probe_seconds = 0``: the gateway chooses how often a session shows that it lives.
The first look after a login comes early; it is waited for. Figures are of the gateway's process, all threads: CPU over
wall-clock time; the longest time by which a ticker in its loop was late; the longest pause of Python's collector; and from
outside, how long ``GET /healthz`` took, asked ten times a second.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Final

from rig.gateway import MeasuredGateway, cpu_by_thread, cpu_seconds, gateway, simulated_server
from rig.tables import percentile, profile_tables

NOWHERE: Final = "http://127.0.0.1:9/new"
ASK_SECONDS: Final = 0.1
SETTLING_SECONDS: Final = 45.0
"""After a login one look comes early (:data:`idlebell.watch.cadence`)."""


async def ask_health(found: MeasuredGateway, seconds: float) -> list[float]:
    taken = []
    end = time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        await found.call("GET", "/healthz")
        taken.append(time.monotonic() - began)
        await asyncio.sleep(max(0.0, ASK_SECONDS - taken[-1]))
    return taken


async def measure(options: argparse.Namespace) -> None:
    sizes = [int(size) for size in options.mailboxes.split(",")]
    imap = f"probe_seconds = {options.probe:g}\n" + ("park_after_seconds = 0\n" if options.awake else "")
    print(
        "| mailboxes | parked | % of a core | with healthz asked | loop | other threads | longest stall ms | longest GC ms "
        "| healthz p99 ms | longest ms |\n|---|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    async with simulated_server() as server:
        await server.ask(f"keepalive {options.keepalive:g}")
        with tempfile.TemporaryDirectory() as name:
            async with gateway(server, Path(name), imap) as found:
                done = 0
                for size in sizes:
                    await found.fill(server, done, size, NOWHERE)
                    done = size
                    await server.idling(size)
                    await found.hook("forget")
                    await asyncio.sleep(SETTLING_SECONDS)
                    parked = await found.settle(server, size)
                    # Alone first: the ticker and the questions cost CPU themselves.
                    cpu, threads, began = cpu_seconds(found.pid), cpu_by_thread(found.pid), time.monotonic()
                    await asyncio.sleep(options.seconds)
                    passed = time.monotonic() - began
                    alone = (cpu_seconds(found.pid) - cpu) / passed
                    now = cpu_by_thread(found.pid)
                    loop = sum(now[one] - threads.get(one, 0) for one in now if one.startswith("loop ")) / passed
                    await found.hook("ticker on")
                    await found.hook("stalls")
                    cpu, began = cpu_seconds(found.pid), time.monotonic()
                    taken = await ask_health(found, options.seconds)
                    asked = (cpu_seconds(found.pid) - cpu) / (time.monotonic() - began)
                    stalls = await found.hook("stalls")
                    await found.hook("ticker off")
                    print(
                        f"| {size:,} | {parked:,} | {alone * 100:.2f} | {asked * 100:.2f} | {loop * 100:.2f} "
                        f"| {(alone - loop) * 100:.2f} | {stalls['longest_stall'] * 1000:.0f} "
                        f"| {stalls['longest_gc'] * 1000:.0f} | {percentile(taken, 99) * 1000:.0f} "
                        f"| {max(taken) * 1000:.0f} |",
                        flush=True,
                    )
                if options.profile:
                    await found.hook("profile on")
                    await asyncio.sleep(options.seconds)
                    print(profile_tables(await found.hook("profile off")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", default="15000", help="or several sizes with commas, each after the other")
    parser.add_argument(
        "--seconds", type=float, default=70.0, help="of each of two measurements; the fleet's round is 60"
    )
    parser.add_argument("--keepalive", type=float, default=120.0, help="0: the server says nothing")
    parser.add_argument("--probe", type=float, default=0.0, help="probe_seconds of [imap]")
    parser.add_argument("--awake", action="store_true", help="with park_after_seconds = 0")
    parser.add_argument("--profile", action="store_true", help="once more, with a sampling profile")
    parser.add_argument("--short", action="store_true", help="1,500 mailboxes, 30 s")
    options = parser.parse_args()
    if options.short:
        options.mailboxes, options.seconds = "1500", 30.0
    began = time.monotonic()
    asyncio.run(measure(options))
    print(f"({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
