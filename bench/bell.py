"""From the server's EXISTS to the push service's receipt, and what a notification costs: many mailboxes, mail after mail.

    python bench/bell.py [--mailboxes 15000] [--rate 100] [--seconds 60] [--profile] [--awake] [--short]

The gateway (``idlebell serve``, SQLite, every commit on disk before it rings) holds the mailboxes at a simulated server, under
TLS 1.3 and in IDLE, parked where it parks them. Then the server announces mails to mailboxes by chance, evenly in time, and
says when it sent each EXISTS; a receiver of SimplePush says when each request had come. No mailbox may be left without a ring
after its last mail, none may ring more often than it got mail. CPU is that of the gateway's process, all threads, over the
mails; the stalls are of its loop, seen from within by a ticker.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rig.gateway import MeasuredGateway, Server, cpu_by_thread, cpu_seconds, gateway, simulated_server
from rig.receiver import Receiver, receiver
from rig.tables import percentile, profile_tables

LAST_SECONDS: Final = 30.0
"""For what is still on its way when the last mail is announced."""
WARM_SECONDS: Final = 3.0


@dataclass(frozen=True)
class Rung:
    mails: int
    delays: list[float]
    lost: int
    twice: int
    cpu_seconds: float
    threads: dict[str, float]
    stalls: dict[str, Any]

    def row(self, mailboxes: int, parked: int) -> str:
        p50, p99 = (percentile(self.delays, at) * 1000 for at in (50, 99))
        return (
            f"| {mailboxes:,} | {parked:,} | {self.mails:,} | {p50:.1f} | {p99:.1f} | {max(self.delays) * 1000:.1f} "
            f"| {self.lost} | {self.twice} | {self.cpu_seconds / self.mails * 1000:.2f} "
            f"| {self.stalls['longest_stall'] * 1000:.0f} | {self.stalls['longest_gc'] * 1000:.0f} |"
        )


HEAD: Final = """\
| mailboxes | parked | mails | p50 ms | p99 ms | longest ms | lost | twice | CPU ms each | stall ms | GC ms |
|---|---|---|---|---|---|---|---|---|---|---|"""


async def ring(server: Server, found: MeasuredGateway, ears: Receiver, rate: float, seconds: float) -> Rung:
    ears.heard.clear()
    await found.hook("ticker on")
    await found.hook("stalls")
    cpu, threads = cpu_seconds(found.pid), cpu_by_thread(found.pid)
    mails = (await server.ask(f"mails {rate:g} {seconds:g}"))["mails"]
    announced: dict[int, list[float]] = {}
    for mailbox, at in mails:
        announced.setdefault(mailbox, []).append(at)
    deadline = time.monotonic() + LAST_SECONDS
    while (owed := _unrung(announced, ears)) and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    spent = cpu_seconds(found.pid) - cpu
    by_thread = {name: now - threads.get(name, 0.0) for name, now in cpu_by_thread(found.pid).items()}
    await asyncio.sleep(WARM_SECONDS)  # what is rung twice would come now
    stalls = await found.hook("stalls")
    await found.hook("ticker off")
    delays = [
        came - at
        for mailbox, times in announced.items()
        for at in times
        if (came := min((one for one in ears.heard[mailbox] if one >= at), default=None)) is not None
    ]
    twice = sum(max(0, len(heard) - len(announced.get(mailbox, ()))) for mailbox, heard in ears.heard.items())
    return Rung(len(mails), delays, owed, twice, spent, by_thread, stalls)


def _unrung(announced: dict[int, list[float]], ears: Receiver) -> int:
    """Mailboxes that have not rung since their last mail. Two mails that come close together may ring once."""
    return sum(max(ears.heard[mailbox], default=0.0) < max(times) for mailbox, times in announced.items())


async def measure(options: argparse.Namespace) -> None:
    imap = "park_after_seconds = 0" if options.awake else ""
    print(HEAD, flush=True)
    sizes = [int(size) for size in options.mailboxes.split(",")]
    async with simulated_server() as server, receiver() as ears:
        with tempfile.TemporaryDirectory() as name:
            async with gateway(server, Path(name), imap) as found:
                done = 0
                for size in sizes:
                    await found.fill(server, done, size, f"{ears.url}/new")
                    done = size
                    parked = await found.settle(server, size)
                    await ring(server, found, ears, options.rate, WARM_SECONDS)
                    parked = await found.settle(server, size)
                    rung = await ring(server, found, ears, options.rate, options.seconds)
                    print(rung.row(size, parked), flush=True)
                    told = ", ".join(
                        f"{thread.partition(' ')[0]} {spent / rung.mails * 1000:.2f}"
                        for thread, spent in rung.threads.items()
                        if spent / rung.mails > 0.00001
                    )
                print(f"CPU ms a notification by thread: {told}")
                if options.profile:
                    await profile(server, found, ears, options.rate, options.seconds)


async def profile(server: Server, found: MeasuredGateway, ears: Receiver, rate: float, seconds: float) -> None:
    await found.hook("profile on")
    rung = await ring(server, found, ears, rate, seconds)
    told = await found.hook("profile off")
    print(f"\n{rung.cpu_seconds / rung.mails * 1000:.2f} ms a notification. {profile_tables(told)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", default="15000", help="or several sizes with commas, each after the other")
    parser.add_argument("--rate", type=float, default=100.0, help="mails a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--profile", action="store_true", help="once more, with a sampling profile")
    parser.add_argument("--awake", action="store_true", help="with park_after_seconds = 0")
    parser.add_argument("--short", action="store_true", help="1,500 mailboxes, 20 s")
    options = parser.parse_args()
    if options.short:
        options.mailboxes, options.seconds = "1500", 20.0
    began = time.monotonic()
    asyncio.run(measure(options))
    print(f"({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
