"""A gateway with the store in memory, a door whose answers are scripted and a fleet that watches at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any, cast

from idlebell.deliver.dispatcher import Dispatcher, TestResult
from idlebell.deliver.verification import Challenge, VerifyResult
from idlebell.gateway.callers import Caller
from idlebell.gateway.discovery import Discover, no_discovery
from idlebell.gateway.policy import Policy
from idlebell.gateway.reach import Reach
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import CredentialsRequest, Registration, SubscriptionRequest, SubscriptionView
from idlebell.gateway.verbs import Gateway
from idlebell.login.asker import OPERATOR, Asker
from idlebell.login.authorization import OAuthClient
from idlebell.login.certificates import Certificates
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import LoginFailed
from idlebell.login.sign_ins import SignIns
from idlebell.model.account import Account, Credentials, PasswordCredentials
from idlebell.model.cursor import Cursor
from idlebell.model.endpoint import WebhookEndpoint
from idlebell.model.ids import AccountId, SubscriptionId, api_key_id, api_key_token, token_hash
from idlebell.model.problem import Fault
from idlebell.model.subscription import ApiKey, Floor, Subscription
from idlebell.net.addresses import Address
from idlebell.net.clock import Clock
from idlebell.net.errors import CertificateFacts, Unreachable
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.look_inbox import LookInbox
from idlebell.net.session_inbox import SessionInbox
from idlebell.push.exchange import Answer, HttpRequest, NoResponse
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Fact
from idlebell.telemetry.status import MailboxStatus, Mode, Status, Watch

WRONG = Fault("authentication-failed", "The mail server refused the user name or the password: no")
UNREACHABLE = Fault("unreachable", "The mail server cannot be reached.", private="refused")


class VirtualClock(Clock):
    """Sleeping takes no time but moves both clocks."""

    __slots__ = ("_passed", "slept")

    def __init__(self) -> None:
        self._passed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        return 1_000.0 + self._passed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._passed += max(0.0, seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        self._passed += seconds


class Session:
    """Stands for an authenticated connection."""

    def __init__(self, certificate: CertificateFacts | None = None) -> None:
        self.logged_out = False
        self.certificate = certificate

    def has(self, capability: str) -> bool:
        return capability == "IDLE"

    async def logout(self) -> None:
        self.logged_out = True


@dataclass
class ScriptedDoor:
    """Knows one password. ``fault``: what every login comes to instead. ``open``: cleared, logins hang, those to
    ``hanging_host`` always. ``room``: sessions that can be held in all."""

    password: str = "right"
    fault: Fault | None = None
    room: int = 1_000
    tries: list[tuple[Account, str]] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    hanging_host: str = ""
    seen: list[Credentials] = field(default_factory=list)
    certificates: Certificates = field(default_factory=lambda: Certificates(Clock(), lambda _: None))
    certificate: CertificateFacts | None = None
    """What the server shows."""

    def __post_init__(self) -> None:
        self.open.set()

    def has_room(self) -> bool:
        return self.live < self.room

    def report_refusals_to(self, on_refused: Any) -> None:
        self.on_refused = on_refused

    async def log_in(
        self, account: Account, credentials: Credentials, *, deadline_seconds: float, asker: Asker = OPERATOR
    ) -> ImapConnection:
        assert isinstance(credentials, PasswordCredentials)
        self.tries.append((account, credentials.password.text()))
        self.seen.append(credentials)
        await self.open.wait()
        if account.target.host == self.hanging_host:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise LoginFailed(self.fault)
        if credentials.password.text() != self.password:
            raise LoginFailed(WRONG)
        session = Session(certificate=self.certificate)
        self.certificates.saw(account.target, self.certificate)
        self.sessions.append(session)
        return cast(ImapConnection, session)

    @property
    def live(self) -> int:
        return sum(not session.logged_out for session in self.sessions)


@dataclass
class ScriptedDispatcher:
    answers: bool = True
    challenged: list[str] = field(default_factory=list)
    nudged: int = 0

    def nudge(self) -> None:
        self.nudged += 1

    async def verify_webhook(
        self, subscription: SubscriptionId, endpoint: WebhookEndpoint, source: str
    ) -> VerifyResult:
        self.challenged.append(endpoint.url.reveal())
        return VerifyResult(Challenge.VERIFIED) if self.answers else VerifyResult(Challenge.UNANSWERED, 3600.0)

    async def ask_codes(self, subscription: Subscription) -> Subscription:
        return subscription

    async def send_test(self, subscription: Subscription) -> TestResult:
        return TestResult("accepted", 201, 3.0, "The push service took it.")


class WatchingFleet:
    """One session a mailbox; what is not needed is logged out. Mailboxes in ``missing`` do not exist; ``found`` is what any
    selection selects."""

    def __init__(self, store: MemoryStore, sessions: SessionInbox, status: Status) -> None:
        self._store, self._sessions, self._status = store, sessions, status
        self.held: dict[AccountId, list[ImapConnection]] = {}
        self.missing: set[str] = set()
        self.found: tuple[str, ...] = ("INBOX", "Work")
        self.tasks: set[asyncio.Task[None]] = set()

    def nudge(self, account: AccountId) -> None:
        task = asyncio.get_running_loop().create_task(self._reconcile(account))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _reconcile(self, account: AccountId) -> None:
        wanted = await self._store.wanted_of(account)
        if self._sessions.expects(account):
            return
        held = self.held.setdefault(account, [])
        held += self._sessions.take(account)
        if wanted is not None and held:
            for selecting, _ in wanted.selections:
                await self._store.resolve(selecting, self.found)
            wanted = await self._store.wanted_of(account)
        needed = len(wanted.mailboxes) if wanted is not None else 0
        for session in held[needed:]:
            self._sessions.log_out(session)
        del held[needed:]
        if wanted is None:
            self._status.forget(account)
            return
        for mailbox in wanted.mailboxes if held else ():
            if mailbox in self.missing:
                fault = Fault("no-such-mailbox", f"The mail server does not open {mailbox!r}.")
                self._status.report(account, MailboxStatus(mailbox, Watch.FAILED, fault=fault))
                continue
            cursor = await self._store.cursor(account, mailbox)
            if cursor is None:
                cursor = Cursor(1, 11)
                await self._store.commit(account, mailbox, None, cursor, ())
            status = MailboxStatus(
                mailbox, Watch.WATCHING, Mode.IDLE, uid_validity=cursor.uid_validity, uid_next=cursor.uid_next
            )
            self._status.report(account, status)
            for subscription, fresh in wanted.fresh:
                if fresh == mailbox:
                    await self._store.ground(subscription, Floor(mailbox, cursor.uid_validity, cursor.uid_next))

    def lose(self, account: AccountId) -> None:
        for session in self.held.pop(account, []):
            self._sessions.log_out(session)
        self._status.forget(account)


class Bench:
    """Everything together, and short ways to say what the tests say often."""

    def __init__(
        self,
        policy: Policy | None = None,
        addresses: dict[str, str] | None = None,
        discover: Discover = no_discovery,
        clients: Sequence[OAuthClient] = (),
    ) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore(os.urandom)
        self.status = Status()
        self.sessions = SessionInbox()
        self.door = ScriptedDoor()
        self.keyring = Keyring()
        self.dispatcher = ScriptedDispatcher()
        self.fleet = WatchingFleet(self.store, self.sessions, self.status)
        self.looks = LookInbox()
        self.nudge = self.fleet.nudge
        self.facts: list[Fact] = []
        self.door.certificates = Certificates(self.clock, self.facts.append)
        self.asked: list[HttpRequest] = []
        """Of a provider, which answers nothing."""
        self.policy = policy or Policy(vapid_subject=True)
        self._addresses = addresses or {}
        self.budget = 100
        self.gateway = Gateway(
            self.store,
            cast(Door, self.door),
            self.keyring,
            self.sessions,
            self.status,
            lambda account: self.nudge(account),  # noqa: PLW0108 - a test may put itself in between
            cast(Dispatcher, self.dispatcher),
            self.policy,
            self.clock,
            os.urandom,
            self.facts.append,
            Reach(self.policy.egress, self._resolve),
            lambda _: self.budget,
            discover,
            self.looks,
            sign_ins=SignIns(clients, "https://bell.example.org", self._ask, self.clock, os.urandom, self.facts.append),
        )

    async def _ask(self, request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Answer:
        self.asked.append(request)
        return NoResponse("refused", "by the test")

    async def _resolve(self, host: str) -> tuple[Address, ...]:
        text = self._addresses.get(host, "93.184.216.34")
        if text == "none":
            raise Unreachable("no-such-name", host)
        return (ip_address(text),)

    def nobody(self, address: str = "192.0.2.1", *, secure: bool = True) -> Caller:
        return Caller(None, None, address, secure)

    def bearing(self, token: str | None) -> Caller:
        assert token is not None
        return Caller(None, token_hash(token), "192.0.2.1", True)

    async def key(self, name: str = "app") -> Caller:
        token = api_key_token(os.urandom(32))
        key = ApiKey(
            api_key_id(os.urandom(15)), name, token_hash(token), frozenset({"subscriptions"}), self.clock.now()
        )
        await self.store.put_api_key(key)
        return await self.gateway.authenticate(token, "192.0.2.1", True)

    async def subscribe(self, caller: Caller | None = None, **members: Any) -> Registration:
        return await self.gateway.subscribe(request(**members), caller or self.nobody())

    async def resupply(
        self, subscription: str, token: str | None, password: str, wait_seconds: float = 5
    ) -> tuple[int, SubscriptionView]:
        body = {"auth": {"type": "password", "password": password}, "wait_seconds": wait_seconds}
        found = await self.gateway.resupply(subscription, read(CredentialsRequest, body), self.bearing(token))
        assert isinstance(found, Registration)
        return found.status, found.view

    async def until(self, holds: Callable[[], bool]) -> None:
        """Turns of the loop until it holds; a test that waits in vain fails."""
        for _ in range(10_000):
            if holds():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never came to be")

    async def stored(self) -> list[Subscription]:
        return list(await self.store.page(None, None, 1_000))

    async def close(self) -> None:
        await self.gateway.stop()
        await self.sessions.close()
        await asyncio.gather(*self.fleet.tasks, return_exceptions=True)


def body(
    *,
    password: str | None = "right",
    username: str = "alice@example.org",
    push: str = "https://push.example.net/a",
    imap: dict[str, Any] | None = None,
    endpoints: dict[str, Any] | None = None,
    **members: Any,
) -> dict[str, Any]:
    account: dict[str, Any] = {"host": "imap.example.org", "username": username, **(imap or {})}
    if password is not None:
        account["auth"] = {"type": "password", "password": password}
    simple = {
        "new_mail": {"type": "simplepush", "url": push},
        "reconnect": {"type": "simplepush", "url": push + "/reconnect"},
    }
    return {"imap": account, "endpoints": endpoints or simple, "wait_seconds": 5, **members}


def request(**members: Any) -> SubscriptionRequest:
    return read(SubscriptionRequest, body(**members))
