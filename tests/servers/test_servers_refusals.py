"""How real servers refuse a login, and what the door makes of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_network

import pytest

from idlebell.imap.commands import Noop
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import LoginFailed, Opener
from idlebell.login.refusal import DOUBT_SECONDS
from idlebell.model.account import Account, ImapTarget, PasswordCredentials, Tls
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_policy import TlsPolicy
from servers.courier_server import CourierServer
from servers.cyrus_server import CyrusServer
from servers.dovecot_server import DovecotServer
from servers.mail_server import MailServer

ONLY = SubscriptionId("only")


class Hands(Clock):
    """A clock that a test can move on."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Entrance:
    """A door to one server, and what it sent there."""

    def __init__(self, server: MailServer, resolver: Resolver, clock: Hands) -> None:
        self.clock = clock
        self.keyring = Keyring()
        self.connections = 0
        self.sent: list[str] = []
        self.target = ImapTarget("localhost", server.ports.imaps, Tls.IMPLICIT)
        connector = Connector(Egress(allow=(ip_network("127.0.0.0/8"), ip_network("::1/128"))), resolver)
        policy = TlsPolicy(server.ca_file)

        async def connect(target: ImapTarget) -> ImapConnection:
            self.connections += 1
            return await open_connection(
                target, connector=connector, tls_policy=policy, clock=clock, wire_log=self._heard
            )

        opener = Opener(connect, os.urandom, lambda fact: None, support_url="mailto:a@example.org")
        self.door = Door(opener.open, self.keyring, clock, os.urandom, lambda fact: None)

    def _heard(self, side: str, line: str) -> None:
        if side == "C":
            self.sent.append(f"{self.connections}:{line}")

    def account(self, user: str) -> Account:
        return Account(AccountId("acc_a"), self.target, user)

    @property
    def logins(self) -> int:
        """Commands that carried the password; one of several messages counts as one."""
        return len({line.split()[0] for line in self.sent if "(…)" in line})


@asynccontextmanager
async def entrance(server: MailServer) -> AsyncIterator[Entrance]:
    async with AsyncExitStack() as stack:
        clock = Hands()
        resolver = Resolver(clock)
        stack.push_async_callback(resolver.close)
        yield Entrance(server, resolver, clock)


def credentials(text: str) -> PasswordCredentials:
    return PasswordCredentials(Secret(text))


async def refuses_a_registration_once(server: MailServer) -> None:
    """A wrong password is a refusal, with a code or without."""
    user = server.add_user()
    async with entrance(server) as door:
        with pytest.raises(LoginFailed) as caught:
            await door.door.log_in(door.account(user.name), credentials("wrong"), deadline_seconds=30)
        assert caught.value.fault.code == "authentication-failed"
        assert door.logins == 1


async def lets_in_and_hears_who_we_are(server: MailServer, *, lists_id: bool) -> None:
    user = server.add_user()
    async with entrance(server) as door:
        session = await door.door.log_in(door.account(user.name), credentials(user.password), deadline_seconds=30)
        assert any('"support-email" "a@example.org"' in line for line in door.sent) is lists_id
        assert (await session.command(Noop())).ok
        await session.logout()


async def with_a_password_that_was_changed(door: Entrance, server: MailServer) -> Account:
    """It has opened a session before, and is kept."""
    user = server.add_user()
    account = door.account(user.name)
    door.keyring.keep(ONLY, account.id, credentials(user.password))
    session = await door.door.reopen(account)
    assert isinstance(session, ImapConnection)
    await session.logout()
    server.add_user(user.name, "changed")
    door.sent.clear()
    return account


async def test_dovecot_gives_a_reason_and_is_believed_at_once(dovecot: DovecotServer) -> None:
    await refuses_a_registration_once(dovecot)
    async with entrance(dovecot) as door:
        fault = await door.door.reopen(await with_a_password_that_was_changed(door, dovecot))
        assert isinstance(fault, Fault)
        assert fault.code == "authentication-failed"
        assert door.logins == 1
        assert not door.keyring.holds_of(ONLY)


async def believed_the_second_time(server: MailServer) -> None:
    async with entrance(server) as door:
        account = await with_a_password_that_was_changed(door, server)
        first = await door.door.reopen(account)
        early = await door.door.reopen(account)
        assert isinstance(first, Fault)
        assert isinstance(early, Fault)
        assert [first.code, early.code] == ["login-unexplained"] * 2
        assert door.logins == 1
        door.clock.ahead += DOUBT_SECONDS
        last = await door.door.reopen(account)
        assert isinstance(last, Fault)
        assert last.code == "authentication-failed"
        assert door.logins == 2
        assert not door.keyring.holds_of(ONLY)


async def test_cyrus_gives_no_reason_and_is_believed_the_second_time(cyrus: CyrusServer) -> None:
    await refuses_a_registration_once(cyrus)
    await believed_the_second_time(cyrus)


async def test_courier_gives_no_reason_and_is_believed_the_second_time(courier: CourierServer) -> None:
    await refuses_a_registration_once(courier)
    await believed_the_second_time(courier)


async def test_dovecot_and_cyrus_hear_who_we_are_and_courier_which_has_no_id_is_left_alone(
    dovecot: DovecotServer, cyrus: CyrusServer, courier: CourierServer
) -> None:
    await lets_in_and_hears_who_we_are(dovecot, lists_id=True)
    await lets_in_and_hears_who_we_are(cyrus, lists_id=True)
    await lets_in_and_hears_who_we_are(courier, lists_id=False)
