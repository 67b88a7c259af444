"""Web Push: the headers of RFC 8030, and what its services answer."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import http_ece
import pytest

from idlebell.model.endpoint import PushUrl, WebPushEndpoint
from idlebell.model.form import Dialect, Form
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
    Reminder,
    Seen,
    Test,
    Verification,
)
from idlebell.model.secret import Secret
from idlebell.push import webpush
from idlebell.push.attempt import Attempt
from idlebell.push.encryption import point, private_key
from idlebell.push.exchange import HttpRequest, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry, TooLarge
from idlebell.push.payload import body
from idlebell.push.vapid import VapidKey, VapidSigner

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
AUTH = bytes(range(16))


def counted(count: int) -> bytes:
    return hashlib.shake_256(b"webpush").digest(count)


BROWSER = private_key(counted)
ENDPOINT = WebPushEndpoint(PushUrl("https://push.example.net:8443/w/1"), point(BROWSER), Secret(AUTH))
SIGNER = VapidSigner(VapidKey.generate(counted), "mailto:ops@example.org")
ATTEMPT = Attempt(NOW, counted, SIGNER)
MAIL = NewMail("INBOX", 1, 1, 4)


def notification(content: Content = MAIL, *, left: float = 86_400) -> Notification:
    return Notification(
        NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, NOW, NOW + timedelta(seconds=left), 0
    )


def headers(request: HttpRequest) -> dict[str, str]:
    assert len({name for name, _ in request.headers}) == len(request.headers)
    return dict(request.headers)


def test_the_headers_are_those_of_rfc_8030_8291_and_8292() -> None:
    request = webpush.build(notification(), ENDPOINT, ATTEMPT)
    assert (request.method, request.url) == ("POST", ENDPOINT.url)
    assert headers(request) == {
        "TTL": "86400",
        "Urgency": "high",
        "Topic": webpush.topic(notification()),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Authorization": SIGNER.authorization("https://push.example.net:8443", NOW),
    }


def test_without_a_signer_there_is_no_authorization() -> None:
    assert "Authorization" not in headers(webpush.build(notification(), ENDPOINT, Attempt(NOW, counted)))


def test_the_browser_decrypts_the_payload() -> None:
    request = webpush.build(notification(), ENDPOINT, ATTEMPT)
    assert http_ece.decrypt(request.body, private_key=BROWSER, auth_secret=AUTH) == body(notification())


@pytest.mark.parametrize(("left", "ttl"), [(59.9, "59"), (0.2, "1"), (-5, "1"), (10**8, "2419200")])
def test_the_ttl_is_what_is_left_never_0_and_at_most_28_days(left: float, ttl: str) -> None:
    assert headers(webpush.build(notification(left=left), ENDPOINT, ATTEMPT))["TTL"] == ttl


@pytest.mark.parametrize(
    ("content", "urgency"),
    [
        (MAIL, "high"),
        (Reconnect(LossReason.RESTART), "high"),
        (Verification("c"), "high"),
        (Test(), "high"),
        (Reminder("INBOX", 1, (11,)), "high"),
        (Expiring(NOW), "normal"),
        (Heartbeat(), "low"),
    ],
)
def test_urgency_is_high_where_a_sleeping_phone_must_wake(content: Content, urgency: str) -> None:
    assert headers(webpush.build(notification(content), ENDPOINT, ATTEMPT))["Urgency"] == urgency


def test_a_topic_is_32_characters_of_base64url_and_shows_no_name() -> None:
    topic = webpush.topic(notification())
    assert len(topic) == 32
    assert set(topic) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_an_alert_is_replaced_by_a_newer_one_of_the_same_mailbox() -> None:
    alert = replace(MAIL, messages=())
    several = [
        notification(alert),
        notification(replace(alert, mailbox="Lists")),
        notification(replace(alert, mailbox=None, mailboxes=(("INBOX", 1), ("Lists", 1)))),
        notification(replace(alert, vip=True)),
        notification(Test()),
        replace(notification(alert), subscription_id=SubscriptionId("sub_b")),
    ]
    assert len({webpush.topic(one) for one in several}) == len(several)
    newer = replace(notification(replace(alert, count=9)), id=NotificationId("ntf_b"), version=8)
    assert webpush.topic(newer) == webpush.topic(notification(alert))


@pytest.mark.parametrize(
    "content", [replace(MAIL, messages=(MessageSummary(11),)), Seen("INBOX", 7, (11,), 0), Reminder("INBOX", 7, (11,))]
)
def test_what_tells_of_messages_is_replaced_by_its_repeat_alone(content: Content) -> None:
    topic = webpush.topic(notification(content))
    assert webpush.topic(replace(notification(content), attempts=3)) == topic
    assert webpush.topic(replace(notification(content), id=NotificationId("ntf_b"), version=8)) != topic


def test_a_long_payload_is_cut_to_one_record_or_to_the_given_limit() -> None:
    long = notification(replace(MAIL, messages=(MessageSummary(uid=11, preview="é" * 4000),)))
    assert len(webpush.build(long, ENDPOINT, ATTEMPT).body) in (4095, 4096)
    small = webpush.build(long, ENDPOINT, replace(ATTEMPT, limit_bytes=500))
    decrypted = http_ece.decrypt(small.body, private_key=BROWSER, auth_secret=AUTH)
    assert len(decrypted) in (499, 500)
    assert json.loads(decrypted)["truncated"] is True


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Accepted(200)),
        (201, Accepted(201)),
        (202, Accepted(202)),
        (404, Gone(404)),
        (410, Gone(410)),
        (413, TooLarge(413)),
        (406, Retry("The push service answered 406.", 406, None, slow_down=True)),
        (429, Retry("The push service answered 429.", 429, None, slow_down=True)),
        (503, Retry("The push service answered 503.", 503, None, slow_down=True)),
        (502, Retry("The push service answered 502.", 502)),
        (307, Refused("The push service answered 307; redirects are not followed.", 307)),
        (400, Refused("The push service answered 400.", 400)),
        (401, Refused("The push service answered 401.", 401)),
        (403, Refused("The push service answered 403.", 403)),
    ],
)
def test_what_a_status_means(status: int, outcome: Outcome) -> None:
    assert webpush.read(HttpResponse(status, {}), NOW) == outcome


def test_silence_is_tried_again() -> None:
    assert isinstance(webpush.read(NoResponse("tls"), NOW), Retry)


@pytest.mark.parametrize(
    ("described", "detail"),
    [
        (b'{"code":400,"errno":110,"error":"Bad Request","message":"Invalid"}', ": 110 Invalid."),
        (b'{"reason":"BadJwtToken"}', ": BadJwtToken."),
        (b'{"reason":"<b>\\u0000\\u202e' + b"x" * 500 + b'"}', ": b " + "x" * 117 + "."),
        (b'{"reason":{"a":1}}', "."),
        (b'["reason"]', "."),
        (b"[" * 4096, "."),
        (b"\xff\xfe", "."),
        (b"<html>no</html>", "."),
    ],
)
def test_the_service_s_reason_is_told_in_plain_characters_only(described: bytes, detail: str) -> None:
    outcome = webpush.read(HttpResponse(400, {}, described), NOW)
    assert outcome == Refused(f"The push service answered 400{detail}", 400)


def test_the_reason_of_wns_is_in_a_header() -> None:
    answer = HttpResponse(400, {"x-wns-error-description": "Ttl value conflicts with X-WNS-Cache-Policy."})
    assert webpush.read(answer, NOW) == Refused(
        "The push service answered 400: Ttl value conflicts with X-WNS-Cache-Policy.", 400
    )


@pytest.mark.parametrize(
    ("host", "policy"),
    [
        ("wns2-am3p.notify.windows.com", "cache"),
        ("notify.windows.com.example.org", None),
        ("updates.push.services.mozilla.com", None),
    ],
)
def test_only_wns_is_told_to_keep_a_push_for_a_device_that_is_offline(host: str, policy: str | None) -> None:
    built = webpush.build(notification(), replace(ENDPOINT, url=PushUrl(f"https://{host}/w/1")), ATTEMPT)
    assert headers(built).get("X-WNS-Cache-Policy") == policy


@pytest.mark.parametrize(
    ("dialect", "header", "plaintext"),
    [(Dialect.COI, True, b'{"validation":"c0de"}'), (Dialect.DRAFT, False, b"^ WEBPUSH phone-000001 INACTIVE c0de")],
)
def test_who_registered_in_imap_is_told_in_its_dialect(dialect: Dialect, header: bool, plaintext: bytes) -> None:
    told = replace(ENDPOINT, form=Form(dialect, "phone-000001"))
    request = webpush.build(notification(Verification("c0de")), told, ATTEMPT)
    assert ("WebPush-Validation" in headers(request)) is header
    assert http_ece.decrypt(request.body, private_key=BROWSER, auth_secret=AUTH, version="aes128gcm") == plaintext
    assert "WebPush-Validation" not in headers(webpush.build(notification(), told, ATTEMPT))
