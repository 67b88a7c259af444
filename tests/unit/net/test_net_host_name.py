"""What is a host name, before anybody resolves it."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.net.host_name import BadHost, parse_host


@pytest.mark.parametrize(
    "text",
    [
        "127.1",
        "0",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "127.000.000.001",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
        "１２７.0.0.1",
        "127.0.0.1\x00.example.com",
        "[::1]evil",
        "[::1]",
        "127.1.1.1:80\\@127.2.2.2:80",
        "user@example.org",
        "example.org:993",
        "example.org/",
        "example.org?",
        "example.org#",
        "exa mple.org",
        "example.org\n",
        "\texample.org",
        " example.org",
        "example.org\r",
        "exam%70le.org",
        "127.0.0.1%2f",
        "fe80::1%eth0",
        "::ffff:1.2.3.4",
        "0:0:0:0:0:0:0:1",
        "::01",
        "1.2.3",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.2.3.4.",
        "example.0x1",
        "example.1",
        "example.org.",
        ".example.org",
        "example..org",
        ".",
        "",
        "-example.org",
        "example-.org",
        "exa_mple.org",
        "*.example.org",
        "a" * 64 + ".org",
        "a." * 126 + "ab",
        "a" * 5_000,
        "xn--",
        "xn--a",
        "xn--zzzzzzz99999.org",
        "xn--ABC\u00e4.org",
        "b\u00fccher\u200d.example",
        "fa\ufe0f.example",
        "ⓔxample.org",
        "ｅxample.org",
        "example。org",
        "☃.net",
    ],
)
def test_every_other_spelling_is_refused(text):
    """S5."""
    with pytest.raises(BadHost):
        parse_host(text)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("imap.example.org", "imap.example.org"),
        ("IMAP.Example.ORG", "imap.example.org"),
        ("localhost", "localhost"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
        ("r3---sn-4g5e.example.org", "r3---sn-4g5e.example.org"),
        ("3com.example", "3com.example"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:DB8::1", "2001:db8::1"),
    ],
)
def test_names_and_literals_come_in_one_form(text, host):
    assert parse_host(text) == host
    assert parse_host(host) == host


HOST = re.compile(r"[a-z0-9.:-]+")


@given(st.text(max_size=40) | st.text("0123456789abcdefx.:-%[]@\\/", max_size=30))
def test_whatever_passes_is_ldh_or_a_literal_and_stays_the_same(text):
    try:
        host = parse_host(text)
    except BadHost:
        return
    assert HOST.fullmatch(host)
    assert parse_host(host) == host
    last = host.rsplit(".", 1)[-1]
    if ":" in host or last.isdigit() or last.startswith("0x"):
        assert str(ip_address(host)) == host
