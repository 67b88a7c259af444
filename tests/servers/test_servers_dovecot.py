"""The Dovecot that the tests rely on: an independent client finds in it what the gateway will find."""

from __future__ import annotations

import smtplib

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from servers.dovecot_server import DovecotServer, why_not_sieve

MESSAGE = b"From: Boss <boss@example.org>\r\nTo: alice@example.org\r\nSubject: Lunch?\r\n\r\nAt noon.\r\n"


def login(server: DovecotServer, name: str = "alice", password: str = "apass") -> IMAPClient:
    client = IMAPClient("localhost", port=server.ports.imaps, ssl_context=server.client_context(), timeout=10)
    client.login(name, password)
    return client


def test_a_delivery_by_lmtp_arrives_in_idle(dovecot: DovecotServer) -> None:
    user = dovecot.add_user()
    with login(dovecot, user.name) as client:
        client.select_folder("INBOX", readonly=True)
        client.idle()
        dovecot.deliver(user.name, MESSAGE)
        assert (1, b"EXISTS") in client.idle_check(timeout=10)
        client.idle_done()
        assert client.fetch([1], ["ENVELOPE"])[1][b"ENVELOPE"].subject == b"Lunch?"


def test_starttls_verifies_against_the_servers_own_authority(dovecot: DovecotServer) -> None:
    with IMAPClient("localhost", port=dovecot.ports.imap, ssl=False, timeout=10) as client:
        client.starttls(dovecot.client_context())
        client.login("bob", "bpass")


def test_a_wrong_password_is_refused(dovecot: DovecotServer) -> None:
    with pytest.raises(LoginError):
        login(dovecot, password="wrong")


def test_an_unknown_user_gets_no_mail(dovecot: DovecotServer) -> None:
    """The static userdb would take any name, so this shows that deliveries are checked against the users' file."""
    dovecot.add_user("known")
    dovecot.deliver("known", MESSAGE)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        dovecot.deliver("nobody-of-this-name", MESSAGE)


def test_a_killed_server_comes_back_with_its_mail() -> None:
    """Its ports, its certificate and its messages outlive it; its sessions do not."""
    with DovecotServer() as server:
        server.deliver("alice", MESSAGE)
        client = login(server)
        server.kill()
        with pytest.raises((OSError, IMAPClient.AbortError)):
            client.noop()
        client.shutdown()
        server.start()
        with login(server) as again:
            assert again.select_folder("INBOX", readonly=True)[b"EXISTS"] == 1


def test_options_come_last_and_win() -> None:
    with (
        DovecotServer({"mail_max_userip_connections": "1"}) as server,
        login(server),
        pytest.raises(LoginError, match="Maximum number of connections"),
    ):
        login(server)


def test_a_sieve_script_files_as_read_and_a_detail_names_the_mailbox(dovecot: DovecotServer) -> None:
    if (reason := why_not_sieve()) is not None:
        pytest.skip(f"not run: {reason}")
    user = dovecot.add_user()
    with login(dovecot, user.name) as client:
        client.create_folder("Work")
        dovecot.deliver(f"{user.name}+Work", MESSAGE)
        assert client.folder_status("Work", ["UNSEEN"])[b"UNSEEN"] == 1
        dovecot.file_by(user.name, 'require "imap4flags"; setflag "\\\\Seen"; keep;')
        dovecot.deliver(user.name, MESSAGE)
        assert client.folder_status("INBOX", ["MESSAGES", "UNSEEN"]) == {b"MESSAGES": 1, b"UNSEEN": 0}
