"""The door against a server that speaks, on loopback."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest

from idlebell.imap import commands
from idlebell.login import door as door_module
from idlebell.login.door import Door, LoginFailed
from idlebell.login.keyring import Keyring
from idlebell.model.account import (
    Account,
    BearerCredentials,
    Credentials,
    ImapTarget,
    PasswordCredentials,
    Tls,
)
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
from idlebell.telemetry import facts
from idlebell.testing.faults import Bye, Hold, Refuse
from idlebell.testing.imap_server import ImapServer


class Bench:
    def __init__(self, server: ImapServer, **options: Any) -> None:
        self.server = server
        self.keyring = Keyring()
        self.facts: list[facts.Fact] = []
        self.refused: list[tuple[SubscriptionId, str]] = []
        self.opened: list[ImapConnection] = []
        clock = Clock()
        self._resolver = Resolver(clock)
        egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
        connector, policy = Connector(egress, self._resolver), TlsPolicy()

        async def connect(target: ImapTarget) -> ImapConnection:
            opened = await open_connection(target, connector=connector, tls_policy=policy, clock=clock)
            self.opened.append(opened)
            return opened

        self.door = Door(connect, self.keyring, clock, os.urandom, self.facts.append, **options)
        self.door.report_refusals_to(self._on_refused)

    async def _on_refused(self, account: AccountId, subscription: SubscriptionId, fault: Fault) -> None:
        self.refused.append((subscription, fault.code))

    def account(self, name: str = "alice", port: int | None = None) -> Account:
        target = ImapTarget("127.0.0.1", port or self.server.port, Tls.NONE)
        return Account(AccountId("acc_" + name), target, name)

    async def log_in(self, credentials: Credentials, name: str = "alice", seconds: float = 10) -> ImapConnection:
        return await self.door.log_in(self.account(name), credentials, deadline_seconds=seconds)

    async def fault(self, credentials: Credentials, name: str = "alice", seconds: float = 10) -> Fault:
        with pytest.raises(LoginFailed) as caught:
            await self.log_in(credentials, name, seconds)
        return caught.value.fault

    async def close(self) -> None:
        for connection in self.opened:
            connection.close()
        await self._resolver.close()


def password(text: str) -> PasswordCredentials:
    return PasswordCredentials(Secret(text))


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer(tls=False) as running:
        running.add_user("alice", "secret", token="t0ken")
        yield running


@pytest.fixture
async def bench(server: ImapServer) -> AsyncIterator[Bench]:
    made = Bench(server)
    yield made
    await made.close()


@pytest.mark.parametrize("mechanism", ["AUTH=SCRAM-SHA-256", "AUTH=PLAIN", "LOGIN"])
async def test_a_password_opens_the_door_by_every_mechanism(bench: Bench, mechanism: str) -> None:
    bench.server.behave(before_login=("SASL-IR", mechanism) if mechanism != "LOGIN" else ())
    connection = await bench.log_in(password("secret"))
    assert connection.has("NAMESPACE"), "the capabilities are those of the session"
    assert [type(fact) for fact in bench.facts] == [facts.SessionOpened]


@pytest.mark.parametrize("mechanism", ["AUTH=OAUTHBEARER", "AUTH=XOAUTH2"])
async def test_an_access_token_opens_it_too(bench: Bench, mechanism: str) -> None:
    bench.server.behave(before_login=("SASL-IR", mechanism))
    await bench.log_in(BearerCredentials(Secret("t0ken")))
    assert (await bench.fault(BearerCredentials(Secret("other")))).code == "authentication-failed"


async def test_a_refused_password_is_sent_once(bench: Bench) -> None:
    """SCRAM was refused: PLAIN and LOGIN, which the server lists too, are not tried with the same password."""
    assert (await bench.fault(password("hunter2"))).code == "authentication-failed"
    assert bench.server.logins == ["alice"]
    assert [type(fact) for fact in bench.facts] == [facts.LoginFailed]
    assert "hunter2" not in repr(bench.facts)


async def test_the_same_wrong_password_again_does_not_reach_the_server(bench: Bench) -> None:
    first = await bench.fault(password("wrong"))
    assert await bench.fault(password("wrong")) == first
    assert len(bench.opened) == 1
    await bench.log_in(password("secret"))


async def test_guesses_at_once_do_not_all_pass(bench: Bench) -> None:
    faults = await asyncio.gather(*(bench.fault(password(f"guess {number}")) for number in range(10)))
    assert len(bench.opened) == 3
    assert {fault.code for fault in faults} == {"authentication-failed", "throttled"}


async def test_another_mechanism_is_tried_where_scram_is_not_to_be_had(bench: Bench) -> None:
    bench.server.plan(commands.Authenticate, Refuse("no such mechanism", "CANNOT"))
    await bench.log_in(password("secret"))


async def test_a_server_without_a_way_in_is_told(bench: Bench) -> None:
    bench.server.behave(before_login=("LOGINDISABLED",))
    assert (await bench.fault(password("secret"))).code == "authentication-failed"
    assert (await bench.fault(BearerCredentials(Secret("t0ken")))).code == "authentication-failed"


async def test_a_password_that_cannot_be_carried_is_told(bench: Bench) -> None:
    bench.server.behave(before_login=("SASL-IR", "AUTH=SCRAM-SHA-256"), always=("IMAP4rev1",))
    assert "characters" in (await bench.fault(password("se\0cret"))).detail


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Refuse("Too many", "LIMIT"), "throttled"),
        (Bye("going down"), "server-error"),
        (Refuse("later", "UNAVAILABLE"), "server-error"),
    ],
)
async def test_a_server_in_trouble_is_not_a_wrong_password(bench: Bench, fault: Any, code: str) -> None:
    planned = bench.server.plan(commands.Authenticate, fault, times=None)
    assert (await bench.fault(password("secret"))).code == code
    planned.cancel()
    await bench.log_in(password("secret"))


async def test_a_server_that_never_answers_is_given_up_in_time(bench: Bench) -> None:
    bench.server.plan(commands.Authenticate, Hold())
    fault = await bench.fault(password("secret"), seconds=0.2)
    assert fault.code == "unreachable"
    assert [type(fact) for fact in bench.facts] == [facts.LoginFailed]


async def test_a_closed_port_is_unreachable_and_only_the_operator_learns_why(bench: Bench) -> None:
    gone = Account(AccountId("acc_x"), ImapTarget("127.0.0.1", 1, Tls.NONE), "x")
    with pytest.raises(LoginFailed) as caught:
        await bench.door.log_in(gone, password("secret"), deadline_seconds=10)
    assert "refused" in caught.value.fault.private
    assert "refused" not in caught.value.fault.detail


async def test_a_cap_of_connections_to_one_server_holds(server: ImapServer) -> None:
    bench = Bench(server, per_host_connections=1, sessions_at=lambda host: 1)
    assert (await bench.fault(password("secret"))).code == "throttled"
    assert bench.opened == []
    await bench.close()


async def test_who_cannot_wait_for_a_slot_is_told(server: ImapServer) -> None:
    bench = Bench(server, per_host_connect_rate=0.01)
    await bench.log_in(password("secret"))
    assert (await bench.fault(password("secret"), seconds=1)).code == "overloaded"
    await bench.close()


async def test_too_many_logins_of_one_account_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door_module, "QUEUED", 1)
    hold = Hold()
    planned = bench.server.plan(commands.Authenticate, hold)
    first = asyncio.create_task(bench.log_in(password("secret")))
    await planned.hit()
    assert (await bench.fault(password("secret"))).code == "throttled"
    hold.release()
    await first


# credentials that are kept


async def test_a_session_is_reopened_with_any_set_and_a_refused_one_is_wiped(bench: Bench) -> None:
    right, wrong = password("secret"), password("old")
    account = bench.account()
    bench.keyring.keep(SubscriptionId("right"), account.id, right)
    bench.keyring.keep(SubscriptionId("wrong"), account.id, wrong)
    assert isinstance(await bench.door.reopen(account), ImapConnection)
    assert bench.refused == [(SubscriptionId("wrong"), "authentication-failed")]
    assert wrong.password.wiped
    assert not right.password.wiped


async def test_where_none_are_left_the_refusal_is_the_answer(bench: Bench) -> None:
    account = bench.account()
    assert await bench.door.reopen(account) is None
    bench.keyring.keep(SubscriptionId("only"), account.id, password("old"))
    fault = await bench.door.reopen(account)
    assert isinstance(fault, Fault)
    assert fault.code == "authentication-failed"
    assert not bench.keyring.holds(account.id)


async def test_trouble_of_the_server_costs_no_credentials(bench: Bench) -> None:
    account = bench.account()
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    bench.server.plan(commands.Authenticate, Refuse("Too many", "LIMIT"))
    fault = await bench.door.reopen(account)
    assert isinstance(fault, Fault)
    assert fault.code == "throttled"
    assert bench.keyring.holds(account.id)


async def test_the_refusal_of_credentials_that_were_replaced_meanwhile_costs_the_new_ones_nothing(bench: Bench) -> None:
    """An app sends its new password while the old one is being tried."""
    account, only, hold = bench.account(), SubscriptionId("only"), Hold()
    bench.keyring.keep(only, account.id, password("old"))
    trying = bench.server.plan(commands.Authenticate, hold)
    reopening = asyncio.create_task(bench.door.reopen(account))
    await trying.hit()
    bench.keyring.keep(only, account.id, password("secret"))
    hold.release()
    fault = await reopening

    assert isinstance(fault, Fault)
    assert fault.code == "server-error"
    assert bench.refused == []
    assert isinstance(await bench.door.reopen(account), ImapConnection)


async def test_what_strangers_tried_does_not_hold_up_kept_credentials(bench: Bench) -> None:
    for number in range(5):
        await bench.fault(password(f"guess {number}"))
    account = bench.account()
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    assert isinstance(await bench.door.reopen(account), ImapConnection)
