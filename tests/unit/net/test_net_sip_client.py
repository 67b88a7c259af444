"""A SIP request over real sockets, to phones of the test's own."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import cast

from idlebell.net.addresses import Address
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.sip_client import SipClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import NoResponse, SipRequest, SipResponse
from idlebell.push.sip.uri import parse
from idlebell.testing.certificate import Authority


class Literal:
    async def resolve(self, host: str) -> tuple[Address, ...]:
        return (ip_address("127.0.0.1") if host == "localhost" else ip_address(host),)


def client(tls: TlsPolicy | None = None, *allowed: str) -> SipClient:
    egress = Egress(allow=tuple(ip_network(one) for one in allowed or ("127.0.0.0/8",)))
    return SipClient(Connector(egress, cast(Resolver, Literal())), tls or TlsPolicy(), os.urandom)


def notify(uri: str) -> SipRequest:
    return SipRequest("NOTIFY", parse(uri), "c@idlebell", "t", 1, (("Event", "message-summary"),), b"")


def answer(request: bytes, status: int = 200, more: str = "") -> bytes:
    text = request.decode()
    via, cseq = (re.search(rf"{name}: .*", text)[0].strip() for name in ("Via", "CSeq"))  # type: ignore[index]
    return f"SIP/2.0 {status} X\r\n{via}\r\n{cseq}\r\n{more}Content-Length: 0\r\n\r\n".encode()


class Phone(asyncio.DatagramProtocol):
    """``says``: what is sent back for the nth datagram."""

    def __init__(self, says: Callable[[int, bytes], list[bytes]]) -> None:
        self.says, self.heard = says, list[bytes]()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.heard.append(data)
        for one in self.says(len(self.heard), data):
            self.transport.sendto(one, addr)


async def over_udp(
    says: Callable[[int, bytes], list[bytes]], user: str = "1001", seconds: float = 5
) -> tuple[SipResponse | NoResponse, list[bytes]]:
    made = await asyncio.get_running_loop().create_datagram_endpoint(lambda: Phone(says), ("127.0.0.1", 0))
    transport, phone = made
    port = transport.get_extra_info("sockname")[1]
    try:
        return await client().carry(notify(f"sip:{user}@127.0.0.1:{port}"), timeout_seconds=seconds), phone.heard
    finally:
        transport.close()


async def test_a_datagram_that_is_lost_is_sent_again_the_same() -> None:
    found, heard = await over_udp(lambda number, data: [answer(data)] if number == 2 else [])
    assert isinstance(found, SipResponse)
    assert found.status == 200
    assert len(heard) == 2
    assert heard[0] == heard[1]


async def test_a_challenge_is_answered_once() -> None:
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n'
    found, heard = await over_udp(lambda number, data: [answer(data, 401, challenge)], "1001:s3cret")
    assert isinstance(found, SipResponse)
    assert found.status == 401
    assert [re.findall(rb"CSeq: (\d)", one) for one in heard] == [[b"1"], [b"2"]]
    assert b"Authorization: Digest" in heard[1]
    assert b"s3cret" not in b"".join(heard)


async def test_a_flood_of_strays_is_not_listened_to_for_long() -> None:
    found, _ = await over_udp(
        lambda number, data: [b"garbage"] * 20 + [answer(b"Via: x;branch=y\r\nCSeq: 1 NOTIFY\r\n")] * 20
    )
    assert found == NoResponse("timeout", "nothing but what was no answer to it came")


async def test_silence_and_nobody_there_are_told_apart() -> None:
    found, _ = await over_udp(lambda number, data: [], seconds=0.2)
    assert isinstance(found, NoResponse)
    assert found.reason == "timeout"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    for transport in ("udp", "tcp"):
        gone = await client().carry(notify(f"sip:1@127.0.0.1:{port};transport={transport}"), timeout_seconds=2)
        assert isinstance(gone, NoResponse)
        assert gone.reason == "refused"


async def test_streams_and_tls_and_what_closes_them() -> None:
    authority = Authority()
    replies: list[Callable[[bytes], bytes]] = [answer, lambda data: b"", lambda data: b"x" * 70_000]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = await reader.readuntil(b"\r\n\r\n")
        writer.write(replies.pop(0)(data))
        writer.close()

    plain = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = plain.sockets[0].getsockname()[1]
    found = [await client().carry(notify(f"sip:1@127.0.0.1:{port};transport=tcp"), timeout_seconds=5) for _ in range(3)]
    assert isinstance(found[0], SipResponse)
    assert [one.reason for one in found[1:] if isinstance(one, NoResponse)] == ["broken", "broken"]
    plain.close()
    secure = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=authority.server_context("localhost"))
    port = secure.sockets[0].getsockname()[1]
    strange = await client().carry(notify(f"sips:1@localhost:{port}"), timeout_seconds=5)
    assert isinstance(strange, NoResponse)
    assert strange.reason == "tls"
    secure.close()


async def test_only_phones_in_allowed_networks_are_reached_in_clear() -> None:
    for uri in ("sip:1@192.0.2.7", "sip:1@198.41.0.4", "sip:1@198.41.0.4;transport=tcp", "sips:1@198.41.0.4"):
        found = await client(None, "10.0.0.0/8").carry(notify(uri), timeout_seconds=1)
        assert isinstance(found, NoResponse)
        assert found.reason == "not-allowed"
