"""The resolver against a name server that a test plays."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import ip_address

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from idlebell.net.clock import Clock
from idlebell.net.dns import CACHE_SECONDS, Resolver
from idlebell.net.errors import Unreachable

logging.getLogger("aiodns").setLevel(logging.ERROR)


class NameServer(asyncio.DatagramProtocol):
    """Answers from ``records``: name -> (TTL, addresses); an unknown name does not exist; ``silent`` names get no answer."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[int, list[str]]] = {}
        self.silent: set[str] = set()
        self.asked: list[str] = []

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data, source) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if name in self.silent:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name not in self.records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            ttl, addresses = self.records[name]
            kind = "A" if question.rdtype == 1 else "AAAA"
            own = [text for text in addresses if (":" in text) == (kind == "AAAA")]
            if own:
                answer.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, *own))
        self.transport.sendto(answer.to_wire(), source)


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
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    yield server
    transport.close()


@pytest.fixture
async def resolver(names, clock):
    resolver = Resolver(clock, [f"127.0.0.1:{names.transport.get_extra_info('sockname')[1]}"])
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
