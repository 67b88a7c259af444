"""The REST face over a gateway that only remembers what it was asked: what is tested here is the translation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, MutableSequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from idlebell.gateway.callers import Caller, Scope
from idlebell.gateway.legacy_shapes import RegisterRequest, UnregisterRequest
from idlebell.gateway.limits import Quota
from idlebell.gateway.login_shapes import LoginAnswerRequest
from idlebell.gateway.preferences import shown
from idlebell.gateway.shapes import (
    CountsView,
    CredentialsRequest,
    DiscoverRequest,
    DiscoveryView,
    EndpointsView,
    FilterResultView,
    FilterTestRequest,
    FilterTestView,
    HushRequest,
    LastPushView,
    LinkView,
    MailboxStateView,
    Page,
    Registration,
    SubscriptionRequest,
    SubscriptionView,
    TestView,
    VerifyRequest,
)
from idlebell.model.ids import ApiKeyId
from idlebell.model.preferences import NO_PREFERENCES
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import ApiKey
from idlebell.rest import RestOptions, RestServer
from idlebell.rest.app import create_app
from idlebell.telemetry.facts import Fact

AT = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)
TOKEN = "ibs_token"
KEYS = {"ibk_all": frozenset({"subscriptions", "metrics"}), "ibk_bare": frozenset({"subscriptions"})}

VIEW = SubscriptionView(
    id="sub_1",
    state="watching",
    mode="idle",
    mode_reason=None,
    mailboxes=(MailboxStateView(name="INBOX", uid_validity=1, uid_next=11, mode="idle"),),
    selection=None,
    source=None,
    also=(),
    payload="alert",
    retention="session",
    lease_seconds=2592000,
    heartbeat_seconds=None,
    **shown(NO_PREFERENCES),
    created_at=AT,
    expires_at=AT,
    last_seen_alive_at=AT,
    next_check_at=AT,
    last_event_at=None,
    last_push=LastPushView(at=AT, version=1795310202972, status=201, outcome="accepted"),
    counts=CountsView(detected=0, accepted=0, coalesced=0, expired=0, refused=0, pending=0, silenced=0, withdrawn=0),
    allowance=None,
    alert=None,
    unverified=(),
    endpoints=EndpointsView(new_mail=()),
    tls_pin_sha256=None,
    certificate=None,
    problem=None,
)


@dataclass
class FakeGateway:
    status: int = 201
    token: str | None = TOKEN
    problem: Problem | None = None
    failure: Exception | None = None
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)

    def _asked(self, *call: Any) -> None:
        self.calls.append(call)
        if self.problem is not None:
            raise ProblemError(self.problem)
        if self.failure is not None:
            raise self.failure

    async def authenticate(
        self,
        bearer: str | None,
        address: str,
        secure: bool,
        *,
        scope: Scope = "subscriptions",
        counted: MutableSequence[Quota] | None = None,
    ) -> Caller:
        if bearer is not None and bearer not in KEYS and bearer != TOKEN:
            raise ProblemError(Problem("unauthorized", "The token is not known."))
        key = None
        if bearer in KEYS:
            key = ApiKey(ApiKeyId("key_1"), "test", b"", KEYS[bearer], AT)
            if scope not in key.scopes:
                raise ProblemError(Problem("forbidden", f"The API key lacks the scope {scope}."))
        caller = Caller(key, bearer.encode() if bearer else None, address, secure)
        self.callers.append(caller)
        return caller

    async def subscribe(self, request: SubscriptionRequest, caller: Caller) -> Registration:
        self._asked("subscribe", request)
        return Registration(status=self.status, view=VIEW, token=self.token)

    async def register(self, request: RegisterRequest, caller: Caller) -> Registration:
        self._asked("register", request)
        return Registration(status=self.status, view=VIEW, token=self.token)

    async def unregister(self, request: UnregisterRequest, caller: Caller) -> None:
        self._asked("unregister", request)

    async def look_up(self, request: DiscoverRequest, caller: Caller) -> DiscoveryView:
        self._asked("look_up", request)
        return DiscoveryView(servers=(), provider=None)

    async def show(self, subscription: str, caller: Caller) -> SubscriptionView:
        self._asked("show", subscription)
        if subscription != "sub_1":
            raise ProblemError(Problem("not-found", "There is no such subscription."))
        return VIEW

    async def page(self, caller: Caller, cursor: str | None, limit: int) -> Page:
        self._asked("page", cursor, limit)
        return Page(items=(VIEW,), next=None)

    async def change(self, subscription: str, patch: dict[str, Any], caller: Caller) -> SubscriptionView:
        self._asked("change", subscription, patch)
        return VIEW

    async def resupply(self, subscription: str, request: CredentialsRequest, caller: Caller) -> Registration:
        self._asked("resupply", subscription, request)
        return Registration(status=202, view=VIEW, token=None)

    async def answer_login(self, request: LoginAnswerRequest, caller: Caller) -> tuple[Registration, str]:
        self._asked("answer_login", request)
        return Registration(status=self.status, view=VIEW, token=self.token), "v=proven"

    async def hush(self, subscription: str, request: HushRequest, caller: Caller) -> SubscriptionView:
        self._asked("hush", subscription, request)
        return VIEW

    async def verify(self, subscription: str, request: VerifyRequest, caller: Caller) -> SubscriptionView:
        self._asked("verify", subscription, request)
        return VIEW

    async def test(self, subscription: str, caller: Caller) -> TestView:
        self._asked("test", subscription)
        return TestView(outcome="accepted", status=201, took_ms=12.5, detail="")

    async def test_filter(self, subscription: str, request: FilterTestRequest, caller: Caller) -> FilterTestView:
        self._asked("test_filter", subscription, request)
        result = FilterResultView(
            uid=7,
            rings=True,
            because=('from has "boss"',),
            sender="Boss <boss@example.org>",
            subject="Hi",
            size=100,
            received_at=AT,
        )
        return FilterTestView(mailbox="INBOX", results=(result,))

    async def make_link(self, subscription: str, caller: Caller) -> LinkView:
        self._asked("make_link", subscription)
        return LinkView(link_token="ibl_link", expires_at=AT)

    async def end(self, subscription: str, caller: Caller) -> None:
        self._asked("end", subscription)

    async def vapid_public_key(self) -> str:
        return "BOcD"

    async def stats(self, caller: Caller) -> dict[str, Any]:
        self._asked("stats")
        return {"sessions": {"watching": 1}}


@dataclass
class Stage:
    """A server on a free port, and a client on it."""

    gateway: FakeGateway
    server: RestServer
    client: aiohttp.ClientSession
    facts: list[Fact]

    async def ask(self, method: str, path: str, **more: Any) -> Answer:
        async with self.client.request(method, self.server.url + path, **more) as response:
            content = await response.read()
            return Answer(response.status, response.headers, content, response)


@dataclass
class Answer:
    status: int
    headers: Any
    content: bytes
    response: aiohttp.ClientResponse

    @property
    def json(self) -> Any:
        import msgspec

        return msgspec.json.decode(self.content)


@asynccontextmanager
async def staged(**options: Any) -> AsyncIterator[Stage]:
    gateway = FakeGateway()
    facts: list[Fact] = []
    told = RestOptions(**{"port": 0, "emit": facts.append, **options})
    server = RestServer(create_app(gateway, told), told)  # type: ignore[arg-type]
    await server.start()
    try:
        async with aiohttp.ClientSession() as client:
            yield Stage(gateway, server, client, facts)
    finally:
        await server.stop()


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as built:
        yield built


@pytest.fixture
def stage_with() -> Callable[..., Any]:
    """``async with stage_with(cors=(…)) as stage``"""
    return staged


@pytest.fixture
def registration() -> dict[str, Any]:
    return {
        "imap": {
            "host": "imap.example.org",
            "username": "alice",
            "auth": {"type": "password", "password": "correct horse"},
        },
        "endpoints": {"new_mail": {"type": "simplepush", "url": "https://push.example.net/a"}},
    }
