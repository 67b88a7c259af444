"""A name server that a test plays, by dnspython."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class NameServer(asyncio.DatagramProtocol):
    """Answers from ``records``: name -> (TTL, addresses); an unknown name does not exist; ``silent`` names get no answer."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[int, list[str]]] = {}
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.others: dict[tuple[str, str], list[str]] = {}  # (name, type) -> records as a zone file spells them
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        """``ADDRESS:PORT``, as the resolver takes it."""
        host, port = self.transport.get_extra_info("sockname")
        return f"{host}:{port}"

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, source: Any) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if name in self.silent:
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        kind = dns.rdatatype.to_text(question.rdtype)
        if name in self.failing:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in self.others:
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *self.others[name, kind]))
        elif name not in self.records:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        else:
            ttl, addresses = self.records[name]
            own = [text for text in addresses if (":" in text) == (kind == "AAAA")]
            if own:
                answer.answer.append(dns.rrset.from_text(question.name, ttl, "IN", kind, *own))
        self.transport.sendto(answer.to_wire(), source)


@asynccontextmanager
async def serving_names() -> AsyncIterator[NameServer]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
