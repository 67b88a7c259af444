"""Watching while the API is attacked: connections that send nothing to the end, and a flood of registrations.

    python bench/doors.py [--mailboxes 1500] [--rate 20] [--seconds 30] [--loris 5000] [--flood 2000] [--short]

The gateway (``idlebell serve``, SQLite, the limits of its defaults) holds mailboxes at a simulated server and rings as in
``bell.py``. One row each: undisturbed; with so many connections from one address that send a byte of a head every second and
come again when they are cut; the same from fifty addresses; with so many registrations a second from one address, on
connections that stay open; the flood from fifty addresses; with loris and flood at once. Meanwhile an app at another address
asks for ``/healthz`` each half second. The attackers have a process of their own, on the same two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bell import WARM_SECONDS, ring
from rig.gateway import MeasuredGateway, Server, gateway, simulated_server
from rig.receiver import Receiver, receiver
from rig.tables import percentile

ASK_SECONDS: Final = 0.5
ADDRESSES: Final = 50
ON_CONNECTIONS: Final = 100
"""Each sends its registrations one after the other."""
BODY: Final = json.dumps(
    {
        "imap": {"host": "127.0.0.1", "port": 1, "username": "nobody", "auth": {"type": "password", "password": "x"}},
        "endpoints": {
            "new_mail": {"type": "simplepush", "url": "http://127.0.0.1:1/a"},
            "reconnect": {"type": "simplepush", "url": "http://127.0.0.1:1/b"},
        },
        "wait_seconds": 0,
    }
).encode()
HEAD: Final = """\
| attack | held | answers a second | refused | p50 ms | p99 ms | longest ms | lost | healthz p99 ms | stall ms | CPU of a core |
|---|---|---|---|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Attack:
    name: str
    loris: int = 0
    flood: int = 0
    addresses: int = 1


# --- the attackers' process ---


def _address(number: int, addresses: int) -> str:
    return f"127.0.1.{number % addresses + 1}"


async def _slow(port: int, number: int, addresses: int, held: Counter[str]) -> None:
    while True:
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", port, local_addr=(_address(number, addresses), 0), limit=1_024
            )
        except OSError:
            await asyncio.sleep(1)
            continue
        held["now"] += 1
        try:
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ")
            while not reader.at_eof():
                writer.write(b"a")
                try:
                    await asyncio.wait_for(reader.read(1), 1)
                except TimeoutError:
                    held["alive"] += 1
        except OSError:
            pass
        finally:
            held["now"] -= 1
            writer.close()
        await asyncio.sleep(1)


async def _flood(port: int, number: int, addresses: int, per_second: float, told: Counter[str]) -> None:
    """Registrations by the clock; what is refused with its connection is made anew."""
    head = (
        b"POST /v1/subscriptions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(BODY)
    )
    due = time.monotonic()
    reader = writer = None
    while True:
        due = max(due + 1 / per_second, time.monotonic() - 1)
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        try:
            if writer is None or reader is None:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", port, local_addr=(_address(number, addresses), 0)
                )
            writer.write(head + BODY)
            answer = await reader.readuntil(b"\r\n\r\n")
            told[answer[9:12].decode()] += 1
            length = next(line for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length"))
            await reader.readexactly(int(length.partition(b":")[2]))
            if b"connection: close" in answer.lower():
                raise ConnectionResetError
        except (OSError, asyncio.IncompleteReadError):
            if writer is not None:
                writer.close()
            reader = writer = None


async def attack(port: int, loris: int, flood: int, addresses: int) -> None:
    """Until its standard input ends; then says what it met with."""
    held: Counter[str] = Counter()
    told: Counter[str] = Counter()
    slow = (_slow(port, number, addresses, held) for number in range(loris))
    on = range(ON_CONNECTIONS if flood else 0)
    floods = (_flood(port, number, addresses, flood / ON_CONNECTIONS, told) for number in on)
    going = asyncio.gather(*slow, *floods)
    began = time.monotonic()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    answers = sum(told.values()) / (time.monotonic() - began)
    print(json.dumps({"held": held["now"], "a second": answers, "refused": told["429"] + told["503"], "told": told}))
    going.cancel()
    sys.stdout.flush()
    os._exit(0)  # thousands of tasks need not be put in order


# --- the measurement ---


async def ask_on(found: MeasuredGateway, took: list[float]) -> None:
    """A connection of its own each time, as an app's that asks seldom. No answer in 10 s counts as so many."""
    while True:
        began = time.monotonic()
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", found.port, local_addr=("127.0.2.1", 0))
                writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
                await reader.readuntil(b" 200 ")
            writer.close()
            took.append(time.monotonic() - began)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            took.append(10.0)
        await asyncio.sleep(ASK_SECONDS)


async def row(one: Attack, server: Server, found: MeasuredGateway, ears: Receiver, options: argparse.Namespace) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--attack", f"{found.port} {one.loris} {one.flood} {one.addresses}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    await asyncio.sleep(WARM_SECONDS)
    took: list[float] = []
    asking = asyncio.create_task(ask_on(found, took))
    began = time.monotonic()
    rung = await ring(server, found, ears, options.rate, options.seconds)
    wall = time.monotonic() - began
    asking.cancel()
    told = json.loads((await process.communicate(b""))[0])
    p50, p99 = (percentile(rung.delays, at) * 1000 for at in (50, 99))
    return (
        f"| {one.name} | {told['held']:,} | {told['a second']:,.0f} | {told['refused']:,} | {p50:.1f} | {p99:.1f} "
        f"| {max(rung.delays) * 1000:.1f} | {rung.lost} | {percentile(took, 99) * 1000:.1f} "
        f"| {rung.stalls['longest_stall'] * 1000:.0f} | {rung.cpu_seconds / wall:.0%} |"
    )


async def measure(options: argparse.Namespace) -> None:
    loris, flood = options.loris, options.flood
    attacks = (
        Attack("none"),
        Attack(f"{loris:,} slow connections", loris),
        Attack(f"{loris:,} slow connections, {ADDRESSES} addresses", loris, 0, ADDRESSES),
        Attack(f"{flood:,} registrations/s", 0, flood),
        Attack(f"{flood:,} registrations/s, {ADDRESSES} addresses", 0, flood, ADDRESSES),
        Attack("both", loris, flood),
    )
    async with simulated_server() as server, receiver() as ears:
        with tempfile.TemporaryDirectory() as name:
            async with gateway(server, Path(name), bounded=True) as found:
                await found.fill(server, 0, options.mailboxes, f"{ears.url}/new")
                await found.settle(server, options.mailboxes)
                print(HEAD, flush=True)
                for one in attacks:
                    print(await row(one, server, found, ears, options), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=1_500)
    parser.add_argument("--rate", type=float, default=20.0, help="mails a second")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each row")
    parser.add_argument("--loris", type=int, default=5_000, help="slow connections")
    parser.add_argument("--flood", type=int, default=2_000, help="registrations a second")
    parser.add_argument("--attack", help=argparse.SUPPRESS)
    parser.add_argument("--short", action="store_true", help="300 mailboxes, 5 s a row")
    options = parser.parse_args()
    if options.attack:
        asyncio.run(attack(*map(int, options.attack.split())))
        return
    if options.short:
        options.mailboxes, options.seconds = 300, 5.0
    began = time.monotonic()
    asyncio.run(measure(options))
    print(f"({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
