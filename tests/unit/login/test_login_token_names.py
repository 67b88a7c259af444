"""Servers that look at the user name beside a token, and servers that do not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from idlebell.login.opener import LoginFailed, Opener
from idlebell.login.token_names import TokenNames
from idlebell.model.account import Account, BearerCredentials, CommandedCredentials, Credentials, ImapTarget, Tls
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.errors import ConnectionLost
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_policy import TlsPolicy
from idlebell.testing.imap_server import ImapServer

TOKEN = "t0ken"


class Place:
    def __init__(self, server: ImapServer) -> None:
        self.server = server
        self.target = ImapTarget("127.0.0.1", server.port, Tls.NONE)
        self.lost = False
        self._clock = clock = Clock()
        egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
        self._connector = Connector(egress, Resolver(clock))

    async def connect(self, target: ImapTarget, certificate: None = None) -> ImapConnection:
        if self.lost:
            raise ConnectionLost("closed")
        return await open_connection(target, connector=self._connector, tls_policy=TlsPolicy(), clock=self._clock)

    async def open(self, opener: Opener, username: str, credentials: Credentials | None = None) -> str:
        """The code that it is refused with; empty: it is let in."""
        account = Account(AccountId("acc_1"), self.target, username)
        try:
            (await opener.open(account, credentials or BearerCredentials(Secret(TOKEN)))).close()
        except LoginFailed as failure:
            return failure.fault.code
        return ""


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with ImapServer() as server:
        server.add_user("mallory", "secret", token=TOKEN)
        server.add_user("alice", "secret", token="another")
        yield Place(server)


async def test_a_token_that_opens_any_name_shows_no_account(place: Place) -> None:
    opener = Opener(place.connect, os.urandom, lambda fact: None)
    place.server.behave(looks_at_token_names=False)
    assert await place.open(opener, "alice") == "authentication-failed"
    assert await place.open(opener, "mallory") == "authentication-failed", "nor its own: nobody can tell"
    place.server.behave(looks_at_token_names=True)
    assert await place.open(opener, "mallory") == ""
    assert await place.open(opener, "alice") == "authentication-failed"


async def test_an_account_that_the_operator_declares_is_his_word(place: Place) -> None:
    place.server.behave(looks_at_token_names=False)
    declared = CommandedCredentials("print-token")
    declared.take(Secret(TOKEN), None, now=0.0, renew_at=60.0, ends_at=60.0)
    assert await place.open(Opener(place.connect, os.urandom, lambda fact: None), "mallory", declared) == ""
    assert place.server.logins == ["mallory"]


async def test_a_server_is_asked_once_however_many_log_in(place: Place) -> None:
    names = TokenNames(place.connect, os.urandom)

    def asked() -> asyncio.Future[list[bool | None]]:
        return asyncio.gather(
            *(names.are_looked_at(place.target, "mallory@example.org", TOKEN, "XOAUTH2") for _ in range(5))
        )

    place.server.add_user("mallory@example.org", "secret", token=TOKEN)
    assert await asked() == [True] * 5
    stranger, own = place.server.logins
    assert (stranger.endswith("@example.org"), own) == (True, "mallory@example.org")
    assert await asked() == [True] * 5
    assert len(place.server.logins) == 2


async def test_what_cannot_be_found_out_is_not_taken_for_shown(place: Place) -> None:
    names = TokenNames(place.connect, os.urandom)
    for username, token in (("mallory", "expired meanwhile"), ("mallory", "expired"), ("", TOKEN)):
        assert await names.are_looked_at(place.target, username, token, "OAUTHBEARER") is None
    place.lost = True
    assert await names.are_looked_at(place.target, "mallory", TOKEN, "OAUTHBEARER") is None
    place.lost = False
    assert await names.are_looked_at(place.target, "mallory", TOKEN, "OAUTHBEARER") is True
