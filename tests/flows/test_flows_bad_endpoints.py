"""Delivery over real HTTP to a push service that misbehaves, with one that works beside it."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import http_ece
import pytest
from standardwebhooks import Webhook

from idlebell.deliver.settings import DeliverySettings
from idlebell.model.endpoint import Endpoint, PushUrl, SimplePushEndpoint, WebhookEndpoint, WebPushEndpoint
from idlebell.model.secret import Secret
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.telemetry.facts import PushAttempted
from idlebell.testing.certificate import Authority
from idlebell.testing.push_service import Manner, PushService, Received, ScriptedAnswer
from unit.deliver.deliver_scene import SIGNER_KEY, Scene, scene


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def endpoint_of(given: dict[str, Any]) -> Endpoint:
    """What the REST API makes of an endpoint."""
    url = PushUrl(given["url"])
    if given["type"] == "simplepush":
        return SimplePushEndpoint(url)
    if given["type"] == "webpush":
        keys = given["keys"]
        return WebPushEndpoint(url, unbase64url(keys["p256dh"]), Secret(unbase64url(keys["auth"])))
    return WebhookEndpoint(url, Secret(base64.b64decode(given["secret"].removeprefix("whsec_"))))


@dataclass
class Played:
    scene: Scene
    client: HttpClient
    bad: PushService
    good: PushService

    async def healthy(self) -> Subscription:
        given = self.good.make_webpush_subscription(application_server_key=SIGNER_KEY.public_key)
        return await self.scene.subscribe(endpoint_of(given))

    async def attempted(self, subscription: Subscription) -> PushAttempted:
        """The first attempt at a subscription's endpoint that has ended; the client's own time limit sees to it that it
        does."""
        clock = Clock()
        for _ in range(3_000):
            for fact in self.scene.facts:
                if isinstance(fact, PushAttempted) and fact.subscription == subscription.id:
                    return fact
            await clock.sleep(0.01)
        raise AssertionError(f"no attempt ended: {self.scene.facts}")


@pytest.fixture(params=["http", "https"])
async def played(request: pytest.FixtureRequest) -> AsyncIterator[Played]:
    """Two push services on ports of their own, and a dispatcher that gives each request two seconds."""
    authority = Authority()
    tls = authority.server_context() if request.param == "https" else None
    with tempfile.TemporaryDirectory() as folder:
        ca_file = Path(folder, "ca.pem")
        ca_file.write_bytes(authority.ca_pem)
        clock = Clock()
        egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
        client = HttpClient(egress, Resolver(clock), TlsPolicy(ca_file))
        settings = DeliverySettings(timeout_seconds=2.0, verification_timeout_seconds=2.0)
        async with PushService(tls) as bad, PushService(tls) as good:
            one = Played(scene(clock, client, settings), client, bad, good)
            one.scene.dispatcher.start()
            yield one
            await one.scene.dispatcher.stop()
            await client.close()


BAD = {
    "hangs": (ScriptedAnswer(manner=Manner.NEVER), "retry"),
    "answers slowly": (ScriptedAnswer(delay_seconds=60), "retry"),
    "answers a byte at a time": (ScriptedAnswer(manner=Manner.DRIP), "retry"),
    "answers with an endless body": (ScriptedAnswer(manner=Manner.ENDLESS_BODY), "accepted"),
    "answers with megabytes": (ScriptedAnswer(body=b"x" * 10_000_000), "accepted"),
    "redirects": (ScriptedAnswer(status=307, location="http://127.0.0.1:1/"), "refused"),
    "sends 1xx for ever": (ScriptedAnswer(manner=Manner.INTERIM_FLOOD), "retry"),
    "cuts its answer": (ScriptedAnswer(manner=Manner.CUT), "retry"),
    "speaks another protocol": (ScriptedAnswer(manner=Manner.GARBAGE), "retry"),
    "asks for a garbage pause": (ScriptedAnswer(status=503, retry_after="-1e999, soon"), "retry"),
    "asks for a pause of ten years": (ScriptedAnswer(status=503, retry_after="315360000"), "retry"),
}


@pytest.mark.parametrize(("answer", "outcome"), BAD.values(), ids=BAD.keys())
async def test_an_endpoint_that_misbehaves_has_an_outcome_and_delays_no_other(
    played: Played, answer: ScriptedAnswer, outcome: str
) -> None:
    """The good service has its push while the bad one is still at it; then the bad one's outcome is what it should be."""
    played.bad.script("simple", then=answer)
    bad = await played.scene.subscribe(endpoint_of(played.bad.make_simplepush()))
    healthy = await played.healthy()
    await played.scene.ring(bad)
    await played.bad.wait_for(1)
    for expected in range(1, 6):
        await played.scene.ring(healthy)
        await played.good.wait_for(expected, timeout=1.5)
    assert all(one.fault is None for one in played.good.received)
    assert (await played.attempted(bad)).outcome == outcome


