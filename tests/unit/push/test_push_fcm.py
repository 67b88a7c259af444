"""FCM: the message, and the table of what its answers mean."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from idlebell.model.endpoint import FcmEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Content, Heartbeat, NewMail, Notification
from idlebell.push import fcm
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry
from idlebell.push.webpush import topic

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
PHONE = FcmEndpoint("secret-device-token")
LONG = NewMail("INBOX", 1, 1, 4, (MessageSummary(1, sender="😀" * 300, subject="Lunch?", text="é" * 60_000),))


def told(content: Content, days: float = 1) -> Notification:
    return Notification(
        NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, NOW, NOW + timedelta(days=days), 0
    )


def built(notification: Notification, limit: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(fcm.build(notification, PHONE, Attempt(NOW, bytes, None, limit)).body)["message"]
    return found


def test_a_message_is_data_that_wakes_and_replaces() -> None:
    note = told(NewMail("INBOX", 1, 1, 4))
    message = built(note)
    assert message["token"] == PHONE.token
    assert message["android"] == {"priority": "high", "ttl": "86400s", "collapse_key": topic(note)}
    assert set(message) == {"token", "data", "android"}
    assert json.loads(message["data"]["idlebell"])["count"] == 1
    assert built(told(Heartbeat()))["android"]["priority"] == "normal"
    assert built(told(Heartbeat(), days=100))["android"]["ttl"] == "2419200s"
    assert built(told(Heartbeat(), days=-1))["android"]["ttl"] == "1s"


@pytest.mark.parametrize("limit", [None, *fcm.BODY_LIMITS])
def test_data_stay_below_what_is_taken(limit: int | None) -> None:
    data = built(told(LONG), limit)["data"]
    assert sum(len(name.encode()) + len(value.encode()) for name, value in data.items()) <= 4_096
    assert json.loads(data["idlebell"])["truncated"] is True


def test_the_device_is_in_no_repr() -> None:
    assert "secret" not in repr((PHONE, PHONE.url, fcm.build(told(LONG), PHONE, Attempt(NOW, bytes))))
    assert PHONE.url.lane == "fcm://"


def error(status: int, code: str | None, word: str = "X", **headers: str) -> HttpResponse:
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest"}]
    if code is not None:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
    body = {"error": {"code": status, "message": "no", "status": word, "details": details}}
    return HttpResponse(
        status, {name.replace("_", "-"): value for name, value in headers.items()}, json.dumps(body).encode()
    )


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HttpResponse(200, {}, b'{"name":"projects/x/messages/1"}'), Accepted(200)),
        (error(404, "UNREGISTERED", "NOT_FOUND"), Gone(404)),
        (error(404, None, "NOT_FOUND"), Refused("The push service answered 404: NOT_FOUND.", 404)),
        (error(403, "SENDER_ID_MISMATCH", "PERMISSION_DENIED"),
         Refused("The device belongs to another sender's app: SENDER_ID_MISMATCH.", 403)),
        (error(403, None, "PERMISSION_DENIED"), Refused("The push service answered 403: PERMISSION_DENIED.", 403)),
        (error(400, "INVALID_ARGUMENT"), Refused("The push service answered 400: INVALID_ARGUMENT.", 400)),
        (error(401, "THIRD_PARTY_AUTH_ERROR"), Refused("The push service answered 401: THIRD_PARTY_AUTH_ERROR.", 401)),
        (error(429, "QUOTA_EXCEEDED", retry_after="60"), Retry("The push service answered 429.", 429, 60.0, slow_down=True)),
        (error(503, "UNAVAILABLE", retry_after="5"), Retry("The push service answered 503.", 503, 5.0, slow_down=True)),
        (error(500, "INTERNAL"), Retry("The push service answered 500.", 500)),
        (error(502, "<script>"), Retry("The push service answered 502.", 502)),
        (HttpResponse(404, {}, b"<html>"), Refused("The push service answered 404.", 404)),
        (HttpResponse(400, {}, b"[" * 4_096), Refused("The push service answered 400.", 400)),
        (HttpResponse(400, {}, b'{"error":{"details":[7,{"errorCode":8}]}}'), Refused("The push service answered 400.", 400)),
        (HttpResponse(302, {}), Refused("The push service answered 302; redirects are not followed.", 302)),
        (NoResponse("timeout"), Retry("The push service did not answer in time.")),
        (NoResponse("broken", "the token service answered 400"), Retry("The push service's answer broke off or is not HTTP.")),
    ],
)  # fmt: skip
def test_what_an_answer_means(answer: Answer, outcome: Outcome) -> None:
    assert fcm.read(answer, NOW) == outcome
