"""APNs: the push, and the table of what its answers mean."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.model.endpoint import ApnsEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import (
    Content,
    Expiring,
    Heartbeat,
    LossReason,
    NewMail,
    Notification,
    Reconnect,
    Seen,
    Test,
    Verification,
)
from idlebell.push import apns
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, ApnsPush, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry, TooLarge
from idlebell.push.webpush import topic

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
PHONE = ApnsEndpoint("ab" * 32)
HOSTILE = MessageSummary(1, sender='"' * 500, subject="日" * 500, preview="\\" * 500, text="é\u2028" * 60_000)
CONTENTS: tuple[Content, ...] = (
    NewMail("INBOX", 1, 1, 4),
    NewMail("INBOX", 1, 9, 4, (HOSTILE,) * 9),
    NewMail("INBOX", 1, 1, 4, (HOSTILE,)),
    Seen("INBOX", 1, (1, 2), 0),
    Reconnect(LossReason.REJECTED),
    Expiring(NOW),
    Heartbeat(),
    Test(),
    Verification("c0de"),
)


def told(content: Content) -> Notification:
    return Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, NOW, NOW + timedelta(days=1), 0)


def built(content: Content, limit: int | None = None) -> ApnsPush:
    return apns.build(told(content), PHONE, Attempt(NOW, bytes, None, limit))


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: content.type)
def test_a_push_keeps_to_what_apple_takes(content: Content) -> None:
    for limit in (None, *apns.BODY_LIMITS):
        push = built(content, limit)
        assert len(push.body) <= apns.PAYLOAD_BYTES
        payload, headers = json.loads(push.body), dict(push.headers)
        assert payload["idlebell"]["type"] == content.type
        assert headers["apns-expiration"] == str(int(NOW.timestamp()) + 86_400)
        assert len(headers["apns-collapse-id"]) <= 64
        silent = content.type in apns.SILENT
        assert (headers["apns-push-type"], "alert" in payload["aps"]) == (
            ("background", False) if silent else ("alert", True)
        )
        assert headers["apns-priority"] == ("5" if silent or content.type == "expiring" else "10")


def test_new_mail_is_an_alert_with_a_badge() -> None:
    content = NewMail("INBOX", 1, 1, 4, (MessageSummary(1, sender="Boss", subject="Lunch?"),))
    payload = json.loads(built(content).body)
    assert payload["aps"] == {
        "alert": {"title": "Boss", "body": "Lunch?"},
        "mutable-content": 1,
        "sound": "default",
        "thread-id": topic(told(content)),
        "badge": 4,
    }
    for other in (NewMail("Work", 1, 1, 4), NewMail("INBOX", 1, 1, None)):
        assert "badge" not in json.loads(built(other).body)["aps"]


def test_every_try_has_the_same_id_and_every_notification_another() -> None:
    note = told(Test())
    assert apns.apns_id(note) == apns.apns_id(replace(note, attempts=4))
    assert apns.apns_id(note) != apns.apns_id(replace(note, id=NotificationId("ntf_b")))


def test_the_device_is_in_no_repr() -> None:
    assert "abab" not in repr((PHONE, PHONE.url, built(Test())))
    assert (PHONE.url.lane, replace(PHONE, sandbox=True).url.lane) == ("apns://", "apns-sandbox://")


def answer(status: int, reason: str, after: str = "") -> HttpResponse:
    headers = {"retry-after": after} if after else {}
    return HttpResponse(status, headers, json.dumps({"reason": reason}).encode())


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        (HttpResponse(200, {"apns-id": "x"}), Accepted(200)),
        (answer(410, "Unregistered"), Gone(410)),
        (answer(410, "ExpiredToken"), Gone(410)),
        (answer(400, "BadDeviceToken"), Refused("The push service answered 400: BadDeviceToken.", 400)),
        (answer(400, "DeviceTokenNotForTopic"), Refused("The push service answered 400: DeviceTokenNotForTopic.", 400)),
        (answer(403, "InvalidProviderToken"), Retry("The push service answered 403.", 403, slow_down=True)),
        (answer(403, "ExpiredProviderToken"), Retry("The push service answered 403.", 403, slow_down=True)),
        (answer(403, "Forbidden"), Refused("The push service answered 403: Forbidden.", 403)),
        (answer(404, "BadPath"), Refused("The push service answered 404: BadPath.", 404)),
        (answer(413, "PayloadTooLarge"), TooLarge(413)),
        (answer(429, "TooManyRequests"), Retry("The push service answered 429.", 429)),
        (answer(429, "TooManyProviderTokenUpdates"), Retry("The push service answered 429.", 429, slow_down=True)),
        (answer(500, "InternalServerError"), Retry("The push service answered 500.", 500)),
        (
            answer(503, "ServiceUnavailable", after="9"),
            Retry("The push service answered 503.", 503, 9.0, slow_down=True),
        ),
        (HttpResponse(400, {}, b'["x"]'), Refused("The push service answered 400.", 400)),
        (HttpResponse(400, {}, b'{"reason":"<b>"}'), Refused("The push service answered 400.", 400)),
        (NoResponse("tls"), Retry("The push service's certificate does not verify, or its TLS failed.")),
    ],
)
def test_what_an_answer_means(given: Answer, outcome: Outcome) -> None:
    assert apns.read(given, NOW) == outcome
