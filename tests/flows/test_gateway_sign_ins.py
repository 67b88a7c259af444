"""Who may begin a sign-in, and where its answer is no credentials."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from flows.gateway_bench import Bench, body
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import BegunView, CredentialsRequest, SignInRequest, SubscriptionRequest
from idlebell.login.authorization import Endpoints, OAuthClient
from idlebell.model.account import Retention
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import ProblemError

CLIENT = OAuthClient(
    "corp", "Corp", "ours", ("example.org",),
    endpoints=Endpoints("https://login.example.net/go", PushUrl("https://login.example.net/token")),
)  # fmt: skip
AUTH = {"type": "sign_in", "sign_in": "ibo_x", "state": "s", "code": "c"}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    policy = Policy(vapid_subject=True, registrations_per_minute=3, retentions=frozenset({Retention.SESSION}))
    bench = Bench(policy, clients=(CLIENT,))
    yield bench
    await bench.close()


def wanted(**members: Any) -> SignInRequest:
    return read(SignInRequest, {"host": "imap.example.org", "username": "alice@example.org", **members})


async def refusal(awaited: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await awaited
    problem = caught.value.problem
    return f"{problem.code} {' '.join(one.pointer for one in problem.errors)}".strip()


async def test_who_may_register_may_begin_a_sign_in_as_often(bench: Bench) -> None:
    begin = bench.gateway.begin_sign_in
    (offered,) = bench.gateway.offered_sign_ins().items
    assert (offered.name, offered.redirect_uri) == ("corp", "https://bell.example.org/signed-in/corp")
    assert await refusal(begin(wanted(), bench.nobody(secure=False))) == "needs-tls"
    begun = await begin(wanted(host="IMAP.Example.org"), bench.nobody())
    assert isinstance(begun, BegunView)
    assert begun.authorization_url.startswith("https://login.example.net/go?response_type=code&client_id=ours&")
    assert await refusal(begin(wanted(host="imap.example.com"), bench.nobody())) == "sign-in-not-offered"
    assert await refusal(begin(wanted(host="a..b", username="", retention="memory"), bench.nobody())) == (
        "invalid-request /host /username /retention"
    )
    assert await refusal(begin(wanted(), bench.nobody())) == "too-many-requests"
    closed = Bench(replace(bench.policy, registration_open=False), clients=(CLIENT,))
    assert await refusal(closed.gateway.begin_sign_in(wanted(), closed.nobody())) == "unauthorized"
    await closed.close()


async def test_what_is_no_answer_of_a_sign_in_is_told_before_anybody_is_asked(bench: Bench) -> None:
    subscribe = bench.gateway.subscribe
    for members, at in (
        ({"retention": "keys"}, "/imap/auth"),
        ({"imap": {"host": None}}, "/imap/host"),
        ({"imap": {"auth": {**AUTH, "code": "a b", "state": ""}}}, "/imap/auth/state /imap/auth/code"),
    ):
        given = body(**{**members, "imap": {"auth": AUTH, **members.get("imap", {})}, "password": None})
        request = read(SubscriptionRequest, given)
        assert await refusal(subscribe(request, await bench.key())) == f"invalid-request {at}"
    request = read(SubscriptionRequest, body(imap={"auth": AUTH}, password=None))
    assert await refusal(subscribe(request, bench.nobody())) == "sign-in-not-valid"

    there = await bench.subscribe()
    token = bench.bearing(there.token)
    assert await refusal(bench.gateway.change(there.view.id, {"auth": AUTH}, token)) == "invalid-request /auth"
    again = read(CredentialsRequest, {"auth": AUTH})
    assert await refusal(bench.gateway.resupply(there.view.id, again, token)) == "sign-in-not-valid"
    begun = await bench.gateway.begin_sign_in(wanted(), token)
    state = begun.authorization_url.partition("&state=")[2].partition("&")[0]
    again = read(CredentialsRequest, {"auth": {**AUTH, "sign_in": begun.sign_in, "state": state}})
    assert await refusal(bench.gateway.resupply(there.view.id, again, token)) == "token-unavailable"
    assert len(bench.asked) == 1
    assert (await bench.gateway.show(there.view.id, token)).state == "watching"


async def test_a_request_that_something_else_is_wrong_with_uses_no_sign_in_up(bench: Bench) -> None:
    there = await bench.subscribe()
    token = bench.bearing(there.token)
    begun = await bench.gateway.begin_sign_in(wanted(), token)
    state = begun.authorization_url.partition("&state=")[2].partition("&")[0]
    auth = {**AUTH, "sign_in": begun.sign_in, "state": state}
    imap = {"auth": auth, "host": "imap.example.org", "username": "alice@example.org"}
    wrong = read(SubscriptionRequest, body(imap=imap, password=None, lease_seconds=1))
    assert await refusal(bench.gateway.subscribe(wrong, token)) == "invalid-request /lease_seconds"
    again = read(CredentialsRequest, {"auth": auth, "wait_seconds": 1_000})
    assert await refusal(bench.gateway.resupply(there.view.id, again, token)) == "invalid-request /wait_seconds"
    assert not bench.asked
    right = read(CredentialsRequest, {"auth": auth})
    assert await refusal(bench.gateway.resupply(there.view.id, right, token)) == "token-unavailable", "it is good still"
