"""The resolver against a name server that a test plays."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_address

import pytest

from idlebell.discover.srv import RECORDS, SrvRecord
from idlebell.net import dns as net_dns
from idlebell.net.clock import Clock
from idlebell.net.dns import CACHE_SECONDS, RECALLED_SECONDS, Resolver
from idlebell.net.errors import Unreachable
from name_server import serving_names

logging.getLogger("aiodns").setLevel(logging.ERROR)


class Hands(Clock):
    """A monotonic clock that a test moves."""

    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
async def names():
    async with serving_names() as server:
        yield server


@pytest.fixture
async def resolver(names, clock):
    resolver = Resolver(clock, [names.address])
    yield resolver
    await resolver.close()


async def test_both_families_are_asked(names, resolver):
    names.records["mail.example.org"] = (300, ["192.0.2.7", "2001:db8::7"])
    assert set(await resolver.resolve("mail.example.org")) == {ip_address("192.0.2.7"), ip_address("2001:db8::7")}


async def test_an_answer_is_kept_no_longer_than_the_bound_whatever_its_ttl(names, resolver, clock):
    """Neither by us nor by c-ares, which would keep it for an hour."""
    names.records["long.example.org"] = (86_400, ["192.0.2.2"])
    await resolver.resolve("long.example.org")
    asked = len(names.asked)
    clock.seconds += CACHE_SECONDS - 1
    assert await resolver.resolve("long.example.org") == (ip_address("192.0.2.2"),)
    assert len(names.asked) == asked
    clock.seconds += 2
    names.records["long.example.org"] = (86_400, ["192.0.2.3"])
    assert await resolver.resolve("long.example.org") == (ip_address("192.0.2.3"),)


async def test_an_answer_without_a_lifetime_is_not_kept(names, resolver):
    names.records["zero.example.org"] = (0, ["192.0.2.1"])
    assert await resolver.resolve("zero.example.org") == (ip_address("192.0.2.1"),)
    names.records["zero.example.org"] = (0, ["192.0.2.2"])
    assert await resolver.resolve("zero.example.org") == (ip_address("192.0.2.2"),)


async def test_a_name_that_does_not_exist_is_told_apart_and_not_remembered(names, resolver):
    with pytest.raises(Unreachable) as caught:
        await resolver.resolve("late.example.org")
    assert caught.value.reason == "no-such-name"
    names.records["late.example.org"] = (60, ["192.0.2.3"])
    assert await resolver.resolve("late.example.org") == (ip_address("192.0.2.3"),)


async def test_many_askers_are_one_question(names, resolver):
    names.records["herd.example.org"] = (60, ["192.0.2.4"])
    answers = await asyncio.gather(*(resolver.resolve("herd.example.org") for _ in range(100)))
    assert set(answers) == {(ip_address("192.0.2.4"),)}
    assert names.asked.count("herd.example.org") == 2  # A and AAAA


async def test_an_asker_who_gives_up_takes_nothing_from_the_others(names, resolver):
    names.records["shared.example.org"] = (60, ["192.0.2.5"])
    first = asyncio.ensure_future(resolver.resolve("shared.example.org"))
    second = asyncio.ensure_future(resolver.resolve("shared.example.org"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == (ip_address("192.0.2.5"),)


async def test_a_silent_name_server_is_a_timeout(names, resolver, monkeypatch):
    monkeypatch.setattr("idlebell.net.dns.DEADLINE_SECONDS", 0.2)
    names.silent.add("silent.example.org")
    with pytest.raises(Unreachable) as caught:
        await resolver.resolve("silent.example.org")
    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "a b", "127.0.0.1\0.example.org", ""])
async def test_what_is_no_host_name_is_never_asked_for(names, resolver, host):
    """S5."""
    with pytest.raises(Unreachable) as caught:
        await resolver.resolve(host)
    assert caught.value.reason == "bad-host"
    assert names.asked == []


async def test_a_literal_is_its_own_address_and_localhost_comes_from_the_hosts_file(names, resolver):
    assert await resolver.resolve("192.0.2.9") == (ip_address("192.0.2.9"),)
    assert await resolver.resolve("2001:db8::9") == (ip_address("2001:db8::9"),)
    assert ip_address("127.0.0.1") in await resolver.resolve("localhost")
    assert names.asked == []


async def test_service_records_come_as_the_name_server_has_them(names, resolver):
    names.others["_imaps._tcp.example.org", "SRV"] = ["10 5 993 mail.example.org.", "20 0 1993 Other.example.net."]
    assert set(await resolver.services("_imaps._tcp", "example.org")) == {
        SrvRecord(10, 5, 993, "mail.example.org"),
        SrvRecord(20, 0, 1993, "Other.example.net"),
    }


async def test_a_service_that_is_declined_is_told_from_one_that_is_not_named(names, resolver):
    names.others["_imap._tcp.example.org", "SRV"] = ["0 0 0 ."]
    (record,) = await resolver.services("_imap._tcp", "example.org")
    assert not record.offers
    assert await resolver.services("_imaps._tcp", "example.org") == ()


async def test_of_many_service_records_a_few_are_taken(names, resolver):
    names.others["_imaps._tcp.example.org", "SRV"] = [f"0 0 993 h{number}.example.org." for number in range(20)]
    assert len(await resolver.services("_imaps._tcp", "example.org")) == RECORDS


@pytest.mark.parametrize("domain", ["", "a b", "127.1", "x\0y", "-a.org"])
async def test_services_of_what_is_no_domain_are_not_asked_for(names, resolver, domain):
    with pytest.raises(Unreachable) as caught:
        await resolver.services("_imaps._tcp", domain)
    assert caught.value.reason == "bad-host"
    assert names.asked == []


async def test_a_name_server_that_fails_is_no_answer_about_services(names, resolver):
    names.failing.add("_imaps._tcp.example.org")
    with pytest.raises(Unreachable) as caught:
        await resolver.services("_imaps._tcp", "example.org")
    assert caught.value.reason == "dns"


async def test_an_address_has_the_name_that_dns_gives_it(names, resolver):
    names.others["7.2.0.192.in-addr.arpa", "PTR"] = ["push.example.org."]
    assert await resolver.reverse_name(ip_address("192.0.2.7")) == "push.example.org"
    assert await resolver.reverse_name(ip_address("192.0.2.8")) is None


@pytest.mark.parametrize("trouble", ["failing", "silent"])
async def test_where_the_name_server_fails_the_last_address_serves_for_a_day(
    names, resolver, clock, trouble, monkeypatch
):
    """F18."""
    monkeypatch.setattr(net_dns, "DEADLINE_SECONDS", 0.2)
    names.records["mail.example.org"] = (60, ["192.0.2.7"])
    await resolver.resolve_or_recall("Mail.example.org")
    getattr(names, trouble).add("mail.example.org")
    clock.seconds += RECALLED_SECONDS - 1
    assert await resolver.resolve_or_recall("mail.example.org") == (ip_address("192.0.2.7"),)
    with pytest.raises(Unreachable):
        await resolver.resolve("mail.example.org")
    clock.seconds += 2
    with pytest.raises(Unreachable):
        await resolver.resolve_or_recall("mail.example.org")


async def test_a_name_that_is_gone_is_gone_although_it_was_known(names, resolver, clock):
    names.records["mail.example.org"] = (1, ["192.0.2.7"])
    await resolver.resolve_or_recall("mail.example.org")
    del names.records["mail.example.org"]
    clock.seconds += CACHE_SECONDS + 1
    with pytest.raises(Unreachable) as caught:
        await resolver.resolve_or_recall("mail.example.org")
    assert caught.value.reason == "no-such-name"


async def test_recalled_names_are_bounded(names, resolver, monkeypatch):
    monkeypatch.setattr(net_dns, "RECALLED_NAMES", 2)
    for number in range(4):
        names.records[f"m{number}.example.org"] = (60, ["192.0.2.7"])
        await resolver.resolve_or_recall(f"m{number}.example.org")
    assert list(resolver._recalled) == ["m2.example.org", "m3.example.org"]
