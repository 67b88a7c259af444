"""Notifications a CPU second from the outbox to the push service, beside a loop of pywebpush and beside aiohttp alone.

    python bench/deliver.py [--count 2000] [--rounds 3] [--origins 4] [--profile KIND] [--check] [--short]

Each sender is a process of its own; the push services are another, under TLS 1.3 on the loopback, which take what comes and
answer 201. The gateway's way is the real one: rows in SQLite, leased, built, encrypted and signed, sent by its HTTP client
(the address is checked at each dial), settled on disk, counted and logged. Its HTTP client alone and aiohttp alone post
requests that were built before, and keep nothing. pywebpush encrypts and signs each, one after another, as its manual shows
it, or with a signature for each origin made once by hand. CPU is user and system of all threads of the sender. The senders
take turns, ``--rounds`` times; a row is the median.

``--check``: exit status 1 where the gateway is less than 5 times as fast as pywebpush, or less than half as fast as aiohttp.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from rig.push_receiver import PushReceiver, push_receiver
from rig.tables import profile_tables

HERE: Final = Path(__file__).resolve().parent
GATEWAY: Final = HERE / "rig" / "delivering.py"
CLIENT: Final = HERE / "rig" / "sending.py"
AIOHTTP: Final = HERE / "peers" / "push_aiohttp.py"
PYWEBPUSH: Final = HERE / "peers" / "push_pywebpush.py"
AT_ONCE: Final = 64
"""As many as the gateway has in flight."""
GATEWAY_ROUNDS: Final = 2
PYWEBPUSH_LESS: Final = 4
"""It is slower, so it sends fewer."""
TIMES_PYWEBPUSH: Final = 5.0
OF_AIOHTTP: Final = 0.5
LEGS: Final = ("simplepush", "webpush", "webhook")


def run(program: Path, order: dict[str, Any], receiver: PushReceiver) -> dict[str, Any]:
    receiver.came()
    told = subprocess.run([sys.executable, str(program), json.dumps(order)], stdout=subprocess.PIPE, check=True)
    result: dict[str, Any] = json.loads(told.stdout)
    came = receiver.came()
    if came["requests"] != result["sent"]:
        raise RuntimeError(f"{program.name} sent {result['sent']} requests, {came['requests']} came")
    return result


def senders(options: argparse.Namespace, receiver: PushReceiver) -> dict[str, tuple[Path, dict[str, Any]]]:
    order = {"origins": receiver.origins, "ca_file": str(receiver.ca_file), "count": options.count, "at_once": AT_ONCE}
    own = {**order, "rounds": GATEWAY_ROUNDS, "profile": False}
    other = {**order, "count": options.count // PYWEBPUSH_LESS}
    return {
        **{f"gateway, {kind}": (GATEWAY, {**own, "kind": kind}) for kind in LEGS},
        "its HTTP client, simplepush": (CLIENT, {**order, "kind": "simplepush"}),
        "its HTTP client, webpush": (CLIENT, {**order, "kind": "webpush"}),
        "aiohttp, simplepush": (AIOHTTP, {**order, "kind": "simplepush"}),
        "aiohttp, webpush": (AIOHTTP, {**order, "kind": "webpush"}),
        "pywebpush": (PYWEBPUSH, {**other, "signed_once": False}),
        "pywebpush, signed once": (PYWEBPUSH, {**other, "signed_once": True}),
    }


def measure(options: argparse.Namespace) -> bool:
    """Whether the goals are met."""
    with push_receiver(options.origins) as receiver:
        legs = senders(options, receiver)
        if options.profile:
            program, order = legs[f"gateway, {options.profile}"]
            told = run(program, {**order, "profile": True, "rounds": 2 * GATEWAY_ROUNDS}, receiver)
            print(f"{told['cpu_seconds'] / told['sent'] * 1e6:.0f} us CPU a notification. {profile_tables(told)}")
            return True
        rates: dict[str, list[float]] = {name: [] for name in legs}
        walls: dict[str, list[float]] = {name: [] for name in legs}
        for _ in range(options.rounds):
            for name, (program, order) in legs.items():
                told = run(program, order, receiver)
                rates[name].append(told["sent"] / told["cpu_seconds"])
                walls[name].append(told["sent"] / told["seconds"])
    found = {name: statistics.median(values) for name, values in rates.items()}
    print(
        "| sender | a CPU second | us CPU each | a second | times pywebpush | of aiohttp alone |\n|---|---|---|---|---|---|"
    )
    met = True
    for name, rate in found.items():
        who, _, kind = name.partition(", ")
        times, share = rate / found["pywebpush"], rate / found.get(f"aiohttp, {kind}", found["aiohttp, webpush"])
        if name in ("gateway, simplepush", "gateway, webpush"):
            met &= times >= TIMES_PYWEBPUSH and share >= OF_AIOHTTP
        share_told = f"{share:.2f}" if who in ("gateway", "its HTTP client") else ""
        wall = statistics.median(walls[name])
        print(f"| {name} | {rate:,.0f} | {1e6 / rate:,.0f} | {wall:,.0f} | {times:.2f} | {share_told} |")
    return met


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2_000, help="endpoints; the gateway sends each one two")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--origins", type=int, default=4)
    parser.add_argument("--profile", choices=LEGS, help="sample the gateway with this kind instead")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    parser.add_argument("--short", action="store_true", help="600 endpoints, one round")
    options = parser.parse_args()
    if options.short:
        options.count, options.rounds = 600, 1
    began = time.monotonic()
    met = measure(options)
    print(f"({time.monotonic() - began:.0f} s)")
    if options.check and not met:
        sys.exit(1)


if __name__ == "__main__":
    main()
