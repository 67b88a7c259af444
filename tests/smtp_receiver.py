"""A submission server that we did not write (aiosmtpd), on loopback: it hands what it takes to whoever wants it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Received:
    """``username``: who had logged in; None: nobody."""

    sender: str
    recipient: str
    content: bytes
    username: str | None
    encrypted: bool


class SmtpReceiver:
    """``async with`` starts it; :attr:`port` stays the same over :meth:`stop` and :meth:`start`.

    ``tls``: STARTTLS is offered, and a login before it is refused; with ``implicit`` TLS is there from the first byte.
    ``refuse``: command to reply, said instead of what would be right: ``{"RCPT": "550 5.1.1 nobody here"}``. ``password``
    None: no login is offered.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        username: str = "canary@example.org",
        password: str | None = None,
        mechanisms: frozenset[str] = frozenset({"PLAIN", "LOGIN"}),
    ) -> None:
        self.port = 0
        self.refuse: dict[str, str] = {}
        self.received: list[Received] = []
        self.logins: list[str] = []
        """Passwords that were tried, in order."""
        self.on_received: Callable[[Received], None] | None = None
        self._tls = tls
        self._implicit = implicit
        self._username = username
        self._password = password
        self._mechanisms = mechanisms
        self._listener: asyncio.Server | None = None
        self._transports: set[asyncio.BaseTransport] = set()
        self.connections = 0

    async def start(self) -> None:
        self._listener = await asyncio.get_running_loop().create_server(
            self._protocol, "127.0.0.1", self.port, ssl=self._tls if self._implicit else None
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._listener is not None
        self._listener.close()
        for transport in [*self._transports]:
            transport.close()
        self._listener = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._listener is not None:
            await self.stop()

    def _protocol(self) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            hostname="localhost",
            ident="testing",
            tls_context=None if self._implicit else self._tls,
            auth_require_tls=not self._implicit,  # aiosmtpd sees the TLS of STARTTLS only
            auth_exclude_mechanism={"PLAIN", "LOGIN"} - (self._mechanisms if self._password is not None else set()),
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append(data.password.decode())
        right = data.login.decode() == self._username and data.password.decode() == self._password
        session.username = self._username if right else None
        refusal = self.refuse.get("AUTH")
        return AuthResult(success=right and refusal is None, handled=False, message=refusal)

    # aiosmtpd calls these by their names.

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self._transports.add(server.transport)
        return responses

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.refuse.get("MAIL", "250 OK")

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if "RCPT" not in self.refuse:
            envelope.rcpt_tos.append(address)
        return self.refuse.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if "DATA" in self.refuse:
            return self.refuse["DATA"]
        received = Received(
            envelope.mail_from,
            envelope.rcpt_tos[0],
            bytes(envelope.content),
            getattr(session, "username", None),
            session.ssl is not None or self._implicit,
        )
        self.received.append(received)
        if self.on_received is not None:
            self.on_received(received)
        return "250 OK"
