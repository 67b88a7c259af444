"""The table of what a push service can do wrong, walked: every row at once, each at a service of its own."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from ipaddress import ip_network
from pathlib import Path

from flows.bad_answers import BAD, NEVER, Bad, Door, spelled, spelled_breaker
from idlebell.deliver.settings import DeliverySettings
from idlebell.model.endpoint import PushUrl, SimplePushEndpoint
from idlebell.model.subscription import Subscription
from idlebell.model.trail import Delivery
from idlebell.net.clock import Clock
from idlebell.net.egress import Egress
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.answers import silence
from idlebell.push.exchange import NoResponse
from idlebell.telemetry.facts import PushAttempted, SupervisorCaught
from idlebell.testing.certificate import Authority
from idlebell.testing.push_service import PushService
from unit.deliver.deliver_scene import Scene, scene
from unit.net.net_peers import FakeResolver

CAUSES = {"timeout", "refused", "tls", "dns", "not-allowed", "broken"}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "delivery.md"


async def url_of(bad: Bad, authority: Authority, stack: AsyncExitStack) -> str:
    match bad.door:
        case Door.UNKNOWN:
            return "https://nowhere.test/bad"
        case Door.FORBIDDEN:
            return "https://10.1.2.3/bad"
        case Door.REBINDING:
            return "http://rebind.test:1/bad"
        case Door.UNTRUSTED:
            tls = Authority().server_context()
        case Door.OTHER_NAME:
            tls = authority.server_context("other.example.org")
        case Door.EXPIRED:
            tls = authority.server_context(expired=True)
        case _:
            tls = None
    service = await stack.enter_async_context(PushService(tls))
    service.script("bad", then=bad.answer)
    url: str = service.make_simplepush("bad")["url"]
    if bad.door is Door.CLOSED:
        await service.stop()
    return url


async def settled(played: Scene, subscription: Subscription, tries: int) -> Delivery:
    """The attempt that is meant, once the store has it."""
    while len(kept := await played.store.deliveries(subscription.id)) < tries:
        await asyncio.sleep(0.02)
    return kept[len(kept) - tries]


async def test_everything_that_a_push_service_can_do_wrong_has_the_outcome_of_the_table() -> None:
    authority, clock = Authority(), Clock()
    egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        ca_file = Path(folder, "ca.pem")
        ca_file.write_bytes(authority.ca_pem)
        resolver = FakeResolver(rebind_test=[["127.0.0.9"], ["10.1.2.3"]])
        client = HttpClient(egress, resolver, TlsPolicy(ca_file))
        stack.push_async_callback(client.close)
        played = scene(clock, client, DeliverySettings(timeout_seconds=5.0))
        urls = [await url_of(bad, authority, stack) for bad in BAD]
        subscriptions = [await played.subscribe(SimplePushEndpoint(PushUrl(url))) for url in urls]
        for subscription in subscriptions:
            await played.ring(subscription)
        played.dispatcher.start()
        for bad, subscription in zip(BAD, subscriptions, strict=True):
            found = await settled(played, subscription, bad.tries)
            assert found.outcome == bad.outcome, (bad.does, found)
            if bad.pause is NEVER:
                assert found.next_at is None, bad.does
            else:
                assert found.next_at is not None, bad.does
                low, high = bad.pause
                assert low <= (found.next_at - found.at).total_seconds() <= high, (bad.does, found)
        for bad, subscription in zip(BAD, subscriptions, strict=True):
            attempts = [one for one in played.facts if isinstance(one, PushAttempted)]
            said = [one.detail for one in attempts if one.subscription == subscription.id][bad.tries - 1]
            # Where there is no answer the log has the cause, and only a sentence goes to the owner.
            cause = said.partition(":")[0]
            assert (silence(NoResponse(cause)).detail if cause in CAUSES else said) == bad.says, bad.does
        assert [one for one in played.facts if isinstance(one, SupervisorCaught)] == []
        await played.dispatcher.stop()


def test_the_page_of_delivery_shows_the_tables() -> None:
    page = PAGE.read_text()
    assert spelled() in page
    assert spelled_breaker() in page
