"""The longest time from delivery to ring, for each way of watching and each fault, at the cadence towards a provider.

    python bench/late_rings.py [--accounts 3] [--only hang,slept]

Every fault has a gateway of its own, in a process, as it is in life: a probe every 120 s, a poll every 60. Every account has a
scripted server of its own, behind an unruly network. All run at once, for some twenty minutes. Each account meets the fault at
a moment of chance; a mail is delivered in it, and where the fault has to be mended first, the time counts from then.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from faults.unruly_proxy import BOTH, UnrulyProxy
from gateway_process import GatewayProcess, subscription
from idlebell.imap import commands
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.faults import TOO_MANY_CONNECTIONS, Refuse
from idlebell.testing.habits import Habits
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.push_service import PushService

PROVIDER: Final = "probe_seconds = 120\nper_host_connect_rate = 0"
PROBE_SECONDS: Final = 120.0
POLL_SECONDS: Final = 60.0
SETTLED_SECONDS: Final = 40.0
"""After a mail a look comes early, after 30 s; only then a session is quiet."""
GONE_SECONDS: Final = 30.0
ASLEEP_SECONDS: Final = 40.0
AT_MOST_SECONDS: Final = 1_000.0
"""Nothing takes so long; what does is said not to have rung."""
LIVES_SECONDS: Final = 65.0
"""A session that lived for so long is one whose loss is a first one."""


@dataclass(frozen=True)
class Way:
    name: str
    offers: tuple[str, ...]
    withholds: tuple[str, ...]
    wish: Any
    box: str


NOTIFY: Final = Way("NOTIFY", ("NOTIFY",), (), ["INBOX", "Work"], "INBOX")
NOTIFY_OTHER: Final = Way("NOTIFY, not the open one", ("NOTIFY",), (), "personal", "Work")
IDLE: Final = Way("IDLE", (), (), ["INBOX"], "INBOX")
STATUS: Final = Way("STATUS of others", (), (), "personal", "Work")
POLL: Final = Way("poll", (), ("IDLE",), ["INBOX"], "INBOX")
WAYS: Final = (NOTIFY, NOTIFY_OTHER, IDLE, STATUS, POLL)


@dataclass
class Account:
    """Somebody whose mailbox is watched in one way."""

    way: Way
    name: str
    server: ImapServer
    proxy: UnrulyProxy
    gateway: GatewayProcess
    service: PushService
    made: dict[str, Any] = field(default_factory=dict)
    sent: int = 0

    async def subscribe(self) -> None:
        hook = self.service.make_webhook(self.name)
        body = subscription(
            self.proxy.port, self.name, "secret", {"new_mail": hook}, mailboxes=self.way.wish, retention="memory",
            payload="summary", wait_seconds=30,
        )  # fmt: skip
        status, self.made = await self.gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, self.made

    def deliver(self, box: str | None = None) -> str:
        self.sent += 1
        subject = f"{self.name} {self.sent}"
        self.server.deliver(self.name, mail.make(subject=subject), box or self.way.box)
        return subject

    async def rung(self, subject: str) -> None:
        """Once, if at all."""
        await self.service.wait_for(
            lambda one: (
                one.payload is not None and any(it["subject"] == subject for it in one.payload.get("messages", ()))
            ),
            AT_MOST_SECONDS,
            name=self.name,
        )

    async def rings(self, box: str | None = None) -> float:
        """Seconds from a delivery now to its ring."""
        began = time.monotonic()
        await self.rung(self.deliver(box))
        return time.monotonic() - began

    async def shown(self) -> dict[str, Any]:
        _, found = await self.gateway.call("GET", f"/v1/subscriptions/{self.made['id']}", token=self.made["token"])
        return found

    async def mode(self) -> str | None:
        """How the mailbox in question is watched."""
        boxes = {box["name"]: box["mode"] for box in (await self.shown())["mailboxes"]}
        return boxes.get(self.way.box)

    async def until(self, holds: Callable[[dict[str, Any]], bool]) -> None:
        end = time.monotonic() + AT_MOST_SECONDS
        while not holds(await self.shown()):
            assert time.monotonic() < end, await self.shown()
            await asyncio.sleep(0.2)


Fault = Callable[[Account, random.Random], Awaitable[dict[str, float]]]
"""What an account meets; by the row of the table, the seconds that it took."""


async def well(one: Account, dice: random.Random) -> dict[str, float]:
    await asyncio.sleep(dice.uniform(0, POLL_SECONDS))
    return {"all is well": await one.rings()}


async def between(one: Account, dice: random.Random) -> dict[str, float]:
    """The first is told, and nothing of the second, which comes when the first has just rung."""
    one.server.behave(speaks_in_idle=True)
    await one.rings()
    one.server.behave(speaks_in_idle=False)
    return {"came between FETCH and IDLE, and the server says nothing of it": await one.rings()}


async def lags(one: Account, dice: random.Random) -> dict[str, float]:
    await asyncio.sleep(dice.uniform(0, POLL_SECONDS))
    return {"a replica that lags: EXISTS, but nothing to fetch": await one.rings()}


async def mute(one: Account, dice: random.Random, *, row: str) -> dict[str, float]:
    """Until it is found out, and the mail after that."""
    await asyncio.sleep(dice.uniform(0, PROBE_SECONDS))
    found = {row: await one.rings()}
    if one.way is POLL:
        return found
    for _ in range(3):
        if await one.mode() == "poll":
            break
        await asyncio.sleep(dice.uniform(0, 10))
        found[row] = max(found[row], await one.rings())
    await asyncio.sleep(dice.uniform(0, POLL_SECONDS))
    return {**found, f"{row}; then": await one.rings()}


async def made(one: Account, dice: random.Random) -> dict[str, float]:
    await asyncio.sleep(dice.uniform(0, PROBE_SECONDS))
    one.server.create(one.name, "New")
    return {"a mailbox is made": await one.rings("New")}


async def hangs(one: Account, dice: random.Random) -> dict[str, float]:
    await asyncio.sleep(dice.uniform(0, PROBE_SECONDS))
    for connection in one.proxy.connections:
        connection.behave(swallows=BOTH)
    return {"the server process hangs, or a proxy answers TCP for a dead server": await one.rings()}


async def away(one: Account, dice: random.Random) -> dict[str, float]:
    """Everybody's server, at the same moment."""
    await one.proxy.shut()
    one.proxy.cut()
    subject = one.deliver()
    await asyncio.sleep(GONE_SECONDS)
    await one.proxy.open()
    began = time.monotonic()
    await one.rung(subject)
    return {f"the server is away for {GONE_SECONDS:g} s: from its return on": time.monotonic() - began}


