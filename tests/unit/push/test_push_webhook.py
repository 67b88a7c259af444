"""Webhooks: Standard Webhooks, checked by its own library."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from idlebell.model.endpoint import PushUrl, WebhookEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification, Verification
from idlebell.model.secret import Secret
from idlebell.push import webhook
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, HttpResponse, NoResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused, Retry, TooLarge
from idlebell.push.payload import body

NOW = datetime.now(UTC)
SECRET = b"0123456789abcdef01234567"
ENDPOINT = WebhookEndpoint(PushUrl("https://hook.example.net/"), Secret(SECRET))
MAIL = Notification(
    NotificationId("ntf_a"), SubscriptionId("sub_a"), NewMail("INBOX", 1, 1, 4), 7, NOW, NOW + timedelta(days=1), 0
)


def test_the_library_of_standard_webhooks_verifies_the_request() -> None:
    request = webhook.build(MAIL, ENDPOINT, Attempt(datetime.now(UTC), bytes))
    assert (request.method, request.url) == ("POST", ENDPOINT.url)
    oracle = Webhook("whsec_" + base64.b64encode(SECRET).decode())
    assert oracle.verify(request.body.decode(), dict(request.headers)) == json.loads(body(MAIL))
    with pytest.raises(WebhookVerificationError):
        oracle.verify(request.body.decode() + " ", dict(request.headers))


def test_the_headers_are_the_notification_s_id_and_the_attempt_s_time() -> None:
    headers = dict(webhook.build(MAIL, ENDPOINT, Attempt(NOW, bytes)).headers)
    assert set(headers) == {"Content-Type", "webhook-id", "webhook-timestamp", "webhook-signature"}
    assert headers["Content-Type"] == "application/json"
    assert headers["webhook-id"] == "ntf_a"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_a_known_signature_comes_out() -> None:
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = b'{"type":"mail.new","timestamp":"2026-09-21T13:33:20Z","data":{"account":"a1"}}'
    assert webhook.sign("msg_0001", 1790000000, signed, [secret]) == ("v1,6CS6zx7aCGwTwRq7O/1hGz/ddachRV5gvLQFQaJGTlw=")


def test_while_a_secret_changes_both_sign() -> None:
    old, new = b"o" * 24, b"n" * 32
    header = webhook.sign("ntf_a", 1, b"{}", [new, old])
    assert header.count(" ") == 1
    for secret in (old, new):
        assert webhook.verifies("ntf_a", 1, b"{}", header, secret)
    assert not webhook.verifies("ntf_a", 1, b"{}", header, b"x" * 24)
    assert not webhook.verifies("ntf_a", 2, b"{}", header, new)
    assert not webhook.verifies("ntf_a", 1, b"{}", "v1,\udcff é", new)


def test_a_long_body_is_cut_to_20_kb_or_to_the_given_limit() -> None:
    messages = (MessageSummary(uid=11, preview="x" * 30_000),)
    long = replace(MAIL, content=NewMail("INBOX", 1, 1, 4, messages))
    assert len(webhook.build(long, ENDPOINT, Attempt(NOW, bytes)).body) == 20_000
    assert len(webhook.build(long, ENDPOINT, Attempt(NOW, bytes, limit_bytes=4_000)).body) == 4_000


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Accepted(200)),
        (204, Accepted(204)),
        (404, Retry("The push service answered 404.", 404)),
        (401, Retry("The push service answered 401.", 401)),
        (410, Gone(410)),
        (413, TooLarge(413)),
        (429, Retry("The push service answered 429.", 429, None, slow_down=True)),
        (500, Retry("The push service answered 500.", 500)),
        (503, Retry("The push service answered 503.", 503, None, slow_down=True)),
        (301, Refused("The push service answered 301; redirects are not followed.", 301)),
        (199, Refused("The push service answered 199.", 199)),
    ],
)
def test_what_a_status_means(status: int, outcome: Outcome) -> None:
    assert webhook.read(HttpResponse(status, {}), NOW) == outcome


def test_silence_is_tried_again() -> None:
    assert isinstance(webhook.read(NoResponse("dns"), NOW), Retry)


def test_a_challenge_is_an_ordinary_signed_request_with_the_code_in_its_body() -> None:
    challenge = replace(MAIL, content=Verification("c0de"))
    request = webhook.build(challenge, ENDPOINT, Attempt(NOW, bytes))
    assert json.loads(request.body)["code"] == "c0de"


@pytest.mark.parametrize(
    ("answer", "verified"),
    [
        (HttpResponse(200, {}, b'{"code":"c0de"}'), True),
        (HttpResponse(202, {}, b' {"other": 1, "code": "c0de"}\n'), True),
        (HttpResponse(200, {}, b'{"code":"c0dE"}'), False),
        (HttpResponse(200, {}, b'{"code":"\\ud800"}'), False),
        (HttpResponse(200, {}, b'{"code":0}'), False),
        (HttpResponse(200, {}, b'"c0de"'), False),
        (HttpResponse(200, {}, b"c0de"), False),
        (HttpResponse(200, {}, b"[" * 4096), False),
        (HttpResponse(200, {}, b"\xff"), False),
        (HttpResponse(400, {}, b'{"code":"c0de"}'), False),
        (HttpResponse(302, {}, b'{"code":"c0de"}'), False),
        (NoResponse("timeout"), False),
    ],
)
def test_only_a_2xx_with_the_same_code_verifies(answer: Answer, verified: bool) -> None:
    assert webhook.answers_challenge(answer, "c0de") is verified
