"""The door against a server that speaks, on loopback."""

from __future__ import annotations

import asyncio
import json
import math
import os
from collections.abc import AsyncIterator
from ipaddress import ip_network
from typing import Any

import pytest

from idlebell.imap import commands
from idlebell.imap.responses import Condition
from idlebell.login import door as door_module
from idlebell.login import pacing
from idlebell.login.asker import Asker
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import LoginFailed, Opener
from idlebell.login.refusal import DOUBT_SECONDS, NOT_CONNECTED_PAUSE_SECONDS
from idlebell.login.renewals import Renewals, refresh_by
from idlebell.model.account import (
    Account,
    BearerCredentials,
    Credentials,
    ImapTarget,
    KeyedCredentials,
    PasswordCredentials,
    RenewableCredentials,
    Tls,
)
from idlebell.model.endpoint import PushUrl
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
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse
from idlebell.telemetry import facts
from idlebell.testing.faults import Bye, Hold, Refuse, Say
from idlebell.testing.imap_server import ImapServer


class Hands(Clock):
    """A clock that a test can move on."""

    __slots__ = ("ahead",)

    def __init__(self) -> None:
        super().__init__()
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


class Bench:
    def __init__(self, server: ImapServer, *, keyring: Keyring | None = None, **options: Any) -> None:
        self.server = server
        self.keyring = keyring or Keyring()
        self.facts: list[facts.Fact] = []
        self.refused: list[tuple[SubscriptionId, str]] = []
        self.opened: list[ImapConnection] = []
        self.clock = clock = Hands()
        self._resolver = Resolver(clock)
        egress = Egress(allow=(ip_network("127.0.0.0/8"),), allow_plaintext=True)
        connector, policy = Connector(egress, self._resolver), TlsPolicy()

        async def connect(target: ImapTarget) -> ImapConnection:
            opened = await open_connection(target, connector=connector, tls_policy=policy, clock=clock)
            self.opened.append(opened)
            return opened

        opener = Opener(connect, os.urandom, self.facts.append)
        self.door = Door(opener.open, self.keyring, clock, os.urandom, self.facts.append, **options)
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
    bench.server.plan(commands.Authenticate, Refuse("Authentication failed.", "AUTHENTICATIONFAILED"))
    await bench.log_in(password("secret"))


async def test_no_other_mechanism_is_tried_where_a_pause_is_asked_for(bench: Bench) -> None:
    asked = bench.server.plan(commands.Authenticate, Refuse("Too many login failures, try again later."), times=None)
    assert (await bench.fault(password("secret"))).code == "throttled"
    assert bench.server.logins == []
    asked.cancel()


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
        (Refuse("Too many", "LIMIT"), "too-many-connections"),
        (Bye("going down"), "server-error"),
        (Refuse("later", "UNAVAILABLE"), "server-unavailable"),
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
    assert fault.code == "too-many-connections"
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


NO_REASON = Refuse("Login failed.")
"""As Cyrus and Courier say it."""


async def worked_before(bench: Bench, subscription: str, text: str) -> Account:
    """Credentials that are kept and have opened a session."""
    account = bench.account()
    bench.keyring.keep(SubscriptionId(subscription), account.id, password(text))
    assert isinstance(await bench.door.reopen(account), ImapConnection)
    bench.opened.pop().close()
    return account


async def test_a_refusal_without_a_reason_is_believed_the_second_time(bench: Bench) -> None:
    """Credentials that worked before: the server may be in trouble. Once more after 15 minutes, never sooner."""
    account, only = await worked_before(bench, "only", "secret"), SubscriptionId("only")
    bench.server.plan(commands.Authenticate, NO_REASON, times=None)

    first = await bench.door.reopen(account)
    early = await bench.door.reopen(account)
    assert isinstance(first, Fault)
    assert isinstance(early, Fault)
    assert (first.code, first.retry_after_seconds) == ("login-unexplained", DOUBT_SECONDS)
    assert early.code == "login-unexplained"
    assert len(bench.opened) == 1, "the password was sent once"
    assert bench.keyring.holds(account.id)
    told = [fact.code for fact in bench.facts if isinstance(fact, facts.LoginFailed)]
    assert told == ["login-unexplained"], "nobody is told of wrong credentials"

    bench.clock.ahead += DOUBT_SECONDS
    last = await bench.door.reopen(account)
    assert isinstance(last, Fault)
    assert last.code == "authentication-failed"
    assert len(bench.opened) == 2
    assert bench.refused == [(only, "authentication-failed")]
    assert not bench.keyring.holds(account.id)


