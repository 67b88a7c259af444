"""The gateway under measurement: ``idlebell serve`` in a process of its own, subscribed by REST, read from outside."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests"))
from gateway_process import GatewayProcess, subscription  # noqa: E402

AT_ONCE: Final = 32
STUCK_SECONDS: Final = 40.0
QUIET_SECONDS: Final = 9.0
"""Sessions are parked after 5 s."""
PARKED: Final = 'idlebell_sessions{form="parked"}'
_CPU_SCHED: Final = 2  # <linux/posix-timers.h>


class Server:
    """The simulated server's process, from outside."""

    def __init__(self, process: asyncio.subprocess.Process, told: dict[str, Any]) -> None:
        self._process = process
        self.port: int = told["port"]
        self.ca_file = Path(told["ca_file"])
        self.pids: list[int] = told["pids"]

    async def idling(self, sessions: int) -> None:
        """Waits until so many sessions are in IDLE. RuntimeError: nothing moves any more."""
        known, since = -1, time.monotonic()
        while (now := (await self.ask("stats"))["idling"]) < sessions:
            if now != known:
                known, since = now, time.monotonic()
            elif time.monotonic() - since > STUCK_SECONDS:
                raise RuntimeError(f"only {now} of {sessions} sessions are in IDLE")
            await asyncio.sleep(0.2)

    async def ask(self, line: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line.encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer


@asynccontextmanager
async def simulated_server(workers: int = 2) -> AsyncIterator[Server]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(HERE / "server.py"),
        "--workers",
        str(workers),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        limit=1 << 26,  # a line tells of every mail
    )
    try:
        assert process.stdout is not None
        yield Server(process, json.loads(await process.stdout.readline()))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def gateway(server: Server, folder: Path, imap: str = "", **more: Any) -> AsyncIterator[MeasuredGateway]:
    """As users run it, with :mod:`rig.hook` inside. The pace for one host is lifted: there is only one here."""
    before = (
        f"import sys; sys.path.insert(0, {str(HERE.parent)!r}); from rig import hook; hook.install({str(folder)!r})"
    )
    async with MeasuredGateway(
        folder, server.ca_file, imap=f"per_host_connect_rate = 0\n{imap}", level="warning", before=before, **more
    ) as found:
        yield found


class MeasuredGateway(GatewayProcess):
    async def hook(self, line: str) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(str(self.folder / "hook"), limit=1 << 26)
        try:
            writer.write(line.encode() + b"\n")
            answer: dict[str, Any] = json.loads(await reader.readline())
        finally:
            writer.close()
        return answer

    async def fill(self, server: Server, first: int, upto: int, push: str, *, personal: bool = False) -> None:
        """Subscribes the mailboxes from ``first`` up to ``upto`` without REST, with retention ``memory``. ``personal``: of
        accounts that watch all that LIST gives."""
        await self.hook(f"fill {first} {upto - first} {server.port} {push}{' personal' if personal else ''}")

    async def subscribe(self, server: Server, numbers: Iterable[int], push: str, retention: str = "session") -> None:
        """A subscription for each mailbox of ``numbers``, by REST, each of which waits for its session to stand.
        ``push``: URL, to which the number is appended."""
        left = iter(numbers)
        connector = aiohttp.TCPConnector(limit=AT_ONCE)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as http:

            async def some() -> None:
                for number in left:
                    endpoints = {
                        "new_mail": {"type": "simplepush", "url": f"{push}/new/{number}"},
                        "reconnect": {"type": "simplepush", "url": f"{push}/reconnect/{number}"},
                    }
                    body = subscription(
                        server.port, f"user{number}", "apass", endpoints, host="127.0.0.1", retention=retention
                    )
                    async with http.post(self.url + "/v1/subscriptions", json=body) as response:
                        if response.status != 201:
                            raise RuntimeError(f"{response.status}: {await response.text()}")

            await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    async def gauges(self) -> dict[str, float]:
        """The metrics, by their line without its value."""
        _, answer = await self.call("GET", "/metrics")
        lines = [line.rpartition(" ") for line in answer["text"].splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    async def parked(self) -> int:
        return int((await self.gauges()).get(PARKED, 0))

    async def settle(self, server: Server, sessions: int) -> int:
        """Waits until all are in IDLE, and until all are parked or nothing more is; how many are parked."""
        await server.idling(sessions)
        parked, since = 0, time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            if (now := await self.parked()) != parked:
                parked, since = now, time.monotonic()
            if parked >= sessions:
                break
            await asyncio.sleep(0.5)
        return parked


# --- what Linux tells of a process ---


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def proportional_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    raise RuntimeError("no Pss")


def cpu_seconds(pid: int) -> float:
    """User and system, of all threads, those that have ended included, in nanoseconds (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | _CPU_SCHED)


def cpu_by_thread(pid: int) -> dict[str, float]:
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = "loop" if int(task.name) == pid else (task / "comm").read_text().strip()
        found[f"{name} {task.name}"] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def socket_kib() -> int:
    """Buffers of all TCP sockets (``/proc/net/sockstat``), without the sockets themselves."""
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            words = line.split()
            return int(words[words.index("mem") + 1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    raise RuntimeError("no TCP in sockstat")


def slab_kib() -> int:
    """The kernel's own objects but caches: those of sockets, descriptors and epoll are what grows here."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("SUnreclaim:"):
            return int(line.split()[1])
    raise RuntimeError("no SUnreclaim")
