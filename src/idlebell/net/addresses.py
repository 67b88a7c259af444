"""Which addresses belong to the public Internet. Pure: a table and two functions.

The table is IANA's, of both special-purpose registries (RFC 6890). Python's ``ipaddress.is_global`` is not used: it
calls fifteen of these blocks global, and does not look into IPv6 addresses that carry an IPv4 one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


IPV6_PREFIX_BITS: Final = 64
"""What one customer has of IPv6 (RFC 6177): its addresses count as one."""


class Standing(Enum):
    """What may be done with an address. From best to worst."""

    PUBLIC = "public"
    SPECIAL = "special"
    """Not of the public Internet: dialled only where the operator allows its network."""
    METADATA = "metadata"
    """A cloud's metadata service: dialled only where the operator allows this very address."""
    NEVER = "never"
    """No host has it: multicast, unspecified, broadcast."""


@dataclass(frozen=True, slots=True)
class Verdict:
    standing: Standing
    block: str
    """The block that decided, with its name, for the operator's log."""

    @property
    def public(self) -> bool:
        return self.standing is Standing.PUBLIC


@dataclass(frozen=True, slots=True)
class Block:
    network: Network
    name: str
    public: bool
    """IANA's "globally reachable"; where that is empty or "N/A" it is False."""


IANA_BLOCKS: Final[tuple[Block, ...]] = tuple(
    Block(ip_network(network), name, public)
    for network, name, public in (
        ("0.0.0.0/8", "This network", False),
        ("0.0.0.0/32", "This host on this network", False),
        ("10.0.0.0/8", "Private-Use", False),
        ("100.64.0.0/10", "Shared Address Space", False),
        ("127.0.0.0/8", "Loopback", False),
        ("169.254.0.0/16", "Link Local", False),
        ("172.16.0.0/12", "Private-Use", False),
        ("192.0.0.0/24", "IETF Protocol Assignments", False),
        ("192.0.0.0/29", "IPv4 Service Continuity Prefix", False),
        ("192.0.0.8/32", "IPv4 dummy address", False),
        ("192.0.0.9/32", "Port Control Protocol Anycast", True),
        ("192.0.0.10/32", "Traversal Using Relays around NAT Anycast", True),
        ("192.0.0.170/32", "NAT64/DNS64 Discovery", False),
        ("192.0.0.171/32", "NAT64/DNS64 Discovery", False),
        ("192.0.2.0/24", "Documentation (TEST-NET-1)", False),
        ("192.31.196.0/24", "AS112-v4", True),
        ("192.52.193.0/24", "AMT", True),
        ("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", False),
        ("192.88.99.2/32", "6a44-relay anycast address", False),
        ("192.168.0.0/16", "Private-Use", False),
        ("192.175.48.0/24", "Direct Delegation AS112 Service", True),
        ("198.18.0.0/15", "Benchmarking", False),
        ("198.51.100.0/24", "Documentation (TEST-NET-2)", False),
        ("203.0.113.0/24", "Documentation (TEST-NET-3)", False),
        ("240.0.0.0/4", "Reserved", False),
        ("255.255.255.255/32", "Limited Broadcast", False),
        ("::1/128", "Loopback Address", False),
        ("::/128", "Unspecified Address", False),
        ("::ffff:0:0/96", "IPv4-mapped Address", False),
        ("64:ff9b::/96", "IPv4-IPv6 Translation", True),
        ("64:ff9b:1::/48", "IPv4-IPv6 Translation", False),
        ("100::/64", "Discard-Only Address Block", False),
        ("100:0:0:1::/64", "Dummy IPv6 Prefix", False),
        ("2001::/23", "IETF Protocol Assignments", False),
        ("2001::/32", "TEREDO", False),
        ("2001:1::1/128", "Port Control Protocol Anycast", True),
        ("2001:1::2/128", "Traversal Using Relays around NAT Anycast", True),
        ("2001:1::3/128", "DNS-SD Service Registration Protocol Anycast", True),
        ("2001:2::/48", "Benchmarking", False),
        ("2001:3::/32", "AMT", True),
        ("2001:4:112::/48", "AS112-v6", True),
        ("2001:10::/28", "Deprecated (previously ORCHID)", False),
        ("2001:20::/28", "ORCHIDv2", True),
        ("2001:30::/28", "Drone Remote ID Protocol Entity Tags (DETs) Prefix", True),
        ("2001:db8::/32", "Documentation", False),
        ("2002::/16", "6to4", False),
        ("2620:4f:8000::/48", "Direct Delegation AS112 Service", True),
        ("3fff::/20", "Documentation", False),
        ("5f00::/16", "Segment Routing (SRv6) SIDs", False),
        ("fc00::/7", "Unique-Local", False),
        ("fe80::/10", "Link-Local Unicast", False),
    )
)

