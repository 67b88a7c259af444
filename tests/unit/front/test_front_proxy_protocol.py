"""What a proxy says of its client, cut anywhere; and what is no such header."""

from __future__ import annotations

import pytest

from idlebell.front.proxy_protocol import LINE_BYTES, SIGNATURE, NotProxied, Proxied, read_header


def version_2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + bytes([0x20 | command, family << 4 | 1]) + len(body).to_bytes(2, "big") + body


V4 = bytes([192, 0, 2, 1, 127, 0, 0, 1]) + b"\x30\x39\x03\xe1"
V6 = bytes.fromhex("20010db8000000000000000000000007") + bytes(16) + b"\x30\x39\x03\xe1"

GOOD = [
    (b"PROXY TCP4 192.0.2.1 127.0.0.1 12345 993\r\n", "192.0.2.1"),
    (b"PROXY TCP6 2001:db8::7 ::1 12345 993\r\n", "2001:db8::7"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff 1 2\r\n", None),
    (version_2(1, 1, V4), "192.0.2.1"),
    (version_2(1, 1, V4 + b"\x04\x00\x01x"), "192.0.2.1"),
    (version_2(1, 2, V6), "2001:db8::7"),
    (version_2(0, 1, V4), None),
    (version_2(1, 3, bytes(216)), None),
]


@pytest.mark.parametrize(("header", "address"), GOOD)
def test_a_header_is_read_once_all_of_it_is_there(header: bytes, address: str | None) -> None:
    assert all(read_header(header[:size]) is None for size in range(len(header)))
    assert read_header(header + b"a NOOP\r\n") == Proxied(address, b"a NOOP\r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"a NOOP\r\n",
        b"PROXY TCP4 192.0.2.1\r\n",
        b"PROXY TCP4 999.0.2.1 127.0.0.1 12345 993\r\n",
        b"PROXY TCP4 " + b"1" * LINE_BYTES,
        SIGNATURE + b"\x11\x11\x00\x00",
        SIGNATURE + b"\x21\x11\xff\xff",
        version_2(1, 1, V4[:8]),
        version_2(1, 2, V4),
        version_2(2, 1, V4),
    ],
)
def test_what_is_no_header_is_told_apart(data: bytes) -> None:
    with pytest.raises(NotProxied):
        read_header(data)
