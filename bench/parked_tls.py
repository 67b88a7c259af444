"""What a parked TLS session costs: time for each record, memory beside an awake one, and what listening adds to a handshake.

    python bench/parked_tls.py [--sessions 3000] [--handshakes 400]

Records: CPU time of a line sealed and of one opened, keys derived and wiped each time. Memory: a fresh process for each form
opens sessions one after the other to an echo server in another process; resident memory after all of them less before.
Handshakes: both ends in memory in one process, the client's CPU time alone, contexts in turn, the median of each.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time, thread_time

import trustme

from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_engine import start_tls
from idlebell.net.tls_parked import ParkedTls
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.traffic_keys import SUITES, Suite, keep_secrets
from idlebell.net.traffic_secrets import TrafficSecrets, client_random_of
from idlebell.net.wire import Wire

LINE = b"* OK Still here\r\n"
FORMS = ("awake", "parked, as a channel", "parked, as a slot")


def both_ends(suite: Suite) -> tuple[ParkedTls, ParkedTls]:
    arena = SecretArena()
    one, other = os.urandom(suite.hash_bytes), os.urandom(suite.hash_bytes)
    ends = []
    for receive, send in ((one, other), (other, one)):
        slot = arena.take()
        keep_secrets(arena, slot, suite, receive=receive, send=send)
        ends.append(ParkedTls(arena, slot))
    return ends[0], ends[1]


def microseconds(call: Callable[[], object], times: int = 4_000, rounds: int = 5) -> float:
    spent = []
    for _ in range(rounds):
        started = process_time()
        for _ in range(times):
            call()
        spent.append((process_time() - started) / times)
    return min(spent) * 1e6


def records() -> None:
    print(f"{'a line of IMAP, µs of CPU':34}{'sealed':>10}{'opened':>10}")
    for suite in SUITES:
        client, server = both_ends(suite)
        sealed = microseconds(lambda client=client: client.seal(LINE))  # type: ignore[misc]
        client, server = both_ends(suite)
        lines = iter([server.seal(LINE) for _ in range(20_000)])
        opened = microseconds(lambda client=client, lines=lines: client.receive(next(lines)))  # type: ignore[misc]
        print(f"{suite.name:34}{sealed:>10.1f}{opened:>10.1f}")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def hold(form: str, directory: str, port: int, count: int) -> None:
    """Prints the bytes a session, sockets left out: those are the kernel's."""
    policy = TlsPolicy(Path(directory, "ca.pem"), SecretArena())
    held: list[object] = [None] * (count + 100)
    before = 0
    for number in range(len(held)):
        if number == 100:  # what is imported, mapped and pooled once is there
            gc.collect()
            before = resident_bytes()
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
        channel = await start_tls(Wire(sock), policy.session_context, "localhost", policy.secrets)
        await channel.write(LINE)
        assert await channel.read(100) == LINE
        held[number] = channel
        if form != "awake":
            parked = channel.park()
            assert parked is not None
            held[number] = parked
            if form == "parked, as a slot":
                released = parked.release()
                assert released is not None
                wire, tls = released
                held[number] = (os.dup(wire.fileno()), tls.slot)
                wire.close()
        del channel
    gc.collect()
    print((resident_bytes() - before) / count)


async def serve(directory: str) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(directory, "server.pem"))
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context, backlog=1_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def memory(directory: str, count: int) -> None:
    print(f"\n{count} sessions, bytes of resident memory each")
    for form in FORMS:
        part = [sys.executable, __file__, "--part"]
        with subprocess.Popen([*part, "serve", directory], stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = server.stdout.readline().strip()
            found = subprocess.run(
                [*part, form, directory, port, str(count)], stdout=subprocess.PIPE, text=True, check=True
            )
            print(f"{form:34}{float(found.stdout):>10,.0f}")
            server.kill()


def handshake(context: ssl.SSLContext, secrets: TrafficSecrets | None, server: ssl.SSLContext) -> float:
    """CPU seconds of the client."""
    client_in, client_out, server_in, server_out = (ssl.MemoryBIO() for _ in range(4))
    peer = server.wrap_bio(server_in, server_out, server_side=True)
    started = thread_time()
    tls = context.wrap_bio(client_in, client_out, server_hostname="localhost")
    spent, random, done = thread_time() - started, b"", False
    while not done:
        started = thread_time()
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            if secrets is not None:
                secrets.discard()
        said = client_out.read()
        random = random or client_random_of(said)
        if done and secrets is not None:
            cipher = tls.cipher()
            slot = secrets.collect(random, cipher[0] if cipher else "")
            assert slot is not None
            secrets.arena.free(slot)
        spent += thread_time() - started
        server_in.write(said)
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.do_handshake()
        client_in.write(server_out.read())
    return spent


def handshakes(directory: str, count: int) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(Path(directory, "server.pem"))
    ca = Path(directory, "ca.pem")
    silent, listening = TlsPolicy(ca), TlsPolicy(ca, SecretArena())
    bare = ssl.create_default_context(cafile=str(ca))
    contexts = {
        "Python's own context": (bare, None),
        "ours, parking off": (silent.session_context, None),
        "ours, secrets kept": (listening.session_context, listening.secrets),
    }
    spent: dict[str, list[float]] = {name: [] for name in contexts}
    for _ in range(count):
        for name, (context, secrets) in contexts.items():
            spent[name].append(handshake(context, secrets, server))
    print(f"\n{count} handshakes of each, µs of the client's CPU (median)")
    for name, each in spent.items():
        print(f"{name:34}{statistics.median(each) * 1e6:>10,.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--sessions", type=int, default=3_000)
    parser.add_argument("--handshakes", type=int, default=400)
    given = parser.parse_args()
    print(f"{ssl.OPENSSL_VERSION}, Python {sys.version.split()[0]}")
    records()
    with tempfile.TemporaryDirectory() as directory:
        ca = trustme.CA()
        ca.cert_pem.write_to_path(str(Path(directory, "ca.pem")))
        ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(Path(directory, "server.pem")))
        memory(directory, given.sessions)
        handshakes(directory, given.handshakes)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--part"]:
        what, where, *rest = sys.argv[2:]
        asyncio.run(serve(where) if what == "serve" else hold(what, where, int(rest[0]), int(rest[1])))
    else:
        main()
