"""Which of our addresses others see."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from idlebell.net.addresses import Address

_PUBLIC: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses for documentation (RFC 5737, 3849): routed as all of the Internet is, and nobody's."""
_DISCARD: Final = 9


def foreign_addresses(addresses: Iterable[Address]) -> tuple[Address, ...]:
    """Those that no connection can come from: the machine has none of them now."""
    found: list[Address] = []
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.bind((str(address), 0))
        except OSError:
            found.append(address)
    return tuple(found)


def system_addresses() -> tuple[Address, ...]:
    """Those that the system takes for the Internet, of each family that it has a way for. Nothing is sent: a UDP socket that is
    connected has only chosen its own address."""
    found: list[Address] = []
    for family, there in _PUBLIC:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((there, _DISCARD))
                found.append(ip_address(sock.getsockname()[0].partition("%")[0]))
        except OSError:
            continue  # no way out in this family
    return tuple(found)
