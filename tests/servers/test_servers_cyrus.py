"""The Cyrus that the tests rely on, seen by an independent client."""

from __future__ import annotations

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from servers.cyrus_server import CyrusServer

MESSAGE = b"From: Boss <boss@example.org>\r\nTo: alice@example.org\r\nSubject: Lunch?\r\n\r\nAt noon.\r\n"


def login(server: CyrusServer, name: str, password: str = "apass") -> IMAPClient:
    client = IMAPClient("localhost", port=server.ports.imaps, ssl_context=server.client_context(), timeout=10)
    client.login(name, password)
    return client


def test_a_delivery_by_lmtp_arrives_in_idle(cyrus: CyrusServer) -> None:
    user = cyrus.add_user()
    with login(cyrus, user.name) as client:
        assert client.has_capability("QRESYNC")
        assert not client.has_capability("NOTIFY")
        client.select_folder("INBOX", readonly=True)
        client.idle()
        cyrus.deliver(user.name, MESSAGE)
        assert (1, b"EXISTS") in client.idle_check(timeout=15)
        client.idle_done()
        assert client.fetch([1], ["ENVELOPE"])[1][b"ENVELOPE"].subject == b"Lunch?"


def test_starttls_verifies_against_the_servers_own_authority(cyrus: CyrusServer) -> None:
    with IMAPClient("localhost", port=cyrus.ports.imap, ssl=False, timeout=10) as client:
        client.starttls(cyrus.client_context())
        client.login("bob", "bpass")


def test_a_wrong_password_is_refused(cyrus: CyrusServer) -> None:
    with pytest.raises(LoginError):
        login(cyrus, "alice", "wrong")


def test_a_killed_server_comes_back_with_its_mail() -> None:
    with CyrusServer() as server:
        with login(server, "alice") as client:
            client.noop()
        server.deliver("alice", MESSAGE)
        server.kill()
        server.start()
        with login(server, "alice") as again:
            assert again.select_folder("INBOX", readonly=True)[b"EXISTS"] == 1
