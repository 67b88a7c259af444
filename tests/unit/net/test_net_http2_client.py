"""HTTP/2 and Apple's pushes against a server made of h2's other half, that checks what it is sent."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from net_peers import LOOPBACK

from app_push_servers import KEY_ID, TEAM, TOPIC, AppleServer, pem
from idlebell.model.endpoint import ApnsEndpoint, PushUrl
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Content, NewMail, Notification, Seen
from idlebell.net.apns_sender import ApnsSender
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.http2_client import BODY_BYTES, Http2Client
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push import apns
from idlebell.push.apns_key import ProviderToken
from idlebell.push.attempt import Attempt
from idlebell.push.exchange import Answer, ApnsPush, HttpRequest, HttpResponse, NoResponse
from idlebell.testing.certificate import Authority

DEVICE = ApnsEndpoint("ab" * 32)


class Hours:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return Clock().now() + self.ahead


@dataclass
class Stage:
    apple: AppleServer
    client: Http2Client
    sender: ApnsSender
    clock: Hours

    def push(self, content: Content | None = None) -> ApnsPush:
        long = MessageSummary(1, sender='"' * 400, subject="日" * 400, preview="ü" * 9_000)
        now = self.clock.now()
        told = Notification(
            NotificationId("ntf_a"),
            SubscriptionId("sub_a"),
            content or NewMail("INBOX", 1, 1, 4, (long,)),
            7,
            now,
            now + timedelta(days=1),
            0,
        )
        return apns.build(told, DEVICE, Attempt(now, bytes))

    async def send(self, content: Content | None = None, seconds: float = 10) -> Answer:
        return await self.sender.carry(self.push(content), timeout_seconds=seconds)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    authority, clock = Authority(), Hours()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    client = Http2Client(Connector(LOOPBACK, Resolver(Clock())), TlsPolicy(tmp_path / "ca.pem"))
    async with AppleServer(authority.server_context()) as apple:
        token = ProviderToken.load(pem(apple.key), KEY_ID, TEAM)
        sender = ApnsSender(client.send, clock, token, topic=TOPIC, url=apple.url, sandbox_url=f"{apple.url}/sandbox")
        yield Stage(apple, client, sender, clock)
        await client.close()


async def test_pushes_go_over_one_connection_with_one_token(stage: Stage) -> None:
    answers = await asyncio.gather(*(stage.send() for _ in range(20)), stage.send(Seen("INBOX", 1, (1,), 0)))
    assert [answer.status for answer in answers if isinstance(answer, HttpResponse)] == [200] * 21
    assert (stage.apple.connections, len(stage.apple.tokens), stage.apple.faults) == (1, 1, [])
    headers, payload = stage.apple.pushes[0]
    assert headers[":path"] == f"/3/device/{DEVICE.token}"
    assert payload["idlebell"]["version"] == 7
    assert (payload["aps"]["badge"], payload["aps"]["mutable-content"]) == (4, 1)
    stage.clock.ahead = timedelta(minutes=44)
    await stage.send()
    assert len(stage.apple.tokens) == 1
    stage.clock.ahead = timedelta(minutes=46)
    await stage.send()
    assert len(stage.apple.tokens) == 2


async def test_a_token_that_is_refused_is_renewed_but_not_too_often(stage: Stage) -> None:
    refusal = (403, {}, b'{"reason":"ExpiredProviderToken"}')
    stage.apple.answers = [refusal]
    assert await stage.send() == HttpResponse(403, {}, refusal[2])
    stage.clock.ahead = timedelta(minutes=21)
    stage.apple.answers = [refusal]
    answer = await stage.send()
    assert isinstance(answer, HttpResponse)
    assert answer.status == 200


async def test_no_more_streams_than_the_service_allows(stage: Stage) -> None:
    stage.apple.streams = 3
    await stage.send()
    stage.apple.hold = asyncio.Event()
    sending = [asyncio.ensure_future(stage.send()) for _ in range(10)]
    async with asyncio.timeout(20):
        while stage.apple.at_once < 3:
            await asyncio.sleep(0.01)
    stage.apple.hold.set()
    answers = await asyncio.gather(*sending)
    assert {answer.status for answer in answers if isinstance(answer, HttpResponse)} == {200}
    assert stage.apple.at_once == 3


async def test_whatever_the_other_side_does_is_an_answer(stage: Stage) -> None:
    stage.apple.answers = [None]
    assert await stage.send() == NoResponse("broken", "the service reset the request: 2")
    stage.apple.answers = [(200, {}, b"x" * 60_000)]
    answer = await stage.send()
    assert isinstance(answer, HttpResponse)
    assert len(answer.body) == BODY_BYTES
    assert stage.apple.connections == 1
    stage.apple.goes_away = True
    assert isinstance(await stage.send(), HttpResponse)
    assert isinstance(await stage.send(), HttpResponse)
    assert stage.apple.connections == 2
    stage.apple.silent = True
    assert await stage.send(seconds=0.2) == NoResponse("timeout", "no answer within 0.2 s")
    stage.apple.silent = False
    assert isinstance(await stage.send(), HttpResponse)
    assert stage.apple.connections == 3
    cancelled = asyncio.ensure_future(stage.send())
    await asyncio.sleep(0)
    cancelled.cancel()
    assert isinstance(await stage.send(), HttpResponse)
    assert stage.apple.faults == []


async def test_a_service_that_cannot_be_spoken_to_has_its_reason(stage: Stage, tmp_path: Path) -> None:
    def request(port: int, host: str = "localhost") -> HttpRequest:
        return HttpRequest("POST", PushUrl(f"https://{host}:{port}/3/device/ab"), (), b"{}")

    async def ended(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    authority = Authority()
    for context, found in ((authority.server_context(), "tls"), (None, "broken")):
        server = await asyncio.start_server(ended, "127.0.0.1", 0, ssl=context)
        answer = await stage.client.send(request(server.sockets[0].getsockname()[1]), timeout_seconds=5)
        assert isinstance(answer, NoResponse)
        assert answer.reason in (found, "tls")
        server.close()
    free = server.sockets[0].getsockname()[1] if server.sockets else 1
    assert (await stage.client.send(request(free), timeout_seconds=5)).reason == "refused"  # type: ignore[union-attr]
    strict = Http2Client(Connector(Egress(), Resolver(Clock())), TlsPolicy())
    answer = await strict.send(request(443, "127.0.0.1"), timeout_seconds=5)
    assert isinstance(answer, NoResponse)
    assert answer.reason == "not-allowed"
    (tmp_path / "own.pem").write_bytes(authority.ca_pem)
    plain = authority.server_context()
    plain.set_alpn_protocols(["http/1.1"])
    server = await asyncio.start_server(ended, "127.0.0.1", 0, ssl=plain)
    own = Http2Client(Connector(LOOPBACK, Resolver(Clock())), TlsPolicy(tmp_path / "own.pem"))
    answer = await own.send(request(server.sockets[0].getsockname()[1]), timeout_seconds=5)
    assert answer == NoResponse("broken", "the service does not speak HTTP/2")
    server.close()
    assert ssl.HAS_ALPN