async def test_credentials_that_never_worked_are_refused_at_once_with_or_without_a_reason(bench: Bench) -> None:
    """As those of a configuration file, which are tried first when they are kept already."""
    account = bench.account()
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    bench.server.plan(commands.Authenticate, NO_REASON)
    fault = await bench.door.reopen(account)
    assert isinstance(fault, Fault)
    assert fault.code == "authentication-failed"
    assert not bench.keyring.holds(account.id)


async def test_a_registration_shows_that_credentials_work(bench: Bench) -> None:
    account = bench.account()
    await bench.log_in(password("secret"))
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    bench.server.plan(commands.Authenticate, NO_REASON)
    fault = await bench.door.reopen(account)
    assert isinstance(fault, Fault)
    assert fault.code == "login-unexplained"


async def test_a_doubt_ends_with_the_next_login_that_works(bench: Bench) -> None:
    account = await worked_before(bench, "only", "secret")
    for _ in range(2):
        bench.server.plan(commands.Authenticate, NO_REASON)
        assert isinstance(await bench.door.reopen(account), Fault)
        bench.clock.ahead += DOUBT_SECONDS
        assert isinstance(await bench.door.reopen(account), ImapConnection)
    assert bench.refused == []


async def test_newer_credentials_are_not_doubted_for_the_old_ones(bench: Bench) -> None:
    account, only = await worked_before(bench, "only", "secret"), SubscriptionId("only")
    bench.server.plan(commands.Authenticate, NO_REASON)
    assert isinstance(await bench.door.reopen(account), Fault)
    bench.server.add_user("alice", "newer")
    bench.keyring.keep(only, account.id, password("newer"))
    assert isinstance(await bench.door.reopen(account), ImapConnection)


async def test_a_doubt_about_credentials_that_were_replaced_meanwhile_does_not_hold_the_new_ones_up(
    bench: Bench,
) -> None:
    account, only, hold = await worked_before(bench, "only", "secret"), SubscriptionId("only"), Hold()
    bench.server.plan(commands.Authenticate, NO_REASON)
    leaving = bench.server.plan(commands.Logout, hold)
    reopening = asyncio.create_task(bench.door.reopen(account))
    await leaving.hit()
    bench.server.add_user("alice", "newer")
    bench.keyring.keep(only, account.id, password("newer"))
    hold.release()
    fault = await reopening
    assert isinstance(fault, Fault)
    assert fault.code == "server-error", "tried again soon"
    assert isinstance(await bench.door.reopen(account), ImapConnection)


async def test_who_registers_is_refused_at_once_with_or_without_a_reason(bench: Bench) -> None:
    await bench.log_in(password("secret"))
    bench.server.plan(commands.Authenticate, NO_REASON)
    assert (await bench.fault(password("secret"))).code == "authentication-failed"


async def test_a_doubted_set_does_not_keep_another_from_being_tried(bench: Bench) -> None:
    account = await worked_before(bench, "doubted", "secret")
    bench.server.add_user("alice", "changed")
    bench.keyring.keep(SubscriptionId("other"), account.id, password("changed"))
    bench.server.plan(commands.Authenticate, NO_REASON, times=2)
    first = await bench.door.reopen(account)
    assert isinstance(first, Fault)
    assert first.code == "login-unexplained", "one is refused, the other in doubt"
    assert bench.keyring.holds_of(SubscriptionId("doubted"))
    assert bench.refused == [(SubscriptionId("other"), "authentication-failed")]


# what the server says beside, and what it is told


async def test_an_alert_at_the_login_is_handed_to_the_user(bench: Bench) -> None:
    bench.server.plan(commands.Authenticate, Say(b"* NO [ALERT] Renew your contract at https://example.org/\r\n"))
    fault = await bench.fault(password("wrong"))
    assert fault.code == "authentication-failed"
    assert "The mail server wants you to know: Renew your contract at https://example.org/" in fault.detail


async def test_an_alert_beside_a_login_that_works_is_told_too(bench: Bench) -> None:
    bench.server.plan(commands.Authenticate, Say(b"* OK [ALERT] Moving\x1b[2J on Friday\r\n"))
    await bench.log_in(password("secret"))
    told = [fact.text for fact in bench.facts if isinstance(fact, facts.AlertReceived)]
    assert told == ["Moving [2J on Friday"]


