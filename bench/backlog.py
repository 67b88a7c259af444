"""Notifications that wait for a push service that is down: what they cost the gateway, and those whose push service works.

    python bench/backlog.py [--waiting 100000] [--endpoints 10000] [--rings 500] [--dead hangs|refuses]

The delivering half of the gateway (store, dispatcher, pruner, HTTP) runs in a process of its own, twice over the same store:
once with nothing waiting, once with everything. Beside the dead service there is one that answers at once, and some of its
endpoints ring, fifty a second. The backlog is written by the store itself, which takes seconds. Trust the ratios.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from idlebell.deliver.carriers import Carriers
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.deliver.pruning import Pruner
from idlebell.model.account import Account, ImapTarget, Tls
from idlebell.model.endpoint import Endpoints, PushUrl, WebhookEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId, subscription_id
from idlebell.model.notification import Draft, NewMail
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import HttpRequest
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import SqliteStore, open_sqlite
from idlebell.telemetry.facts import BreakerChanged, Fact, PushAttempted
from rig.stored import stored

KEY: Final = bytes(range(32))
ALIVE: Final = 20
"""Endpoints at the service that works."""
RINGS_PER_SECOND: Final = 50
BUILDERS: Final = 64
TARGET: Final = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)


@dataclass(frozen=True, slots=True)
class Found:
    """Of one run. ``lags_ms``: from the commit to the answer, of each ring."""

    resident_kib: int
    peak_kib: int
    lags_ms: list[float]
    cpu_ms_each: float
    asked_dead: int
    opened: int
    take_us: float


@asynccontextmanager
async def service(*, answers: bool) -> AsyncIterator[int]:
    """Its port. One that does not answer takes connections and says nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
                )
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
            await reader.read()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def subscription(account: Account, number: int, port: int) -> Subscription:
    url = PushUrl(f"http://127.0.0.1:{port}/{number}")
    return stored(account, number, Endpoints(WebhookEndpoint(url, Secret(KEY), PROVEN)))


def draft(to: SubscriptionId) -> Draft:
    now = datetime.now(UTC)
    return Draft(to, NewMail("INBOX", 1, 1, None), now, now, now + timedelta(days=1))


async def open_store(folder: Path) -> SqliteStore:
    return await open_sqlite(folder / "idlebell.db", Sealer(KEY), entropy=os.urandom)


async def seed(folder: Path, first: int, endpoints: int, waiting: int, port: int) -> None:
    store = await open_store(folder)
    account = await store.account(TARGET, "alice")
    numbers = iter(range(first, first + endpoints))

    async def builder() -> None:
        for number in numbers:
            await store.put(subscription(account, number, port))

    await asyncio.gather(*(builder() for _ in range(BUILDERS)))
    ids = [subscription_id((first + number % endpoints).to_bytes(15, "big")) for number in range(waiting)]
    for begin in range(0, waiting, 1_000):
        await store.enqueue([draft(one) for one in ids[begin : begin + 1_000]])
    await store.close()


async def measure(folder: Path, rings: int) -> Found:
    """In the process that is measured."""
    store = await open_store(folder)
    clock, facts = Clock(), list[Fact]()
    accepted: dict[NotificationId, float] = {}

    def emit(fact: Fact) -> None:
        if isinstance(fact, PushAttempted) and fact.outcome == "accepted":
            accepted[fact.notification] = time.perf_counter()
        elif isinstance(fact, PushAttempted | BreakerChanged):
            facts.append(fact)

    egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
    http = HttpClient(egress, Resolver(clock), TlsPolicy(None))
    dispatcher = Dispatcher(store, Carriers().add(HttpRequest, http.push), emit, clock, os.urandom)
    pruner = Pruner(store, emit, clock, lambda _: None, dispatcher.nudge)
    dispatcher.start()
    pruner.start()
    begun: dict[NotificationId, float] = {}
    chance = random.Random(1)
    cpu = time.process_time()
    for _ in range(rings):
        at = time.perf_counter()
        (one,) = await store.enqueue([draft(subscription_id(chance.randrange(1, ALIVE + 1).to_bytes(15, "big")))])
        begun[one.id] = at
        dispatcher.nudge()
        await asyncio.sleep(max(0.0, at + 1 / RINGS_PER_SECOND - time.perf_counter()))
    while not begun.keys() <= accepted.keys():
        await asyncio.sleep(0.01)
    cpu = time.process_time() - cpu
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    await dispatcher.stop()
    took = []
    for _ in range(200):
        at = time.perf_counter()
        now = clock.now()
        await store.take(now, now + timedelta(seconds=1), 64, lambda due, tried: {})
        took.append(time.perf_counter() - at)
    await pruner.stop()
    await http.close()
    await store.close()
    return Found(
        int(status["VmRSS"].split()[0]),
        int(status["VmHWM"].split()[0]),
        [(accepted[one] - at) * 1e3 for one, at in begun.items()],
        cpu / rings * 1e3,
        sum(isinstance(one, PushAttempted) for one in facts),
        sum(isinstance(one, BreakerChanged) for one in facts),
        statistics.median(took) * 1e6,
    )


async def child(folder: Path, rings: int) -> Found:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "--measure", str(folder), "--rings", str(rings)),
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    out, _ = await process.communicate()
    return Found(**json.loads(out))


def show(without: Found, with_it: Found) -> None:
    def row(name: str, before: float, after: float, unit: str) -> None:
        print(f"{name:<52}{before:>12,.1f}{after:>12,.1f} {unit:<5}{after / before:>8.2f}")

    def share(found: Found, percent: int) -> float:
        return statistics.quantiles(found.lags_ms, n=100)[percent - 1]

    print(f"{'':<52}{'without':>12}{'with':>12} {'':<5}{'ratio':>8}")
    row("commit to answer at the service that works, p50", share(without, 50), share(with_it, 50), "ms")
    row("the same, p99", share(without, 99), share(with_it, 99), "ms")
    row("CPU for each ring", without.cpu_ms_each, with_it.cpu_ms_each, "ms")
    row("a look at the outbox", without.take_us, with_it.take_us, "us")
    row("resident memory", without.resident_kib / 1024, with_it.resident_kib / 1024, "MiB")
    row("at its peak", without.peak_kib / 1024, with_it.peak_kib / 1024, "MiB")
    print(f"the dead service was asked {with_it.asked_dead} times, and its breaker opened {with_it.opened} times")


async def run(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with service(answers=True) as alive, service(answers=False) as hanging:
            await seed(folder, 1, ALIVE, 0, alive)
            without = await child(folder, options.rings)
            at = time.perf_counter()
            dead = hanging if options.dead == "hangs" else 1
            await seed(folder, 1_000, options.endpoints, options.waiting, dead)
            print(
                f"{options.waiting:,} written for {options.endpoints:,} endpoints in {time.perf_counter() - at:.1f} s"
            )
            show(without, await child(folder, options.rings))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--endpoints", type=int, default=10_000)
    parser.add_argument("--rings", type=int, default=500)
    parser.add_argument("--dead", choices=("hangs", "refuses"), default="hangs")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure is not None:
        print(json.dumps(asdict(asyncio.run(measure(options.measure, options.rings)))))
    else:
        asyncio.run(run(options))


if __name__ == "__main__":
    main()
