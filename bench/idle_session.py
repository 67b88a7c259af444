"""What one idle TLS session costs in memory: ours, and asyncio's streams beside it, in the same run.

    python bench/idle_session.py [--sessions 2000]

A server in a process of its own greets, lists capabilities, accepts IDLE and then says nothing. The clients are measured
each in a fresh process: resident memory after so many sessions have entered IDLE, less what it was before the first one,
divided by their number. The table says how much of it waits in a coroutine, too, since both variants are measured with one.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from ipaddress import ip_network
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

import trustme

from idlebell.imap.capabilities import SharedCapabilities
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.hardening import harden_process
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_policy import TlsPolicy

Session = TypeVar("Session")

GREETING = b"* OK [CAPABILITY IMAP4rev1 SASL-IR IDLE AUTH=PLAIN UIDPLUS QRESYNC CONDSTORE] ready\r\n"
AT_ONCE = 50


def resident_bytes() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- the server ---


async def serve(directory: Path) -> None:
    harden_process()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(GREETING)
            while line := await reader.readline():
                tag, _, command = line.strip().partition(b" ")
                if command.startswith(b"LOGIN"):
                    writer.write(tag + b" OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS QRESYNC CONDSTORE] in\r\n")
                elif command == b"IDLE":
                    writer.write(b"+ idling\r\n")
        except (OSError, ssl.SSLError):
            pass

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context, backlog=4_096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


# --- the clients ---


async def ours(port: int, directory: Path, count: int) -> None:
    egress = Egress(allow=(ip_network("127.0.0.0/8"),))
    clock = Clock()
    connector = Connector(egress, Resolver(clock))
    policy = TlsPolicy(directory / "ca.pem")
    share = SharedCapabilities()
    target = ImapTarget("127.0.0.1", port, Tls.IMPLICIT)

    async def one() -> ImapConnection:
        connection = await open_connection(target, connector=connector, tls_policy=policy, clock=clock, share=share)
        await connection.login("bob", "secret")
        await connection.idle()
        return connection

    async def wait(connection: ImapConnection) -> None:
        await connection.wait_for_change(3_600)

    await measure(one, wait, count)


async def streams(port: int, directory: Path, count: int) -> None:
    context = ssl.create_default_context(cafile=str(directory / "ca.pem"))

    async def one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await reader.readline()
        writer.write(b"A1 LOGIN bob secret\r\n")
        await reader.readline()
        writer.write(b"A2 IDLE\r\n")
        await reader.readline()
        return reader, writer

    async def wait(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        await connection[0].readline()

    await measure(one, wait, count)


async def measure(
    one: Callable[[], Awaitable[Session]], wait: Callable[[Session], Awaitable[None]], count: int
) -> None:
    """Opens one session to warm up, then ``count`` more, and prints KiB each, idle and waiting, and CPU milliseconds."""
    sessions = [await one()]
    gc.collect()
    before, started = resident_bytes(), process_time()
    while len(sessions) <= count:
        sessions += await asyncio.gather(*(one() for _ in range(min(AT_ONCE, count + 1 - len(sessions)))))
    spent = process_time() - started
    gc.collect()
    idle = resident_bytes()
    waiting = [asyncio.ensure_future(wait(session)) for session in sessions]
    await asyncio.sleep(1)
    gc.collect()
    waited = resident_bytes()
    print(f"{(idle - before) / 1024 / count:.1f} {(waited - before) / 1024 / count:.1f} {1000 * spent / count:.2f}")
    assert not any(task.done() for task in waiting)
    sys.stdout.flush()
    os._exit(0)  # thousands of sessions need not be taken down in good order


VARIANTS: dict[str, Callable[[int, Path, int], Awaitable[None]]] = {
    "ours (SSLObject, add_reader)": ours,
    "asyncio streams": streams,
}


def run_part(arguments: list[str]) -> None:
    part, directory, *rest = arguments
    if part == "serve":
        asyncio.run(serve(Path(directory)))
    else:
        harden_process()
        port, count = map(int, rest)

        async def main() -> None:
            await VARIANTS[part](port, Path(directory), count)

        asyncio.run(main())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--sessions", type=int, default=2_000)
    count = parser.parse_args().sessions
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(directory / "ca.pem"))
        ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(directory / "server.pem"))
        print(f"{count} idle sessions, {ssl.OPENSSL_VERSION}, Python {sys.version.split()[0]}")
        print(f"{'variant':32}{'KiB idle':>10}{'KiB with a waiting task':>26}{'CPU ms to open':>16}{'s':>8}")
        for variant in VARIANTS:
            command = [sys.executable, __file__, "--part"]
            with subprocess.Popen([*command, "serve", name], stdout=subprocess.PIPE, text=True) as server:
                assert server.stdout is not None
                port = server.stdout.readline().strip()
                started = perf_counter()
                found = subprocess.run(
                    [*command, variant, name, port, str(count)], capture_output=True, text=True, check=True
                )
                idle, waiting, spent = found.stdout.split()
                print(f"{variant:32}{idle:>10}{waiting:>26}{spent:>16}{perf_counter() - started:>8.1f}")
                server.kill()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        run_part(sys.argv[2:])
    else:
        main()
