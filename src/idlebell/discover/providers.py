"""Which provider an address or a server belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idlebell.discover.provider import DEFAULT_SESSIONS, Provider
from idlebell.discover.provider_table import PROVIDERS

__all__ = ["DEFAULT_SESSIONS", "PROVIDERS", "Provider", "of_address", "of_domain", "of_host", "sessions_taken"]

_BY_DOMAIN: Final[Mapping[str, Provider]] = MappingProxyType(
    {domain: provider for provider in PROVIDERS for domain in provider.domains}
)
_BY_HOST: Final[Mapping[str, Provider]] = MappingProxyType(
    {host: provider for provider in PROVIDERS for host in provider.server_names}
)


def of_domain(domain: str) -> Provider | None:
    """``domain``: of a mail address."""
    return _BY_DOMAIN.get(domain.lower().rstrip("."))


def of_address(address: str) -> Provider | None:
    return of_domain(address.rpartition("@")[2])


def of_host(host: str) -> Provider | None:
    """``host``: of an IMAP server; one in a domain that the table names belongs to it."""
    name = host.lower().rstrip(".")
    while name:
        found = _BY_HOST.get(name)
        if found is not None:
            return found
        name = name.partition(".")[2]
    return None


def sessions_taken(host: str) -> int:
    """How many sessions of one account are opened at ``host`` at most, as long as nothing was learnt of it."""
    provider = of_host(host)
    return DEFAULT_SESSIONS if provider is None else provider.sessions_taken