METADATA: Final[frozenset[Address]] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # most clouds
        "169.254.170.2",  # credentials of a container at one of them
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",  # looks public
        "192.0.0.192",
    )
)

_NEVER: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(network), name)
    for network, name in (
        ("0.0.0.0/32", "This host on this network"),
        ("224.0.0.0/4", "Multicast"),
        ("255.255.255.255/32", "Limited Broadcast"),
        ("::/128", "Unspecified Address"),
        ("ff00::/8", "Multicast"),
    )
)

# The most specific block decides, as in a routing table.
_LONGEST_FIRST: Final = tuple(sorted(IANA_BLOCKS, key=lambda block: -block.network.prefixlen))

_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")  # the only part of IPv6 that IANA hands out as public (RFC 4291, 2.4)
_MAPPED: Final = IPv6Network("::ffff:0:0/96")  # RFC 4291 section 2.5.5.2
_LOW_32_BITS: Final[tuple[IPv6Network, ...]] = tuple(
    IPv6Network(text)
    for text in (
        "::/96",  # IPv4-compatible (RFC 4291 section 2.5.5.1)
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # NAT64 of local use (RFC 8215); its /96 form
    )
)
_TEREDO: Final = IPv6Network("2001::/32")  # RFC 4380
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")  # RFC 3056
_ISATAP: Final = (0x00005EFE, 0x02005EFE)  # upper half of the interface identifier (RFC 5214 section 6.1)


def embedded(address: Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that packets to ``address`` may end at, by any of the ways to carry one inside IPv6."""
    if isinstance(address, IPv4Address):
        return ()
    value = int(address)
    found: list[int] = []
    if value > 1 and (address in _MAPPED or any(address in network for network in _LOW_32_BITS)):
        found.append(value)  # :: and ::1 lie in ::/96 and carry nothing
    if address in _SIX_TO_FOUR:
        found.append(value >> 80)
    if address in _TEREDO:
        found += [value >> 64, value ^ 0xFFFFFFFF]  # the server, and the client with its bits inverted
    if value >> 32 & 0xFFFFFFFF in _ISATAP:
        found.append(value)
    return tuple(IPv4Address(number & 0xFFFFFFFF) for number in found)


def faces(address: Address) -> tuple[Address, ...]:
    """``address`` and every address inside it. All of them must be permitted."""
    return (address, *embedded(address))


def classify(address: Address) -> Verdict:
    """The worst standing of ``address`` and of all that is inside it."""
    verdicts = [classify_face(face) for face in faces(address)]
    order = list(Standing)
    return max(verdicts, key=lambda verdict: order.index(verdict.standing))


def classify_face(address: Address) -> Verdict:
    """The standing of ``address`` by itself, without what is inside it."""
    if address in METADATA:
        return Verdict(Standing.METADATA, f"{address} Metadata service")
    for network, name in _NEVER:
        if address in network:
            return Verdict(Standing.NEVER, f"{network} {name}")
    for block in _LONGEST_FIRST:
        if address in block.network:
            standing = Standing.PUBLIC if block.public else Standing.SPECIAL
            return Verdict(standing, f"{block.network} {block.name}")
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return Verdict(Standing.SPECIAL, "outside 2000::/3")  # fec0::/10 is among them
    return Verdict(Standing.PUBLIC, "public")


def network_of(address: str) -> str:
    """Who asks, as far as it is counted: the address itself, or the /64 of an IPv6 one. What is no address stays as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> (128 - IPV6_PREFIX_BITS) << (128 - IPV6_PREFIX_BITS)))


def lies_in(address: str, networks: Sequence[Network]) -> bool:
    """Of a peer's address as a socket gives it: on one that takes both families an IPv4 peer looks like ::ffff:192.0.2.1."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    own = (parsed.ipv4_mapped or parsed) if isinstance(parsed, IPv6Address) else parsed
    return any(own in network for network in networks)