async def cut(one: Account, dice: random.Random) -> dict[str, float]:
    await asyncio.sleep(dice.uniform(0, PROBE_SECONDS))
    one.proxy.cut()
    return {"the server hangs up": await one.rings()}


async def full(one: Account, dice: random.Random) -> dict[str, float]:
    refusals = [one.server.plan(how, TOO_MANY_CONNECTIONS) for how in (commands.Login, commands.Authenticate)]
    one.proxy.cut()
    took = await one.rings()
    for refusal in refusals:
        refusal.cancel()
    return {"the account has too many sessions, once": took}


async def shut_out(one: Account, dice: random.Random) -> dict[str, float]:
    refusal = one.server.plan(commands.Examine, Refuse("not now"), times=None, user=one.name)
    one.proxy.cut()
    await one.until(lambda shown: shown["problem"] is not None)
    await asyncio.sleep(dice.uniform(0, PROBE_SECONDS))
    refusal.cancel()
    return {"the mailbox does not open: from when it does": await one.rings()}


async def slept(one: Account, dice: random.Random) -> dict[str, float]:
    """Its server says nothing in IDLE, so that it is the look after the sleep that finds the mail."""
    await asyncio.sleep(ASLEEP_SECONDS / 2)
    subject = one.deliver()
    await asyncio.sleep(ASLEEP_SECONDS / 2)
    began = time.monotonic()
    await one.rung(subject)
    return {f"the process stood still for {ASLEEP_SECONDS:g} s: from its waking on": time.monotonic() - began}


async def unwritable(one: Account, dice: random.Random) -> dict[str, float]:
    """For so long that the pauses between two attempts are at their longest."""
    subject = one.deliver()
    await asyncio.sleep(GONE_SECONDS * 6)
    began = time.monotonic()
    await one.rung(subject)
    return {"the store cannot be written for 3 minutes: from when it can": time.monotonic() - began}


SILENT: Final = "the server says nothing, but does at NOOP"
MUTE: Final = "it says nothing at NOOP either"


async def leave_alone(gateway: GatewayProcess) -> None:
    return None


async def sleep(gateway: GatewayProcess) -> None:
    gateway.signal(signal.SIGSTOP)
    await asyncio.sleep(ASLEEP_SECONDS)
    gateway.signal(signal.SIGCONT)


