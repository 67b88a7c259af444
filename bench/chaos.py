"""What is lost, and what comes twice, while push services misbehave and the gateway is killed over and over.

    python bench/chaos.py [--subscriptions 500] [--mails 10000] [--kills 30] [--away 120] [--seed N] [--short]

Subscriptions (webhook, Web Push, SimplePush) over five push services of our own: one good, one that takes a second for each
answer, one that takes 20 requests a second and answers 429 with Retry-After to the rest, one that answers 5xx half the time,
one that goes away for ``--away`` seconds. Four parts:

1. alone: mail to the good service's accounts only;
2. among: the same, with four times as much mail to the others, all of which are well: what the mail itself costs;
3. beside: the same again, with the others at their worst but for the one that goes away;
4. killed: ``--mails`` to all, the gateway killed with SIGKILL ``--kills`` times at random moments, the apps send credentials
   after each start, and one service goes away. Then all services behave, and what waits is waited for.

Exit status 1 where anything is not as promised: in each subscription versions grow, a repeat is the same to the letter (id,
Topic, body; of Web Push the plaintext), each message is in exactly one notification; the good service's p99 beside the others
is at most twice its p99 alone; afterwards the database is sound (``PRAGMA integrity_check``), its outbox empty and its size
bounded. A seed makes the same choices again, though not at the same moments.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rig.gateway import HERE
from rig.tables import percentile

sys.path.insert(0, str(HERE.parent.parent / "tests"))
from faults.chaos_crew import SERVICES, Crew, accepted, crew, faults, integrity, outbox, repeats

ALONE_A_SECOND: Final = 10.0
"""Mails for the good service's accounts; everybody else gets four times as many."""
P99_TIMES: Final = 2.0
BYTES_A_SUBSCRIPTION: Final = 32 * 1024
"""Of the database afterwards, with what is kept of every message and every attempt."""
SETTLES_SECONDS: Final = 600.0


async def part(at_work: Crew, good_mails: int, all_of_them: bool) -> list[float]:
    """Delays of the good service."""
    since = datetime.now(UTC)
    good = [account for account in at_work.accounts if account.service == "good"]
    others = [account for account in at_work.accounts if account.service != "good"]
    async with asyncio.TaskGroup() as group:
        group.create_task(at_work.send(good, good_mails, ALONE_A_SECOND))
        if all_of_them:
            group.create_task(at_work.send(others, 4 * good_mails, 4 * ALONE_A_SECOND))
    await asyncio.sleep(2.0)
    at_work.behind()
    return at_work.delays("good", since)


async def measure(options: argparse.Namespace, folder: Path) -> bool:
    async with crew(options.seed, folder, options.subscriptions) as at_work:
        good = [account for account in at_work.accounts if account.service == "good"]
        others = [account for account in at_work.accounts if account.service != "good"]
        await at_work.subscribe(good)
        await at_work.subscribe(others)
        delays = {"alone": await part(at_work, options.good_mails, all_of_them=False)}
        delays["among"] = await part(at_work, options.good_mails, all_of_them=True)
        at_work.misbehave()
        delays["beside"] = await part(at_work, options.good_mails, all_of_them=True)
        began, since = time.monotonic(), datetime.now(UTC)
        await at_work.break_all(options.mails, options.rate, options.kills, options.away)
        at_work.behave()
        at_work_seconds = time.monotonic() - began
        await at_work.settled(SETTLES_SECONDS)
        settled_seconds = time.monotonic() - began - at_work_seconds
        at_work.behind()
        delays["killed"] = at_work.delays("good", since)
        delays["killed, while the gateway was up and had the credentials"] = at_work.debts("good", since)
        left = outbox(folder)
        at_work.gateway.stop()
        return report(options, at_work, folder, delays, left, at_work_seconds, settled_seconds)


