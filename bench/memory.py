"""What one idle mailbox costs in memory: the whole gateway, parked and awake, and three peers that hold the same sessions.

    python bench/memory.py [--sizes 1000,2000,5000,10000,15000] [--peers 2000] [--short]

All sessions are under TLS 1.3 at a simulated server, logged in, in EXAMINE and IDLE. The gateway runs as users start it
(``idlebell serve``, SQLite); resident memory of its process is read when it is empty, and at each size when every session sits
in IDLE: and is parked; or stays awake and has let go of OpenSSL, for accounts that watch ``personal`` are not parked; or stays
awake and has not (``park_after_seconds = 0``; so does a session under TLS 1.2). The line through the sizes, by least squares,
says what one more mailbox costs. The subscriptions are written through the store, and their credentials are wiped once all are
logged in, as with retention ``session``; ``--rest`` subscribes each by REST instead.
The kernel's memory (``SUnreclaim``, and ``mem`` of ``/proc/net/sockstat``) counts both ends of a connection, for both are
on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.gateway import (
    Server,
    cpu_seconds,
    gateway,
    proportional_kib,
    resident_kib,
    simulated_server,
    slab_kib,
    socket_kib,
)
from rig.peers import HOLDERS, holding, why_not
from rig.tables import slope

NOWHERE = "http://127.0.0.1:9/new"
SETTLE_SECONDS = 3.0


@dataclass(frozen=True)
class Held:
    sessions: int
    parked: int
    resident_kib: int
    """More than when it held none."""
    proportional_kib: int
    kernel_kib: int
    cpu_seconds: float
    """From none to all."""

    def row(self, name: str) -> str:
        each = self.resident_kib / self.sessions
        return (
            f"| {name} | {self.sessions:,} | {self.parked:,} | {self.resident_kib / 1024:.1f} | {each:.2f} | "
            f"{self.proportional_kib / self.sessions:.2f} | {self.kernel_kib / self.sessions:.2f} | "
            f"{self.cpu_seconds / self.sessions * 1000:.2f} |"
        )


HEAD = """| what | sessions | parked | MiB more | KiB each | KiB each (PSS) | kernel, both ends, KiB each | CPU ms to open |
|---|---|---|---|---|---|---|---|"""


class Before:
    """What a process has before its first session."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._resident, self._proportional = resident_kib(pid), proportional_kib(pid)
        self._kernel = slab_kib() + socket_kib()
        self._cpu = cpu_seconds(pid)

    def held(self, sessions: int, parked: int = 0) -> Held:
        return Held(
            sessions,
            parked,
            resident_kib(self._pid) - self._resident,
            proportional_kib(self._pid) - self._proportional,
            slab_kib() + socket_kib() - self._kernel,
            cpu_seconds(self._pid) - self._cpu,
        )


@dataclass(frozen=True)
class Form:
    imap: str = ""
    """Lines of ``[imap]``."""
    personal: bool = False


FORMS = {"parked": Form(), "awake": Form(personal=True), "awake-openssl": Form("park_after_seconds = 0")}


async def gateway_holding(server: Server, sizes: Sequence[int], form: Form, *, rest: bool) -> list[Held]:
    with tempfile.TemporaryDirectory() as name:
        async with gateway(server, Path(name), form.imap) as found:
            await found.settle(server, 0)
            before = Before(found.pid)
            held, done = [], 0
            for size in sizes:
                if rest:
                    await found.subscribe(server, range(done, size), NOWHERE)
                else:
                    await found.fill(server, done, size, NOWHERE, personal=form.personal)
                done = size
                parked = await found.settle(server, size)
                if not rest:
                    await found.hook("forget")
                await asyncio.sleep(SETTLE_SECONDS)
                held.append(before.held(size, parked))
            return held


async def peer_holding(server: Server, peer: str, sessions: int) -> Held:
    async with holding(peer) as holder:
        before = Before(holder.pid)
        holder.hold(server.port, server.ca_file, sessions)
        await server.idling(sessions)
        await asyncio.sleep(SETTLE_SECONDS)
        return before.held(sessions)


async def measure(options: argparse.Namespace) -> None:
    sizes = [int(size) for size in options.sizes.split(",")]
    print(HEAD, flush=True)
    lines = []
    for form in options.forms.split(","):
        async with simulated_server() as server:
            held = await gateway_holding(server, sizes, FORMS[form], rest=options.rest)
        for one in held:
            print(one.row(f"gateway, {form}"), flush=True)
        if len(held) > 1:
            each, fixed, rest = slope([one.sessions for one in held], [one.resident_kib for one in held])
            kernel, _, _ = slope([one.sessions for one in held], [one.kernel_kib for one in held])
            lines.append(
                f"gateway, {form}: {each:.2f} KiB a mailbox and {fixed / 1024:.1f} MiB at once, by least squares over "
                f"{len(held)} sizes (furthest from the line: {rest / 1024:.1f} MiB); kernel, both ends: {kernel:.2f} KiB"
            )
    for peer in HOLDERS if options.peers else ():
        if (reason := await asyncio.to_thread(why_not, peer)) is not None:
            print(f"{peer} is left out: {reason}")
            continue
        async with simulated_server() as server:
            print((await peer_holding(server, peer, options.peers)).row(peer), flush=True)
    print("\n" + "\n".join(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1000,2000,5000,10000,15000")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--peers", type=int, default=2_000, help="sessions of each peer; 0: none")
    parser.add_argument("--rest", action="store_true", help="subscribe by REST, as apps do: four times slower")
    parser.add_argument("--short", action="store_true", help="two small sizes")
    options = parser.parse_args()
    if options.short:
        options.sizes, options.peers = "500,1500", 300
    began = time.monotonic()
    asyncio.run(measure(options))
    print(f"({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
