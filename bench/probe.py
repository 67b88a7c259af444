"""What it costs of a core that a session shows that it lives, and so how often that may be asked for.

    python bench/probe.py [--mailboxes 1000] [--seconds 30]

The gateway as users run it, with ``probe_seconds`` at 30, before the scripted server in a process of its own: all mailboxes
idle under TLS and nothing comes. CPU time of the gateway's process over the probes that fall into the time, less what it
takes with hardly any probe.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from gateway_process import GatewayProcess
from idle_gateway import cpu_seconds, subscribe
from idlebell.watch.cadence import PROBE_SECONDS, PROBE_SHARE

PROBE_EVERY_SECONDS = 30.0
"""As often as the configuration lets one ask."""
MEAN_JITTER = 0.95
"""Of the interval that is waited on average (:data:`idlebell.watch.cadence.JITTER`)."""
SETTLING_SECONDS = 35.0
"""After a login one look comes early."""


async def spent(port: int, ca_file: Path, mailboxes: int, probe_seconds: float, seconds: float) -> float:
    """CPU seconds a second of a gateway that holds ``mailboxes``."""
    with tempfile.TemporaryDirectory() as folder:
        imap = f"per_host_connect_rate = 0\nprobe_seconds = {probe_seconds:g}"
        async with GatewayProcess(Path(folder), ca_file, imap=imap, level="warning") as gateway:
            await subscribe(gateway, port, range(mailboxes))
            await asyncio.sleep(SETTLING_SECONDS)
            before = cpu_seconds(gateway.pid)
            await asyncio.sleep(seconds)
            return float(cpu_seconds(gateway.pid) - before) / seconds


async def measure(mailboxes: int, seconds: float) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "idlebell.testing.imap_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        told = json.loads(server.stdout.readline())
        ca_file = Path(told["ca_file"])
        quiet = await spent(told["tls_port"], ca_file, mailboxes, 540, seconds)
        busy = await spent(told["tls_port"], ca_file, mailboxes, PROBE_EVERY_SECONDS, seconds)
    finally:
        server.stdin.close()
        server.wait()
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
