"""How much slower mbsync copies a mailbox through the front.

    python bench/sync.py [--messages 10000] [--rounds 3] [--short]

Debian's mbsync pulls the whole mailbox from a Dovecot, once directly and once through the front, in turns, each into an empty
Maildir; both are compared byte for byte. Both ways are under TLS for the client, and so is the front's own to Dovecot, so a
byte is deciphered and enciphered once more. Client, front and server share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Final

from rig.gateway import MeasuredGateway, cpu_seconds
from servers import mbsync, random_sessions
from servers.dovecot_server import DovecotServer
from servers.sandbox import free_port

SIZES: Final = (300, 1_000, 3_000, 8_000, 40_000)
"""Of messages, in turns; about 10 KB on the average."""


async def measure(options: argparse.Namespace, folder: Path) -> None:
    # All Maildirs of both ways are written by root's processes: nothing but the disk of the machine is shared.
    with DovecotServer() as server:
        user = server.add_user()
        await asyncio.to_thread(fill, server, user.name, options.messages)
        port = free_port()
        more = (
            f'[front]\nlisten = "127.0.0.1:{port}"\nupstream = "localhost:{server.ports.imaps}"\nupstream_tls = "implicit"\n'
            f'tls_certificate = "{server.certificate}"\ntls_key = "{server.key}"\n'
        )
        async with MeasuredGateway(folder, server.ca_file, level="warning", more=more) as gateway:
            ways = {"direct": server.ports.imaps, "front": port}
            taken: dict[str, list[float]] = {way: [] for way in ways}
            spent = 0.0
            sync = partial(mbsync.sync, ca_file=server.ca_file, user=user)
            for number in range(options.rounds + 1):
                copies = []
                for way in sorted(ways, reverse=bool(number % 2)):
                    into = folder / f"{way}{number}"
                    before = cpu_seconds(gateway.pid)
                    seconds = await asyncio.to_thread(sync, into, ways[way])
                    if number:  # the first warms the server's caches and indexes
                        taken[way].append(seconds)
                        spent += cpu_seconds(gateway.pid) - before if way == "front" else 0.0
                    copies.append(mbsync.copied(into))
                assert copies[0] == copies[1], "the two ways differ"
                assert sum(copies[0].values()) == options.messages
                size = sum(len(text) for *_, text in copies[0])
    direct, front = (statistics.median(taken[way]) for way in ways)
    print(
        f"{options.messages:,} messages, {size / 1e6:.0f} MB, {options.rounds} rounds, the same bytes each time\n\n"
        "| direct s | through the front s | slower, % | front's CPU s |\n|---|---|---|---|\n"
        f"| {direct:.2f} ({min(taken['direct']):.2f} to {max(taken['direct']):.2f}) "
        f"| {front:.2f} ({min(taken['front']):.2f} to {max(taken['front']):.2f}) "
        f"| {100 * (front / direct - 1):.0f} | {spent / options.rounds:.2f} |"
    )


def fill(server: DovecotServer, user: str, count: int) -> None:
    server.deliver(user, random_sessions.message(1, SIZES[0]))
    for number in range(2, count + 1):
        server.drop_into_maildir(user, random_sessions.message(number, SIZES[number % len(SIZES)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="1,000 messages, one round")
    options = parser.parse_args()
    if options.short:
        options.messages, options.rounds = 1_000, 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(measure(options, Path(name)))
    print(f"({time.monotonic() - began:.0f} s)")


if __name__ == "__main__":
    main()
