"""A registration without a host: a real resolver asks a name server, a real client reads a file over https."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from flows.gateway_bench import Bench
from idlebell.gateway.discovery import Discovery
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.problem import ProblemError
from idlebell.net.clock import Clock
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.http_client import HttpClient
from idlebell.net.tls_policy import TlsPolicy
from name_server import NameServer, serving_names

FILE = b"""<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="example.test">
<incomingServer type="imap"><hostname>imap.example.test</hostname><port>143</port><socketType>STARTTLS</socketType>
<username>%EMAILADDRESS%</username></incomingServer>
</emailProvider></clientConfig>"""


@dataclass
class Web:
    """Answers every request with one answer. ``address``: of its own, since https has one port only."""

    address: str
    answer: bytes = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    requests: list[bytes] = field(default_factory=list)

    def gives(self, body: bytes) -> None:
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(self.answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()


@dataclass
class Stage:
    names: NameServer
    web: Web
    bench: Bench

    async def target(self, username: str = "alice@example.test") -> ImapTarget:
        await self.bench.subscribe(username=username, imap={"host": None})
        account, _ = self.bench.door.tries[-1]
        return account.target


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("example.test", "autoconfig.example.test").configure_cert(context)
    web = Web(f"127.{os.getpid() >> 16 & 0x7F | 0x40}.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF or 1}")
    server = await asyncio.start_server(web.serve, web.address, 443, ssl=context)
    async with serving_names() as names:
        clock = Clock()
        resolver = Resolver(clock, [names.address])
        http = HttpClient(Egress(allow=(ip_network("127.0.0.0/8"),)), resolver, TlsPolicy(tmp_path / "ca.pem"))
        discovery = Discovery(resolver.services, http.send, clock)
        bench = Bench(discover=discovery.find)
        yield Stage(names, web, bench)
        await bench.close()
        await discovery.close()
        await http.close()
        await resolver.close()
    server.close()


needs_root = pytest.mark.needs("root")


@needs_root
async def test_the_domains_service_records_say_where_to_log_in(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = ["0 1 993 mail.example.test."]
    assert await stage.target() == ImapTarget("mail.example.test", 993, Tls.IMPLICIT)
    assert stage.web.requests == []


@needs_root
async def test_the_domains_autoconfig_file_says_it_where_dns_does_not(stage: Stage) -> None:
    stage.names.records["autoconfig.example.test"] = (60, [stage.web.address])
    stage.web.gives(FILE)
    assert await stage.target() == ImapTarget("imap.example.test", 143, Tls.STARTTLS)
    assert stage.web.requests[0].startswith(b"GET /mail/config-v1.1.xml HTTP/1.1\r\n")
    assert b"alice" not in b"".join(stage.web.requests), "the user is not told to anybody"


@needs_root
async def test_the_table_says_it_where_the_domain_does_not(stage: Stage) -> None:
    assert await stage.target("alice@gmx.de") == ImapTarget("imap.gmx.net", 993, Tls.IMPLICIT)


@needs_root
async def test_the_same_registration_again_is_the_same_subscription(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = ["0 1 993 a.example.test.", "0 2 993 b.example.test."]
    first = await stage.bench.subscribe(username="alice@example.test", imap={"host": None})
    again = await stage.bench.subscribe(username="alice@example.test", imap={"host": None})
    given = await stage.bench.subscribe(username="alice@example.test", imap={"host": "b.example.test"})
    assert first.view.id == again.view.id == given.view.id
    assert (first.status, again.status) == (201, 200)


@needs_root
async def test_a_server_elsewhere_gets_no_credentials_before_the_user_names_it(stage: Stage) -> None:
    stage.names.others["_imaps._tcp.example.test", "SRV"] = ["0 1 993 mail.evil.example."]
    with pytest.raises(ProblemError) as caught:
        await stage.bench.subscribe(username="alice@example.test", imap={"host": None})
    assert caught.value.problem.code == "host-unconfirmed"
    assert caught.value.problem.suggestion == "mail.evil.example"
    assert stage.bench.door.tries == []
    assert await stage.bench.stored() == []


@needs_root
@pytest.mark.parametrize(
    "trouble", ["no such name", "dns fails", "refused", "not found", "nonsense", "not public", "endless"]
)
async def test_however_the_search_fails_the_answer_is_one_and_not_early(
    stage: Stage, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "autoconfig.example.test"
    match trouble:
        case "dns fails":
            stage.names.failing |= {name, "_imaps._tcp.example.test", "example.test"}
        case "refused":
            stage.names.records[name] = (60, ["127.0.0.254"])
        case "not found":
            stage.names.records[name] = (60, [stage.web.address])
        case "nonsense":
            stage.names.records[name] = (60, [stage.web.address])
            stage.web.gives(b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><clientConfig>&y;</clientConfig>")
        case "not public":
            stage.names.records[name] = (60, ["169.254.169.254"])
        case "endless":
            stage.names.records[name] = (60, [stage.web.address])
            stage.web.gives(b"<clientConfig>" + b"<a/>" * 200_000)
    with pytest.raises(ProblemError) as caught:
        await stage.bench.subscribe(username="alice@example.test", imap={"host": None})
    problem = caught.value.problem
    assert (problem.code, problem.suggestion) == ("host-unconfirmed", None)
    assert problem.detail == "No IMAP server was found for the domain of this address."
    assert sum(stage.bench.clock.slept) == 2.0
    assert await stage.bench.stored() == []


async def test_port_and_tls_go_with_the_host() -> None:
    bench = Bench()
    with pytest.raises(ProblemError) as caught:
        await bench.subscribe(imap={"host": None, "port": 993, "tls": "starttls"})
    assert {one.pointer for one in caught.value.problem.errors} == {"/imap/port", "/imap/tls"}
    with pytest.raises(ProblemError) as caught:
        await bench.subscribe(imap={"host": None}, username="alice")
    assert {one.pointer for one in caught.value.problem.errors} == {"/imap/host"}
    await bench.close()