async def test_the_places_of_those_who_come_back_are_not_given_to_newcomers(server: ImapServer) -> None:
    free, returning = 2, 1
    bench = Bench(server, free=lambda: free, returning=lambda: returning)
    account = bench.account()
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    assert bench.door.has_room()
    hold = Hold()
    planned = server.plan(commands.Authenticate, hold)
    newcomer = asyncio.create_task(bench.log_in(password("secret")))
    await planned.hit()
    assert not bench.door.has_room()
    hold.release()
    await newcomer
    free, returning = 1, 1
    assert not bench.door.has_room()
    assert isinstance(await bench.door.reopen(account), ImapConnection)
    free, returning = 0, 0
    full = await bench.door.reopen(account)
    assert isinstance(full, Fault)
    assert full.code == "gateway-full"
    await bench.close()


async def test_our_own_bounds_slow_no_server(server: ImapServer) -> None:
    bench = Bench(server, per_host_connections=1, sessions_at=lambda host: 1)
    account = bench.account()
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    for _ in range(3):
        assert isinstance(await bench.door.reopen(account), Fault)
        bench.clock.ahead += 60
    assert bench.door.paces.rate("127.0.0.1", bench.clock.monotonic()) == 0
    await bench.close()


async def test_a_server_learns_once_after_the_login_whom_to_ask(bench: Bench, server: ImapServer) -> None:
    await bench.log_in(password("secret"))
    (session,) = server.of("alice")
    assert [name for name in session.commands if name in ("AUTHENTICATE", "ID")] == ["AUTHENTICATE", "ID"]


async def test_a_server_that_does_not_list_id_is_not_told(bench: Bench) -> None:
    planned = bench.server.plan(commands.Id, Refuse("what?", condition=Condition.BAD))
    bench.server.behave(always=("IMAP4rev1", "IDLE"))
    await bench.log_in(password("secret"))
    assert planned.hits == 0


async def test_a_server_that_refuses_id_is_watched_all_the_same(bench: Bench) -> None:
    planned = bench.server.plan(commands.Id, Refuse("no names, please"))
    await bench.log_in(password("secret"))
    assert planned.hits == 1


async def test_exchange_lets_the_user_in_and_gives_nothing(bench: Bench) -> None:
    """Quirk authenticated-not-connected: a long pause, and the credentials are kept."""
    bench.server.plan(commands.Id, Refuse("User is authenticated but not connected.", condition=Condition.BAD))
    account = bench.account()
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    fault = await bench.door.reopen(account)
    assert isinstance(fault, Fault)
    assert (fault.code, fault.retry_after_seconds) == ("throttled", NOT_CONNECTED_PAUSE_SECONDS)
    assert bench.keyring.holds(account.id)


async def test_a_server_that_is_away_is_slowed_and_no_other(bench: Bench) -> None:
    account = bench.account()
    bench.keyring.keep(SubscriptionId("only"), account.id, password("secret"))
    bench.server.plan(commands.Authenticate, Refuse("later", "UNAVAILABLE"), times=3)
    for _ in range(3):
        assert isinstance(await bench.door.reopen(account), Fault)
        bench.clock.ahead += 60
    now = bench.clock.monotonic()
    assert 0 < bench.door.paces.rate("127.0.0.1", now) < 100
    assert bench.door.paces.rate("mail.example.org", now) == 0
    assert isinstance(await bench.door.reopen(account), ImapConnection)


# access tokens that are renewed


