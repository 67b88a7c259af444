"""Autoconfig files, from those that providers publish to those that nobody should."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.discover.autoconfig import DEPTH, ELEMENTS, FILE_BYTES, SERVERS, AutoconfigServer, BadAutoconfig, parse
from idlebell.model.account import ImapTarget, Tls

FILE = """<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.org">
    <domain>example.org</domain>
    <incomingServer type="pop3">
      <hostname>pop.example.org</hostname><port>995</port><socketType>SSL</socketType>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>IMAP.%EMAILDOMAIN%</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <username>%EMAILLOCALPART%</username>
      <authentication>OAuth2</authentication>
      <authentication>password-cleartext</authentication>
      <pop3><leaveMessagesOnServer>true</leaveMessagesOnServer></pop3>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>imap.example.org</hostname><port>143</port><socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>imap.example.org</hostname><port>143</port><socketType>plain</socketType>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.example.org</hostname><port>465</port><socketType>SSL</socketType>
    </outgoingServer>
  </emailProvider>
  <webMail><loginPage url="https://example.org/"/></webMail>
</clientConfig>
"""


def one(body: str) -> bytes:
    return (
        '<clientConfig><emailProvider><incomingServer type="imap">' + body + "</incomingServer></emailProvider>"
        "</clientConfig>"
    ).encode()


def test_imap_servers_under_tls_are_found_in_the_order_of_the_file() -> None:
    assert parse(FILE.encode(), "alice@example.org") == (
        AutoconfigServer(ImapTarget("imap.example.org", 993, Tls.IMPLICIT), "alice", ("OAuth2", "password-cleartext")),
        AutoconfigServer(ImapTarget("imap.example.org", 143, Tls.STARTTLS), "alice@example.org", ()),
    )


@pytest.mark.parametrize(
    "body",
    [
        "<hostname>h</hostname><port>993</port>",
        "<hostname>h</hostname><port>0</port><socketType>SSL</socketType>",
        "<hostname>h</hostname><port>99999</port><socketType>SSL</socketType>",
        "<hostname>h</hostname><port>٣</port><socketType>SSL</socketType>",
        "<port>993</port><socketType>SSL</socketType>",
        "<x><hostname>h</hostname></x><port>993</port><socketType>SSL</socketType>",
    ],
)
def test_a_server_that_is_not_whole_is_left_out(body: str) -> None:
    assert parse(one(body), "a@b") == ()


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<html><body>Not found</body></html>",
        b"<clientConfig>",
        b"\xff\xfe\x00",
        b'<!DOCTYPE clientConfig [<!ENTITY a "b">]><clientConfig>&a;</clientConfig>',
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><clientConfig/>',
        b'<?xml version="1.0" encoding="no-such"?><clientConfig/>',
        b'<?xml version="1.0" encoding="utf-7"?><clientConfig/>',
        b'<?xml version="1.0" encoding="rot13"?><clientConfig/>',
        b"<clientConfig>&undefined;</clientConfig>",
        b"<clientConfig>" + b"<a>" * DEPTH + b"</a>" * DEPTH + b"</clientConfig>",
        b"<clientConfig>" + b"<a/>" * ELEMENTS + b"</clientConfig>",
        b" " * (FILE_BYTES + 1),
    ],
)
def test_what_is_no_such_file_is_refused(document: bytes) -> None:
    with pytest.raises(BadAutoconfig):
        parse(document, "a@example.org")


def test_entities_that_multiply_are_refused_before_they_do() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(12))
    with pytest.raises(BadAutoconfig, match="document type"):
        parse(f"<!DOCTYPE l [{laughs}]><clientConfig>&l11;</clientConfig>".encode(), "a@b")


def test_no_text_and_no_list_grows_without_bound() -> None:
    long = "h" * 60_000
    found = parse(one(f"<hostname>{long}</hostname><port>993</port><socketType>SSL</socketType>"), "a@b")
    assert len(found[0].target.host) == 1_000
    server = (
        '<incomingServer type="imap"><hostname>h</hostname><port>993</port><socketType>SSL</socketType>'
        "</incomingServer>"
    )
    many = f"<clientConfig><emailProvider>{server * 100}</emailProvider></clientConfig>"
    assert len(parse(many.encode(), "a@b")) == SERVERS


@given(st.one_of(st.binary(max_size=200), st.text("<>/&;!clientConfg \"'=", max_size=60).map(str.encode)))
def test_nothing_but_its_own_error_comes_of_nonsense(document: bytes) -> None:
    with suppress(BadAutoconfig):
        assert parse(document, "a@example.org") == ()
