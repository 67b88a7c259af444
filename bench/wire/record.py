"""Writes what was measured down as the module from which the arithmetic reckons."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from idlebell.cost.exchange import Exchange, Spent

from .imap_wire import Steps

MODULE: Final = Path(__file__).resolve().parents[2] / "src" / "idlebell" / "cost" / "measured.py"
_HEAD: Final = '''\
"""What was measured, as ``./run bench data_cost --record`` wrote it. Not to be changed by hand.

IMAP: what each step moves between a phone and a server, packets with IPv4 and TCP headers, TLS 1.3. PLAYED: the same between
a push service and a phone that are both played; FIREFOX: to a real Firefox. PUSH: Firefox's, and what it cannot do as played.
CPU: milliseconds of the server and of the gateway's session for one time of each; ``hold`` is an hour in IDLE, untouched.
EXISTS_SECONDS: from the delivery to the phone in IDLE. PUSH_SECONDS: from the push service to the phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from idlebell.cost.exchange import Exchange, Spent
'''


def write(
    wires: Mapping[str, Steps],
    push: Mapping[str, Exchange],
    firefox: Mapping[str, Exchange],
    push_seconds: float,
    cpu: Mapping[str, Mapping[str, Spent]],
) -> None:
    MODULE.write_text("\n".join((_HEAD, *_lines(wires, push, firefox, push_seconds, cpu))) + "\n")
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(MODULE)], check=True)


def _lines(
    wires: Mapping[str, Steps],
    push: Mapping[str, Exchange],
    firefox: Mapping[str, Exchange],
    push_seconds: float,
    cpu: Mapping[str, Mapping[str, Spent]],
) -> Iterator[str]:
    yield "IMAP: Final[Mapping[str, Mapping[str, Exchange]]] = {"
    for server, steps in wires.items():
        yield f'"{server}": {{'
        yield from (f'"{name}": {_exchange(one)},' for name, one in steps.moved.items())
        yield "},"
    yield "}"
    for word, moved in (("PLAYED", push), ("FIREFOX", firefox)):
        yield f"{word}: Final[Mapping[str, Exchange]] = {{"
        yield from (f'"{name}": {_exchange(one)},' for name, one in moved.items())
        yield "}"
    yield "PUSH: Final[Mapping[str, Exchange]] = {**PLAYED, **FIREFOX}"
    yield "CPU: Final[Mapping[str, Mapping[str, Spent]]] = {"
    for server, spent in cpu.items():
        yield f'"{server}": {{'
        yield from (f'"{name}": Spent({one.server_ms:.3f}, {one.gateway_ms:.3f}),' for name, one in spent.items())
        yield "},"
    yield "}"
    seconds = ", ".join(f'"{server}": {steps.exists_seconds:.2f}' for server, steps in wires.items())
    yield f"EXISTS_SECONDS: Final[Mapping[str, float]] = {{{seconds}}}"
    yield f"PUSH_SECONDS: Final = {push_seconds:.3f}"


def _exchange(one: Exchange) -> str:
    return f"Exchange({one.up_bytes}, {one.down_bytes}, {one.up_packets}, {one.down_packets})"
