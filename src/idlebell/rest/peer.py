"""Who is at the other end, through proxies or not. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from idlebell.net.addresses import lies_in
from idlebell.rest.limits import MAX_FORWARDED_HOPS
from idlebell.rest.options import Network

Headers = Mapping[str, Sequence[str]]
"""Names in lower case; a header that came several times has several values."""

LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via")


@dataclass(frozen=True, slots=True)
class Peer:
    """``secure``: what it sends cannot be read on the way. ``local``: it runs on this machine and speaks for itself."""

    address: str
    secure: bool
    local: bool


def peer_of(address: str, *, tls: bool, headers: Headers, trusted: Sequence[Network]) -> Peer:
    """The peer of a connection from ``address``. What it says of others is believed only where it is a trusted proxy."""
    forwarded = any(name in headers for name in FORWARDING)
    if forwarded and lies_in(address, trusted):
        told = {_client(hops, protocols, address, trusted) for hops, protocols in _told(headers)}
        # A proxy that writes one of the two kinds lets what a client wrote in the other one pass: where they differ, neither
        # is believed.
        client, secure = told.pop() if len(told) == 1 else (address, False)
        return Peer(client, secure, local=False)
    # A proxy on this machine that nobody named speaks for somebody from afar: that is not local.
    local = _is_loopback(address) and not forwarded
    return Peer(address, secure=tls or local, local=local)


def _client(
    hops: Sequence[str], protocols: Sequence[str], address: str, trusted: Sequence[Network]
) -> tuple[str, bool]:
    # From the right, for each hop appends: the first that is not a proxy of ours is the client.
    client = next((hop for hop in reversed(hops) if not lies_in(hop, trusted)), hops[0] if hops else address)
    return client, bool(protocols) and all(word == "https" for word in protocols)


def _told(headers: Headers) -> list[tuple[list[str], list[str]]]:
    """Addresses and protocols, first hop first, as ``X-Forwarded-*`` has them and as RFC 7239 does; of those that are there."""
    found: list[tuple[list[str], list[str]]] = []
    if "x-forwarded-for" in headers or "x-forwarded-proto" in headers:
        hops = [_address(item) for item in _items(headers.get("x-forwarded-for", ()))]
        found.append((hops, [item.lower() for item in _items(headers.get("x-forwarded-proto", ()))]))
    if "forwarded" in headers:
        hops, protocols = [], []
        for element in _items(headers.get("forwarded", ())):
            for pair in element.split(";"):
                name, _, value = pair.strip().partition("=")
                value = value.strip('"')
                if name.lower() == "for":
                    hops.append(_address(value))
                elif name.lower() == "proto":
                    protocols.append(value.lower())
        found.append((hops, protocols))
    return found or [([], [])]


def _items(values: Sequence[str]) -> list[str]:
    # Cut from the left: what is nearest to us stands last.
    return [item.strip() for item in ",".join(values).split(",") if item.strip()][-MAX_FORWARDED_HOPS:]


def _address(text: str) -> str:
    """``192.0.2.1``, ``192.0.2.1:80``, ``[2001:db8::1]:80``: the address; what is none (``unknown``, ``_hidden``) stays
    "unknown"."""
    match = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::\d+)?|([0-9.]+)(?::\d+)?", text)
    candidate = (match[1] or match[2]) if match else text
    try:
        return str(ipaddress.ip_address(candidate))
    except ValueError:
        return "unknown"


def _is_loopback(address: str) -> bool:
    return lies_in(address, LOOPBACK)
