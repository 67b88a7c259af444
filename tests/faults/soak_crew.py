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
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

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
    there_before: int = 0
    """Messages that lay in the mailboxes before anybody watched."""
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
    sent_at: dict[str, float] = field(default_factory=dict)
    """Subject -> when the server had taken it."""
    happened: Counter[str] = field(default_factory=Counter)
    serving: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while the server is being ended and started."""

    # --- the run ---

    async def subscribe(self) -> None:
        for account in self.accounts:
            for mailbox in account.kind.mailboxes:
                if mailbox != "INBOX":
                    await self._deliver(account, mailbox, "here before")
                    account.there_before += 1
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

    def twice(self, account: Account) -> list[str]:
        """Message-IDs that were announced more than once, under whatever UIDs."""
        told = Counter(
            message["message_id"]
            for bell in self.bells(account)
            if bell.payload
            for message in bell.payload["messages"]
        )
        return [one for one, times in told.items() if times > 1]

    async def delivered(self) -> dict[str, int]:
        """What lies in the mailboxes now, as another client sees it. A delivery that a kill interrupted is there or it is not;
        one that the sender gave up waiting for may still come."""
        counts = await asyncio.gather(*(asyncio.to_thread(self._count, account) for account in self.accounts))
        return dict(zip((account.name for account in self.accounts), counts, strict=True))

    def took_seconds(self) -> list[float]:
        """From the delivery to the ring, of those that were told of by their subject; ascending."""
        took = []
        for account in self.accounts:
            for bell in self.bells(account):
                for message in bell.payload["messages"] if bell.payload else ():
                    sent = self.sent_at.pop(message["subject"], None)
                    if sent is not None:
                        took.append(bell.at.timestamp() - sent)
        return sorted(took)

    async def shown(self, name: str) -> dict[str, Any]:
        account = next(one for one in self.accounts if one.name == name)
        _, found = await self.gateway.call("GET", f"/v1/subscriptions/{account.id}", token=account.token)
        return {"kind": account.kind, "uids": self.uids(account), "twice": self.twice(account), **found}

    # --- senders ---

    async def send_to(self, account: Account, dice: random.Random) -> None:
        mailbox = dice.choice(account.kind.mailboxes)
        subject = f"{account.name} {dice.getrandbits(48):x}"
        try:
            await self._deliver(account, mailbox, subject)
        except (OSError, smtplib.SMTPException):
            self.happened["a delivery failed"] += 1
        else:
            self.sent_at[subject] = time.time()

    async def _send(self, number: int) -> None:
        dice = random.Random(f"{self.seed} sender {number}")
        while self._going_on():
            await self.send_to(dice.choice(self.accounts), dice)
            await asyncio.sleep(dice.uniform(*SENDS_SECONDS))

    async def _deliver(self, account: Account, mailbox: str, subject: str) -> None:
        address = account.name if mailbox == "INBOX" else f"{account.name}+{mailbox}"
        message = mail.make(subject=subject, to=f"{account.name}@example.org")
        await asyncio.to_thread(self.dovecot.deliver, address, message)

    # --- what goes wrong ---

    async def _break_lines(self) -> None:
        dice = random.Random(f"{self.seed} lines")
        breaks: list[Callable[[Connection], None]] = [
            *[lambda one: one.cut(reset=True)] * 4,
            *[lambda one: one.cut(reset=False)] * 3,
            lambda one: one.behave(swallows=BOTH),
            lambda one: one.behave(swallows=frozenset({Way.DOWN})),
            lambda one: one.behave(swallows=frozenset({Way.UP})),
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
                await outage(seconds)
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
        client = imaplib.IMAP4_SSL("localhost", self.dovecot.ports.imaps, ssl_context=self.dovecot.client_context())
        with client:
            client.login(account.name, account.user.password)
            found = 0
            for mailbox in account.kind.mailboxes:
                _, lines = client.status(mailbox, "(MESSAGES)")
                found += int(lines[0].rpartition(b" ")[2].rstrip(b")"))
            return found - account.there_before
