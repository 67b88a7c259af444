"""What the REST face is told by whoever builds it."""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from idlebell.model.problem import Problem, ProblemError
from idlebell.rest import limits
from idlebell.telemetry.facts import Emit, Fact

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


async def always_ready() -> Problem | None:
    return None


def no_metrics() -> bytes:
    return b""


Takes: TypeAlias = Callable[[Mapping[str, str], bytes, bool], Awaitable[None]]
"""A request's head and body, and whether nobody on the way can read them. ProblemError where it is not taken."""


async def no_sources(headers: Mapping[str, str], body: bytes, secure: bool) -> None:
    raise ProblemError(Problem("unauthorized", "No mail server reports here."))


def silent(fact: Fact) -> None:
    """Emits nothing."""


@dataclass(frozen=True, slots=True)
class RestOptions:
    """``connections``: open at once; what comes beyond is answered 503. ``connections_per_address`` is not asked of trusted
    proxies; ``requests_per_minute``: of an address without an API key. 0: no bound. ``ready``: None where all is well, else
    what is answered to anybody who asks. ``metrics``: the text of /metrics.
    ``take_dovecot``, ``take_signed``: reports of mail servers."""

    host: str = "127.0.0.1"
    port: int = 8025
    public_url: str = ""
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    trusted_proxies: tuple[Network, ...] = ()
    cors: tuple[str, ...] = ()
    connections: int = limits.MAX_CONNECTIONS
    connections_per_address: int = 0
    requests_per_minute: int = 0
    ready: Callable[[], Awaitable[Problem | None]] = always_ready
    metrics: Callable[[], bytes] = no_metrics
    emit: Emit = silent
    take_dovecot: Takes = no_sources
    take_signed: Takes = no_sources
