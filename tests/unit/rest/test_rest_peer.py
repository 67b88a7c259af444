"""Who is at the other end."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.rest.peer import Peer, peer_of

TRUSTED = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("::1/128"))


def peer(address: str, tls: bool = False, **headers: str) -> Peer:
    given_headers = {name.replace("_", "-"): [value] for name, value in headers.items()}
    return peer_of(address, tls=tls, headers=given_headers, trusted=TRUSTED)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (peer("192.0.2.1"), Peer("192.0.2.1", False, False)),
        (peer("192.0.2.1", tls=True), Peer("192.0.2.1", True, False)),
        (peer("127.0.0.1"), Peer("127.0.0.1", True, True)),
        (peer("::ffff:127.0.0.1"), Peer("::ffff:127.0.0.1", True, True)),
        # nobody is believed who is not named
        (peer("192.0.2.1", x_forwarded_proto="https"), Peer("192.0.2.1", False, False)),
        (peer("127.0.0.1", x_forwarded_for="192.0.2.9"), Peer("127.0.0.1", False, False)),
        (peer("127.0.0.1", via="1.1 proxy"), Peer("127.0.0.1", False, False)),
        # a named proxy is
        (peer("10.0.0.1", x_forwarded_for="192.0.2.9", x_forwarded_proto="https"), Peer("192.0.2.9", True, False)),
        (peer("10.0.0.1", x_forwarded_for="192.0.2.9", x_forwarded_proto="http"), Peer("192.0.2.9", False, False)),
        (peer("10.0.0.1", x_forwarded_for="192.0.2.9"), Peer("192.0.2.9", False, False)),
        (peer("10.0.0.1", x_forwarded_proto="https, http"), Peer("10.0.0.1", False, False)),
        # what a client puts in front of the proxies' words does not count
        (peer("10.0.0.1", x_forwarded_for="198.51.100.1, 192.0.2.9, 10.0.0.2"), Peer("192.0.2.9", False, False)),
        (peer("10.0.0.1", x_forwarded_for="10.0.0.3, 10.0.0.2"), Peer("10.0.0.3", False, False)),
        (peer("10.0.0.1", x_forwarded_for="[2001:db8::1]:443"), Peer("2001:db8::1", False, False)),
        (peer("10.0.0.1", x_forwarded_for="nonsense"), Peer("unknown", False, False)),
        # what a client wrote in the kind that its proxy does not write is not believed
        (
            peer(
                "10.0.0.1",
                x_forwarded_for="192.0.2.9",
                x_forwarded_proto="https",
                forwarded="for=192.0.2.7;proto=https",
            ),
            Peer("10.0.0.1", False, False),
        ),
        (
            peer(
                "10.0.0.1", x_forwarded_for="192.0.2.9", x_forwarded_proto="https", forwarded="for=192.0.2.9;proto=http"
            ),
            Peer("10.0.0.1", False, False),
        ),
        (
            peer(
                "10.0.0.1",
                x_forwarded_for="192.0.2.9",
                x_forwarded_proto="https",
                forwarded="for=192.0.2.9;proto=https",
            ),
            Peer("192.0.2.9", True, False),
        ),
        # RFC 7239
        (peer("::1", forwarded='for="[2001:db8::1]:47";proto=https'), Peer("2001:db8::1", True, False)),
        (peer("::1", forwarded="for=192.0.2.43, for=10.1.1.1;proto=https"), Peer("192.0.2.43", True, False)),
        (peer("::1", forwarded="for=_hidden;proto=http"), Peer("unknown", False, False)),
    ],
)
def test_a_peer_is_who_it_is_and_not_who_it_says(found, expected):
    assert found == expected


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=40))
def test_no_header_makes_a_stranger_local_or_secure(forwarded_for, forwarded, protocol):
    found = peer("192.0.2.1", x_forwarded_for=forwarded_for, forwarded=forwarded, x_forwarded_proto=protocol)
    assert found == Peer("192.0.2.1", False, False)
