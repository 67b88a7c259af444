"""A client that is logged in through a face: what its session is proof of, and what stays as it is by REST."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from flows.gateway_bench import Bench, body
from idlebell.gateway.live_logins import LiveLogin
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import Registration, SubscriptionRequest
from idlebell.model.account import ImapTarget, Retention, Tls
from idlebell.model.problem import ProblemError
from idlebell.model.secret import Secret
from idlebell.model.subscription import LABEL_BYTES, Floor, Phase

TARGET = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)
PUSH = "https://push.example.net/a"
WEBHOOK_SECRET = "whsec_" + "A" * 44


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(Policy(registration_open=False, vapid_subject=True, max_endpoints_per_account=2))
    yield made
    await made.close()


def login_of(username: str = "alice@example.org", target: ImapTarget = TARGET, *, secure: bool = True) -> LiveLogin:
    return LiveLogin(target, username, "192.0.2.1", secure)


def wished(push: str = PUSH, **members: Any) -> SubscriptionRequest:
    made = body(push=push)
    del made["imap"]
    return read(SubscriptionRequest, {**made, **members})


async def subscribe(bench: Bench, login: LiveLogin, push: str = PUSH, **members: Any) -> Registration:
    label, floors = members.pop("label", ""), members.pop("floors", ())
    request = wished(push, **members)
    return await bench.gateway.live_logins.subscribe(login, request, label=label, floors=floors)


async def refused(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def test_the_session_is_the_proof_and_nobody_logs_in_again(bench: Bench) -> None:
    login = login_of()
    await bench.gateway.live_logins.opened(login)
    made = await subscribe(bench, login, filter={"from": "boss@example.org"})
    assert (made.status, made.token, made.view.retention) == (201, None, "session")
    assert bench.door.tries == []
    (stored,) = await bench.stored()
    assert (stored.phase, stored.owner, stored.token_hashes) == (Phase.ACTIVE, None, ())
    assert bench.sessions.attended(stored.account_id)
    bench.gateway.live_logins.over(login)
    assert not bench.sessions.attended(stored.account_id)


async def test_a_repeat_renews_and_rest_sees_the_same_subscription(bench: Bench) -> None:
    made = await subscribe(bench, login_of(), lease_seconds=3_600)
    bench.clock.pass_by(60)
    again = await subscribe(bench, login_of(), digest_minutes=5)
    assert (again.status, again.view.id, again.view.digest_minutes) == (200, made.view.id, 5)
    assert again.view.expires_at - made.view.expires_at == timedelta(seconds=60)
    by_rest = await bench.subscribe(await bench.key())
    assert by_rest.view.id != made.view.id  # an API key's is another one, of the same account
    both = await bench.gateway.live_logins.show_all(login_of())
    assert [view.id for _, view in both] == [made.view.id, by_rest.view.id]


async def test_rest_without_a_key_gets_a_token_for_it_by_the_credentials() -> None:
    bench = Bench()
    made = await subscribe(bench, login_of())
    by_rest = await bench.subscribe()
    assert (by_rest.status, by_rest.view.id) == (200, made.view.id)
    assert by_rest.token is not None
    again = await subscribe(bench, login_of())
    assert again.view.id == made.view.id
    shown = await bench.gateway.show(made.view.id, bench.bearing(by_rest.token))  # its token goes on working
    assert shown.id == made.view.id
    await bench.close()


async def test_another_account_sees_and_touches_nothing_of_it(bench: Bench) -> None:
    made = await subscribe(bench, login_of())
    verbs, identifier = bench.gateway.live_logins, (await bench.stored())[0].id
    for other in (
        login_of("bob@example.org"),
        login_of("Alice@example.org"),
        login_of(target=ImapTarget("imap.example.org", 143, Tls.STARTTLS)),
        login_of(target=ImapTarget("imap.example.net", 993, Tls.IMPLICIT)),
    ):
        assert await verbs.show_all(other) == ()
        assert await refused(verbs.end(other, identifier)) == "not-found"
        assert await refused(verbs.renew(other, identifier)) == "not-found"
        assert await refused(verbs.verify(other, identifier, Secret("123456"))) == "not-found"
        assert (await subscribe(bench, other)).view.id != made.view.id


async def test_what_never_showed_its_right_is_not_shown_and_its_tokens_end_with_the_proof() -> None:
    bench = Bench()
    bench.door.open.clear()
    waiting = await bench.subscribe(password="guess", wait_seconds=0)
    assert waiting.status == 202
    assert await bench.gateway.live_logins.show_all(login_of()) == ()
    made = await subscribe(bench, login_of())
    assert (made.status, made.view.id) == (201, waiting.view.id)
    assert await refused(bench.gateway.show(made.view.id, bench.bearing(waiting.token))) == "not-found"
    await bench.close()


async def test_it_stands_from_where_its_session_saw_the_mailbox(bench: Bench) -> None:
    await subscribe(bench, login_of(), floors=(Floor("INBOX", 7, 42), Floor("Other", 7, 1)))
    assert (await bench.stored())[0].floors == (Floor("INBOX", 7, 42),)
    await subscribe(bench, login_of(), floors=(Floor("INBOX", 7, 50),))
    assert (await bench.stored())[0].floors == (Floor("INBOX", 7, 42),)  # what came since is not lost by a repeat


async def test_another_endpoint_under_the_same_name_takes_its_place_at_the_limit_too(bench: Bench) -> None:
    first = await subscribe(bench, login_of(), label="coi:1")
    await subscribe(bench, login_of(), PUSH + "2", label="coi:2")
    assert await refused(subscribe(bench, login_of(), PUSH + "3", label="coi:3")) == "too-many-requests"
    moved = await subscribe(bench, login_of(), PUSH + "3", label="coi:1")
    assert moved.status == 201
    found = {one.label: view.id for one, view in await bench.gateway.live_logins.show_all(login_of())}
    assert set(found) == {"coi:1", "coi:2"}
    assert found["coi:1"] == moved.view.id != first.view.id
    again = await subscribe(bench, login_of(), PUSH + "3")
    assert again.view.id == moved.view.id
    found = {one.label: view.id for one, view in await bench.gateway.live_logins.show_all(login_of())}
    assert found["coi:1"] == moved.view.id  # kept by a repeat without it


async def test_it_is_renewed_and_ended_by_name(bench: Bench) -> None:
    await subscribe(bench, login_of())
    verbs, identifier = bench.gateway.live_logins, (await bench.stored())[0].id
    bench.clock.pass_by(60)
    renewed = await verbs.renew(login_of(), identifier, 3_600)
    assert renewed.expires_at == bench.clock.now() + timedelta(seconds=3_600)
    assert await refused(verbs.renew(login_of(), identifier, 1)) == "invalid-request"
    await verbs.end(login_of(), identifier)
    assert await bench.stored() == []
    assert await refused(verbs.end(login_of(), identifier)) == "not-found"


@pytest.mark.parametrize(
    "members",
    [
        {"imap": {"host": "imap.example.org", "username": "bob"}},
        {"link": "ibl_" + "A" * 43},
        {"retention": "memory"},
        {"tls_pin_sha256": "first"},
        {"mailboxes": []},
        {"label": "x" * (LABEL_BYTES + 1)},
    ],
)
async def test_what_does_not_belong_into_it_is_refused(bench: Bench, members: dict[str, Any]) -> None:
    assert await refused(subscribe(bench, login_of(), **members)) == "invalid-request"
    assert await bench.stored() == []


async def test_limits_are_those_of_a_registration() -> None:
    bench = Bench(Policy(registrations_per_minute=1, vapid_subject=True), {"push.example.net": "127.0.0.1"})
    assert await refused(subscribe(bench, login_of(secure=False))) == "needs-tls"
    assert await refused(subscribe(bench, login_of())) == "endpoint-not-allowed"
    assert await refused(subscribe(bench, login_of())) == "too-many-requests"
    await bench.close()


async def test_credentials_that_rest_has_kept_go_on_to_serve() -> None:
    bench = Bench()
    made = await bench.subscribe(retention="memory")
    assert (await subscribe(bench, login_of())).view.id == made.view.id
    (stored,) = await bench.stored()
    assert stored.retention is Retention.MEMORY
    assert bench.keyring.holds_of(stored.id)
    await bench.close()


async def test_a_webhook_that_does_not_answer_is_refused(bench: Bench) -> None:
    bench.dispatcher.answers = False
    hook = {"new_mail": {"type": "webhook", "url": "https://hook.example.net/h", "secret": WEBHOOK_SECRET}}
    assert await refused(subscribe(bench, login_of(), endpoints=hook)) == "endpoint-unverified"
    assert await bench.stored() == []