class Endpoint:
    """Gives the access tokens in ``granted`` one after the other, then nothing usable."""

    def __init__(self, *granted: str) -> None:
        self.granted = list(granted)
        self.asked = 0
        self.refuses = False

    async def send(self, request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Answer:
        self.asked += 1
        if self.refuses:
            return HttpResponse(400, {}, bytes(bytearray(b'{"error": "invalid_grant"}')))  # overwritten when it is read
        if not self.granted:
            return NoResponse("timeout")
        return HttpResponse(200, {}, json.dumps({"access_token": self.granted.pop(0)}).encode())


class Renewing(Bench):
    def __init__(self, server: ImapServer, *granted: str) -> None:
        self.endpoint, self.told = Endpoint(*granted), []
        keyring = Keyring()
        renewals = Renewals(refresh_by(self.endpoint.send), keyring, Clock(), lambda: 0.0, self.told.append)
        super().__init__(server, keyring=keyring, renewals=renewals)

    def kept(self, access_token: str | None = None, name: str = "only") -> RenewableCredentials:
        own = renewable(access_token)
        self.keyring.keep(SubscriptionId(name), self.account().id, own)
        return own


def renewable(access_token: str | None = None) -> RenewableCredentials:
    token = None if access_token is None else Secret(access_token)
    return RenewableCredentials(Secret("r3fresh"), PushUrl("https://login.example.org/t"), "app", None, token)


async def test_an_access_token_is_got_before_the_first_login(server: ImapServer) -> None:
    bench = Renewing(server, "t0ken")
    await bench.log_in(renewable())
    assert bench.endpoint.asked == 1
    assert await bench.door.renewable(renewable("t0ken")) is not None, "it cannot be renewed: nothing came"
    await bench.close()


async def test_an_access_token_that_is_refused_is_renewed_once(server: ImapServer) -> None:
    bench = Renewing(server, "t0ken")
    await bench.log_in(renewable("over"))
    assert bench.endpoint.asked == 1
    assert len(bench.opened) == 2 + 2, "whether the server looks at the name beside it"
    await bench.close()


async def test_a_token_that_is_refused_as_it_comes_is_a_refusal(server: ImapServer) -> None:
    bench = Renewing(server, "wrong", "t0ken")
    fault = await bench.fault(renewable())
    assert (fault.code, bench.endpoint.asked, len(bench.opened)) == ("authentication-failed", 1, 1)
    assert fault.detail.startswith("The mail server refused the access token for this user name")
    await bench.close()


async def test_a_refused_refresh_token_reaches_no_mail_server_and_is_not_sent_again(server: ImapServer) -> None:
    bench = Renewing(server)
    bench.endpoint.refuses = True
    assert (await bench.fault(renewable())).code == "token-refused"
    assert (await bench.fault(renewable())).code == "token-refused"
    assert (bench.endpoint.asked, bench.opened) == (1, [])
    await bench.close()


async def test_a_kept_one_that_is_refused_is_wiped_and_told(server: ImapServer) -> None:
    bench = Renewing(server)
    bench.endpoint.refuses = True
    own = bench.kept("over")
    fault = await bench.door.reopen(bench.account())
    assert isinstance(fault, Fault)
    assert fault.code == "token-refused"
    assert bench.refused == [(SubscriptionId("only"), "token-refused")]
    assert own.wiped
    await bench.close()


async def test_an_endpoint_that_is_away_costs_no_credentials_and_another_set_is_tried(server: ImapServer) -> None:
    bench = Renewing(server)
    own = bench.kept()
    fault = await bench.door.reopen(bench.account())
    assert isinstance(fault, Fault)
    assert fault.code == "token-unavailable"
    assert bench.keyring.keeps(SubscriptionId("only"), own)
    bench.keyring.keep(SubscriptionId("other"), bench.account().id, password("secret"))
    bench.kept(name="newest")
    assert isinstance(await bench.door.reopen(bench.account()), ImapConnection)
    await bench.close()


async def test_a_refusal_without_a_reason_of_an_old_token_costs_no_quarter_of_an_hour(server: ImapServer) -> None:
    """As Exchange refuses a token that is over. A new one, refused the same way, is doubted as a password is."""
    bench = Renewing(server, "t0ken", "t0ken")
    own = bench.kept("t0ken")
    assert isinstance(await bench.door.reopen(bench.account()), ImapConnection)
    bench.server.plan(commands.Authenticate, NO_REASON)
    assert isinstance(await bench.door.reopen(bench.account()), ImapConnection)
    assert own.renewals == 1
    own.renewed_at = -math.inf
    bench.server.plan(commands.Authenticate, NO_REASON, times=2)
    fault = await bench.door.reopen(bench.account())
    assert isinstance(fault, Fault)
    assert fault.code == "login-unexplained"
    assert bench.keyring.keeps(SubscriptionId("only"), own)
    await bench.close()


# keys in place of a password


async def test_a_password_that_opened_a_session_is_keys_from_then_on(bench: Bench) -> None:
    own = KeyedCredentials(Secret("secret"))
    await bench.log_in(own)
    assert own.password.wiped
    assert "a password" not in repr(own)
    await bench.log_in(own)
    account, only = bench.account(), SubscriptionId("only")
    bench.keyring.keep(only, account.id, own)
    assert isinstance(await bench.door.reopen(account), ImapConnection)


async def test_keys_of_an_older_password_are_no_guess_and_their_app_is_told(bench: Bench) -> None:
    account, only, own = bench.account(), SubscriptionId("only"), KeyedCredentials(Secret("secret"))
    await bench.log_in(own)
    bench.keyring.keep(only, account.id, own)
    bench.server.add_user("alice", "another")
    own.salt = b"of the password before"  # the server here has one salt for ever
    for _ in range(3):
        fault = await bench.fault(own)
        assert fault.code == "keys-not-usable"
    fault = await bench.door.reopen(account)
    assert isinstance(fault, Fault)
    assert fault.code == "keys-not-usable"
    assert bench.refused == [(only, "keys-not-usable")]
    assert own.client_key.wiped
    await bench.log_in(password("another"))


async def test_keys_are_not_to_be_had_where_there_is_no_scram(bench: Bench) -> None:
    bench.server.behave(before_login=("SASL-IR", "AUTH=PLAIN"))
    own = KeyedCredentials(Secret("secret"))
    fault = await bench.fault(own)
    assert (fault.code, fault.detail) == ("keys-not-usable", "The mail server does not offer SCRAM.")
    assert bench.server.logins == []
    assert not own.password.wiped, "who asked may ask for another retention"


async def test_a_wrong_password_becomes_no_keys(bench: Bench) -> None:
    own = KeyedCredentials(Secret("wrong"))
    assert (await bench.fault(own)).code == "authentication-failed"
    assert own.password.text() == "wrong"


# who guesses


async def test_what_strangers_try_holds_up_no_owner(bench: Bench) -> None:
    """Threat O2: guesses at an account do not keep the app that watches it from bringing its password again."""
    for guess in range(3):
        await bench.fault(password(f"guess {guess}"))
    assert (await bench.fault(password("secret"))).code == "throttled"
    session = await bench.door.log_in(
        bench.account(), password("secret"), deadline_seconds=10, asker=Asker("192.0.2.1", owner=True)
    )
    assert session.has("NAMESPACE")


async def test_a_name_is_one_account_however_it_is_written_and_at_whatever_port(bench: Bench) -> None:
    names = ["alice", "ALICE", "Alice", "al\u00adice", "aLICE", "alice "]
    faults = [await bench.fault(password(f"guess {name}"), name) for name in names]
    assert [one.code for one in faults] == ["authentication-failed"] * 3 + ["throttled"] * 3
    assert len(bench.server.logins) == 3


async def test_a_source_tries_so_many_accounts_in_an_hour(server: ImapServer) -> None:
    bench = Bench(server, refused_users_per_hour=2)

    async def tried(name: str, source: str) -> str:
        with pytest.raises(LoginFailed) as caught:
            await bench.door.log_in(bench.account(name), password("x"), deadline_seconds=10, asker=Asker(source))
        return caught.value.fault.code

    found = [await tried(f"user{number}", "192.0.2.1") for number in range(4)]
    assert found == ["authentication-failed"] * 2 + ["throttled"] * 2
    assert await tried("user3", "192.0.2.2") == "authentication-failed"
    assert bench.server.logins == ["user0", "user1", "user3"]
    await bench.close()


async def test_a_server_is_left_alone_where_too_much_was_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "HOST_REFUSALS", 2)
    stranger = Asker("192.0.2.1")
    codes = []
    for number in range(3):
        with pytest.raises(LoginFailed) as caught:
            await bench.door.log_in(bench.account(f"user{number}"), password("x"), deadline_seconds=10, asker=stranger)
        codes.append(caught.value.fault.code)
    assert codes == ["authentication-failed"] * 2 + ["throttled"]
    await bench.log_in(password("secret"))


async def test_a_server_that_asks_for_a_pause_hears_nothing_of_the_account_meanwhile(bench: Bench) -> None:
    asked = bench.server.plan(commands.Authenticate, Refuse("Too many login failures, try again later."), times=None)
    assert (await bench.fault(password("one"))).code == "throttled"
    asked.cancel()
    assert (await bench.fault(password("secret"))).retry_after_seconds in range(800, 901)
    assert len(bench.opened) == 1
