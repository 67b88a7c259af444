"""What push costs: bytes on the wire of every step, TLS and TCP headers included, and CPU of server and gateway.

    python bench/data_cost.py [--servers dovecot cyrus courier] [--without-cpu] [--short] [--sum] [--record]

Wire: a phone behind a line of 50 ms speaks TLS to real Dovecot, Cyrus and Courier; the kernel's count of segments and bytes
(TCP_INFO) is taken, and as root a packet socket must see the same. The push service's leg to the phone is played frame by
frame; where Debian's Firefox is, and we are root, a real Firefox stands at its end as well. Each figure is the middle one of
five. CPU: user and system time of all of the server's processes, and of the gateway's own session beside it. ``--record``
writes ``src/idlebell/cost/measured.py``, from which ``idlebell cost`` and the manual reckon. An SMS is not measured.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from idlebell.cost.exchange import Exchange, Spent
from servers.courier_server import CourierServer, why_not_courier
from servers.cyrus_server import CyrusServer, why_not_cyrus
from servers.dovecot_server import DovecotServer, why_not_dovecot
from servers.mail_server import SandboxedServer
from wire import firefox, imap_wire, processor, push_wire, record
from wire.chain import wear_public_chain
from wire.counted import may_capture

SPEAKS_SECONDS: Final = 130.0
"""How long a server may keep silent in IDLE before it counts as one that says nothing by itself: longer than the 2 minutes
of Dovecot, the interval of Cyrus and Courier, and a NAT's patience with a phone."""
_AS_FOR_MANY: Final = {
    "service imap-login {\n  service_count": "0\n  process_min_avail = 1\n}",
    "mailbox_idle_check_interval": "30 s",
}
"""Dovecot as it is for many users, and not for a test: one process for all logins (with one for each, which is its default, no
TLS session is ever resumed), and its own interval of looking in IDLE beside inotify."""
_SPEAKS_SOON: Final = {"imap_idle_notify_interval": "5 s"}
_IDLE_SECONDS: Final = 60
"""The others' own interval."""

Made: TypeAlias = Callable[[], SandboxedServer]
SERVERS: Final[dict[str, tuple[Made, Made, Callable[[], str | None]]]] = {
    "dovecot": (
        lambda: DovecotServer(_AS_FOR_MANY),
        lambda: DovecotServer({**_AS_FOR_MANY, **_SPEAKS_SOON}),
        why_not_dovecot,
    ),
    "cyrus": (
        lambda: CyrusServer(idle_seconds=_IDLE_SECONDS),
        lambda: CyrusServer(idle_seconds=_IDLE_SECONDS),
        why_not_cyrus,
    ),
    "courier": (
        lambda: CourierServer(idle_seconds=_IDLE_SECONDS),
        lambda: CourierServer(idle_seconds=_IDLE_SECONDS),
        why_not_courier,
    ),
}
"""A server; the same so that what it says by itself in IDLE comes soon; why it is not here."""


def on_the_wire(name: str) -> imap_wire.Steps:
    usual, talkative, _ = SERVERS[name]
    server = usual()
    chain_bytes = wear_public_chain(server)
    with server, imap_wire.wire(server) as far:
        found = imap_wire.steps(far)
    with talkative() as server, imap_wire.wire(server) as far:
        said = imap_wire.keepalive(far, SPEAKS_SECONDS)
    if said is not None:
        found.moved["keep-alive"] = said
    print(f"\n{server.title}, {found.protocol}, certificates of {chain_bytes} bytes")
    show(found.moved)
    print(f"{'EXISTS after':<22}{found.exists_seconds:>8.2f} s")
    return found


def beside_its_sum(name: str, moved: dict[str, Exchange]) -> None:
    server = SERVERS[name][0]()
    wear_public_chain(server)
    with server, imap_wire.wire(server) as far:
        done, took, steps = imap_wire.summed(far, moved)
    print(f"\n{server.title}, ten minutes of one session: {done}: {took:,} bytes; the sum of the steps: {steps:,}")


def show(moved: dict[str, Exchange]) -> None:
    print(f"{'step':<22}{'bytes':>8}{'up':>8}{'down':>8}{'packets up':>12}{'down':>6}")
    for name, one in moved.items():
        print(
            f"{name:<22}{one.total_bytes:>8,}{one.up_bytes:>8,}{one.down_bytes:>8,}{one.up_packets:>12}{one.down_packets:>6}"
        )


def at_work(name: str) -> dict[str, Spent]:
    server = SERVERS[name][0]()
    wear_public_chain(server)
    with server:
        found = uvloop.run(processor.spent(server))
    print(
        f"\n{server.title}: CPU milliseconds of the server and of the gateway's session; 'hold': an hour in IDLE, untouched"
    )
    for step, spent in found.items():
        print(f"{step:<22}{spent.server_ms:>10.3f}{spent.gateway_ms:>10.3f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    parser.add_argument("--without-cpu", action="store_true", help="bytes only: two minutes a server instead of seven")
    parser.add_argument("--short", action="store_true", help="bytes with Dovecot alone: two minutes")
    parser.add_argument(
        "--sum", action="store_true", help="ten minutes of a session with each, beside the sum of its steps"
    )
    parser.add_argument("--record", action="store_true", help="write src/idlebell/cost/measured.py")
    options = parser.parse_args()
    if options.short:
        options.servers, options.without_cpu = ["dovecot"], True
    for name in options.servers:
        if (reason := SERVERS[name][2]()) is not None:
            sys.exit(f"{name}: {reason}")
    if options.record and (options.without_cpu or len(options.servers) < len(SERVERS)):
        parser.error("--record wants everything measured")
    no_firefox = firefox.why_not_firefox()
    if options.record and no_firefox:
        sys.exit(f"--record wants everything measured: {no_firefox}")
    print("counted by TCP_INFO" + (", and seen alike by a packet socket" if may_capture() else " alone: not root"))
    wires = {name: on_the_wire(name) for name in options.servers}
    if options.sum:
        for name, found in wires.items():
            beside_its_sum(name, found.moved)
    push, push_seconds = asyncio.run(push_wire.steps())
    print("\nThe push service's leg to the phone, played")
    show(push)
    print(f"{'from service to phone':<22}{push_seconds:>8.3f} s")
    real = {} if no_firefox else asyncio.run(firefox.steps())
    print(f"\nThe same, to a real Firefox{': ' + no_firefox if no_firefox else ''}")
    show(real)
    if options.without_cpu:
        return
    cpu = {name: at_work(name) for name in options.servers}
    if options.record:
        record.write(wires, push, real, push_seconds, cpu)


if __name__ == "__main__":
    main()
