"""A store with subscriptions and a client whose answers the test gives: what the tests of delivery share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from idlebell.deliver.carriers import Carriers
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.deliver.settings import DeliverySettings
from idlebell.model.account import ImapTarget, Retention, Tls
from idlebell.model.endpoint import Endpoint, Endpoints, PushUrl, SimplePushEndpoint, WebhookEndpoint, WebPushEndpoint
from idlebell.model.ids import subscription_id
from idlebell.model.notification import Content, Draft, NewMail, Notification
from idlebell.model.proof import PROVEN, UNPROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import Payload, Phase, Subscription
from idlebell.net.clock import Clock
from idlebell.push.encryption import point, private_key
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse
from idlebell.push.vapid import VapidKey, VapidSigner
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Fact

BROWSER = private_key(os.urandom)
AUTH = bytes(16)
SIGNER_KEY = VapidKey.generate(os.urandom)


def simple(url: str = "https://push.example.net/a") -> SimplePushEndpoint:
    return SimplePushEndpoint(PushUrl(url))


def web(url: str = "https://push.example.net/w") -> WebPushEndpoint:
    return WebPushEndpoint(PushUrl(url), point(BROWSER), Secret(AUTH))


def hook(url: str = "https://hook.example.net/h", *, verified: bool = True) -> WebhookEndpoint:
    return WebhookEndpoint(PushUrl(url), Secret(b"k" * 24), PROVEN if verified else UNPROVEN)


Respond = Callable[[HttpRequest], Answer | Awaitable[Answer]]


class ScriptedHttp:
    """In place of ``HttpClient``: records, and asks the test."""

    def __init__(self, respond: Respond | None = None) -> None:
        self.requests: list[HttpRequest] = []
        self.timeouts: list[float] = []
        self.respond: Respond = respond or (lambda request: HttpResponse(201, {}))

    async def push(self, request: HttpRequest, *, timeout_seconds: float) -> Answer:
        self.requests.append(request)
        self.timeouts.append(timeout_seconds)
        answer = self.respond(request)
        return await answer if isinstance(answer, Awaitable) else answer

    def urls(self) -> list[str]:
        return [request.url.reveal() for request in self.requests]


@dataclass
class Scene:
    clock: Clock
    store: MemoryStore
    http: ScriptedHttp
    facts: list[Fact]
    ended: list[Subscription]
    dispatcher: Dispatcher

    async def subscribe(self, new_mail: Endpoint, reconnect: Endpoint | None = None) -> Subscription:
        account = await self.store.account(ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "alice")
        now = self.clock.now()
        return await self.store.put(
            Subscription(
                id=subscription_id(os.urandom(15)),
                account_id=account.id,
                key_digest=os.urandom(32),
                owner=None,
                mailboxes=("INBOX",),
                endpoints=Endpoints(new_mail, reconnect),
                payload=Payload.ALERT,
                retention=Retention.SESSION,
                lease_seconds=3600,
                created_at=now,
                expires_at=now + timedelta(hours=1),
                phase=Phase.ACTIVE,
            )
        )

    async def ring(
        self, subscription: Subscription, content: Content | None = None, *, left: float = 86_400
    ) -> Notification:
        now = self.clock.now()
        content = content or NewMail("INBOX", 1, 1, None)
        draft = Draft(subscription.id, content, now, now, now + timedelta(seconds=left))
        (notification,) = await self.store.enqueue([draft])
        self.dispatcher.nudge()
        return notification

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


def scene(clock: Clock, http: object | None = None, settings: DeliverySettings | None = None, **more: object) -> Scene:
    store = more.pop("store", None) or MemoryStore(os.urandom)
    http = http or ScriptedHttp()
    facts: list[Fact] = []
    ended: list[Subscription] = []
    dispatcher = Dispatcher(
        store,  # type: ignore[arg-type]
        Carriers().add(HttpRequest, http.push),  # type: ignore[attr-defined]
        facts.append,
        clock,
        lambda count: hashlib.shake_256(b"entropy").digest(count) if count == 4 else os.urandom(count),
        VapidSigner(SIGNER_KEY, "mailto:ops@example.org"),
        settings,
        ended.append,
    )
    return Scene(clock, store, http, facts, ended, dispatcher)  # type: ignore[arg-type]
