"""How often one may ask: an address for registrations, a subscription for looks. Pure; ``now`` is in seconds, monotonic."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address
from math import ceil
from typing import Final

ADDRESSES: Final = 10_000
"""Remembered; the one that asked longest ago is forgotten, and is full again by then."""
_ROUNDING: Final = 1e-6
IPV6_PREFIX_BITS: Final = 64
"""What one customer has of IPv6 (RFC 6177): its addresses count as one."""


class RateLimit:
    """A bucket of ``per_minute`` for each who asks (an address, an id), filled evenly. 0: no limit."""

    __slots__ = ("_buckets", "_per_minute")

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, address: str, now: float) -> int:
        """0, and one is counted; or how long to wait, rounded up to whole seconds."""
        if not self._per_minute:
            return 0
        who = network_of(address)
        left, at = self._buckets.get(who, (float(self._per_minute), now))
        left = min(float(self._per_minute), left + (now - at) * self._per_minute / 60)
        wait = 0
        if left >= 1:
            left -= 1
        else:
            wait = max(1, ceil((1 - left) * 60 / self._per_minute - _ROUNDING))
        self._buckets[who] = (left, now)
        self._buckets.move_to_end(who)
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return wait


def network_of(address: str) -> str:
    """The address itself, or the /64 of an IPv6 one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> (128 - IPV6_PREFIX_BITS) << (128 - IPV6_PREFIX_BITS)))
