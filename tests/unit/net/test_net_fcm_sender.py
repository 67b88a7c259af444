"""FCM against a server that checks what it is sent: a token is got once, kept, and renewed when it is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from net_peers import LOOPBACK

from app_push_servers import GoogleServer
from idlebell.model.endpoint import FcmEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.fcm_sender import FcmSender
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push import fcm
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import FcmMessage, HttpResponse, NoResponse
from idlebell.push.google_account import ServiceAccount
from idlebell.testing.certificate import Authority

CLOCK = Clock()
DEVICE = FcmEndpoint("device-token-of-a-phone:APA91b")


def message() -> FcmMessage:
    content = NewMail("INBOX", 1, 1, 4, (MessageSummary(1, sender="ü" * 4_000, subject="Lunch?"),))
    now = CLOCK.now()
    told = Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, now, now + timedelta(days=1), 0)
    return fcm.build(told, DEVICE, Attempt(now, bytes))


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[tuple[GoogleServer, FcmSender]]:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    client = HttpClient(LOOPBACK, Resolver(CLOCK), TlsPolicy(tmp_path / "ca.pem"))
    async with GoogleServer(authority.server_context()) as server:
        yield server, FcmSender(client.send, CLOCK, ServiceAccount.load(server.account_file), server.url)
        await client.close()


async def test_messages_are_taken_with_one_token(google: tuple[GoogleServer, FcmSender]) -> None:
    server, sender = google
    answers = await asyncio.gather(*(sender.carry(message(), timeout_seconds=10) for _ in range(5)))
    assert [answer.status for answer in answers if isinstance(answer, HttpResponse)] == [200] * 5
    assert len(server.tokens) == 1
    assert server.faults == []
    (first, *_) = server.messages
    assert first["token"] == DEVICE.token
    told = json.loads(first["data"]["idlebell"])
    assert (told["type"], told["truncated"], told["version"]) == ("new_mail", True, 7)
    assert (first["android"]["priority"], first["android"]["ttl"]) == ("high", "86400s") or first["android"][
        "ttl"
    ] == "86399s"

    # A token that is revoked is followed by another one, once.
    server.tokens.append("another")
    assert isinstance(await sender.carry(message(), timeout_seconds=10), HttpResponse)
    assert len(server.messages) == 6
    server.answers += [(401, {}, {"error": {"status": "UNAUTHENTICATED"}})] * 2
    answer = await sender.carry(message(), timeout_seconds=10)
    assert isinstance(answer, HttpResponse)
    assert (answer.status, server.answers) == (401, [])


async def test_without_a_token_nothing_is_sent_and_all_is_tried_again(google: tuple[GoogleServer, FcmSender]) -> None:
    server, sender = google
    for status, body, detail in (
        (400, {"error": "invalid_grant"}, "the token service answered 400: invalid_grant"),
        (200, {"access_token": "with space", "expires_in": 3599}, "the token service answered 200"),
        (200, {"access_token": "t", "expires_in": -1}, "the token service answered 200"),
        (500, ["x"], "the token service answered 500"),
    ):
        server.token_answers.append((status, body))
        assert await sender.carry(message(), timeout_seconds=10) == NoResponse("broken", detail)
    assert server.messages == []
    assert isinstance(await sender.carry(message(), timeout_seconds=10), HttpResponse)
