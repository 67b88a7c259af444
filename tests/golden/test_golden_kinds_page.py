"""The table of kinds has the bytes that the programs build, of one notification of one mail."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from idlebell.model.endpoint import (
    ApnsEndpoint,
    AppriseEndpoint,
    Endpoint,
    FcmEndpoint,
    MwiEndpoint,
    PushUrl,
    SimplePushEndpoint,
    WebhookEndpoint,
    WebPushEndpoint,
)
from idlebell.model.ids import notification_id, subscription_id
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification
from idlebell.model.secret import Secret
from idlebell.push import registry
from idlebell.push.attempt import Attempt
from idlebell.push.encryption import point, private_key
from idlebell.push.exchange import AppriseCall, SipRequest, body_bytes

PAGE = Path(__file__).parents[2] / "docs/reference/endpoints.md"
NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
LUNCH = MessageSummary(11, "<1@example.org>", "Boss <boss@example.org>", "Lunch?", 1_234, "At noon", NOW)
URL = PushUrl("https://push.example.net/a")


def entropy(count: int) -> bytes:
    return bytes(range(1, count + 1))


KINDS: dict[str, Endpoint] = {
    "SimplePush": SimplePushEndpoint(URL),
    "Web Push, UnifiedPush": WebPushEndpoint(URL, point(private_key(entropy)), Secret(bytes(16))),
    "webhook": WebhookEndpoint(URL, Secret(bytes(24))),
    "apprise, an app": AppriseEndpoint(PushUrl("ntfys://ntfy.example/alice")),
    "apprise, an SMS": AppriseEndpoint(PushUrl("twilio://a:b@c/d")),
    "fcm": FcmEndpoint("x" * 163),
    "apns": ApnsEndpoint("ab" * 32),
    "mwi": MwiEndpoint(PushUrl("sip:1001@192.0.2.7")),
}


def size(endpoint: Endpoint, *messages: MessageSummary) -> int:
    content = NewMail("INBOX", 1, 1, 4, messages)
    told = Notification(
        notification_id(bytes(15)), subscription_id(bytes(15)), content, 1795310202972, NOW, NOW + timedelta(days=1), 0
    )
    request = registry.build(told, endpoint, Attempt(NOW, entropy))
    if isinstance(request, AppriseCall):
        return len((request.title + request.body).encode())
    return len(request.body) if isinstance(request, SipRequest) else body_bytes(request)


def test_the_bytes_of_each_kind_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| (\d+) \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    told = {name: (int(alert), int(summary)) for name, alert, summary in rows}
    built = {name: (size(endpoint), size(endpoint, LUNCH)) for name, endpoint in KINDS.items()}
    assert {name: told.get(name) for name in KINDS} == built
