"""Which of our addresses others see."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Final

from idlebell.net.addresses import Address

_PUBLIC: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses for documentation (RFC 5737, 3849): routed as all of the Internet is, and nobody's."""
_DISCARD: Final = 9


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
