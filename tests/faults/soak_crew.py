"""Who is at work in a soak: those who send mail, those who break what can be broken, and the apps that answer when they are
asked for credentials. Each rolls dice of its own, made from the run's seed, so that a seed plays the same again as far as time
lets it.
"""

from __future__ import annotations

import asyncio
import imaplib
import random
import signal
import smtplib
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

import aiohttp

from faults.soak_evidence import Doubt, Evidence, Seat, Sent, doubts, log_lines, report, rings_of, undescribed
from faults.unruly_proxy import BOTH, Connection, UnrulyProxy, Way, Welcome
from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService, Received
from servers.dovecot_server import DovecotServer
from servers.mail_server import User

BREAKS_SECONDS = (0.1, 1.0)
"""Between two things that happen to single connections."""
OUTAGES_SECONDS = (4.0, 12.0)
"""Between two that happen to all."""
SENDERS = 3
SENDS_SECONDS = (0.0, 0.3)
ASKS_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class Kind:
    """How an account is subscribed. Mail goes to ``mailboxes``."""

    retention: str
    wished: Any
    mailboxes: tuple[str, ...]


KINDS = (
    Kind("memory", ["INBOX"], ("INBOX",)),
    Kind("session", ["INBOX"], ("INBOX",)),
    Kind("memory", "personal", ("INBOX", "Work", "Lists")),
    Kind("memory", ["INBOX", "Work"], ("INBOX", "Work")),
    Kind("session", "personal", ("INBOX", "Work")),
)


@dataclass
class Account:
    user: User
    kind: Kind
    id: str = ""
    token: str = ""
    there_before: frozenset[Seat] = frozenset()
    """Messages that lay in the mailboxes before anybody watched."""
    sent: dict[str, Sent] = field(default_factory=dict)
    """By Message-ID."""
    answered: int = 0
    """Calls for credentials."""

    @property
    def name(self) -> str:
        return self.user.name


