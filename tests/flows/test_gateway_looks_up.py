"""POST /v1/discover, before anybody has typed a password."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway.callers import Caller
from idlebell.gateway.discovery import Found, Source
from idlebell.gateway.policy import Policy
from idlebell.gateway.shapes import DiscoverRequest
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.problem import ProblemError

NOBODY = Caller(None, None, "192.0.2.1", secure=True)
GMAIL = Found(ImapTarget("imap.gmail.com", 993, Tls.IMPLICIT), Source.SRV, "_imaps._tcp.example.org", confirmed=True)
OTHER = Found(ImapTarget("mail.other.example", 143, Tls.STARTTLS), Source.AUTOCONFIG, "https://…", "alice")


def bench_that_finds(*found: Found, policy: Policy | None = None) -> Bench:
    async def discover(address: str) -> Sequence[Found]:
        return found

    return Bench(policy, discover=discover)


async def test_servers_are_told_with_whether_credentials_may_go_there() -> None:
    bench = bench_that_finds(GMAIL, OTHER)
    view = await bench.gateway.look_up(DiscoverRequest(address="alice@example.org"), NOBODY)
    assert [(one.host, one.port, one.tls, one.username, one.source, one.confirmed) for one in view.servers] == [
        ("imap.gmail.com", 993, "implicit", None, "srv", True),
        ("mail.other.example", 143, "starttls", "alice", "autoconfig", False),
    ]
    assert view.provider is not None
    assert (view.provider.name, view.provider.login) == ("Gmail, Google Workspace", "app")
    assert view.provider.page.startswith("https://")
    assert bench.clock.slept == []
    await bench.close()


async def test_a_provider_is_told_also_where_its_server_was_not_found() -> None:
    bench = bench_that_finds()
    view = await bench.gateway.look_up(DiscoverRequest(address="alice@proton.me"), NOBODY)
    assert view.servers == ()
    assert view.provider is not None
    assert view.provider.login == "bridge"
    await bench.close()


async def test_a_search_that_finds_nothing_is_not_answered_early() -> None:
    bench = bench_that_finds()
    view = await bench.gateway.look_up(DiscoverRequest(address="alice@example.org"), NOBODY)
    assert (view.servers, view.provider) == ((), None)
    assert sum(bench.clock.slept) == 2.0
    await bench.close()


@pytest.mark.parametrize(
    "address", ["alice", "@example.org", "alice@", "alice@192.0.2.1", "a@b\x00.example", "a" * 400]
)
async def test_what_is_no_address_is_not_searched_for(address: str) -> None:
    bench = bench_that_finds(GMAIL)
    with pytest.raises(ProblemError) as caught:
        await bench.gateway.look_up(DiscoverRequest(address=address), NOBODY)
    assert [one.pointer for one in caught.value.problem.errors] == ["/address"]
    await bench.close()


async def test_who_may_not_register_may_not_search() -> None:
    bench = bench_that_finds(GMAIL, policy=Policy(registration_open=False))
    for caller in (NOBODY, Caller(None, b"any token", "192.0.2.1", secure=True)):
        with pytest.raises(ProblemError) as caught:
            await bench.gateway.look_up(DiscoverRequest(address="alice@example.org"), caller)
        assert caught.value.problem.code == "unauthorized"
    await bench.close()


async def test_searches_are_counted_as_registrations_are() -> None:
    bench = bench_that_finds(GMAIL, policy=Policy(registrations_per_minute=2))
    for _ in range(2):
        await bench.gateway.look_up(DiscoverRequest(address="alice@example.org"), NOBODY)
    with pytest.raises(ProblemError) as caught:
        await bench.gateway.look_up(DiscoverRequest(address="alice@example.org"), NOBODY)
    assert caught.value.problem.code == "too-many-requests"
    await bench.close()
