"""How a gateway grows with its mailboxes: memory, CPU while they idle, latency of a ring; and what a million would need.

    python bench/growth.py [--sizes 1000,2000,5000,10000,15000] [--rate 50] [--seconds 20] [--write] [--short]

One gateway (``idlebell serve``, SQLite, retention ``session``) at a simulated server that speaks to each session every two
minutes, as Dovecot does. At each size: resident memory of its process more than when it was empty, the kernel's memory (half
of it, for both ends of a connection are on this machine), CPU over wall-clock time while nothing comes, then mails to
mailboxes by chance. The lines through the series, by least squares, say what one more mailbox costs. ``--write`` puts table and
picture into ``docs/``.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bell import ring
from rig.chart import Panel, picture
from rig.gateway import cpu_seconds, gateway, resident_kib, simulated_server, slab_kib, socket_kib
from rig.receiver import receiver
from rig.tables import percentile, slope

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = DOCS / "explanation" / "cost.md"
PICTURE: Final = DOCS / "images" / "mailbox-growth.svg"
KEEPALIVE_SECONDS: Final = 120
SETTLING_SECONDS: Final = 35.0
"""After a login one look comes early."""
MILLION: Final = 1_000_000
PORTS: Final = 28_232
"""``net.ipv4.ip_local_port_range`` as Linux comes: connections of one own address to one address and port."""


@dataclass(frozen=True)
class Size:
    mailboxes: int
    parked: int
    resident_mib: float
    kernel_mib: float
    idle_percent: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    lost: int
    twice: int

    def row(self) -> str:
        each = self.resident_mib * 1024 / self.mailboxes
        return (
            f"| {self.mailboxes:,} | {self.parked:,} | {self.resident_mib:.1f} | {each:.2f} | {self.kernel_mib:.1f} "
            f"| {self.idle_percent:.2f} | {self.p50_ms:.1f} | {self.p99_ms:.1f} | {self.cpu_ms:.2f} "
            f"| {self.lost} | {self.twice} |"
        )


HEAD: Final = """\
| mailboxes | parked | MiB more | KiB each | kernel MiB | idle, % of core | p50 ms | p99 ms | CPU ms a ring | lost | twice |
|---|---|---|---|---|---|---|---|---|---|---|"""


async def series(sizes: Sequence[int], rate: float, seconds: float, imap: str) -> list[Size]:
    found: list[Size] = []
    async with simulated_server() as server, receiver() as ears:
        await server.ask(f"keepalive {KEEPALIVE_SECONDS}")
        with tempfile.TemporaryDirectory() as name:
            async with gateway(server, Path(name), imap) as one:
                empty, kernel = resident_kib(one.pid), slab_kib() + socket_kib()
                done = 0
                for size in sizes:
                    await one.fill(server, done, size, f"{ears.url}/new")
                    done = size
                    await server.idling(size)
                    await one.hook("forget")
                    await asyncio.sleep(SETTLING_SECONDS)
                    parked = await one.settle(server, size)
                    resident = resident_kib(one.pid) - empty
                    grown = (slab_kib() + socket_kib() - kernel) / 2
                    cpu, began = cpu_seconds(one.pid), time.monotonic()
                    await asyncio.sleep(seconds)
                    idle = (cpu_seconds(one.pid) - cpu) / (time.monotonic() - began)
                    rung = await ring(server, one, ears, rate, seconds)
                    p50, p99 = (percentile(rung.delays, at) * 1000 for at in (50, 99))
                    ms = rung.cpu_seconds / rung.mails * 1000
                    found.append(
                        Size(
                            size, parked, resident / 1024, grown / 1024, idle * 100, p50, p99, ms, rung.lost, rung.twice
                        )
                    )
                    print(found[-1].row(), flush=True)
    return found


def million(found: Sequence[Size]) -> list[str]:
    """What follows from the lines, and from nothing else."""
    sizes = [one.mailboxes for one in found]
    process, fixed, off = slope(sizes, [one.resident_mib for one in found])
    kernel, _, kernel_off = slope(sizes, [one.kernel_mib for one in found])
    idle, _, idle_off = slope(sizes, [one.idle_percent for one in found])
    return [
        "| of | one more mailbox | off the line at most | a million |",
        "|---|---|---|---|",
        f"| process memory | {process * 1024:.2f} KiB | {off:.1f} MiB | {(process * MILLION + fixed) / 1024:.1f} GiB |",
        f"| kernel memory, one end | {kernel * 1024:.2f} KiB | {kernel_off:.1f} MiB | {kernel * MILLION / 1024:.1f} GiB |",
        f"| CPU, idle | {idle / 100 * 3_600:.3f} s an hour | {idle_off:.2f} % | {idle * MILLION / 100:.1f} cores |",
        f"| ports to one address of a server | 1 | | {-(-MILLION // PORTS)} own addresses (`source_addresses`) |",
        "| descriptors | 1 | | 1,000,000 (`LimitNOFILE`) |",
    ]


def charts(found: Sequence[Size]) -> str:
    panels = [
        Panel("MiB more than empty", {"process": [one.resident_mib for one in found]}),
        Panel("% of a core while all idle", {"CPU": [one.idle_percent for one in found]}),
        Panel("ms from EXISTS to ring", {"p50": [one.p50_ms for one in found], "p99": [one.p99_ms for one in found]}),
    ]
    return picture("How a gateway grows with its mailboxes", [one.mailboxes for one in found], panels)


def write(table: str) -> None:
    page = PAGE.read_text()
    pattern = re.compile(r"(<!-- measured: growth -->\n).*?(<!-- end -->)", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda kept: f"{kept[1]}{table}\n{kept[2]}", page))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,2000,5000,10000,15000")
    parser.add_argument("--rate", type=float, default=50.0, help="mails a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="for idling, and for mails, at each size")
    parser.add_argument("--imap", default="", help="more lines for [imap]")
    parser.add_argument("--write", action="store_true", help="into docs/explanation/cost.md and docs/images")
    parser.add_argument("--short", action="store_true", help="500, 1,000 and 1,500 mailboxes")
    options = parser.parse_args()
    if options.short:
        options.sizes, options.seconds = "500,1000,1500", 10.0
    began = time.monotonic()
    print(HEAD, flush=True)
    found = asyncio.run(
        series([int(size) for size in options.sizes.split(",")], options.rate, options.seconds, options.imap)
    )
    told = "\n".join(million(found)) if len(found) > 1 else ""
    print(f"\n{told}\n({time.monotonic() - began:.0f} s)")
    if options.write:
        write("\n".join([HEAD, *(one.row() for one in found), "", told]))
        PICTURE.write_text(charts(found))


if __name__ == "__main__":
    main()
