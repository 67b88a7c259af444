"""When a server drops everybody and comes back: complete sessions a CPU second, beside OpenSSL's handshakes.

    python bench/storm.py [--mailboxes 15000] [--outage 2] [--handshake-seconds 10] [--profile] [--short]

The gateway (``idlebell serve``, SQLite, retention ``memory``) holds the mailboxes at a simulated server, under TLS 1.3 and in
IDLE. The server resets every connection, refuses for ``--outage`` seconds and comes back; the clock runs from then until all
are in IDLE again (and parked, where the gateway parks them), each with TCP, TLS, login, EXAMINE, a look and IDLE. CPU is user
and system of the gateway's process, all threads, from the drop to the end. Beside it ``openssl s_time -new`` makes TLS 1.3
handshakes with the same server and certificate, checks the chain as well, and does nothing else. The pace for one host
(``per_host_connect_rate``) is lifted: what is measured is the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from rig.gateway import MeasuredGateway, Server, cpu_by_thread, cpu_seconds, gateway, simulated_server
from rig.tables import profile_tables

NOWHERE: Final = "http://127.0.0.1:9/new"
LOOK_SECONDS: Final = 0.1
STUCK_SECONDS: Final = 100.0


async def handshakes(server: Server, seconds: int) -> tuple[int, float]:
    """How many, and the CPU seconds that ``openssl s_time`` took for them."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # 127.0.0.2 is the same server: its ports are not those that the gateway needs.
    told = await asyncio.to_thread(
        subprocess.run,
        ["openssl", "s_time", "-new", "-tls1_3", "-connect", f"127.0.0.2:{server.port}", "-CAfile", str(server.ca_file),
         "-verify", "3", "-time", str(seconds)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"^(\d+) connections in", told.stdout, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"openssl s_time: {told.stdout[-400:]} {told.stderr[-400:]}")
    return int(found[1]), (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)


async def storm(
    server: Server, found: MeasuredGateway, mailboxes: int, outage: float
) -> tuple[float, float, float, int]:
    """CPU seconds, seconds from the return to the last session in IDLE, half of them, and how many were parked after it."""
    cpu = cpu_seconds(found.pid)
    dropped = (await server.ask(f"outage {outage:g}"))["dropped"]
    assert dropped == mailboxes, dropped
    back = time.monotonic() + outage
    half, known, since = 0.0, 0, back
    while known < mailboxes:
        await asyncio.sleep(LOOK_SECONDS)
        now = (await server.ask("stats"))["idling"]
        if now != known:
            known, since = now, time.monotonic()
        elif time.monotonic() - since > STUCK_SECONDS:
            raise RuntimeError(f"only {known} of {mailboxes} came back")
        if known * 2 >= mailboxes and not half:
            half = time.monotonic() - back
    took = time.monotonic() - back
    parked = await found.settle(server, mailboxes)
    return cpu_seconds(found.pid) - cpu, took, half, parked


async def measure(options: argparse.Namespace) -> None:
    mailboxes = options.mailboxes
    async with simulated_server() as server:
        count, cpu = await handshakes(server, options.handshake_seconds)
        openssl = count / cpu
        print(
            "| what | sessions | parked | CPU s | a CPU second | of s_time's | s until half | s until all | logins |\n"
            "|---|---|---|---|---|---|---|---|---|"
        )
        print(f"| openssl s_time -new, TLS alone | {count:,} | | {cpu:.1f} | {openssl:,.0f} | 1 | | | |", flush=True)
        with tempfile.TemporaryDirectory() as name:
            async with gateway(server, Path(name), options.imap) as found:
                cpu = cpu_seconds(found.pid)
                await found.fill(server, 0, mailboxes, NOWHERE)
                parked = await found.settle(server, mailboxes)
                cpu = cpu_seconds(found.pid) - cpu
                rate = mailboxes / cpu
                print(
                    f"| gateway, subscriptions new | {mailboxes:,} | {parked:,} | {cpu:.1f} | {rate:,.0f} "
                    f"| {rate / openssl:.2f} | | | |",
                    flush=True,
                )
                for round_ in range(options.rounds):
                    if options.profile and round_ == options.rounds - 1:
                        await found.hook("profile on")
                    await found.hook("ticker on")
                    await found.hook("stalls")
                    logins, threads = (await server.ask("stats"))["logins"], cpu_by_thread(found.pid)
                    cpu, took, half, parked = await storm(server, found, mailboxes, options.outage)
                    logins = (await server.ask("stats"))["logins"] - logins
                    rate = mailboxes / cpu
                    print(
                        f"| gateway, all dropped | {mailboxes:,} | {parked:,} | {cpu:.1f} | {rate:,.0f} "
                        f"| {rate / openssl:.2f} | {half:.1f} | {took:.1f} | {logins:,} |",
                        flush=True,
                    )
                    stalls = await found.hook("stalls")
                    by_thread = ", ".join(
                        f"{thread.partition(' ')[0]} {(now - threads.get(thread, 0.0)) / mailboxes * 1000:.2f}"
                        for thread, now in cpu_by_thread(found.pid).items()
                        if now - threads.get(thread, 0.0) > mailboxes / 1e5
                    )
                count, cpu = await handshakes(server, options.handshake_seconds)
                again = count / cpu
                print(
                    f"| openssl s_time -new, again | {count:,} | | {cpu:.1f} | {again:,.0f} | {again / openssl:.2f} | | | |"
                )
                stall, gc_pause = stalls["longest_stall"] * 1000, stalls["longest_gc"] * 1000
                print(
                    f"\nThe last one: CPU ms a session by thread: {by_thread}; longest stall of the loop {stall:.0f} ms,"
                )
                print(f"longest pause of the collector {gc_pause:.0f} ms")
                if options.profile:
                    print(profile_tables(await found.hook("profile off")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=15_000)
    parser.add_argument("--outage", type=float, default=2.0, help="seconds for which connections are refused")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--handshake-seconds", type=int, default=10)
    parser.add_argument("--imap", default="", help="more lines for [imap]")
    parser.add_argument("--profile", action="store_true", help="sample the last round (it takes some CPU itself)")
    parser.add_argument("--short", action="store_true", help="1,500 mailboxes")
    options = parser.parse_args()
    if options.short:
        options.mailboxes, options.handshake_seconds = 1_500, 4
    began = time.monotonic()
    asyncio.run(measure(options))
    print(f"({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