async def lock_store(gateway: GatewayProcess) -> None:
    """By another writer, who does not come to an end."""
    held = sqlite3.connect(gateway.folder / "idlebell.db", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    await asyncio.sleep(GONE_SECONDS * 6)
    held.execute("ROLLBACK")
    held.close()


@dataclass(frozen=True)
class Scene:
    """``habits``: of the servers, from when all are quiet on. ``meanwhile``: what happens to the gateway while the accounts
    meet their fault."""

    fault: Fault
    ways: Sequence[Way] = WAYS
    habits: dict[str, Any] = field(default_factory=dict)
    personal: bool = False
    meanwhile: Callable[[GatewayProcess], Coroutine[Any, Any, None]] = leave_alone


SCENES: Final = {
    "well": Scene(well),
    "between": Scene(between, (NOTIFY, IDLE)),
    "lags": Scene(lags, habits={"fetches_lag": 5}),
    "silent": Scene(partial(mute, row=SILENT), habits={"speaks_in_idle": False}),
    "mute": Scene(partial(mute, row=MUTE), habits={"speaks_in_idle": False, "noop_tells": False}),
    "made": Scene(made, personal=True),
    "hangs": Scene(hangs),
    "away": Scene(away),
    "cut": Scene(cut),
    "full": Scene(full),
    "shut_out": Scene(shut_out, (NOTIFY, IDLE, POLL)),
    "slept": Scene(slept, habits={"speaks_in_idle": False}, meanwhile=sleep),
    "unwritable": Scene(unwritable, meanwhile=lock_store),
}


async def play(
    name: str, scene: Scene, accounts: int, folder: Path, service: PushService, starting: asyncio.Lock
) -> dict[str, dict[str, float]]:
    """By row and way, the longest."""
    authority = Authority()
    ca_file = folder / f"{name}.pem"
    ca_file.write_bytes(authority.ca_pem)
    home = folder / name
    home.mkdir()
    async with AsyncExitStack() as stack:
        async with starting:  # a dozen at once take too long for each of them
            gateway = await stack.enter_async_context(GatewayProcess(home, ca_file, imap=PROVIDER, level="info"))
        group: list[Account] = []
        for way in scene.ways:
            habits = Habits(tls_context=authority.server_context("localhost"))
            for number in range(accounts):
                server = await stack.enter_async_context(ImapServer(habits=habits))
                server.offer(*way.offers)
                server.withhold(*way.withholds)
                user = f"{name}-{WAYS.index(way)}-{number}"
                server.add_user(user, "secret")
                server.create(user, "Work")
                proxy = await stack.enter_async_context(UnrulyProxy(server.tls_port))
                wished = replace(way, wish="personal") if scene.personal else way
                group.append(Account(wished, user, server, proxy, gateway, service))
        await asyncio.gather(*(one.subscribe() for one in group))
        await asyncio.gather(*(one.rings() for one in group))  # from now on the servers' clocks are known
        await asyncio.sleep(LIVES_SECONDS)
        for one in group:
            one.server.behave(**scene.habits)
        dice = [random.Random(f"{name} {one.name}") for one in group]
        meeting = [scene.fault(one, own) for one, own in zip(group, dice, strict=True)]
        meanwhile = asyncio.create_task(scene.meanwhile(gateway))
        took = await asyncio.gather(*meeting)
        await meanwhile
    found: dict[str, dict[str, float]] = {}
    for one, rows in zip(group, took, strict=True):
        for row, seconds in rows.items():
            own = found.setdefault(row, {})
            own[one.way.name] = max(own.get(one.way.name, 0.0), seconds)
    for row, own in found.items():
        print(
            f"  {row}: " + ", ".join(f"{way} {seconds:.1f}" for way, seconds in own.items()),
            file=sys.stderr,
            flush=True,
        )
    return found


async def measure(accounts: int, names: Sequence[str]) -> None:
    found: dict[str, dict[str, float]] = {}
    starting = asyncio.Lock()
    with tempfile.TemporaryDirectory() as folder:
        async with PushService() as service:
            played = await asyncio.gather(
                *(play(name, SCENES[name], accounts, Path(folder), service, starting) for name in names),
                return_exceptions=True,
            )
    for name, rows in zip(names, played, strict=True):
        if isinstance(rows, BaseException):
            print(f"  {name}: {rows!r}"[:2_000], file=sys.stderr)
        else:
            found |= rows
    print("| | " + " | ".join(way.name for way in WAYS) + " |")
    print("|---" * (1 + len(WAYS)) + "|")
    for row, own in found.items():
        cells = (f"{own[way.name]:.1f} s" if way.name in own else "" for way in WAYS)
        print(f"| {row} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=3, help="for each way and fault")
    parser.add_argument("--only", default=",".join(SCENES), help="some of " + ", ".join(SCENES))
    options = parser.parse_args()
    asyncio.run(measure(options.accounts, options.only.split(",")))


if __name__ == "__main__":
    main()
