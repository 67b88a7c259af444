"""The PROXY protocol, versions 1 and 2 (haproxy's doc/proxy-protocol.txt): what a proxy in front of us says of the client that
it speaks for. Pure.

Read only where the operator trusts the connection's own address; from all others the same bytes are a client's, and no command.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
LINE_BYTES: Final = 107
"""Of version 1, with its CRLF."""
HEADER_BYTES: Final = 16
BODY_BYTES: Final = 2_048
"""Of version 2: addresses and TLVs. haproxy's own bound on what it sends is under 600."""

_LINE: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP[46] ([0-9A-Fa-f:.]+) [0-9A-Fa-f:.]+ ([0-9]{1,5}) [0-9]{1,5})\r\n"
)


class NotProxied(Exception):  # noqa: N818 - named as the fact it is
    """No header of either version begins here."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """``address`` None: the proxy speaks for itself (a health check), or does not say."""

    address: str | None
    rest: bytes
    """What follows the header: the client's own."""


def read_header(data: bytes) -> Proxied | None:
    """``data``: all that has come so far. None: more has to come; bounded. NotProxied."""
    if data[: len(SIGNATURE)] == SIGNATURE[: len(data)]:
        return _version_2(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _version_1(data)
    raise NotProxied


def _version_1(data: bytes) -> Proxied | None:
    end = data.find(b"\r\n", 0, LINE_BYTES)
    if end < 0:
        if len(data) >= LINE_BYTES:
            raise NotProxied
        return None
    found = _LINE.fullmatch(data[: end + 2])
    if found is None:
        raise NotProxied
    rest = data[end + 2 :]
    if found[1] is None:
        return Proxied(None, rest)
    try:
        return Proxied(str(ip_address(found[1].decode())), rest)
    except ValueError:
        raise NotProxied from None


def _version_2(data: bytes) -> Proxied | None:
    if len(data) < HEADER_BYTES:
        return None
    version, command = data[12] >> 4, data[12] & 0xF
    size = int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1 or size > BODY_BYTES:
        raise NotProxied
    if len(data) < HEADER_BYTES + size:
        return None
    body, rest = data[HEADER_BYTES : HEADER_BYTES + size], data[HEADER_BYTES + size :]
    family = data[13] >> 4
    if command == 0 or family not in (1, 2):  # LOCAL; or neither of the two families that we know
        return Proxied(None, rest)
    if family == 1:
        if size < 12:
            raise NotProxied
        return Proxied(str(IPv4Address(body[:4])), rest)
    if size < 36:
        raise NotProxied
    return Proxied(str(IPv6Address(body[:16])), rest)