@dataclass
class Crew:
    seed: int
    dovecot: DovecotServer
    proxy: UnrulyProxy
    service: PushService
    gateway: GatewayProcess
    accounts: list[Account]
    ends_at: float = 0.0
    happened: Counter[str] = field(default_factory=Counter)
    timeline: list[tuple[datetime, str]] = field(default_factory=list)
    """What happened to all, when."""

    # --- the run ---

    async def subscribe(self) -> None:
        for account in self.accounts:
            for mailbox in account.kind.mailboxes:
                if mailbox != "INBOX":
                    await self._deliver(account, mailbox, mail.make(subject="here before"))
            account.there_before = frozenset(await asyncio.to_thread(self._lying, account))
        await asyncio.gather(*(self._subscribe(account) for account in self.accounts))

    async def work(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds
        apps = asyncio.create_task(self.answer_calls())
        try:
            await asyncio.gather(
                *(self._send(number) for number in range(SENDERS)),
                self._break_lines(),
                self._break_all(),
            )
            # What was bad for the time of the run is good again; what is half-open stays so until the gateway notices.
            self.proxy.behave(delay_seconds=0.0, slice_bytes=0, stalls=frozenset())
        finally:
            apps.cancel()
            await asyncio.gather(apps, return_exceptions=True)

    async def answer_calls(self) -> None:
        """The apps: whoever is called sends credentials, until they are taken."""
        while True:
            for account in self.accounts:
                calls = sum(one.type == "reconnect" for one in self.service.of(account.name))
                if calls > account.answered and await self._resupply(account):
                    account.answered = calls
                    self.happened["credentials sent again"] += 1
            await asyncio.sleep(ASKS_AGAIN_SECONDS)

    # --- what is seen at the end ---

    def announced(self) -> dict[str, int]:
        """Messages, by the counts: one notification describes no more than the newest of many."""
        return {
            account.name: sum(bell.payload["count"] for bell in self.bells(account) if bell.payload)
            for account in self.accounts
        }

    def bells(self, account: Account) -> list[Received]:
        return [bell for bell in self.service.of(account.name) if bell.type == "new_mail"]

    def uids(self, account: Account) -> dict[str, list[int]]:
        """By mailbox, in the order in which they rang."""
        found: dict[str, list[int]] = defaultdict(list)
        for bell in self.bells(account):
            assert bell.payload is not None
            found[bell.payload["mailbox"]] += sorted(message["uid"] for message in bell.payload["messages"])
        return dict(found)

    async def delivered(self) -> dict[str, int]:
        """What lies in the mailboxes now, as another client sees it. A delivery that a kill interrupted is there or it is not;
        one that the sender gave up waiting for may still come."""
        counts = await asyncio.gather(*(asyncio.to_thread(self._count, account) for account in self.accounts))
        return dict(zip((account.name for account in self.accounts), counts, strict=True))

    def took_seconds(self) -> list[float]:
        """From the delivery to the ring, of those that were told of by their Message-ID; ascending."""
        return sorted(
            (ring.at - sent.at).total_seconds()
            for account in self.accounts
            for ring in rings_of(self.bells(account))
            if (sent := account.sent.get(ring.message_id)) is not None and sent.failure is None
        )

    async def doubts(self) -> dict[str, list[Doubt]]:
        """By account; without those where all is as it should be."""
        found = await asyncio.gather(*(self._evidence(account) for account in self.accounts))
        told = {account.name: doubts(one) for account, one in zip(self.accounts, found, strict=True)}
        return {name: some for name, some in told.items() if some}

    async def proof(self, name: str) -> str:
        """What became of each message of an account that is not as it should be, and what happened around it."""
        account = next(one for one in self.accounts if one.name == name)
        evidence = await self._evidence(account)
        _, shown = await self.gateway.call("GET", f"/v1/subscriptions/{account.id}", token=account.token)
        told = report(evidence, doubts(evidence), self._around(account))
        return f"{name} {account.kind}: {told}\n  the gateway shows: {shown}"

    async def _evidence(self, account: Account) -> Evidence:
        lying = await asyncio.to_thread(self._lying, account)
        bells = self.bells(account)
        fresh = {seat: message_id for seat, message_id in lying.items() if seat not in account.there_before}
        return Evidence(account.sent, fresh, rings_of(bells), undescribed(bells))

    def _around(self, account: Account) -> Iterator[tuple[datetime, str]]:
        yield from self.timeline
        log = self.gateway.log
        ids = [account.id]
        for _, line in log_lines(log, rf"subscription_changed .*\b{account.id}\b", ""):
            ids += [word.partition("=")[2] for word in line.split() if word.startswith("account=")][: 2 - len(ids)]
        yield from log_lines(log, rf"\b({'|'.join(ids)})\b", "gateway")
        wanted = rf"\b{account.name}\b|Error|Warning|Fatal|Panic"
        yield from log_lines(self.dovecot.sandbox.folder / "dovecot.log", wanted, "dovecot")

    # --- senders ---

    async def send_to(self, account: Account, dice: random.Random) -> None:
        mailbox = dice.choice(account.kind.mailboxes)
        subject = f"{account.name} {dice.getrandbits(48):x}"
        message = mail.make(subject=subject, to=f"{account.name}@example.org")
        failure = None
        try:
            await self._deliver(account, mailbox, message)
        except (OSError, smtplib.SMTPException) as error:
            self.happened["a delivery failed"] += 1
            failure = repr(error)
        account.sent[message_from_bytes(message)["Message-ID"]] = Sent(datetime.now(UTC), mailbox, failure)

    async def _send(self, number: int) -> None:
        dice = random.Random(f"{self.seed} sender {number}")
        while self._going_on():
            await self.send_to(dice.choice(self.accounts), dice)
            await asyncio.sleep(dice.uniform(*SENDS_SECONDS))

    async def _deliver(self, account: Account, mailbox: str, message: bytes) -> None:
        address = account.name if mailbox == "INBOX" else f"{account.name}+{mailbox}"
        await asyncio.to_thread(self.dovecot.deliver, address, message)

    # --- what goes wrong ---

    async def _break_lines(self) -> None:
        dice = random.Random(f"{self.seed} lines")
        breaks: list[Callable[[Connection], None]] = [
            *[lambda one: one.cut(reset=True)] * 4,
            *[lambda one: one.cut(reset=False)] * 3,
            # What is lost stays lost: a byte stream with a hole in it is nothing that a network makes.
            lambda one: one.behave(swallows=BOTH),
            lambda one: one.behave(swallows=one.manner.swallows | {Way.DOWN}),
            lambda one: one.behave(swallows=one.manner.swallows | {Way.UP}),
            lambda one: one.behave(slice_bytes=1),
            lambda one: one.behave(delay_seconds=0.05),
            lambda one: one.behave(forgets_after_seconds=1.0),
        ]
        while self._going_on():
            await asyncio.sleep(dice.uniform(*BREAKS_SECONDS))
            which, whom = dice.choice(breaks), dice.random()
            if self.proxy.connections:
                which(self.proxy.connections[int(whom * len(self.proxy.connections))])
                self.happened["something happened to a connection"] += 1

    async def _break_all(self) -> None:
        dice = random.Random(f"{self.seed} outages")
        outages: list[tuple[str, Callable[[float], Awaitable[None]]]] = [
            ("connections were reset at once", lambda seconds: self._welcome(Welcome.RESET, seconds)),
            ("nobody greeted", lambda seconds: self._welcome(Welcome.MUTE, seconds)),
            ("the port was closed", self._shut),
            ("all connections were cut", self._cut),
            ("the network stalled", self._stall),
            ("the network stalled", self._stall),
            ("the server was stopped and started", lambda seconds: self._restart(self.dovecot.stop, seconds)),
            ("the server was killed and started", lambda seconds: self._restart(self.dovecot.kill, seconds)),
            ("the gateway stood still", self._freeze),
        ]
        while self._going_on():
            await asyncio.sleep(dice.uniform(*OUTAGES_SECONDS))
            name, outage = dice.choice(outages)
            seconds = dice.uniform(0.2, 3.0)
            if self._going_on():
                self.timeline.append((datetime.now(UTC), f"{name}: from now"))
                await outage(seconds)
                self.timeline.append((datetime.now(UTC), f"{name}: until now"))
                self.happened[name] += 1

    async def _welcome(self, welcome: Welcome, seconds: float) -> None:
        self.proxy.welcome = welcome
        self.proxy.cut()
        await asyncio.sleep(seconds)
        self.proxy.welcome = Welcome.RELAY

    async def _shut(self, seconds: float) -> None:
        await self.proxy.shut()
        self.proxy.cut()
        await asyncio.sleep(seconds)
        await self.proxy.open()

    async def _cut(self, seconds: float) -> None:
        self.proxy.cut()

    async def _stall(self, seconds: float) -> None:
        self.proxy.behave(stalls=BOTH)
        await asyncio.sleep(3.0 * seconds)
        self.proxy.behave(stalls=frozenset())

    async def _restart(self, end: Callable[[], None], seconds: float) -> None:
        await asyncio.to_thread(end)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.dovecot.start)

    async def _freeze(self, seconds: float) -> None:
        self.gateway.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        self.gateway.signal(signal.SIGCONT)

    # inside

    def _going_on(self) -> bool:
        return time.monotonic() < self.ends_at

    async def _subscribe(self, account: Account) -> None:
        body = subscription(
            self.proxy.port,
            account.name,
            account.user.password,
            {"new_mail": self.service.make_webhook(account.name)},
            payload="summary",
            retention=account.kind.retention,
            mailboxes=account.kind.wished,
            wait_seconds=30,
        )
        status, answer = await self.gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, answer
        account.id, account.token = answer["id"], answer["token"]

    async def _resupply(self, account: Account) -> bool:
        body = {"auth": {"type": "password", "password": account.user.password}, "wait_seconds": 5}
        path = f"/v1/subscriptions/{account.id}/credentials"
        try:
            status, _ = await self.gateway.call("PUT", path, body, token=account.token)
        except (aiohttp.ClientError, TimeoutError):
            return False
        return status in (200, 202)

    def _count(self, account: Account) -> int:
        with self._client(account) as client:
            found = 0
            for mailbox in account.kind.mailboxes:
                _, lines = client.status(mailbox, "(MESSAGES)")
                found += int(lines[0].rpartition(b" ")[2].rstrip(b")"))
            return found - len(account.there_before)

    def _lying(self, account: Account) -> dict[Seat, str]:
        """The Message-IDs of all that lies in the account's mailboxes."""
        found = {}
        with self._client(account) as client:
            for mailbox in account.kind.mailboxes:
                client.select(mailbox, readonly=True)
                validity = int(client.response("UIDVALIDITY")[1][0])
                _, parts = client.uid("FETCH", "1:*", "(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
                for part in parts:
                    if isinstance(part, tuple):
                        uid = int(part[0].partition(b"UID ")[2].split()[0])
                        found[Seat(mailbox, validity, uid)] = part[1].partition(b":")[2].strip().decode()
        return found

    @contextmanager
    def _client(self, account: Account) -> Iterator[imaplib.IMAP4_SSL]:
        client = imaplib.IMAP4_SSL("localhost", self.dovecot.ports.imaps, ssl_context=self.dovecot.client_context())
        with client:
            client.login(account.name, account.user.password)
            yield client