def report(
    options: argparse.Namespace, at_work: Crew, folder: Path, delays: dict[str, list[float]], left: int,
    at_work_seconds: float, settled_seconds: float,
) -> bool:  # fmt: skip
    wrong: list[str] = []
    print(
        "| push service | subscriptions | mails | attempts | accepted | repeated | p50 ms | p99 ms | longest s |\n"
        "|---|---|---|---|---|---|---|---|---|"
    )
    for name in SERVICES:
        accounts = [account for account in at_work.accounts if account.service == name]
        came = {account.user: at_work.of(account) for account in accounts}
        wrong += [
            f"{name} {one.user} ({one.kind}, {one.id}): {told}"
            for one in accounts
            for told in faults(one, came[one.user])
        ]
        of_all = at_work.delays(name, datetime.min.replace(tzinfo=UTC))
        print(
            f"| {name} | {len(accounts)} | {sum(len(one.sent) for one in accounts):,} "
            f"| {sum(map(len, came.values())):,} | {sum(len(accepted(one)) for one in came.values()):,} "
            f"| {sum(repeats(one) for one in came.values())} "
            f"| {percentile(of_all, 50) * 1000:,.0f} | {percentile(of_all, 99) * 1000:,.0f} | {of_all[-1]:.1f} |"
        )
    answered = Counter(one.status for service in at_work.services.values() for one in service.received)
    print(f"\nanswers: {dict(sorted(answered.items(), key=str))}")
    p99s = {name: percentile(found, 99) * 1000 for name, found in delays.items()}
    for name, p99 in p99s.items():
        print(f"good service, {name}: p50 {percentile(delays[name], 50) * 1000:.0f} ms, p99 {p99:.0f} ms")
    if p99s["beside"] > P99_TIMES * p99s["alone"]:
        wrong.append(f"the good service's p99 is {p99s['beside'] / p99s['alone']:.1f} times what it is alone")
    starts = sorted(at_work.starts)
    print(
        f"{len(at_work.deaths)} kills; from a kill until every app had sent its credentials: "
        f"p50 {percentile(starts, 50):.1f} s, longest {starts[-1]:.1f} s"
    )
    print(f"mail and kills took {at_work_seconds:.0f} s; {settled_seconds:.0f} s later all was told")
    sound, size = integrity(folder), sum(path.stat().st_size for path in folder.glob("idlebell.db*"))
    each = size / len(at_work.accounts)
    print(f"integrity_check: {sound}; outbox: {left}; database: {size:,} bytes, {each:,.0f} a subscription")
    if sound != "ok":
        wrong.append(f"integrity_check says {sound}")
    if left:
        wrong.append(f"{left} are left in the outbox")
    if size > BYTES_A_SUBSCRIPTION * len(at_work.accounts):
        wrong.append("the database is larger than it should be")
    bugs = [line for line in at_work.gateway.log.read_text().splitlines() if " supervisor_caught " in line]
    wrong += [f"the log says {line}" for line in bugs]
    for told in wrong[:50]:
        print(f"WRONG: {told}")
    print("nothing lost, nothing told twice, every repeat identical" if not wrong else f"{len(wrong)} things are wrong")
    return not wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--subscriptions", type=int, default=500)
    parser.add_argument("--mails", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=50.0, help="mails a second in the last part")
    parser.add_argument(
        "--good-mails", type=int, default=300, help="to the good service, in each of the first three parts"
    )
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--away", type=float, default=120.0, help="seconds for which a service is gone")
    parser.add_argument("--seed", type=int, default=0, help="0: a new one, which is printed")
    parser.add_argument("--folder", type=Path, help="an empty one for database and log, to be kept")
    parser.add_argument("--short", action="store_true", help="50 subscriptions, 1,000 mails, 5 kills, 20 s away")
    options = parser.parse_args()
    if options.short:
        options.subscriptions, options.mails, options.kills, options.away, options.good_mails = 50, 1_000, 5, 20.0, 150
    options.seed = options.seed or random.randrange(1, 10**9)
    print(f"seed {options.seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        met = asyncio.run(measure(options, options.folder or Path(name)))
    print(f"({time.monotonic() - began:.0f} s)")
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