async def test_each_kind_arrives_as_its_own_libraries_read_it(played: Played) -> None:
    service = played.good
    simple = await played.scene.subscribe(endpoint_of(service.make_simplepush()))
    given_web = service.make_webpush_subscription(application_server_key=SIGNER_KEY.public_key)
    web = await played.scene.subscribe(endpoint_of(given_web))
    given_hook = service.make_webhook()
    hook = await played.scene.subscribe(endpoint_of(given_hook))
    sent = {one.id: await played.scene.ring(one) for one in (simple, web, hook)}
    await service.wait_for(lambda one: one.path == "/simple")
    await service.wait_for(lambda one: one.path == "/web")
    await service.wait_for(lambda one: one.kind == "webhook" and one.type == "new_mail")
    assert [one.fault for one in service.received if one.fault] == []
    assert service.of("simple")[0].body == b"version=%d" % sent[simple.id].version
    assert service.of("web")[0].version == sent[web.id].version
    challenge, mail = service.of("hook")
    assert (challenge.type, mail.version) == ("verification", sent[hook.id].version)
    verified = Webhook(given_hook["secret"]).verify(mail.body.decode(), mail.headers)
    assert verified == mail.payload


async def test_what_the_service_decrypts_an_independent_library_decrypts_too(
    played: Played, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[bytes] = []
    from idlebell.testing import push_service

    def both(body: bytes, *, key: Any, auth: bytes) -> bytes:
        bodies.append(http_ece.decrypt(body, private_key=key, auth_secret=auth))
        return bodies[-1]

    monkeypatch.setattr(push_service, "decrypt", both)
    await played.scene.ring(await played.healthy())
    (received,) = await played.good.wait_for(1)
    assert bodies == [received.body]
    assert received.type == "new_mail"


async def test_a_push_with_another_key_than_subscribed_with_is_refused_by_the_service(played: Played) -> None:
    other = base64.urlsafe_b64encode(b"\x04" + os.urandom(64)).rstrip(b"=").decode()
    given = played.good.make_webpush_subscription(application_server_key=other)
    result = await played.scene.dispatcher.send_test(await played.scene.subscribe(endpoint_of(given)))
    assert (result.outcome, result.status) == ("refused", 403)
    assert "another application server key" in result.detail


async def test_a_retry_arrives_with_the_version_of_the_first_attempt(played: Played) -> None:
    def arrived(one: Received) -> bool:
        return one.status == 201

    played.good.script("web", ScriptedAnswer(status=500), ScriptedAnswer(manner=Manner.CUT))
    healthy = await played.healthy()
    notification = await played.scene.ring(healthy)
    await played.good.wait_for(arrived, timeout=20)
    received = played.good.of("web")
    assert [one.version for one in received] == [notification.version] * 3
    assert len({one.headers["topic"] for one in received}) == 1
    assert len({one.body for one in received}) == 1


async def test_a_resource_that_is_removed_ends_the_subscription(played: Played) -> None:
    healthy = await played.healthy()
    played.good.remove("web")
    await played.scene.ring(healthy)
    assert (await played.attempted(healthy)).outcome == "gone"
    await played.scene.dispatcher.stop()
    assert [one.id for one in played.scene.ended] == [healthy.id]


async def test_a_webhook_that_does_not_answer_its_challenge_gets_nothing_else(played: Played) -> None:
    given = played.good.make_webhook(answers_challenges=False)
    silent = await played.scene.subscribe(endpoint_of(given))
    await played.scene.ring(silent)
    await played.good.wait_for(1)
    healthy = await played.healthy()
    await played.scene.ring(silent)
    await played.scene.ring(healthy)
    await played.good.wait_for(1, name="web")
    assert [one.type for one in played.good.of("hook")] == ["verification"]


async def test_the_service_tells_what_is_wrong_with_a_request(played: Played) -> None:
    """A fake that takes anything would prove nothing."""
    from idlebell.push.exchange import HttpRequest, HttpResponse

    service = played.good
    simple, web, hook = service.make_simplepush(), service.make_webpush_subscription(), service.make_webhook()
    form = ("Content-Type", "application/x-www-form-urlencoded")
    octets = (("TTL", "60"), ("Content-Encoding", "aes128gcm"), ("Content-Type", "application/octet-stream"))
    json_type = ("Content-Type", "application/json")
    stamped = (json_type, ("webhook-id", "ntf_a"), ("webhook-timestamp", "1"))
    for method, given, headers, body, fault in (
        ("POST", simple, (form,), b"version=1", "POST instead of PUT"),
        ("PUT", simple, (("Content-Type", "text/plain"),), b"version=1", "Content-Type is not"),
        ("PUT", simple, (form,), b"version=-1", "Invalid Version"),
        ("PUT", web, octets, b"", "PUT instead of POST"),
        ("POST", web, octets[1:], b"", "TTL is missing"),
        ("POST", web, (*octets, ("Urgency", "now")), b"", "Urgency"),
        ("POST", web, (*octets, ("Topic", "a@b")), b"", "Topic"),
        ("POST", web, (octets[0], octets[2]), b"", "Content-Encoding"),
        ("POST", web, octets[:2], b"", "Content-Type"),
        ("POST", web, octets, bytes(4097), "4096"),
        ("POST", web, octets, b"", "Authorization"),
        ("POST", hook, (), b"{}", "Content-Type"),
        ("POST", hook, (json_type,), b"{}", "webhook-id"),
        ("POST", hook, stamped, b"{}", "too far from now"),
    ):
        request = HttpRequest(method, PushUrl(given["url"]), headers, body)
        answer = await played.client.send(request, timeout_seconds=5.0)
        assert isinstance(answer, HttpResponse)
        assert answer.status == 400
        assert fault in (service.received[-1].fault or "")
        assert service.of(service.received[-1].path[1:]) == []
