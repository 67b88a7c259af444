"""The values that a configuration is written in: each function takes what TOML gave and returns it parsed, or raises
ValueError with a sentence that says what is expected."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from idlebell.config.imap_url import ImapUrl, parse_imap_url
from idlebell.config.smtp_url import parse_smtp_url
from idlebell.model.account import Retention
from idlebell.model.apprise_service import FORBIDDEN
from idlebell.model.authority import host_port
from idlebell.model.endpoint import PushUrl
from idlebell.model.smtp import SmtpTarget
from idlebell.model.trust import Pinned, read_pins
from idlebell.net.host_name import BadHost, parse_host
from idlebell.rules.compiled import canonical
from idlebell.rules.filter import FilterError

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_MAX_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class Parse:
    """Stands in a field's ``Annotated``: how its value is read, and how the environment spells it."""

    function: Callable[[Any], Any]
    spelled: Literal["string", "json"] = "string"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or to connect to. Port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return host_port(self.host, self.port)

    @property
    def loopback(self) -> bool:
        """Reached from this machine only."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"expected a string, got {kind_of(value)}")
    if "\x00" in value:
        raise ValueError("NUL has no place here")
    return value


def path(value: Any) -> Path | None:
    return Path(text(value)) if text(value) else None


def address(value: Any) -> Address:
    host, port = _host_port(text(value))
    if port is None:
        raise ValueError("expected HOST:PORT, for example 127.0.0.1:8025")
    return Address(host, port)


def address_or_none(value: Any) -> Address | None:
    return address(value) if text(value) else None


def upstream(value: Any) -> Address | None:
    found = address_or_none(value)
    if found is not None and found.port == 0:
        raise ValueError("the port must be 1 to 65535")
    return found


def upstreams(value: Any) -> Mapping[str, Address]:
    if not isinstance(value, dict):
        raise ValueError(f"expected a table of domain = HOST:PORT, got {kind_of(value)}")
    table = {}
    for domain, target in value.items():
        if not domain or re.search(r"[@\s]", domain):  # no user's domain is ever spelled so
            raise ValueError(f"write the domain alone, as in example.org; {domain!r} is none")
        found = upstream(target)
        if found is None:
            raise ValueError("each domain needs HOST:PORT")
        table[domain.lower()] = found
    return MappingProxyType(table)


def public_url(value: Any) -> str:
    """Without its last slash, so that paths can be joined to it."""
    return _http_url(text(value), "https://push.example.org").rstrip("/") if text(value) else ""


def support_url(value: Any) -> str:
    if text(value).startswith("mailto:") and "@" in value:
        return str(value)
    return _http_url(text(value), "https://push.example.org/about") if value else ""


def vapid_subject(value: Any) -> str:
    """RFC 8292 section 2.1: a mailto: or https: URI; push services refuse others, Apple's also angle brackets."""
    found = text(value)
    if found and not re.fullmatch(r"mailto:[^@\s<>]+@[^@\s<>]+|https://[^\s/<>]+[^\s<>]*", found):
        raise ValueError("expected mailto:NAME@HOST or https://HOST/…")
    return found


def proxy(value: Any) -> str:
    if not text(value):
        return ""
    example = "http://proxy.example.org:3128"
    found = _http_url(text(value), example, credentials=True)
    if not found.startswith("http://"):
        raise ValueError(
            f"expected a URL like {example}: it is the proxy that is spoken to in clear, not what goes through it"
        )
    return found


def origins(value: Any) -> tuple[str, ...]:
    """As browsers send them in Origin: scheme, host and port, nothing behind."""
    found = _strings(value)
    for origin in found:
        if not re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?", origin):
            raise ValueError(
                "expected origins like https://app.example.org, in lower case, with nothing behind the port"
            )
    return found


def networks(value: Any) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(item) for item in _strings(value))
    except ValueError as error:
        raise ValueError(f"{error}; expected networks like 127.0.0.0/8 or fd00::/8") from None


def addresses(value: Any) -> tuple[IpAddress, ...]:
    try:
        return tuple(ipaddress.ip_address(item) for item in _strings(value))
    except ValueError as error:
        raise ValueError(f"{error}; expected addresses like 192.0.2.7") from None


def host_names(value: Any) -> tuple[str, ...]:
    """A-labels in lower case, or addresses."""
    return tuple(_host(item) for item in _strings(value))


def users_told_of(value: Any) -> tuple[str, ...]:
    """Names as they are, domains in lower case."""
    found = _strings(value)
    if "" in found or "@" in found:
        raise ValueError("expected names of users, or domains like @example.org")
    return tuple(one.lower() if one.startswith("@") else one for one in found)


