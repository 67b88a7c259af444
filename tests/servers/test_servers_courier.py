"""The Courier that the tests rely on, seen by an independent client."""

from __future__ import annotations

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from servers.courier_server import CourierServer

MESSAGE = b"From: Boss <boss@example.org>\r\nTo: alice@example.org\r\nSubject: Lunch?\r\n\r\nAt noon.\r\n"


def login(server: CourierServer, name: str, password: str = "apass") -> IMAPClient:
    client = IMAPClient("localhost", port=server.ports.imaps, ssl_context=server.client_context(), timeout=10)
    client.login(name, password)
    return client


def test_a_delivery_into_the_maildir_arrives_in_idle(courier: CourierServer) -> None:
    """What makes Courier worth having here: no UIDNEXT in the answer to EXAMINE, and an INBOX that it polls."""
    user = courier.add_user()
    with login(courier, user.name) as client:
        assert b"UIDNEXT" not in client.select_folder("INBOX", readonly=True)
        client.idle()
        courier.deliver(user.name, MESSAGE)
        assert (1, b"EXISTS") in client.idle_check(timeout=30)
        client.idle_done()
        assert client.fetch([1], ["ENVELOPE"])[1][b"ENVELOPE"].subject == b"Lunch?"


def test_starttls_verifies_against_the_servers_own_authority(courier: CourierServer) -> None:
    with IMAPClient("localhost", port=courier.ports.imap, ssl=False, timeout=10) as client:
        client.starttls(courier.client_context())
        client.login("bob", "bpass")


def test_a_wrong_password_is_refused(courier: CourierServer) -> None:
    with pytest.raises(LoginError):
        login(courier, "alice", "wrong")
