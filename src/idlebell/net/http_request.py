"""A request of HTTP/1.1 as bytes (RFC 9112 section 3), and where it goes, read from its URL. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from idlebell import __version__
from idlebell.model.authority import bracketed, host_port
from idlebell.net.errors import Unreachable
from idlebell.net.host_name import BadHost, parse_host
from idlebell.push.exchange import HttpRequest

URL_CHARACTERS: Final = 8_192

# Visible ASCII without the backslash: what stands for another character nowhere. Which hosts are hosts, parse_host says.
_URL: Final = re.compile(
    r"(https?)://(\[[0-9A-Fa-f:.]*\]|[0-9A-Za-z.-]+)(?::([0-9]{1,5}))?(?=[/?]|$)([!\"$-\[\]-~]*)(?:#[!-\[\]-~]*)?",
    re.ASCII,
)
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_NO_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OWN: Final = f"User-Agent: Idlebell/{__version__}\r\nAccept: */*\r\n"


@dataclass(frozen=True, slots=True)
class Origin:
    """What connections are kept for. ``host``: as :func:`~.host_name.parse_host` gives it."""

    secure: bool
    host: str
    port: int

    @property
    def address(self) -> str:
        """``host:port``, as CONNECT wants it (RFC 9112 section 3.2.3)."""
        return host_port(self.host, self.port)


@dataclass(frozen=True, slots=True)
class Target:
    """``authority``: the Host field, without a default port. ``path``: with the query, as it was written."""

    origin: Origin
    authority: str
    path: str

    @property
    def absolute(self) -> str:
        """The form for a proxy (RFC 9112 section 3.2.2)."""
        return f"{'https' if self.origin.secure else 'http'}://{self.authority}{self.path}"


def read_target(url: str) -> Target:
    """Unreachable ``bad-host`` for every spelling that two parsers could read as two hosts."""
    found = _URL.fullmatch(url)
    if len(url) > URL_CHARACTERS or found is None:
        raise Unreachable("bad-host", "not an http or https URL of visible ASCII without user information")
    scheme, host, digits, path = found.groups()
    try:
        host = parse_host(host[1:-1] if host.startswith("[") else host)
    except BadHost as error:
        raise Unreachable("bad-host", str(error)) from error
    default = _DEFAULT_PORTS[scheme]
    port = default if digits is None else int(digits)
    if not 0 < port < 65_536:
        raise Unreachable("bad-host", "no such port")
    origin = Origin(scheme == "https", host, port)
    return Target(
        origin,
        bracketed(host) if port == default else origin.address,
        path if path.startswith("/") else f"/{path}",  # RFC 9112 section 3.2.1: an empty path is sent as "/"
    )


def spell(request: HttpRequest, target: Target, *, proxied: bool = False, credentials: str = "") -> bytes:
    """Head and body. ``proxied``: for a proxy that reads it, ``credentials`` being its Proxy-Authorization. ValueError: the
    method or a field is none, for instance because a line ends in it."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in request.headers])
    if _TOKEN.fullmatch(request.method) is None:
        raise ValueError("not a method")
    for name, value in request.headers:
        if _TOKEN.fullmatch(name) is None or _NO_VALUE.search(value) is not None:
            raise ValueError("not a header field")
    # RFC 9110 section 8.6: a length where the method has a content, even of nothing.
    length = f"Content-Length: {len(request.body)}\r\n" if request.body or request.method != "GET" else ""
    passed = f"Proxy-Authorization: {credentials}\r\n" if credentials else ""
    path = target.absolute if proxied else target.path
    head = f"{request.method} {path} HTTP/1.1\r\nHost: {target.authority}\r\n{_OWN}{passed}{fields}{length}\r\n"
    return head.encode() + request.body


def spell_connect(origin: Origin, credentials: str) -> bytes:
    """Asks a proxy for a way through (RFC 9110 section 9.3.6)."""
    passed = f"Proxy-Authorization: {credentials}\r\n" if credentials else ""
    return f"CONNECT {origin.address} HTTP/1.1\r\nHost: {origin.address}\r\n{passed}\r\n".encode()
