"""Which server an address leads to, and which of them credentials may go to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from idlebell.discover.srv import SrvRecord
from idlebell.gateway import discovery
from idlebell.gateway.discovery import KEPT_NOTHING_SECONDS, KEPT_SECONDS, Discovery, Found, Source, choose, domain_of
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.problem import ProblemError
from idlebell.net.clock import Clock
from idlebell.net.errors import Unreachable
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse

ADDRESS = "alice@example.org"
FILES = (
    "https://autoconfig.example.org/mail/config-v1.1.xml",
    "https://example.org/.well-known/autoconfig/mail/config-v1.1.xml",
)


def config(host: str, user: str = "%EMAILADDRESS%") -> HttpResponse:
    body = (
        f'<clientConfig><emailProvider><incomingServer type="imap"><hostname>{host}</hostname><port>993</port>'
        f"<socketType>SSL</socketType><username>{user}</username></incomingServer></emailProvider></clientConfig>"
    )
    return HttpResponse(200, {}, body.encode())


class Hands(Clock):
    __slots__ = ("seconds",)

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def monotonic(self) -> float:
        return self.seconds


class World:
    """What DNS and the web say, and what they were asked."""

    def __init__(self) -> None:
        self.records: dict[str, Sequence[SrvRecord] | Unreachable] = {}
        self.files: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.clock = Hands()
        self.discovery = Discovery(self.services, self.send, self.clock)

    async def services(self, service: str, domain: str) -> tuple[SrvRecord, ...]:
        self.asked.append(f"{service}.{domain}")
        await self.gate.wait()
        found = self.records.get(f"{service}.{domain}", ())
        if isinstance(found, Unreachable):
            raise found
        return tuple(found)

    async def send(self, request: HttpRequest, *, timeout_seconds: float, body_bytes: int) -> Answer:
        self.asked.append(request.url.reveal())
        assert request.headers == ()
        assert request.body == b""
        return self.files.get(request.url.reveal(), NoResponse("refused"))

    async def hosts(self, address: str = ADDRESS) -> list[tuple[str, Source, bool]]:
        return [(one.target.host, one.source, one.confirmed) for one in await self.discovery.find(address)]


@pytest.fixture
def world() -> World:
    return World()


async def test_service_records_come_first_and_nothing_else_is_asked_then(world: World) -> None:
    world.records["_imaps._tcp.example.org"] = [SrvRecord(0, 1, 993, "mail.example.org")]
    world.records["_imap._tcp.example.org"] = [SrvRecord(0, 1, 143, "mail.example.org")]
    found = await world.discovery.find(ADDRESS)
    assert [one.target for one in found] == [
        ImapTarget("mail.example.org", 993, Tls.IMPLICIT),
        ImapTarget("mail.example.org", 143, Tls.STARTTLS),
    ]
    assert found[0].where == "_imaps._tcp.example.org"
    assert world.asked == ["_imaps._tcp.example.org", "_imap._tcp.example.org"]


async def test_the_same_address_leads_to_the_same_server_each_time(world: World) -> None:
    world.records["_imaps._tcp.example.org"] = [
        SrvRecord(0, 10, 993, "light.example.org"),
        SrvRecord(0, 90, 993, "heavy.example.org"),
    ]
    for _ in range(20):
        assert (await world.discovery.find(ADDRESS))[0].target.host == "heavy.example.org"
        world.clock.seconds += KEPT_SECONDS


@pytest.mark.parametrize("url", FILES)
async def test_then_either_autoconfig_file_is_read(world: World, url: str) -> None:
    world.files[url] = config("imap.example.org", "%EMAILLOCALPART%")
    (found,) = await world.discovery.find(ADDRESS)
    assert (found.source, found.where, found.username) == (Source.AUTOCONFIG, url, "alice")
    assert (await world.discovery.find("bob@example.org"))[0].username == "bob", "what is kept is the domain's"


async def test_then_the_table_is_looked_up(world: World) -> None:
    assert await world.hosts("alice@GMX.de") == [("imap.gmx.net", Source.TABLE, True)] * 2
    assert await world.hosts() == []


async def test_a_domain_that_declines_imap_is_not_asked_further(world: World) -> None:
    world.records["_imaps._tcp.gmx.de"] = world.records["_imap._tcp.gmx.de"] = [SrvRecord(0, 0, 0, ".")]
    assert await world.hosts("alice@gmx.de") == [("imap.gmx.net", Source.TABLE, True)] * 2
    assert len(world.asked) == 2


async def test_a_name_server_that_fails_does_not_end_the_search(world: World) -> None:
    world.records["_imaps._tcp.example.org"] = Unreachable("dns", "SERVFAIL")
    world.files[FILES[0]] = config("imap.example.org")
    assert await world.hosts() == [("imap.example.org", Source.AUTOCONFIG, True)]


@pytest.mark.parametrize(
    ("host", "confirmed"),
    [
        ("example.org", True),
        ("mail.example.org", True),
        ("imap.gmail.com", True),
        ("mail.example.net", False),
        ("badexample.org", False),
        ("example.org.evil.test", False),
    ],
)
async def test_credentials_go_to_the_domain_itself_or_to_a_provider_that_is_known(
    world: World, host: str, confirmed: bool
) -> None:
    world.records["_imaps._tcp.example.org"] = [SrvRecord(0, 0, 993, host)]
    assert await world.hosts() == [(host, Source.SRV, confirmed)]
    found = await world.discovery.find(ADDRESS)
    if confirmed:
        assert choose(found).host == host
        return
    with pytest.raises(ProblemError) as caught:
        choose(found)
    assert caught.value.problem.code == "host-unconfirmed"
    assert caught.value.problem.suggestion == host


def test_where_nothing_was_found_nothing_is_suggested() -> None:
    with pytest.raises(ProblemError) as caught:
        choose([])
    assert caught.value.problem.code == "host-unconfirmed"
    assert caught.value.problem.suggestion is None
    assert [one.pointer for one in caught.value.problem.errors] == ["/imap/host"]


def test_a_server_that_is_confirmed_is_taken_before_one_that_is_not() -> None:
    strange = Found(ImapTarget("mail.example.net", 993, Tls.IMPLICIT), Source.SRV, "")
    own = Found(ImapTarget("mail.example.org", 143, Tls.STARTTLS), Source.SRV, "", confirmed=True)
    assert choose([strange, own]) == own.target


async def test_what_dns_gives_as_a_host_is_one_or_is_left_out(world: World) -> None:
    world.records["_imaps._tcp.example.org"] = [
        SrvRecord(0, 0, 993, name) for name in ("127.1", "a b", "x_y", "-a.org")
    ]
    world.files[FILES[0]] = config("%EMAILLOCALPART%.example.org")
    assert await world.hosts() == []


@pytest.mark.parametrize(
    ("location", "followed"),
    [
        ("https://www.example.org/config.xml", True),
        ("/elsewhere.xml", True),
        ("https://example.net/config.xml", False),
        ("http://www.example.org/config.xml", False),
        ("https://www.example.org:8443/config.xml", False),
        ("https://example.org@evil.test/config.xml", False),
        ("//[", False),
        ("", False),
    ],
)
async def test_a_redirect_is_followed_within_the_domain_only(world: World, location: str, followed: bool) -> None:
    world.files[FILES[0]] = HttpResponse(302, {"location": location})
    for url in ("https://www.example.org/config.xml", "https://autoconfig.example.org/elsewhere.xml"):
        world.files[url] = config("imap.example.org")
    assert bool(await world.hosts()) is followed
    assert followed or set(world.asked[2:]) == set(FILES)


async def test_redirects_come_to_an_end(world: World) -> None:
    world.files[FILES[0]] = HttpResponse(302, {"location": FILES[0]})
    assert await world.hosts() == []
    assert world.asked.count(FILES[0]) == 1 + discovery.REDIRECTS


async def test_other_answers_and_other_files_are_nothing(world: World) -> None:
    world.files[FILES[0]] = HttpResponse(404, {}, config("imap.example.org").body)
    world.files[FILES[1]] = HttpResponse(200, {}, b"<html/>")
    assert await world.hosts() == []


async def test_a_domain_is_asked_once_for_a_while_and_nothing_is_remembered_shorter(world: World) -> None:
    world.records["_imaps._tcp.example.org"] = [SrvRecord(0, 0, 993, "mail.example.org")]
    for _ in range(3):
        await world.hosts()
        await world.hosts("bob@example.net")
    asked = len(world.asked)
    world.clock.seconds += KEPT_NOTHING_SECONDS
    await world.hosts()
    assert len(world.asked) == asked
    await world.hosts("bob@example.net")
    assert len(world.asked) == asked + 4


async def test_many_that_ask_at_once_are_one_question(world: World) -> None:
    world.gate.clear()
    asking = [asyncio.create_task(world.hosts(f"user{number}@example.org")) for number in range(50)]
    await asyncio.sleep(0)
    world.gate.set()
    await asyncio.gather(*asking)
    assert world.asked.count("_imaps._tcp.example.org") == 1


async def test_what_is_kept_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "KEPT_DOMAINS", 3)
    for number in range(9):
        await world.hosts(f"a@d{number}.example.org")
    assert len(world.discovery._kept) == 3


async def test_who_cannot_have_a_turn_in_time_has_the_table_and_is_looked_up_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "AT_ONCE", 1)
    monkeypatch.setattr(discovery, "TURN_SECONDS", 0.01)
    world = World()
    world.gate.clear()
    first = asyncio.create_task(world.hosts())
    await asyncio.sleep(0)
    assert await world.hosts("a@gmx.de") == [("imap.gmx.net", Source.TABLE, True)] * 2
    world.gate.set()
    await first
    world.records["_imaps._tcp.gmx.de"] = [SrvRecord(0, 0, 993, "new.gmx.de")]
    assert await world.hosts("a@gmx.de") == [("new.gmx.de", Source.SRV, True)]


async def test_dns_that_is_silent_is_given_up_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "SRV_SECONDS", 0.01)
    world.gate.clear()
    assert await world.hosts("a@gmx.de") == [("imap.gmx.net", Source.TABLE, True)] * 2


async def test_an_end_of_the_process_ends_what_is_under_way(world: World) -> None:
    world.gate.clear()
    asking = asyncio.create_task(world.hosts())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await world.discovery.close()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("alice@example.org", "example.org"),
        ("Alice@Bücher.Example", "xn--bcher-kva.example"),
        ("a@b@example.org", "example.org"),
        ("alice", None),
        ("@example.org", None),
        ("alice@localhost", None),
        ("alice@[192.0.2.1]", None),
        ("alice@192.0.2.1", None),
        ("alice@2001:db8::1", None),
        ("alice@", None),
        ("alice@a b.org", None),
    ],
)
def test_only_a_mail_address_leads_anywhere(address: str, domain: str | None) -> None:
    assert domain_of(address) == domain
