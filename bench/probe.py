"""What it costs of a core that a session shows that it lives, and so how often that may be asked for.

    python bench/probe.py [--mailboxes 1000] [--seconds 30]

The gateway as users run it, with ``probe_seconds`` at 30, before the simulated server in processes of its own: all mailboxes
idle under TLS and nothing comes. CPU time of the gateway's process over the probes that fall into the time, less what it
takes with hardly any probe.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

from idlebell.watch.cadence import PROBE_SECONDS, PROBE_SHARE
from rig.gateway import cpu_seconds, gateway, simulated_server

PROBE_EVERY_SECONDS = 30.0
"""As often as the configuration lets one ask."""
MEAN_JITTER = 0.95
"""Of the interval that is waited on average (:data:`idlebell.watch.cadence.JITTER`)."""
SETTLING_SECONDS = 35.0
"""After a login one look comes early."""


async def spent(mailboxes: int, probe_seconds: float, seconds: float) -> float:
    """CPU seconds a second of a gateway that holds ``mailboxes``."""
    with tempfile.TemporaryDirectory() as folder:
        async with (
            simulated_server() as server,
            gateway(server, Path(folder), f"probe_seconds = {probe_seconds:g}") as found,
        ):
            await found.subscribe(server, range(mailboxes), "http://127.0.0.1:9")
            await asyncio.sleep(SETTLING_SECONDS)
            before = cpu_seconds(found.pid)
            await asyncio.sleep(seconds)
            return (cpu_seconds(found.pid) - before) / seconds


async def measure(mailboxes: int, seconds: float) -> None:
    quiet = await spent(mailboxes, 540, seconds)
    busy = await spent(mailboxes, PROBE_EVERY_SECONDS, seconds)
    probes = mailboxes / (PROBE_EVERY_SECONDS * MEAN_JITTER)
    cost = (busy - quiet) / probes
    print(
        f"{mailboxes} mailboxes, {probes:.0f} probes a second: {busy * 100:.1f} % of a core; hardly any: {quiet * 100:.2f} %"
    )
    print(f"a probe: {cost * 1000:.2f} ms of a core (the budget counts with {PROBE_SECONDS * 1000:.2f} ms)")
    for held in (1_000, 5_000, 20_000):
        print(f"{held:>6} sessions within {PROBE_SHARE:.0%} of a core: every {held * cost / PROBE_SHARE:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    asyncio.run(measure(options.mailboxes, options.seconds))


if __name__ == "__main__":
    main()
