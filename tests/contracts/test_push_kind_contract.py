"""What every push kind keeps, whatever it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from idlebell.model.endpoint import (
    Endpoint,
    PushUrl,
    SimplePushEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
    form_of,
)
from idlebell.model.form import Dialect, Form
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import (
    Expiring,
    Heartbeat,
    LossReason,
    NewMail,
    Notification,
    Reconnect,
    Test,
    Verification,
)
from idlebell.model.proof import PROVEN
from idlebell.model.secret import Secret
from idlebell.push import registry
from idlebell.push.attempt import Attempt
from idlebell.push.encryption import decrypt, point, private_key
from idlebell.push.exchange import HttpRequest, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry, TooLarge
from idlebell.push.vapid import VapidKey, VapidSigner

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=3)
AUTH = bytes(16)


def stream(seed: bytes) -> Callable[[int], bytes]:
    drawn = 0

    def entropy(count: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return hashlib.shake_256(seed + bytes([drawn])).digest(count)

    return entropy


BROWSER = private_key(stream(b"browser"))
URL = PushUrl("https://push.example.net/token-nobody-may-see")
ENDPOINTS: tuple[Endpoint, ...] = (
    SimplePushEndpoint(URL),
    WebPushEndpoint(URL, point(BROWSER), Secret(AUTH)),
    WebPushEndpoint(URL, point(BROWSER), Secret(AUTH), form=Form(Dialect.COI, "phone-000001")),
    WebPushEndpoint(URL, point(BROWSER), Secret(AUTH), form=Form(Dialect.DRAFT, "phone-000001")),
    WebhookEndpoint(URL, Secret(b"k" * 24), proof=PROVEN),
)
CONTENTS = (
    NewMail("INBOX", 1, 2, 4),
    NewMail("Grüße", 1, 1, None, (MessageSummary(uid=11, preview="x" * 50_000),)),
    Reconnect(LossReason.REJECTED),
    Expiring(LATER),
    Heartbeat(),
    Test(),
    Verification("c0de"),
)
KEY = VapidKey.generate(stream(b"vapid"))

each_kind = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.kind)
each_content = pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.type)


def notification(content: object) -> Notification:
    return Notification(
        NotificationId("ntf_a"),
        SubscriptionId("sub_a"),
        content,  # type: ignore[arg-type]
        1795310202972,
        NOW,
        NOW + timedelta(days=1),
        0,
    )


def attempt(now: datetime = NOW, seed: bytes = b"a", limit: int | None = None) -> Attempt:
    return Attempt(now, stream(seed), VapidSigner(KEY, "mailto:ops@example.org"), limit)


def plain(request: HttpRequest) -> bytes:
    headers = dict(request.headers)
    if headers.get("Content-Encoding") == "aes128gcm":
        return decrypt(request.body, key=BROWSER, auth=AUTH)
    return request.body


def test_every_kind_of_endpoint_has_its_module() -> None:
    assert set(registry.KINDS) == {endpoint.kind for endpoint in get_args(Endpoint)}


@each_kind
@each_content
def test_the_same_time_and_entropy_build_the_same_request(endpoint: Endpoint, content: object) -> None:
    sent = notification(content)
    assert registry.build(sent, endpoint, attempt()) == registry.build(sent, endpoint, attempt())


@each_kind
@each_content
def test_a_retry_is_a_repeat(endpoint: Endpoint, content: object) -> None:
    """Hours later, with other entropy and a count of attempts: same body (decrypted), ``webhook-id`` and Topic."""
    first = registry.build(notification(content), endpoint, attempt())
    again = registry.build(replace(notification(content), attempts=9), endpoint, attempt(LATER, b"b"))
    assert plain(again) == plain(first)
    assert (again.method, again.url) == (first.method, first.url)
    changing = {"TTL", "Authorization", "webhook-timestamp", "webhook-signature"}
    kept = [{k: v for k, v in r.headers if k not in changing} for r in (first, again)]
    assert kept[0] == kept[1]


@each_kind
@each_content
def test_headers_are_plain_ascii_without_line_breaks(endpoint: Endpoint, content: object) -> None:
    for name, value in registry.build(notification(content), endpoint, attempt()).headers:
        assert (name + value).isascii()
        assert (name + value).isprintable()


@each_kind
def test_body_limits_only_get_smaller(endpoint: Endpoint) -> None:
    limits = registry.body_limits(endpoint)
    assert limits
    assert list(limits) == sorted(set(limits), reverse=True)


@each_kind
def test_the_last_limit_sends_no_message(endpoint: Endpoint) -> None:
    sent = notification(CONTENTS[1])
    body = plain(registry.build(sent, endpoint, attempt(limit=registry.body_limits(endpoint)[-1])))
    assert b"xxx" not in body
    assert b"1795310202972" in body or form_of(endpoint) is not None


@each_kind
def test_every_status_has_a_meaning(endpoint: Endpoint) -> None:
    """One table for all: 2xx is accepted, 410 the end, a redirect refused, 429 and 5xx come back with the service's pause."""
    for status in range(100, 600):
        outcome = registry.read(endpoint, HttpResponse(status, {"retry-after": "30"}), NOW)
        expected: type[Outcome] | tuple[type[Outcome], ...] = (Accepted, Gone, TooLarge, Refused, Retry)
        if 200 <= status <= 299:
            expected = Accepted
        elif status == 410:
            expected = Gone
        elif 300 <= status <= 399 or status < 200:
            expected = Refused
        elif status == 429 or status >= 500:
            expected = Retry
        assert isinstance(outcome, expected)
        assert getattr(outcome, "status", None) == status
        if isinstance(outcome, Retry):
            assert outcome.after_seconds == 30.0


@each_kind
@pytest.mark.parametrize("reason", ["timeout", "refused", "tls", "dns", "not-allowed", "broken"])
def test_no_answer_is_tried_again_and_tells_nothing_of_our_network(endpoint: Endpoint, reason: str) -> None:
    outcome = registry.read(endpoint, NoResponse(reason, "10.1.2.3 in private network"), NOW)
    assert isinstance(outcome, Retry)
    assert "10.1.2.3" not in outcome.detail


@each_kind
def test_no_repr_shows_the_url_or_a_secret(endpoint: Endpoint) -> None:
    shown = repr((endpoint, registry.build(notification(CONTENTS[0]), endpoint, attempt()), attempt()))
    assert "token-nobody-may-see" not in shown
    assert "kkk" not in shown
