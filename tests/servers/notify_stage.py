"""The front before a real server, in this process, and clients that see every line."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from idlebell.front.listener import Front, FrontOptions
from idlebell.front.notify.family import NotifyFamily
from idlebell.front.notify.further_logins import FurtherLogins
from idlebell.front.notify.pace import Pace
from idlebell.front.upstreams import Upstreams
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import Opener
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.open_connection import open_connection
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wheel import Wheel
from imap_wire import Wire

BRISK = Pace(poll=0.3, list=0.3, status=0.0, gather=0.05)
"""A server on this machine is nobody's provider."""


class _Names(Resolver):
    async def resolve(self, host: str) -> Any:
        return (ip_address("127.0.0.1"),)

    resolve_or_recall = resolve


class Stage:
    def __init__(self, port: int, ca_file: Path | None, pace: Pace, *, further: bool, tls: Tls) -> None:
        clock, self._resolver = Clock(), _Names(Clock())
        connector = Connector(Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True), self._resolver)
        connect = partial(open_connection, connector=connector, tls_policy=TlsPolicy(ca_file), clock=clock)
        opener = Opener(connect, os.urandom, lambda _: None)
        self.arena = SecretArena()
        door = Door(opener.open, Keyring(), clock, os.urandom, lambda _: None)
        self.further = FurtherLogins(door, self.arena, lambda _: 15) if further else None
        self.front = Front(
            FrontOptions("127.0.0.1", 0, 50, 50),
            Upstreams(ImapTarget("localhost", port, tls), {}),
            door,
            connect,
            clock,
            Wheel(),
            families=[NotifyFamily(pace, clock, self.further)],
            arrived=None if self.further is None else self.further.arrived,
        )

    async def client(self, name: str, password: str) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.front.port))
        await client.line()
        answer = await client.ask(f"LOGIN {name} {password}")
        assert answer[-1].startswith("OK"), answer
        return client

    async def close(self) -> None:
        await self.front.stop()
        await self._resolver.close()


class Client(Wire):
    async def told(self, count: int = 1) -> list[str]:
        """The next lines, which nobody asked for."""
        return await self.lines(count)

    async def nothing(self) -> None:
        """What was told so far has been read."""
        assert await self.ask("CAPABILITY")


@asynccontextmanager
async def staged(
    port: int, ca_file: Path | None = None, pace: Pace = BRISK, *, further: bool = True, tls: Tls = Tls.IMPLICIT
) -> AsyncIterator[Stage]:
    stage = Stage(port, ca_file, pace, further=further, tls=tls)
    await stage.front.start()
    try:
        yield stage
    finally:
        await stage.close()


async def direct(port: int, context: ssl.SSLContext, name: str, password: str) -> Wire:
    """A client that goes around the front."""
    wire = Wire(*await asyncio.open_connection("localhost", port, ssl=context))
    await wire.line()
    answer = await wire.ask(f"LOGIN {name} {password}")
    assert answer[-1].startswith("OK"), answer
    return wire
