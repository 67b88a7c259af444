"""What clients that idle through the front cost, beside haproxy in the same run.

    python bench/front.py [--clients 5000] [--seconds 20] [--rate 100] [--keepalive 120] [--ways haproxy,front] [--short]

The simulated server holds the mailboxes, under TLS 1.3. Each client logs in through what stands between, EXAMINEs and idles.
*KiB a client*: resident memory of what stands between, more than with one client in a hundred, for each of the others.
*CPU idle*: of a core, while the server says ``* OK Still here`` to each session every ``--keepalive`` seconds. *CPU ms an
EXISTS* and the latency are of ``--rate`` EXISTS a second to clients by chance: from where the server writes it to where the
client reads it, on two cores that server, clients and what stands between share.

The ways: ``direct`` (nothing between), ``haproxy`` (TCP alone: TLS is the client's with the server), ``haproxy-tls`` (it ends
TLS and begins it anew, as the front does), ``front`` (under TLS) and ``front-clear`` (its clients in clear, TLS to the server).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, NamedTuple

import trustme

from rig.gateway import Server, cpu_seconds, gateway, resident_kib, simulated_server
from rig.haproxy import haproxy
from rig.peers import IDLE_CLIENT, Holder, holding
from rig.tables import percentile
from servers.sandbox import free_port

WAYS: Final = ("direct", "haproxy", "haproxy-tls", "front", "front-clear")
SETTLING_SECONDS: Final = 20.0
"""After the last login: the front lets go of OpenSSL's objects after 15 quiet seconds."""


class Between(NamedTuple):
    """What stands between: its port, its process, whom its clients trust (None: in clear)."""

    port: int
    pid: int
    ca_file: Path | None


@asynccontextmanager
async def between(way: str, server: Server, folder: Path, clients: int) -> AsyncIterator[Between]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("localhost", "127.0.0.1", key_type=trustme.KeyType.ECDSA)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "key.pem").chmod(0o600)
    (folder / "cert.pem").write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    if way == "direct":
        yield Between(server.port, 0, server.ca_file)
    elif way.startswith("haproxy"):
        tls = folder / "both.pem" if way.endswith("tls") else None
        async with haproxy(folder, server.port, clients + 100, tls=tls) as found:
            yield Between(found.port, found.pid, folder / "ca.pem" if tls else server.ca_file)
    else:
        port, in_clear = free_port(), way == "front-clear"
        files = "" if in_clear else f'tls_certificate = "{folder}/cert.pem"\ntls_key = "{folder}/key.pem"\n'
        more = (
            f'[front]\nlisten = "127.0.0.1:{port}"\nupstream = "127.0.0.1:{server.port}"\nupstream_tls = "implicit"\n'
            f"connections = {clients + 100}\nconnections_per_address = 0\n{files}"
        )
        (folder / "gateway").mkdir()
        async with gateway(server, folder / "gateway", more=more) as started:
            yield Between(port, started.pid, None if in_clear else folder / "ca.pem")


def rises(mails: list[list[float]], heard: list[list[float]]) -> tuple[list[float], int]:
    """Seconds from each EXISTS's writing to its reading, and how many were not read."""
    at = defaultdict(list)
    for number, seen in heard:
        at[number].append(seen)
    taken, lost = [], 0
    for number, written in mails:
        if at[number]:
            taken.append(at[number].pop(0) - written)
        else:
            lost += 1
    return taken, lost


async def measure(way: str, options: argparse.Namespace, server: Server, folder: Path) -> None:
    few = max(1, options.clients // 100)
    await server.ask(f"keepalive {options.keepalive:g}")
    async with between(way, server, folder, options.clients + few) as found, holding(IDLE_CLIENT) as first:
        first.hold(found.port, found.ca_file, few, first=options.clients)
        await first.told()
        await asyncio.sleep(1)
        before = resident_kib(found.pid) if found.pid else 0
        opening, began = cpu_seconds(found.pid) if found.pid else 0.0, time.monotonic()
        async with holding(IDLE_CLIENT) as holder:
            holder.hold(found.port, found.ca_file, options.clients)
            await holder.told()
            opened = time.monotonic() - began
            opening = (cpu_seconds(found.pid) if found.pid else 0.0) - opening
            await asyncio.sleep(SETTLING_SECONDS)
            await report(way, options, server, found, holder, before, opening / options.clients, opened)


async def report(
    way: str, options: argparse.Namespace, server: Server, found: Between, holder: Holder, before: int, opening: float,
    opened: float,
) -> None:  # fmt: skip
    def cpu() -> float:
        return cpu_seconds(found.pid) if found.pid else 0.0

    memory = ((resident_kib(found.pid) if found.pid else 0) - before) / options.clients
    spent, began = cpu(), time.monotonic()
    await asyncio.sleep(options.seconds)
    idle = (cpu() - spent) / (time.monotonic() - began)
    await holder.ask()
    spent, began = cpu(), time.monotonic()
    mails = (await server.ask(f"mails {options.rate:g} {options.seconds:g}"))["mails"]
    busy = cpu() - spent - idle * (time.monotonic() - began)
    await asyncio.sleep(1)
    said = await holder.ask()
    mails = [mail for mail in mails if mail[0] < options.clients]
    taken, lost = rises(mails, said["heard"])
    print(
        f"| {way} | {memory:.1f} | {opening * 1000:.2f} | {opened:.0f} | {idle * 100:.2f} | {busy * 1000 / len(mails):.3f} "
        f"| {percentile(taken, 50) * 1000:.2f} | {percentile(taken, 99) * 1000:.2f} | {max(taken) * 1000:.1f} "
        f"| {lost} | {said['lost']} |",
        flush=True,
    )


async def run(options: argparse.Namespace) -> None:
    print(
        f"{options.clients:,} clients, {options.rate:g} EXISTS a second\n\n"
        "| way | KiB a client | CPU ms to open one | s to open all | CPU idle, % of a core | CPU ms an EXISTS | p50 ms "
        "| p99 ms | longest ms | EXISTS lost | clients lost |\n|---|---|---|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for way in options.ways.split(","):
        async with simulated_server() as server:
            with tempfile.TemporaryDirectory() as name:
                await measure(way, options, server, Path(name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each of two measurements of a way")
    parser.add_argument("--rate", type=float, default=100.0, help="EXISTS a second")
    parser.add_argument("--keepalive", type=float, default=120.0)
    parser.add_argument("--ways", default="direct,haproxy,haproxy-tls,front,front-clear", help=", ".join(WAYS))
    parser.add_argument("--short", action="store_true", help="500 clients, 5 s")
    options = parser.parse_args()
    if options.short:
        options.clients, options.seconds = 500, 5.0
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    began = time.monotonic()
    asyncio.run(run(options))
    print(f"\n({time.monotonic() - began:.0f} s, {os.cpu_count()} cores)")


if __name__ == "__main__":
    main()
