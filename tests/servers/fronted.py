"""The front before a mail server, in a thread of its own: for clients that block."""

from __future__ import annotations

import asyncio
import os
import ssl
import threading
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from idlebell.compose.parts import connect_with
from idlebell.front.listener import Front, FrontOptions
from idlebell.front.upstreams import Upstreams
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import Opener
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wheel import Wheel
from servers.differ import Address
from servers.mail_server import SandboxedServer

START_SECONDS: Final = 10
_LOCAL: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Fronted:
    """``with`` opens it and surely closes it. Clients come under TLS with the server's own certificate, or, ``tls`` False, in
    clear; towards the server it is TLS."""

    def __init__(self, server: SandboxedServer, *, tls: bool = True) -> None:
        self._server = server
        self._options = FrontOptions(
            "127.0.0.1",
            0,
            connections=1_000,
            connections_per_address=0,
            tls_certificate=server.certificate if tls else None,
            tls_key=server.key if tls else None,
        )
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="front")
        self.port = 0

    @property
    def address(self) -> Address:
        context: ssl.SSLContext | None = self._server.client_context() if self._options.tls_certificate else None
        return Address(self.port, context)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_SECONDS)
        assert self.port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        try:
            front = front_before(
                ImapTarget("localhost", self._server.ports.imaps, Tls.IMPLICIT), self._server.ca_file, self._options
            )
            await front.start()
            self.port = front.port
        finally:
            self._ready.set()
        await self._end.wait()
        await front.stop()


def front_before(target: ImapTarget, ca_file: Path | None, options: FrontOptions, **more: Any) -> Front:
    """Without families of commands of its own, in the loop that runs."""
    clock = Clock()
    wheel = Wheel()
    connect = connect_with(
        Connector(Egress(allow=_LOCAL, allow_plaintext=True), Resolver(clock)), TlsPolicy(ca_file), clock, wheel
    )
    door = Door(
        Opener(connect, os.urandom, lambda fact: None).open,
        Keyring(),
        clock,
        os.urandom,
        lambda fact: None,
        connect_rate=0,
        per_host_connect_rate=0,
    )
    return Front(options, Upstreams(target, {}), door, connect, clock, wheel, **more)
