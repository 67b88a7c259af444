"""How long it takes to be told that a mail server cannot be reached, by what is really there: nobody shall learn it by a clock.

    python bench/floor.py [--tries 100] [--wait 2]

``idlebell serve`` by its defaults but for 127.0.0.0/8, which may be dialled here. Registrations in mixed order, some at
once: at a port that refuses, at a name that does not exist, at addresses that may not be dialled. Each kind is held against all
others by the test of Kolmogorov and Smirnov: p below 0.01 tells two apart. The bodies must be the same. A public host that
never answers takes longer, or 202, and can be told; of what lies inside nothing is dialled, whether it would answer or not.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import socket
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import aiohttp

from rig.gateway import gateway, simulated_server
from rig.tables import percentile

AT_ONCE: Final = 20


def told_apart(one: list[float], other: list[float]) -> float:
    """The p of two samples being of one distribution (asymptotic; Stephens' correction)."""
    values = sorted(one + other)
    one, other = sorted(one), sorted(other)

    def below(sample: list[float], value: float) -> float:
        low, high = 0, len(sample)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if sample[middle] <= value else (low, middle)
        return low / len(sample)

    distance = max(abs(below(one, value) - below(other, value)) for value in values)
    size = math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    by = (size + 0.12 + 0.11 / size) * distance
    if by < 0.2:
        return 1.0
    terms: list[float] = [2.0 * (-1.0) ** (k - 1) * math.exp(-2 * k * k * by * by) for k in range(1, 101)]
    return float(min(1.0, max(0.0, sum(terms))))


async def measure(options: argparse.Namespace) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # refuses: it does not listen
        kinds: dict[str, tuple[str, int]] = {
            "refuses": bound.getsockname(),
            "no such name": ("nowhere.invalid", 993),
            "private": ("10.11.12.13", 993),
            "metadata": ("169.254.169.254", 993),
            "6to4 of loopback": ("2002:7f00:1::", 993),
            "a port that is none of IMAP's": ("192.0.2.1", 25),
        }
        took: dict[str, list[float]] = {kind: [] for kind in kinds}
        bodies: set[bytes] = set()
        async with simulated_server(workers=1) as server:
            with tempfile.TemporaryDirectory() as name:
                async with gateway(server, Path(name)) as found:
                    await ask_all(found.url, kinds, took, bodies, options)
    print("| what is there | tries | p5 ms | p50 ms | p95 ms | least p against another |\n|---|---|---|---|---|---|")
    for kind, times in took.items():
        least = min(told_apart(times, others) for other, others in took.items() if other != kind)
        p5, p50, p95 = (percentile(times, at) * 1000 for at in (5, 50, 95))
        print(f"| {kind} | {len(times)} | {p5:.1f} | {p50:.1f} | {p95:.1f} | {least:.2f} |")
    print(f"different bodies: {len(bodies)}")


async def ask_all(
    url: str, kinds: dict[str, Any], took: dict[str, list[float]], bodies: set[bytes], options: argparse.Namespace
) -> None:
    order = [kind for kind in kinds for _ in range(options.tries)]
    random.Random(1).shuffle(order)
    left = iter(enumerate(order))
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=AT_ONCE)) as http:

        async def some() -> None:
            for number, kind in left:
                host, port = kinds[kind]
                push = {"type": "simplepush", "url": f"http://127.0.0.1:1/{number}"}
                auth = {"type": "password", "password": "x"}
                body = {
                    "imap": {"host": host, "port": port, "username": f"user{number}", "auth": auth},
                    "endpoints": {"new_mail": push, "reconnect": push},
                    "wait_seconds": options.wait,
                }
                began = time.perf_counter()
                async with http.post(url + "/v1/subscriptions", json=body) as response:
                    bodies.add(await response.read())
                took[kind].append(time.perf_counter() - began)

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tries", type=int, default=100, help="of each kind")
    parser.add_argument("--wait", type=float, default=2.0, help="wait_seconds of the registrations")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
