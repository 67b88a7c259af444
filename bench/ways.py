"""For each way of watching Dovecot: from delivery to ring, the commands that one mail takes, the bytes of an idle hour.

    python bench/ways.py [--accounts 10] [--rounds 3]

The gateway has its own cadence (mailboxes asked by STATUS or poll are looked at once a minute); each account gets one mail a
round, at a moment of chance within it. A second gateway, whose cadence is shortened, is left alone for some cycles; what a
cycle costs on the wire is taken times the cycles of an hour: 30 where a session shows every two minutes that it lives, 60
where a mailbox is asked every minute. Bytes are those of IMAP, without TLS and TCP.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from gateway_process import GatewayProcess
from idlebell.testing.push_service import PushService
from servers import packages
from servers.behaviour_stage import Stage, Way, stage
from servers.behaviours import RUNS
from servers.dovecot_server import DovecotServer, why_not_dovecot

WAYS: Final = RUNS["dovecot"]
ROUND_SECONDS: Final = 60.0
RING_SECONDS: Final = 150.0
SHORT_CADENCE: Final = "poll_seconds = 15\nprobe_seconds = 30\nper_host_connect_rate = 0"
LEFT_ALONE_SECONDS: Final = 245
"""Eight probes, of which the fourth and the eighth ask more; sixteen polls."""
PROBES_AN_HOUR: Final = 30
POLLS_AN_HOUR: Final = 60
THREADS: Final = 64


@asynccontextmanager
async def stages(
    server: DovecotServer, folder: Path, count: int, imap: str
) -> AsyncIterator[tuple[PushService, list[Stage]]]:
    """``count`` accounts for each way, subscribed and quiet."""
    users = await asyncio.to_thread(server.add_users, count * len(WAYS))
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(PushService())
        gateway = await stack.enter_async_context(
            GatewayProcess(Path(tempfile.mkdtemp(dir=folder)), server.ca_file, imap=imap, level="warning")
        )
        made = [
            await stack.enter_async_context(stage(server, user, gateway, service, WAYS[number % len(WAYS)], user.name))
            for number, user in enumerate(users)
        ]
        await asyncio.gather(*(one.subscribe() for one in made))
        yield service, made


async def ring(one: Stage, subject: str) -> float:
    """Seconds from delivery to ring, for a mail at a moment of chance."""
    await asyncio.sleep(random.random() * ROUND_SECONDS)
    await one.deliver(subject)
    at = time.monotonic()
    await one.until_announced(subject, RING_SECONDS)
    return time.monotonic() - at


async def delays(server: DovecotServer, folder: Path, accounts: int, rounds: int) -> dict[Way, list[float]]:
    found: dict[Way, list[float]] = {way: [] for way in WAYS}
    async with stages(server, folder, accounts, "per_host_connect_rate = 0") as (_, made):
        for number in range(rounds):
            taken = await asyncio.gather(*(ring(one, f"mail {number}") for one in made))
            for one, seconds in zip(made, taken, strict=True):
                found[one.way].append(seconds)
            print(f"  round {number + 1} of {rounds}", file=sys.stderr)
    return found


async def costs(server: DovecotServer, folder: Path) -> tuple[dict[Way, list[str]], dict[Way, tuple[float, float]]]:
    """The commands of one mail; bytes up and down of an idle hour."""
    async with stages(server, folder, 1, SHORT_CADENCE) as (_, made):
        await asyncio.gather(*(one.settle() for one in made))
        await asyncio.gather(*(_until_quiet(one) for one in made))
        asked: dict[Way, list[str]] = {}
        for one in made:
            before = len(one.proxy.commands)
            await one.settle()
            await _until_quiet(one)
            asked[one.way] = [_name(command) for command in one.proxy.commands[before:]]
        await asyncio.sleep(35)  # the look that comes early after an arrival
        marks = [(len(one.proxy.commands), one.proxy.bytes_up, one.proxy.bytes_down) for one in made]
        await asyncio.sleep(LEFT_ALONE_SECONDS)
        hours: dict[Way, tuple[float, float]] = {}
        for one, (commands, up, down) in zip(made, marks, strict=True):
            said = [_name(command) for command in one.proxy.commands[commands:]]
            polls = one.way.mode == "poll"
            cycles = said.count("STATUS") if polls else said.count("IDLE")
            if one.way.name == "poll":
                cycles = said.count("NOOP")
            times = (POLLS_AN_HOUR if polls else PROBES_AN_HOUR) / max(1, cycles)
            hours[one.way] = ((one.proxy.bytes_up - up) * times, (one.proxy.bytes_down - down) * times)
            print(f"  {one.way.name}: {cycles} cycles; {' '.join(said[:12])} ...", file=sys.stderr)
        return asked, hours


def _name(command: bytes) -> str:
    words = command.decode(errors="replace").split()
    return " ".join(words[:2]) if words[0].upper() == "UID" else words[0]


async def _until_quiet(one: Stage) -> None:
    """It has asked nothing for two seconds: the next poll or probe is far away."""
    known, since = 0, time.monotonic()
    while time.monotonic() - since < 2.0:
        if (now := len(one.proxy.commands)) != known:
            known, since = now, time.monotonic()
        await asyncio.sleep(0.05)


async def measure(accounts: int, rounds: int) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    with DovecotServer() as server, tempfile.TemporaryDirectory() as name:
        (asked, hours), found = await asyncio.gather(
            costs(server, Path(name)), delays(server, Path(name), accounts, rounds)
        )
    print("| way | mails | half within | longest | commands for one mail | bytes of an idle hour, up and down |")
    print("|---|---|---|---|---|---|")
    for way in WAYS:
        up, down = hours[way]
        print(
            f"| {way.name} | {len(found[way])} | {statistics.median(found[way]):.2f} s | {max(found[way]):.2f} s "
            f"| {len(asked[way])}: {', '.join(asked[way])} | {up:,.0f} + {down:,.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=10, help="for each way")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if (reason := why_not_dovecot()) is not None or packages.find("dovecot") is None:
        sys.exit(f"this needs Dovecot: {reason or 'run ./run test once, it fetches it'}")
    asyncio.run(measure(options.accounts, options.rounds))


if __name__ == "__main__":
    main()
