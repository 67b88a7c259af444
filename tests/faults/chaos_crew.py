"""Who is at work in a chaos run: five push services, each bad in its own way, mail to the accounts that ring there, somebody
who kills the gateway, and the apps that send credentials after each start. All dice are made from one seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import aiohttp

from gateway_process import GatewayProcess, subscription
from idlebell.testing.push_service import PushService, Received, ScriptedAnswer

PASSWORD: Final = "apass"
AT_ONCE: Final = 24
"""Requests of the apps."""
SLOW_SECONDS: Final = 1.0
BUSY_TAKES: Final = 20
"""Requests a second that the busy service takes; the others get 429."""
BUSY_ASKS_SECONDS: Final = 1
KINDS: Final = ("webhook", "webpush", "simplepush", "webhook")
SERVICES: Final = ("good", "slow", "busy", "failing", "away")
PACE: Final = "per_host_connect_rate = 0\npark_after_seconds = 0.5\n"


@dataclass
class Account:
    user: str
    service: str
    kind: str
    id: str = ""
    token: str = ""
    sent: list[datetime] = field(default_factory=list)
    """When each mail was handed in; the place in the list is its UID less one."""
    supplied: dict[int, datetime] = field(default_factory=dict)
    """When the gateway first had its credentials, by how often it had been killed before."""


class MailServer:
    """The scripted IMAP server, in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, told: dict[str, Any]) -> None:
        self._process = process
        self._turn = asyncio.Lock()
        self.port: int = told["tls_port"]
        self.ca_file = Path(told["ca_file"])

    async def deliver(self, user: str) -> int:
        """The UID of a new mail."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._turn:
            self._process.stdin.write(f"deliver {user}\n".encode())
            uid: int = json.loads(await self._process.stdout.readline())["uid"]
        return uid


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "idlebell.testing.imap_server", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield MailServer(process, json.loads(await process.stdout.readline()))
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


class Busy:
    """429 with Retry-After for what is more than so many requests a second."""

    def __init__(self) -> None:
        self._second, self._taken = 0, 0

    def __call__(self) -> ScriptedAnswer:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._taken = second, 0
        self._taken += 1
        return (
            ScriptedAnswer() if self._taken <= BUSY_TAKES else ScriptedAnswer(429, retry_after=str(BUSY_ASKS_SECONDS))
        )


@dataclass
class Crew:
    seed: int
    server: MailServer
    gateway: GatewayProcess
    services: dict[str, PushService]
    accounts: list[Account]
    deaths: list[datetime] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    """How long the gateway took from a kill until every app had sent its credentials."""

    # --- the steps of a run ---

    async def subscribe(self, accounts: Sequence[Account]) -> None:
        await _each(accounts, self._subscribe)

    def misbehave(self) -> None:
        """From now on each service is as its name says; ``away`` is another step."""
        dice = random.Random(f"{self.seed} failing")
        moods: dict[str, Callable[[], ScriptedAnswer]] = {
            "slow": lambda: ScriptedAnswer(delay_seconds=SLOW_SECONDS),
            "busy": Busy(),
            "failing": lambda: (
                ScriptedAnswer(dice.choice((500, 502, 503))) if dice.random() < 0.5 else ScriptedAnswer()
            ),
        }
        for name, mood in moods.items():
            self.services[name].mood = mood

    def behave(self) -> None:
        for service in self.services.values():
            service.mood = ScriptedAnswer

    async def be_away(self, seconds: float) -> None:
        await self.services["away"].stop()
        await asyncio.sleep(seconds)
        await self.services["away"].start()

    async def send(self, accounts: Sequence[Account], mails: int, rate: float) -> None:
        """``mails`` in all, ``rate`` a second, to accounts by chance."""
        dice = random.Random(f"{self.seed} {mails} {len(accounts)} mails")
        begun = time.monotonic()
        for number in range(mails):
            await asyncio.sleep(begun + number / rate - time.monotonic())
            account = dice.choice(accounts)
            account.sent.append(datetime.now(UTC))
            uid = await self.server.deliver(account.user)
            assert uid == len(account.sent), (account.user, uid)

    async def kill(self, times: int, seconds: float) -> None:
        """SIGKILL so many times, at random moments of about ``seconds``; one of five times the next comes while half of the
        apps have called."""
        dice = random.Random(f"{self.seed} kills")
        cut_short = False
        for _ in range(times):
            await asyncio.sleep(0.0 if cut_short else dice.uniform(0.0, 2 * seconds / times))
            begun = time.monotonic()
            self.gateway.kill()
            self.deaths.append(datetime.now(UTC))
            await self.gateway.start()
            cut_short = dice.random() < 0.2
            if cut_short:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.resupply(), dice.uniform(0.1, 1.0))
            else:
                await self.resupply()
                self.starts.append(time.monotonic() - begun)
        await self.resupply()

    async def break_all(self, mails: int, rate: float, kills: int, away_seconds: float) -> None:
        """All at once: mail to all, kills, and a service that is away."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.be_away(away_seconds))
            group.create_task(self.send(self.accounts, mails, rate))
            group.create_task(self.kill(kills, mails / rate))

    async def resupply(self) -> None:
        await _each(self.accounts, self._resupply)

    async def settled(self, seconds: float) -> None:
        """Until nothing waits in the outbox and every mail was told of. AssertionError says of whom not."""
        end = time.monotonic() + seconds
        while (waiting := outbox(self.gateway.folder)) or self.behind():
            if time.monotonic() > end:
                owed = {account.user: missing(account, self.of(account)) for account in self.behind()}
                raise AssertionError(f"after {seconds:g} s {waiting} wait in the outbox, not told of: {owed}")
            await asyncio.sleep(0.5)

    # --- what is seen ---

    def of(self, account: Account) -> list[Received]:
        """All that came to it, in order, whatever it was answered."""
        return self._came()[account.service].get(f"/{account.user}", [])

    def behind(self) -> list[Account]:
        self._found = None
        return [account for account in self.accounts if account.sent and missing(account, self.of(account))]

    def delays(self, service: str, since: datetime) -> list[float]:
        """Seconds from a mail to its first ring, of the mails handed in since then."""
        return sorted((told - at).total_seconds() for _, at, told in self._first_told(service, since))

    def debts(self, service: str, since: datetime) -> list[float]:
        """As :meth:`delays`, of which only the time counts in which the gateway was up and had the account's credentials."""
        return sorted(
            sum(
                max(0.0, (min(told, ended) - max(handed_in, account.supplied[life])).total_seconds())
                for life, ended in enumerate((*self.deaths, told))
                if life in account.supplied
            )
            for account, handed_in, told in self._first_told(service, since)
        )

    def _first_told(self, service: str, since: datetime) -> Iterator[tuple[Account, datetime, datetime]]:
        """Of each mail handed in since then: whose it is, when it was handed in, and when a notification first told of it."""
        for account in self.accounts:
            if account.service != service:
                continue
            seen: set[int] = set()
            for one in accepted(self.of(account)):
                new = set(told_of(one)) - seen
                seen |= new
                for uid in new:
                    if (at := account.sent[uid - 1]) >= since:
                        yield account, at, one.at

    _found: dict[str, dict[str, list[Received]]] | None = None

    def _came(self) -> dict[str, dict[str, list[Received]]]:
        if self._found is None:
            self._found = {}
            for name, service in self.services.items():
                by_path: dict[str, list[Received]] = {}
                for one in service.received:
                    by_path.setdefault(one.path, []).append(one)
                self._found[name] = by_path
        return self._found

    # --- the apps ---

    async def _subscribe(self, account: Account) -> None:
        service = self.services[account.service]
        makes: dict[str, Callable[[str], dict[str, Any]]] = {
            "webhook": service.make_webhook,
            "webpush": service.make_webpush_subscription,
            "simplepush": service.make_simplepush,
        }
        endpoints, payload = {"new_mail": makes[account.kind](account.user)}, "summary"
        if account.kind == "simplepush":
            endpoints["reconnect"], payload = service.make_simplepush(f"{account.user}-reconnect"), "alert"
        body = subscription(
            self.server.port, account.user, PASSWORD, endpoints, host="127.0.0.1", payload=payload, wait_seconds=30
        )
        status, answer = await self.gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, answer
        account.id, account.token = answer["id"], answer["token"]
        account.supplied[0] = datetime.now(UTC)

    async def _resupply(self, account: Account) -> None:
        body = {"auth": {"type": "password", "password": PASSWORD}, "wait_seconds": 0}
        try:
            status, answer = await self.gateway.call(
                "PUT", f"/v1/subscriptions/{account.id}/credentials", body, token=account.token
            )
        except aiohttp.ClientError as error:
            raise AssertionError(f"{account.user}: {error!r}") from error
        assert status in (200, 202), answer
        account.supplied.setdefault(len(self.deaths), datetime.now(UTC))