def ports(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or any(type(port) is not int for port in value):
        raise ValueError("expected a list of port numbers")
    if any(not 1 <= port <= 65_535 for port in value):
        raise ValueError("a port must be 1 to 65535")
    return tuple(value)


def retentions(value: Any) -> tuple[Retention, ...]:
    names = [retention.value for retention in Retention]
    try:
        found = tuple(Retention(item) for item in _strings(value))
    except ValueError:
        raise ValueError(f"expected a list of names out of {', '.join(names)}") from None
    if not found:
        raise ValueError("at least one retention is needed")
    return found


def store_url(value: Any) -> str:
    found = text(value)
    if found.startswith("nats:"):
        raise ValueError("a cluster's store on NATS is not built yet; use sqlite:PATH")
    if not found.startswith("sqlite:") or found == "sqlite:":
        raise ValueError("expected sqlite:PATH, for example sqlite:idlebell.db")
    return found


def imap_url(value: Any) -> ImapUrl:
    return parse_imap_url(text(value))


def imap_url_or_none(value: Any) -> ImapUrl | None:
    return parse_imap_url(value) if text(value) else None


def smtp_url_or_none(value: Any) -> SmtpTarget | None:
    return parse_smtp_url(value) if text(value) else None


def mail_address(value: Any) -> str:
    """In ASCII, for not every server takes others (RFC 6531), and without what would need quotes (RFC 5321 section 4.1.2)."""
    found = text(value)
    if found and (len(found) > 254 or not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+", found)):
        raise ValueError("expected an address like canary@example.org, in ASCII")
    return found


def push_urls(value: Any) -> tuple[PushUrl, ...]:
    found = _strings(value)
    for url in found:
        # Nothing of the URL may be in the message: who knows it can ring.
        if not re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s\x00-\x1f\x7f]+", url, re.IGNORECASE):
            raise ValueError("expected URLs of endpoints, for example https://hook.example.net/…")
    return tuple(PushUrl(url) for url in found)


def apprise_services(value: Any) -> tuple[str, ...]:
    """Schemas of Apprise's URLs, and ``usual`` for those that are offered by default."""
    found = tuple(one.lower() for one in _strings(value))
    for one in found:
        if not re.fullmatch(r"[a-z0-9]{1,20}", one):
            raise ValueError('expected a list of schemas, for example ["usual", "mailtos"]')
        if one in FORBIDDEN:
            raise ValueError(f"{one} acts on this machine or reads its files, and is never offered")
    return found


def https_origin(value: Any) -> str:
    """``https://HOST[:PORT]``, and nothing behind it."""
    url = text(value)
    if re.fullmatch(r"https://[A-Za-z0-9.\-]+(:[0-9]{1,5})?", url) is None:
        raise ValueError("expected https://HOST or https://HOST:PORT")
    return url


def oauth_url(value: Any) -> str:
    """Of an authorization server. A query may stand in it (RFC 6749 section 3.1)."""
    url = text(value)
    if url:
        if "#" in url:
            raise ValueError("expected a URL without a fragment")
        _http_url(url.partition("?")[0], "https://login.example.org/authorize")
    return url


def oauth_scopes(value: Any) -> tuple[str, ...]:
    """RFC 6749 section 3.3."""
    found = _strings(value)
    if any(re.fullmatch(r"[!#-\[\]-~]{1,500}", one) is None for one in found):
        raise ValueError("expected a list of scopes, each without blanks and quotes")
    return found


def word(value: Any) -> str:
    """Letters, digits, dots and hyphens: identifiers of Apple's."""
    found = text(value)
    if re.fullmatch(r"[A-Za-z0-9.\-]{0,200}", found) is None:
        raise ValueError("expected letters, digits, dots and hyphens")
    return found


def mail_filter(value: Any) -> str | None:
    """A table, or its JSON; empty: none. The text that is kept of it."""
    if isinstance(value, str):
        if not value.strip():
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('expected a filter as JSON, for example {"from": "boss@example.org"}') from None
    try:
        return canonical(value)
    except FilterError as error:
        raise ValueError(str(error)) from None


def pins(value: Any) -> Pinned | None:
    """One fingerprint or a list of them; empty: none."""
    if isinstance(value, str) and value.startswith("["):  # a list in the environment, or on the command line
        value = json.loads(value)
    return None if value in ("", []) else read_pins(value)


def kind_of(value: Any) -> str:
    """How TOML calls it."""
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "a string", list: "a list", dict: "a table"}
    return names.get(type(value), "a date or time" if value is not None else "nothing")


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("expected a list of strings")
    if len(value) > _MAX_ITEMS:
        raise ValueError(f"more than {_MAX_ITEMS} items")
    return tuple(value)


def _http_url(value: str, example: str, *, credentials: bool = False) -> str:
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port != 0
    except ValueError:
        port_is_valid = False
    blank = re.search(r"[\s\x00-\x1f\x7f]", value) is not None
    if not port_is_valid or blank or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"expected a URL like {example}")
    if parts.query or parts.fragment or ("@" in parts.netloc and not credentials):
        raise ValueError(f"expected a URL like {example}, without a query or credentials")
    return value


def _host_port(value: str) -> tuple[str, int | None]:
    match = re.fullmatch(r"(?:\[(?P<v6>[^\]]+)\]|(?P<host>[^:\s]+)):(?P<port>[0-9]{1,5})", value)
    if match is None:
        raise ValueError("expected HOST:PORT, for example 127.0.0.1:8025 or [::1]:8025")
    port = int(match["port"])
    if port > 65_535:
        raise ValueError("the port must be 0 to 65535")
    if match["v6"]:
        try:
            return str(ipaddress.IPv6Address(match["v6"])), port
        except ValueError:
            raise ValueError("what stands in brackets is not an IPv6 address") from None
    return _host(match["host"]), port


def _host(value: str) -> str:
    try:
        return parse_host(value)
    except BadHost:
        raise ValueError("expected a host name or an address") from None
