"""However a host is written that must not be reached, and whichever of our dials it is given to: nothing is dialled, and one
answer tells nothing of what is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from faults.egress_forms import hosts
from faults.fault_scene import Answer, Scene, scene, without
from idlebell.gateway import means
from idlebell.net.addresses import Address
from idlebell.net.dns import Resolver
from idlebell.net.errors import Unreachable

INSIDE = {
    "localhost": ("127.0.0.1", "::1"),
    "inside.example": ("10.0.0.1",),
    "two.example": ("127.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "2002:7f00:1::"),
}
HOSTS = (*hosts(), *INSIDE, "nowhere.example")
AT_ONCE = 40
"""Fewer than the registrations that may be under way."""


@pytest.fixture
async def dialled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every address that the loop was asked to connect to: nothing connects but by it (tests/arch/test_arch_dials.py)."""
    addresses: list[tuple[str, int]] = []
    kind = type(asyncio.get_running_loop())
    real = kind.sock_connect

    async def sock_connect(self: Any, sock: Any, address: Any) -> None:
        addresses.append(address[:2])
        await real(self, sock, address)

    monkeypatch.setattr(kind, "sock_connect", sock_connect)
    return addresses


@pytest.fixture
async def closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    """As it is without configuration: only public addresses, under TLS. A name leads where the table says."""

    async def resolve(self: Resolver, host: str) -> tuple[Address, ...]:
        if host in INSIDE:
            return tuple(map(ip_address, INSIDE[host]))
        if host == "outside.example":
            return (ip_address("93.184.216.34"),)
        try:
            return (ip_address(host),)
        except ValueError:
            raise Unreachable("no-such-name", host) from None

    monkeypatch.setattr(Resolver, "resolve", resolve)
    # The floor is test_faults_bad_requests' to hold, at its real length; here each would wait for it.
    monkeypatch.setattr(means, "UNREACHABLE_FLOOR_SECONDS", 0.0)
    async with scene(tmp_path, allow=(), plaintext=False) as made:
        yield made
        made.nobody_was_surprised()


Dialled = list[tuple[str, int]]


async def ask_all(closed: Scene, dialled: Dialled, bodies: list[dict[str, Any]]) -> list[Answer]:
    """None of them makes a connection but the one to the gateway itself."""
    port = int(closed.url.rpartition(":")[2])
    answers: list[Answer] = []
    for begin in range(0, len(bodies), AT_ONCE):
        some = bodies[begin : begin + AT_ONCE]
        answers += await asyncio.gather(*(closed.call("POST", "/v1/subscriptions", body) for body in some))
    assert dialled
    assert set(dialled) == {("127.0.0.1", port)}
    return answers


def in_url(host: str) -> str:
    """A literal has brackets there."""
    return f"https://[{host}]/a" if ":" in host and "[" not in host and "@" not in host else f"https://{host}/a"


async def test_there_are_more_than_150_forms() -> None:
    assert len(HOSTS) > 250


async def test_no_form_of_a_mail_servers_host_is_dialled(closed: Scene, dialled: Dialled) -> None:
    """S1, S5, S6, S7, S8: what is no host is told as that, and all that is one gets the same bytes, also one that does not
    exist."""
    good = {"type": "simplepush", "url": "https://outside.example/good"}
    body = closed.wish(endpoints={"new_mail": good, "reconnect": good}, wait_seconds=30)
    body["imap"].pop("port", None)
    answers = await ask_all(closed, dialled, [without(body, "/imap/host", host) for host in HOSTS])
    assert {one.type for one in answers} == {"unreachable", "invalid-request"}
    for host, one in zip(HOSTS, answers, strict=True):
        assert one.is_problem("unreachable", "invalid-request"), (host, one)
        assert one.type == "unreachable" or [e["pointer"] for e in one.json["errors"]] == ["/imap/host"], (host, one)
    assert len({one.body for one in answers if one.type == "unreachable"}) == 1
    await closed.nothing_is_kept()


async def test_no_form_of_an_endpoints_host_is_dialled(closed: Scene, dialled: Dialled) -> None:
    """S2, S5, S6, S7."""
    good = {"type": "simplepush", "url": "https://outside.example/good"}
    bad = ({"type": "simplepush", "url": in_url(host)} for host in HOSTS)
    bodies = [closed.wish(endpoints={"new_mail": one, "reconnect": good}, wait_seconds=30) for one in bad]
    answers = await ask_all(closed, dialled, bodies)
    for host, one in zip(HOSTS, answers, strict=True):
        assert one.is_problem("endpoint-not-allowed", "invalid-request"), (host, one)
        assert [e["pointer"] for e in one.json["errors"]] == ["/endpoints/new_mail/url"], (host, one)
    assert len({one.body for one in answers if one.type == "endpoint-not-allowed"}) == 1
    await closed.nothing_is_kept()


async def test_no_form_of_a_domain_is_asked_for_its_mail_server(closed: Scene, dialled: Dialled) -> None:
    """P8: a registration without a host, for an address whose domain is one of these."""
    good = {"type": "simplepush", "url": "https://outside.example/good"}
    body = closed.wish(endpoints={"new_mail": good, "reconnect": good}, wait_seconds=30)
    for name in ("host", "port", "tls"):
        body["imap"].pop(name, None)
    bodies = [
        without(body, "/imap/username", f"alice@{host}") for host in HOSTS if "." not in host or host[-1].isdigit()
    ]
    answers = await ask_all(closed, dialled, bodies)
    for asked, one in zip(bodies, answers, strict=True):
        assert one.is_problem("host-unconfirmed", "invalid-request"), (asked["imap"], one)
    await closed.nothing_is_kept()
