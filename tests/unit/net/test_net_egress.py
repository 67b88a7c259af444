"""The rules of what may be dialled."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from idlebell.net.addresses import IANA_BLOCKS
from idlebell.net.egress import Egress, Purpose
from idlebell.net.errors import Unreachable

PUBLIC = ip_address("9.9.9.9")
HOME = Egress(allow=(ip_network("10.0.0.0/8"), ip_network("::1/128"), ip_network("127.0.0.0/8")))


@pytest.mark.parametrize("purpose", list(Purpose))
@pytest.mark.parametrize("block", [block for block in IANA_BLOCKS if not block.public], ids=lambda b: str(b.network))
def test_no_special_block_is_reachable_for_any_purpose(block, purpose):
    """S1, S2: first, middle and last address, on a port that is allowed."""
    network = block.network
    for offset in (0, network.num_addresses // 2, network.num_addresses - 1):
        if str(network[offset]) in ("192.0.0.9", "192.0.0.10"):
            continue
        assert not Egress().permits(network[offset], 993 if purpose.imap else 443, purpose)


@pytest.mark.parametrize(
    ("port", "purpose", "allowed"),
    [
        (993, Purpose.IMAP, True),
        (143, Purpose.IMAP, True),
        (443, Purpose.IMAP, False),
        (25, Purpose.IMAP, False),
        (6379, Purpose.IMAP, False),
        (443, Purpose.HTTPS, True),
        (8443, Purpose.HTTPS, False),
        (993, Purpose.HTTPS, False),
        (80, Purpose.HTTP, False),
        (443, Purpose.HTTP, False),
        (465, Purpose.SMTP, True),
        (2525, Purpose.SMTP, True),  # the operator wrote it down himself
        (25, Purpose.SMTP_PLAINTEXT, False),
        (143, Purpose.IMAP_PLAINTEXT, False),
    ],
)
def test_ports_and_tls_on_the_public_internet(port, purpose, allowed):
    assert Egress(allow_plaintext=True).permits(PUBLIC, port, purpose) is allowed


def test_allowed_networks_have_every_port():
    assert HOME.permits(ip_address("10.1.2.3"), 10_993, Purpose.IMAP)
    assert HOME.permits(ip_address("10.1.2.3"), 8_443, Purpose.HTTPS)
    assert HOME.permits(ip_address("::1"), 1, Purpose.IMAP)
    assert not HOME.permits(ip_address("192.168.1.1"), 993, Purpose.IMAP)


def test_plaintext_needs_both_an_allowed_network_and_the_switch():
    """S10: neither alone opens anything."""
    home = ip_address("10.1.2.3")
    assert not HOME.permits(home, 143, Purpose.IMAP_PLAINTEXT)
    both = Egress(allow=HOME.allow, allow_plaintext=True)
    assert both.permits(home, 143, Purpose.IMAP_PLAINTEXT)
    assert both.permits(home, 80, Purpose.HTTP)
    assert not both.permits(PUBLIC, 143, Purpose.IMAP_PLAINTEXT)


def test_a_metadata_service_needs_to_be_allowed_by_its_own_address():
    """S7: allowing 100.64.0.0/10 for a private network does not open the metadata service in it."""
    service = ip_address("100.100.100.200")
    assert not Egress(allow=(ip_network("100.64.0.0/10"),)).permits(service, 443, Purpose.HTTPS)
    assert not Egress(allow=(ip_network("0.0.0.0/0"),)).permits(ip_address("168.63.129.16"), 443, Purpose.HTTPS)
    assert Egress(allow=(ip_network("100.100.100.200/32"),)).permits(service, 443, Purpose.HTTPS)


def test_multicast_and_unspecified_are_never_reachable():
    all_of_it = Egress(allow=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    for text in ("0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"):
        assert not all_of_it.permits(ip_address(text), 993, Purpose.IMAP)


def test_a_mapped_address_is_no_second_way_to_an_address():
    """Nobody publishes one in the DNS but to deceive a filter."""
    assert not HOME.permits(ip_address("::ffff:10.0.0.1"), 993, Purpose.IMAP)
    assert not Egress().permits(ip_address("::ffff:9.9.9.9"), 993, Purpose.IMAP)


def test_an_allowed_outer_address_does_not_open_the_inner_one():
    outer = Egress(allow=(ip_network("64:ff9b:1::/48"),))
    assert not outer.permits(ip_address("64:ff9b:1::7f00:1"), 993, Purpose.IMAP)
    assert outer.permits(ip_address("64:ff9b:1::909:909"), 993, Purpose.IMAP)


def test_only_hosts_binds_imap_and_not_endpoints():
    egress = Egress(only_hosts=frozenset({"imap.example.org"}))
    egress.check_host("imap.example.org", Purpose.IMAP)
    egress.check_host("push.example.net", Purpose.HTTPS)
    with pytest.raises(Unreachable) as caught:
        egress.check_host("imap.example.net", Purpose.IMAP)
    assert caught.value.reason == "not-allowed"
    Egress().check_host("anything.example", Purpose.IMAP)
