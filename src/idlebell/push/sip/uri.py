"""SIP URIs (RFC 3261 section 19.1) as far as they name a phone: a user, perhaps with a password, a host, a way to get there."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

from idlebell.model.authority import bracketed, host_port
from idlebell.model.secret import Secret

PORT: Final = 5060
PORT_TLS: Final = 5061


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class BadSipUri(ValueError):  # noqa: N818
    """The text says what is wrong and holds nothing of the URI."""


@dataclass(frozen=True, slots=True)
class SipUri:
    """``host``: a name or an address, IPv6 without brackets. ``user`` as it was spelled, ``password`` decoded."""

    user: str
    host: str
    port: int
    transport: Transport
    password: Secret | None = field(default=None, repr=False)

    @property
    def host_port(self) -> str:
        return host_port(self.host, self.port)

    @property
    def address(self) -> str:
        """Of record: whose lamp it is."""
        return f"sip:{self.user}@{bracketed(self.host)}"

    @property
    def target(self) -> str:
        """What a request line names; never a password (section 19.1.1)."""
        way = "" if self.transport is Transport.UDP else f";transport={self.transport.value}"
        return f"sip:{self.user}@{self.host_port}{way}"


# Section 25.1: unreserved, escaped, user-unreserved; of the last none that would have to be told from parameters.
_USER: Final = r"(?P<user>(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2}){1,64})"
_PASSWORD: Final = r"(?::(?P<password>(?:[A-Za-z0-9\-_.!~*'()&=+$,]|%[0-9A-Fa-f]{2}){1,128}))?"  # noqa: S105 - a pattern
_HOST: Final = r"(?P<host>[A-Za-z0-9.\-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
_URI: Final = re.compile(
    rf"(?P<scheme>sips?):{_USER}{_PASSWORD}@{_HOST}(?::(?P<port>[0-9]{{1,5}}))?(?:;transport=(?P<transport>[A-Za-z]+))?",
    re.IGNORECASE,
)
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")


def parse(text: str) -> SipUri:
    """BadSipUri where it is none, or has parts that nothing follows from here (other parameters, headers)."""
    found = _URI.fullmatch(text)
    if found is None:
        raise BadSipUri("must be sip:USER@HOST, with :PORT and ;transport=udp, tcp or tls where needed")
    try:
        transport = Transport((found["transport"] or "udp").lower())
    except ValueError:
        raise BadSipUri("must have transport udp, tcp or tls") from None
    if found["scheme"].lower() == "sips":  # section 26.2.2: TLS, whatever carries it
        if found["transport"] is not None and transport is Transport.UDP:
            raise BadSipUri("must not be sips over udp: TLS needs tcp")
        transport = Transport.TLS
    port = int(found["port"] or (PORT_TLS if transport is Transport.TLS else PORT))
    if not 1 <= port <= 65_535:
        raise BadSipUri("must have a port from 1 to 65535, or none")
    password = None if found["password"] is None else unquote(found["password"])
    if _CONTROL.search(unquote(found["user"]) + (password or "")):
        raise BadSipUri("must have no control character in user or password")
    host = found["host"].strip("[]").lower()
    return SipUri(found["user"], host, port, transport, None if password is None else Secret(password))
