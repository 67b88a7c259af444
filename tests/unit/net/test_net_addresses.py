"""The classifier against IANA's registries: every row, first, middle and last address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.net.addresses import IANA_BLOCKS, METADATA, Standing, classify, embedded, faces

# Written out here a second time, from the registries, so that a slip in the module's table shows.
REGISTRY = """
0.0.0.0/8 F,0.0.0.0/32 F,10.0.0.0/8 F,100.64.0.0/10 F,127.0.0.0/8 F,169.254.0.0/16 F,172.16.0.0/12 F,192.0.0.0/24 F,
192.0.0.0/29 F,192.0.0.8/32 F,192.0.0.9/32 T,192.0.0.10/32 T,192.0.0.170/32 F,192.0.0.171/32 F,192.0.2.0/24 F,
192.31.196.0/24 T,192.52.193.0/24 T,192.88.99.0/24 F,192.88.99.2/32 F,192.168.0.0/16 F,192.175.48.0/24 T,198.18.0.0/15 F,
198.51.100.0/24 F,203.0.113.0/24 F,240.0.0.0/4 F,255.255.255.255/32 F,::1/128 F,::/128 F,::ffff:0:0/96 F,64:ff9b::/96 M,
64:ff9b:1::/48 F,100::/64 F,100:0:0:1::/64 F,2001::/23 F,2001::/32 F,2001:1::1/128 T,2001:1::2/128 T,2001:1::3/128 T,
2001:2::/48 F,2001:3::/32 T,2001:4:112::/48 T,2001:10::/28 F,2001:20::/28 T,2001:30::/28 T,2001:db8::/32 F,2002::/16 F,
2620:4f:8000::/48 T,3fff::/20 F,5f00::/16 F,fc00::/7 F,fe80::/10 F
"""
ROWS = [row.strip().rsplit(" ", 1) for row in REGISTRY.split(",")]
# Where a more specific row says otherwise, or the address inside decides.
MORE_SPECIFIC = {"192.0.0.9", "192.0.0.10"}


def test_the_table_holds_every_row_of_the_registry():
    assert {str(block.network) for block in IANA_BLOCKS} == {network for network, _ in ROWS}


@pytest.mark.parametrize(("network", "reachable"), [row for row in ROWS if row[1] != "M"])
def test_first_middle_and_last_of_every_block(network, reachable):
    """S6."""
    block = ip_network(network)
    for offset in (0, block.num_addresses // 2, block.num_addresses - 1):
        address = block[offset]
        if str(address) in MORE_SPECIFIC and network == "192.0.0.0/24":
            continue
        assert classify(address).public is (reachable == "T"), address


@pytest.mark.parametrize(("inside", "public"), [("127.0.0.1", False), ("10.9.8.7", False), ("9.9.9.9", True)])
def test_a_translated_address_is_what_is_inside_it(inside, public):
    """NAT64 is how a network without IPv4 reaches the public Internet (RFC 6052)."""
    address = IPv6Address(int(IPv6Address("64:ff9b::")) | int(IPv4Address(inside)))
    assert classify(address).public is public


@pytest.mark.parametrize(
    "text",
    [
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:7f00:1::",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "2a00:1450::5efe:127.0.0.1",
        "2a00:1450::200:5efe:10.0.0.1",
        "fec0::1",
        "feff:ffff::1",
        "fe80::1",
        "ff02::1",
        "ff0e::1",
        "5f00::1",
        "3fff::1",
        "100:0:0:1::1",
        "4000::1",
        "1000::1",
        "e000::1",
        "224.0.0.1",
        "239.255.255.255",
        "192.88.99.1",
        "192.0.0.8",
        "168.63.129.16",
        "192.0.0.192",
        "100.100.100.200",
        "169.254.169.254",
        "fd00:ec2::254",
        "0.0.0.0",
        "::",
        "255.255.255.255",
    ],
)
def test_what_python_or_others_call_global_is_not_public(text):
    """S6, S7."""
    assert not classify(ip_address(text)).public


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "9.9.9.9", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001:830::200e", "2001:4860::8888"]
)
def test_the_public_internet_is_public(text):
    assert classify(ip_address(text)).public


def test_metadata_services_and_unusable_addresses_have_a_standing_of_their_own():
    assert {classify(address).standing for address in METADATA} == {Standing.METADATA}
    for text in ("224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255"):
        assert classify(ip_address(text)).standing is Standing.NEVER


def test_loopback_carries_nothing_inside():
    """::1 lies in ::/96, the block of the IPv4-compatible addresses, without being one."""
    assert embedded(IPv6Address("::1")) == ()
    assert faces(IPv6Address("::1")) == (IPv6Address("::1"),)


@given(st.ip_addresses(v=4))
def test_no_way_of_wrapping_makes_an_ipv4_address_better(inside):
    """Whatever carries it, a packet may end at the address inside."""
    value = int(inside)
    wrapped = [
        IPv6Address(0xFFFF00000000 | value),
        IPv6Address(int(IPv6Address("64:ff9b::")) | value),
        IPv6Address(int(IPv6Address("2002::")) | value << 80),
        IPv6Address(int(IPv6Address("2001::")) | value << 64),
        IPv6Address(int(IPv6Address("2001::")) | (value ^ 0xFFFFFFFF)),
        IPv6Address(int(IPv6Address("2a00:1450::5efe:0:0")) | value),
    ]
    if value > 1:
        wrapped.append(IPv6Address(value))
    if not classify(inside).public:
        assert not any(classify(address).public for address in wrapped)
    for address in wrapped:
        assert inside in faces(address)


@given(st.ip_addresses(v=6))
def test_nothing_is_public_outside_global_unicast_but_nat64(address):
    if classify(address).public:
        assert any(address in IPv6Network(network) for network in ("2000::/3", "64:ff9b::/96"))
