"""What the tests of the store are made of: a clock that stands still, subscriptions, drafts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from idlebell.model.account import ImapTarget, Retention, Tls
from idlebell.model.endpoint import (
    Endpoints,
    PushUrl,
    SimplePushEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
)
from idlebell.model.ids import AccountId, SubscriptionId, subscription_id
from idlebell.model.notification import Content, Draft, Leased, NewMail
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.model.subscription import Payload, Phase, Subscription
from idlebell.store.ahead import Offer

NOW = datetime(2026, 11, 22, 4, 0, 0, 123456, tzinfo=UTC)
NOW_MS = 1795320000123
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LEASE = timedelta(minutes=1)
TARGET = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)


def counting_entropy() -> Callable[[int], bytes]:
    """Different bytes at every call, the same in every run."""
    calls = 0

    def entropy(size: int) -> bytes:
        nonlocal calls
        calls += 1
        return calls.to_bytes(size, "big")

    return entropy


def simplepush(url: str = "https://push.example.net/a") -> SimplePushEndpoint:
    return SimplePushEndpoint(PushUrl(url))


def webpush(url: str = "https://web.example.net/w") -> WebPushEndpoint:
    return WebPushEndpoint(PushUrl(url), b"\x04" + bytes(range(64)), Secret(bytes(range(16))))


def webhook(url: str = "https://hook.example.net/h") -> WebhookEndpoint:
    return WebhookEndpoint(PushUrl(url), Secret(b"endpoint-secret-of-32-bytes-long"), proof=PROVEN)


def sub_id(number: int) -> SubscriptionId:
    return subscription_id(number.to_bytes(15, "big"))


def subscription(account: AccountId, number: int = 1, **members: Any) -> Subscription:
    """An active one with SimplePush endpoints of its own."""
    values: dict[str, Any] = {
        "id": sub_id(number),
        "account_id": account,
        "key_digest": b"key %d" % number,
        "owner": None,
        "mailboxes": ("INBOX",),
        "endpoints": Endpoints(
            simplepush(f"https://push.example.net/{number}/mail"),
            simplepush(f"https://push.example.net/{number}/reconnect"),
        ),
        "payload": Payload.ALERT,
        "retention": Retention.SESSION,
        "lease_seconds": 30 * 86_400,
        "created_at": NOW + number * SECOND,
        "expires_at": NOW + 30 * DAY,
        "phase": Phase.ACTIVE,
    }
    return Subscription(**(values | members))


def new_mail(count: int = 1) -> NewMail:
    return NewMail("INBOX", 7, count, None)


def draft(
    to: SubscriptionId, content: Content | None = None, at: datetime = NOW, due_at: datetime | None = None
) -> Draft:
    return Draft(to, new_mail() if content is None else content, at, at if due_at is None else due_at, at + DAY)


class Places:
    """Takes what a commit leases, while it has places."""

    def __init__(self, places: int = 0) -> None:
        self.now = NOW
        self.places = places
        self.given_back = 0
        self.begun: list[Leased] = []
        self.told_of_more = 0

    def offer(self) -> Offer | None:
        return Offer(self.now, self.now + LEASE, self._reserve) if self.places else None

    def _reserve(self, lane: bytes) -> bool:
        if not self.places:
            return False
        self.places -= 1
        return True

    def begin(self, leased: Leased) -> None:
        self.begun.append(leased)

    def give_back(self, lane: bytes) -> None:
        self.given_back += 1

    def left(self) -> None:
        self.told_of_more += 1
