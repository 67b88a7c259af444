"""What one watched mailbox costs the whole gateway in memory: REST, store, fleet, watcher, TLS session and all.

    python bench/idle_gateway.py [--mailboxes 2000]

The scripted IMAP server is a process of its own, the gateway another one, as users run it (``idlebell serve``, SQLite). Each
mailbox is subscribed by REST with retention ``session`` and sits in IDLE under TLS. Resident memory of the gateway's process
is read before the first hundred and after each step, so that the line, not a point, says what one more mailbox costs. As the
peer, asyncio's own streams hold the same number of TLS sessions in the same run and do nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from gateway_process import GatewayProcess, subscription

AT_ONCE = 40
WARM = 100


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise RuntimeError("no VmRSS")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def subscribe(gateway: GatewayProcess, port: int, numbers: range) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(connector=connector) as http:

        async def one(number: int) -> None:
            endpoints = {
                "new_mail": {"type": "simplepush", "url": f"http://127.0.0.1:9/new/{number}"},
                "reconnect": {"type": "simplepush", "url": f"http://127.0.0.1:9/reconnect/{number}"},
            }
            body = subscription(port, f"user{number}", "apass", endpoints, host="127.0.0.1")
            async with slots, http.post(gateway.url + "/v1/subscriptions", json=body) as response:
                if response.status != 201:
                    raise RuntimeError(f"{response.status}: {await response.text()}")

        await asyncio.gather(*(one(number) for number in numbers))


async def streams(port: int, ca_file: str, sessions: int) -> None:
    """The peer, in a process of its own: log in, EXAMINE, IDLE; print the memory; wait for the end of the input."""
    context = ssl.create_default_context(cafile=ca_file)
    before = resident_kib(os.getpid())
    held = []
    for number in range(sessions):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        await reader.readline()
        for command in (f"a LOGIN user{number} apass", "b EXAMINE INBOX"):
            writer.write(command.encode() + b"\r\n")
            while not (await reader.readline()).startswith(command[:2].encode()):
                pass
        writer.write(b"c IDLE\r\n")
        await reader.readline()
        held.append((reader, writer, asyncio.create_task(reader.readline())))
    print(json.dumps({"kib": (resident_kib(os.getpid()) - before) / sessions}), flush=True)
    os._exit(0)


async def measure(mailboxes: int, peers: int, imap: str) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "idlebell.testing.imap_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        told = json.loads(server.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            # The scripted server is slow at handshakes, not the gateway: its pace for one host is lifted.
            async with GatewayProcess(
                Path(folder), Path(told["ca_file"]), imap=f"per_host_connect_rate = 0\n{imap}", level="warning"
            ) as gateway:
                await subscribe(gateway, told["tls_port"], range(WARM))
                start = resident_kib(gateway.pid)
                print(f"gateway with {WARM} mailboxes: {start / 1024:.1f} MiB")
                print(f"{'mailboxes':>10} {'MiB':>8} {'KiB a mailbox':>14} {'CPU ms to open one':>19}")
                done = WARM
                for step in range(1, 5):
                    upto = WARM + (mailboxes - WARM) * step // 4
                    cpu = cpu_seconds(gateway.pid)
                    await subscribe(gateway, told["tls_port"], range(done, upto))
                    spent = (cpu_seconds(gateway.pid) - cpu) * 1000 / (upto - done)
                    done = upto
                    now = resident_kib(gateway.pid)
                    print(f"{done:>10} {now / 1024:>8.1f} {(now - start) / (done - WARM):>14.1f} {spent:>19.2f}")
        peer = subprocess.run(
            [sys.executable, __file__, "--streams", str(told["tls_port"]), told["ca_file"], str(peers)],
            stdout=subprocess.PIPE,
            check=True,
        )
        print(f"{'asyncio streams, nothing else':<34} {json.loads(peer.stdout)['kib']:>7.1f}   ({peers} sessions)")
    finally:
        server.stdin.close()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mailboxes", type=int, default=2_000)
    parser.add_argument("--peers", type=int, default=500, help="sessions of the peer")
    parser.add_argument("--imap", default="", help="more lines for [imap]")
    parser.add_argument("--streams", nargs=3, metavar=("PORT", "CA_FILE", "SESSIONS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.streams:
        port, ca_file, sessions = options.streams
        asyncio.run(streams(int(port), ca_file, int(sessions)))
    else:
        asyncio.run(measure(options.mailboxes, options.peers, options.imap))


if __name__ == "__main__":
    main()