@asynccontextmanager
async def crew(seed: int, folder: Path, subscriptions: int) -> AsyncIterator[Crew]:
    accounts = [
        Account(f"user{number}", SERVICES[number % len(SERVICES)], KINDS[number // len(SERVICES) % len(KINDS)])
        for number in range(subscriptions)
    ]
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(mail_server())
        services = {name: await stack.enter_async_context(PushService()) for name in SERVICES}
        gateway = await stack.enter_async_context(
            GatewayProcess(folder, server.ca_file, imap=PACE, push="retry_for_seconds = 86400", level="warning")
        )
        yield Crew(seed, server, gateway, services, accounts)


async def _each(accounts: Sequence[Account], step: Callable[[Account], Any]) -> None:
    left = iter(accounts)

    async def some() -> None:
        for account in left:
            await step(account)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(some())


# --- what must hold ---


def accepted(came: Sequence[Received]) -> list[Received]:
    return [one for one in came if one.status is not None and 200 <= one.status <= 299]


def told_of(one: Received) -> list[int]:
    """The UIDs that a notification describes."""
    if one.payload is None or one.type != "new_mail":
        return []
    return [message["uid"] for message in one.payload.get("messages", ())]


def missing(account: Account, came: Sequence[Received]) -> int:
    """Mails that no accepted notification told of. SimplePush says no more than that there is something newer: there it is 1 as
    long as the newest ring is older than the newest mail."""
    rung = accepted(came)
    if account.kind == "simplepush":
        return int(not rung or rung[-1].at < account.sent[-1])
    by_version = {one.version: one for one in rung}
    count: int = sum(one.payload["count"] for one in by_version.values() if one.payload and one.type == "new_mail")
    return len(account.sent) - count


def faults(account: Account, came: Sequence[Received]) -> list[str]:
    """What is wrong with what came to one subscription, in words."""
    found = [f"at fault: {one.fault}" for one in came if one.fault is not None]
    newest = 0
    first: dict[int, Received] = {}
    for one in came:
        if one.version is None:
            continue
        if one.version < newest:
            found.append(f"version {one.version} after {newest}")
        newest = max(newest, one.version)
        known = first.setdefault(one.version, one)
        if known.body != one.body:
            found.append(f"version {one.version} came with two bodies")
        if known.headers.get("webhook-id") != one.headers.get("webhook-id"):
            found.append(f"version {one.version} has two ids")
        if known.headers.get("topic") != one.headers.get("topic"):
            found.append(f"version {one.version} has two topics")
    in_versions: dict[int, set[int]] = {}
    for one in came:
        for uid in told_of(one):
            assert one.version is not None
            in_versions.setdefault(uid, set()).add(one.version)
    found += [f"UID {uid} in versions {sorted(those)}" for uid, those in in_versions.items() if len(those) > 1]
    if (lacking := missing(account, came)) and account.sent:
        found.append(f"{lacking} of {len(account.sent)} mails are missing")
    return found


def repeats(came: Sequence[Received]) -> int:
    """Notifications that were accepted before and came again."""
    rung = accepted(came)
    return len(rung) - len({one.version for one in rung})


def outbox(folder: Path) -> int:
    return int(_ask(folder, "SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM holds)"))


def integrity(folder: Path) -> str:
    return str(_ask(folder, "PRAGMA integrity_check"))


def _ask(folder: Path, query: str) -> Any:
    import sqlite3

    connection = sqlite3.connect(f"file:{folder}/idlebell.db?mode=ro", uri=True, timeout=10)
    try:
        return connection.execute(query).fetchone()[0]
    finally:
        connection.close()
