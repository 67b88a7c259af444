from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from idlebell.gateway.reach import Reach
from idlebell.model.endpoint import AppriseEndpoint, Endpoint, Endpoints, PushUrl, SimplePushEndpoint, WebPushEndpoint
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret
from idlebell.net.addresses import Address
from idlebell.net.egress import Egress
from idlebell.net.errors import Unreachable


def reach(*addresses: str, fails: str = "", allow: str = "") -> Reach:
    async def resolve(host: str) -> tuple[Address, ...]:
        if fails:
            raise Unreachable(fails, host)
        return tuple(ip_address(one) for one in addresses)

    networks = (ip_network(allow),) if allow else ()
    return Reach(Egress(allow=networks, allow_plaintext=bool(allow)), resolve)


def simple(url: str = "https://push.example/x") -> Endpoints:
    return Endpoints(SimplePushEndpoint(PushUrl(url)))


def web(url: str = "https://push.example/x") -> Endpoint:
    return WebPushEndpoint(PushUrl(url), b"", Secret(b""))


async def code(reach: Reach, endpoints: Endpoints, *, vapid_subject: bool = True) -> str:
    with pytest.raises(ProblemError) as caught:
        await reach.check(endpoints, vapid_subject=vapid_subject)
    assert caught.value.problem.errors[0].pointer.startswith("/endpoints/")
    return caught.value.problem.code


async def test_public_addresses_on_the_usual_port_may_be_used() -> None:
    await reach("93.184.216.34").check(simple(), vapid_subject=True)
    await reach("10.0.0.1", "93.184.216.34").check(simple(), vapid_subject=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1"])
async def test_others_may_not(address: str) -> None:
    assert await code(reach(address), simple()) == "endpoint-not-allowed"


async def test_another_port_and_no_tls_may_not() -> None:
    assert await code(reach("93.184.216.34"), simple("https://push.example:22/")) == "endpoint-not-allowed"
    assert await code(reach("93.184.216.34"), simple("http://push.example/")) == "endpoint-not-allowed"


async def test_in_a_network_that_is_allowed_they_may() -> None:
    await reach("127.0.0.1", allow="127.0.0.0/8").check(simple("http://push.test:8080/"), vapid_subject=True)


async def test_a_name_that_does_not_exist_is_refused_and_a_resolver_that_fails_is_not_held_against_it() -> None:
    assert await code(reach(fails="no-such-name"), simple()) == "endpoint-not-allowed"
    await reach(fails="timeout").check(simple(), vapid_subject=True)


async def test_web_push_outside_needs_somebody_to_write_to() -> None:
    outside, inside = reach("93.184.216.34"), reach("127.0.0.1", allow="127.0.0.0/8")
    assert await code(outside, Endpoints(web()), vapid_subject=False) == "vapid-subject-missing"
    await outside.check(Endpoints(web()), vapid_subject=True)
    await outside.check(simple(), vapid_subject=False)
    await inside.check(Endpoints(web()), vapid_subject=False)


async def test_every_endpoint_is_checked() -> None:
    both = Endpoints(
        SimplePushEndpoint(PushUrl("https://a.example/")), SimplePushEndpoint(PushUrl("http://a.example/"))
    )
    assert await code(reach("93.184.216.34"), both) == "endpoint-not-allowed"


async def test_what_apprise_says_of_a_url_is_asked_before_it_is_used() -> None:
    asked: list[PushUrl] = []

    async def look(url: PushUrl) -> str | None:
        asked.append(url)
        return "must have one target" if url.reveal().endswith("/b") else None

    asking = Reach(Egress(), reach("10.0.0.1").resolve, look)
    await asking.check(Endpoints(AppriseEndpoint(PushUrl("ntfys://h/a"))), vapid_subject=True)
    assert await code(asking, Endpoints(AppriseEndpoint(PushUrl("ntfys://h/a/b")))) == "invalid-request"
    assert len(asked) == 2
