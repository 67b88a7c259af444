"""Subscriptions that name a mail server in place of an IMAP login, and what its reports come to."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any, cast

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway.callers import Caller
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import CredentialsRequest, Registration, SubscriptionRequest
from idlebell.ingest.message import message_of
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.ids import SubscriptionId, api_key_id, api_key_token, token_hash
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret
from idlebell.model.source import Form, Report, Source
from idlebell.model.subscription import ApiKey
from idlebell.watch.cadence import Cadence
from idlebell.watch.hosts import Hosts
from idlebell.watch.look import Means
from idlebell.watch.reporting import Reporting

OX = Source("main", Form.OX, Secret("k"), frozenset({"alice", "@example.org"}))
LUA = Source("full", Form.LUA, Secret("k"))
LINKED = Source("linked", Form.OX, Secret("k"), imap=ImapTarget("imap.example.org", 993, Tls.IMPLICIT))
SOURCES = {one.id: one for one in (OX, LUA, LINKED)}


class Sourced(Bench):
    def __init__(self) -> None:
        super().__init__(Policy(vapid_subject=True, sources=SOURCES, max_endpoints_per_account=3))
        means = Means(
            self.store,
            self.status,
            self.clock,
            self.facts.append,
            lambda: 0.0,
            Cadence(),
            cast(Hosts, None),
            timedelta(hours=1),
            100,
            sessions=lambda: 0,
            resolved=lambda _: None,
            committed=self.dispatcher.nudge,
        )
        self.gateway._reporting = Reporting(means)

    async def holder(self, *scopes: str) -> Caller:
        token = api_key_token(os.urandom(32))
        key = ApiKey(api_key_id(os.urandom(15)), "app", token_hash(token), frozenset(scopes), self.clock.now())
        await self.store.put_api_key(key)
        return await self.gateway.authenticate(token, "192.0.2.1", True)

    async def ask(self, caller: Caller, source: str = "dovecot:main", user: str = "alice", **more: Any) -> Registration:
        name = more.pop("push", "a")
        push = {"type": "simplepush", "url": f"https://push.example.net/{name}"}
        body = {"source": source, "user": user, "endpoints": {"new_mail": push, "reconnect": push}, **more}
        found = await self.gateway.subscribe(read(SubscriptionRequest, body), caller)
        assert isinstance(found, Registration)
        return found

    async def tell(self, source: Source, uid: int, *flags: str, user: str = "alice", mailbox: str = "INBOX") -> None:
        told = None if source.form is Form.OX else flags
        message = message_of(uid, self.clock.now(), headers={"from": "a@b.example"}, flags=told)
        await self.gateway.report(source, Report(user, mailbox, 7, uid, message))

    async def rung(self, one: Registration) -> int:
        return (await self.store.activity(SubscriptionId(one.view.id))).counts.detected


async def code(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def test_only_a_key_with_the_scope_names_a_source() -> None:
    bench = Sourced()
    assert await code(bench.ask(bench.nobody())) == "unauthorized"
    assert await code(bench.ask(await bench.holder("subscriptions"))) == "forbidden"
    key = await bench.holder("subscriptions", "sources")
    made = await bench.ask(key)
    assert (made.status, made.view.state, made.view.mode, made.view.source) == (
        201,
        "watching",
        "ingest",
        "dovecot:main",
    )
    assert await code(bench.ask(bench.bearing(made.token))) == "unauthorized", "its token renews by PATCH"
    again = await bench.ask(key, payload="alert")
    assert (again.status, again.view.id) == (200, made.view.id)
    assert await bench.store.wanted() == ()
    assert bench.door.tries == []
    await bench.close()


async def test_a_source_speaks_of_its_own_users_and_is_told_of_no_others() -> None:
    bench = Sourced()
    key = await bench.holder("subscriptions", "sources")
    assert (await bench.ask(key, user="bob@Example.org")).status == 201
    assert await code(bench.ask(key, user="bob")) == "invalid-request"
    assert await code(bench.ask(key, user="bob@example.org.evil")) == "invalid-request"
    assert await code(bench.ask(key, source="dovecot:none")) == "invalid-request"
    assert await code(bench.ask(key, user="")) == "invalid-request"
    assert await code(bench.tell(OX, 1, user="bob")) == "forbidden"
    await bench.tell(LUA, 1, user="whoever")  # known or not: nobody is told
    assert [one.account_id for one in await bench.stored()]
    await bench.close()


async def test_a_body_cannot_name_both_and_a_login_brings_nothing() -> None:
    bench = Sourced()
    key = await bench.holder("subscriptions", "sources")
    for more in (
        {"imap": {"username": "alice"}},
        {"link": "ibl_" + "x" * 40},
        {"retention": "memory"},
        {"tls_pin_sha256": "first"},
        {"filter": {"hasKeyword": "$seen"}},
        {"heartbeat_seconds": 60},
    ):
        assert await code(bench.ask(key, **more)) == "invalid-request", more
    assert (await bench.store.counts())["accounts"] == 0, "nothing is left of what was refused"
    made = await bench.ask(key)
    owner = bench.bearing(made.token)
    auth = read(CredentialsRequest, {"auth": {"type": "password", "password": "right"}})
    assert await code(bench.gateway.resupply(made.view.id, auth, owner)) == "conflict"
    assert await code(bench.gateway.make_link(made.view.id, owner)) == "conflict"
    for patch in (
        {"filter": {"minSize": 3}},
        {"auth": {"type": "password", "password": "right"}},
        {"mailboxes": ["Work"]},
    ):
        assert await code(bench.gateway.change(made.view.id, patch, owner)) == "invalid-request", patch
    view = await bench.gateway.change(made.view.id, {"filter": {"from": "boss"}, "lease_seconds": 60}, owner)
    assert (view.filter, view.lease_seconds) == ({"from": "boss"}, 60)
    await bench.close()


async def test_each_delivery_rings_once_in_any_order() -> None:
    bench = Sourced()
    key = await bench.holder("subscriptions", "sources")
    made = await bench.ask(key, source="dovecot:full", mailboxes=["INBOX", "Work"])
    other = await bench.ask(key, source="dovecot:full", push="b", also=["seen"])
    for uid in (12, 11, 12, 14, 13, 11):
        await bench.tell(LUA, uid)
    assert (await bench.rung(made), await bench.rung(other)) == (4, 4)
    await bench.tell(LUA, 15, "\\Seen")
    await bench.tell(LUA, 16, "\\Deleted")
    await bench.tell(LUA, 16)
    assert (await bench.rung(made), await bench.rung(other)) == (4, 5)
    await bench.tell(LUA, 1, mailbox="Work")
    await bench.tell(LUA, 1, mailbox="Elsewhere")
    assert (await bench.rung(made), await bench.rung(other)) == (5, 5)
    assert await bench.store.cursor((await bench.stored())[0].account_id, "Elsewhere") is None
    shown = await bench.gateway.show(made.view.id, bench.bearing(made.token))
    assert [(one.name, one.uid_next) for one in shown.mailboxes] == [("INBOX", 17), ("Work", 2)]
    why = await bench.gateway.why(made.view.id, bench.bearing(made.token), uid="15")
    assert "marked" in str(why), "seen"
    await bench.close()


async def test_reports_that_come_at_once_all_get_through() -> None:
    bench = Sourced()
    made = await bench.ask(await bench.holder("subscriptions", "sources"))
    commit = bench.store.commit

    async def slow(*args: Any, **more: Any) -> Any:
        await asyncio.sleep(0)
        return await commit(*args, **more)

    bench.store.commit = slow  # type: ignore[method-assign]
    await asyncio.gather(*(bench.tell(OX, 300 - uid) for uid in range(60)))
    assert await bench.rung(made) == 60
    assert not bench.gateway._reporting._turns
    await bench.close()


async def test_who_joins_later_hears_of_what_comes_later_and_a_pause_is_silent() -> None:
    bench = Sourced()
    key = await bench.holder("subscriptions", "sources")
    first = await bench.ask(key)
    await bench.tell(OX, 10)
    await bench.tell(OX, 13)
    late = await bench.ask(key, push="b")
    await bench.tell(OX, 12)
    assert (await bench.rung(first), await bench.rung(late)) == (3, 0)
    await bench.gateway.change(first.view.id, {"paused": True}, bench.bearing(first.token))
    await bench.tell(OX, 14)
    await bench.gateway.change(first.view.id, {"paused": False}, bench.bearing(first.token))
    await bench.tell(OX, 14)
    assert (await bench.rung(first), await bench.rung(late)) == (3, 1)
    await bench.close()


async def test_an_account_takes_so_many_and_no_more() -> None:
    bench = Sourced()
    key = await bench.holder("subscriptions", "sources")
    for name in "abc":
        await bench.ask(key, push=name)
    assert await code(bench.ask(key, push="d")) == "too-many-requests"
    await bench.close()


async def test_a_source_that_is_gone_is_a_problem_that_names_the_mend() -> None:
    bench = Sourced()
    made = await bench.ask(await bench.holder("subscriptions", "sources"))
    object.__setattr__(bench.gateway.means, "policy", Policy())
    shown = await bench.gateway.show(made.view.id, bench.bearing(made.token))
    assert (shown.state, shown.mode, shown.problem and shown.problem.type) == (
        "reconnecting", None, "/problems/source-unknown",
    )  # fmt: skip
    await bench.close()


async def test_a_session_and_a_source_of_one_server_share_the_account() -> None:
    """While the session watches it tells all of them; when it is lost, reports do, and to whose filter they cannot be held they
    ring rather than not."""
    bench = Sourced()
    key = await bench.holder("subscriptions", "sources")
    by_session = await bench.subscribe(key, username="alice", filter={"hasKeyword": "$important"})
    by_source = await bench.ask(key, "dovecot:linked", push="b")
    account = (await bench.stored())[0].account_id
    assert {one.account_id for one in await bench.stored()} == {account}
    wanted = await bench.store.wanted_of(account)
    assert wanted is not None
    await bench.tell(LINKED, 11)
    assert (await bench.rung(by_session), await bench.rung(by_source)) == (0, 0), "left to the session"
    bench.fleet.lose(account)
    await bench.tell(LINKED, 11)
    assert (await bench.rung(by_session), await bench.rung(by_source)) == (1, 1)
    assert await code(bench.ask(key, "dovecot:linked", push="a")) == "conflict", "that one has a login"
    # A login takes the place of the source, for who can show one.
    moved = await bench.subscribe(key, username="alice", push="https://push.example.net/b")
    assert (moved.view.id, moved.view.source, moved.view.mode) == (by_source.view.id, None, "idle")
    await bench.close()
