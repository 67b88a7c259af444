"""Where mail is handed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idlebell.model.account import Tls
from idlebell.model.authority import host_port

SMTP_PORTS: Final[Mapping[Tls, int]] = MappingProxyType({Tls.IMPLICIT: 465, Tls.STARTTLS: 587, Tls.NONE: 25})
"""Implicit TLS for submission: RFC 8314 section 3.3; STARTTLS: RFC 6409; in clear: RFC 5321."""


@dataclass(frozen=True, slots=True)
class SmtpTarget:
    """``host`` is an A-label or a canonical address literal, in lower case."""

    host: str
    port: int
    tls: Tls

    def __str__(self) -> str:
        return host_port(self.host, self.port)
