"""What we send, to receivers that others wrote in JavaScript: http_ece, web-push-testing and standardwebhooks.

One Node runs them all. Every kind of content is sent by the sender of the gateway over HTTP.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest

from idlebell.deliver.carriers import Carriers
from idlebell.deliver.sender import Sender
from idlebell.deliver.signing import Signing
from idlebell.model.endpoint import Endpoint, PushUrl, WebhookEndpoint, WebPushEndpoint
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
from idlebell.net.clock import Clock
from idlebell.net.egress import Egress
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push import webhook, webpush
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import HttpRequest, HttpResponse
from idlebell.push.outcome import Accepted, Gone, Outcome, Refused
from idlebell.push.payload import body, fit
from idlebell.push.vapid import VapidKey, VapidSigner
from idlebell.store.memory import MemoryStore
from interop.npm_packages import FOLDER
from servers.node import ENVIRONMENT, node
from unit.net.net_peers import FakeResolver

pytestmark = pytest.mark.needs("npm-packages")

SCRIPT = Path(__file__).with_name("receivers.js")
SECONDS = 60.0
NOW = datetime.now(UTC)
SECRET = os.urandom(24)
MESSAGE = MessageSummary(
    7, "<a@example.org>", "Zoë <zoe@example.org>", "Über 5 € 🔔 \u202e", 4321, "„So“\n\\ </script> 日本語", NOW
)
VAPID = VapidKey.generate(os.urandom)


def new_mail(*messages: MessageSummary) -> NewMail:
    return NewMail("Entwürfe/ü", 1, max(1, len(messages)), 4, messages)


def notification(content: Content) -> Notification:
    return Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, NOW, NOW + timedelta(days=1), 0)


def filling(limit: int) -> NewMail:
    """Whose body is that many bytes."""
    left = limit - len(body(notification(new_mail(replace(MESSAGE, preview="ü")))))
    full = new_mail(replace(MESSAGE, preview="ü" + "x" * left))
    assert len(body(notification(full))) == limit
    return full


CONTENTS: tuple[Content, ...] = (
    new_mail(),
    new_mail(MESSAGE, replace(MESSAGE, uid=8, subject=None)),
    filling(webpush.BODY_LIMITS[0]),
    filling(webpush.BODY_LIMITS[0] + 1),
    new_mail(*[MESSAGE] * 20),
    Reminder("INBOX", 1, (7,)),
    Seen("INBOX", 1, (7, 8), 3),
    Reconnect(LossReason.RESTART),
    Expiring(NOW),
    Heartbeat(),
    Test(),
    Verification("12345678"),
)


@dataclass(frozen=True)
class Receivers:
    url: str
    control: aiohttp.ClientSession
    client: HttpClient

    async def ask(self, path: str, **members: Any) -> Any:
        async with self.control.request("POST" if members else "GET", self.url + path, json=members or None) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def deliver(self, content: Content, endpoint: Endpoint, key: VapidKey = VAPID) -> Outcome:
        carriers = Carriers().add(HttpRequest, self.client.push)
        signing = Signing(MemoryStore(os.urandom), VapidSigner(key, "mailto:ops@example.org"), Clock())
        sender = Sender(carriers, lambda _: None, Clock(), os.urandom, signing)
        return (await sender.send(notification(content), endpoint, timeout_seconds=SECONDS)).outcome


@asynccontextmanager
async def receivers() -> AsyncIterator[Receivers]:
    process = await asyncio.create_subprocess_exec(
        node(), SCRIPT, whsec(SECRET),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env={**ENVIRONMENT, "NODE_PATH": str(FOLDER)},
    )  # fmt: skip
    assert process.stdout is not None
    egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
    client = HttpClient(egress, FakeResolver(), TlsPolicy())
    try:
        async with asyncio.timeout(SECONDS), aiohttp.ClientSession() as control:
            port = int(await process.stdout.readline())
            yield Receivers(f"http://127.0.0.1:{port}", control, client)
    finally:
        await client.close()
        process.kill()
        await process.communicate()


def whsec(secret: bytes) -> str:
    return "whsec_" + base64.b64encode(secret).decode()


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def subscribed(url: str, keys: dict[str, str]) -> WebPushEndpoint:
    return WebPushEndpoint(PushUrl(url), unpadded(keys["p256dh"]), Secret(unpadded(keys["auth"])))


async def test_libraries_in_javascript_read_everything_that_we_send() -> None:
    assert {type(one) for one in CONTENTS} == set(get_args(Content))
    async with receivers() as there:
        await web_push_is_decrypted_by_http_ece(there)
        await web_push_is_accepted_by_web_push_testing(there)
        await webhooks_are_verified_by_standardwebhooks(there)


async def web_push_is_decrypted_by_http_ece(there: Receivers) -> None:
    browser = subscribed(f"{there.url}/ece", (await there.ask("/ece"))["keys"])
    for content in CONTENTS:
        assert await there.deliver(content, browser) == Accepted(201)
    sent = [fit(notification(content), webpush.BODY_LIMITS[0]) for content in CONTENTS]
    assert [len(one) for one in sent[2:4]] == [3993, 3993]
    assert (await there.ask("/ece"))["got"] == [one.decode() for one in sent]


async def web_push_is_accepted_by_web_push_testing(there: Receivers) -> None:
    """It checks the signature of VAPID against the key that was subscribed with, then decrypts."""
    data = (await there.ask("/subscribe", userVisibleOnly="true", applicationServerKey=VAPID.public_key))["data"]
    browser = subscribed(data["endpoint"], data["keys"])
    for content in CONTENTS:
        assert await there.deliver(content, browser) == Accepted(201)
    got = (await there.ask("/get-notifications", clientHash=data["clientHash"]))["data"]["messages"]
    assert got == [fit(notification(content), webpush.BODY_LIMITS[0]).decode() for content in CONTENTS]

    stranger = await there.deliver(Test(), browser, VapidKey.generate(os.urandom))
    assert isinstance(stranger, Refused)
    async with there.control.post(f"{there.url}/expire-subscription/{data['clientHash']}") as answer:
        assert answer.status == 200
    assert await there.deliver(Test(), browser) == Gone(410)


async def webhooks_are_verified_by_standardwebhooks(there: Receivers) -> None:
    url = PushUrl(f"{there.url}/webhook")
    endpoint = WebhookEndpoint(url, Secret(SECRET))
    for content in CONTENTS:
        assert await there.deliver(content, endpoint) == Accepted(201)
    got = [json.loads(fit(notification(content), webhook.BODY_LIMITS[0])) for content in CONTENTS]
    assert (await there.ask("/webhook"))["got"] == got

    genuine = webhook.build(notification(new_mail(MESSAGE)), endpoint, Attempt(datetime.now(UTC), os.urandom))
    stranger = WebhookEndpoint(url, Secret(os.urandom(24)))
    for forged in (
        replace(genuine, body=genuine.body.replace(b'"count":1', b'"count":2')),
        replace(
            genuine, headers=tuple(one if one[0] != "webhook-id" else ("webhook-id", "x") for one in genuine.headers)
        ),
        webhook.build(notification(Test()), stranger, Attempt(datetime.now(UTC), os.urandom)),
        webhook.build(notification(Test()), endpoint, Attempt(datetime.now(UTC) - timedelta(minutes=6), os.urandom)),
    ):
        assert forged != genuine
        answer = await there.client.send(forged)
        assert isinstance(answer, HttpResponse)
        assert answer.status == 401, answer
    assert (await there.ask("/webhook"))["got"] == got
