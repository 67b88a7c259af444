"""A webhook answers a challenge before it is used."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from idlebell.deliver import verification
from idlebell.deliver.settings import DeliverySettings
from idlebell.deliver.verification import Challenge
from idlebell.model.endpoint import WebhookEndpoint
from idlebell.model.proof import PROVEN, Demand, Demands
from idlebell.model.subscription import Subscription
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse
from idlebell.store.contract import ConflictError
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import ScriptedHttp, hook, scene, simple

UNVERIFIED = hook(verified=False)


def echo(request: HttpRequest) -> Answer:
    body = json.loads(request.body)
    return HttpResponse(200, {}, json.dumps({"code": body.get("code")}).encode())


def types(http: ScriptedHttp) -> list[str]:
    return [json.loads(request.body)["type"] for request in http.requests]


async def test_an_endpoint_that_repeats_the_code_is_verified() -> None:
    played = scene(VirtualClock(), ScriptedHttp(echo))
    subscription = await played.subscribe(UNVERIFIED)
    result = await played.dispatcher.verify_webhook(subscription.id, UNVERIFIED, "somebody")
    assert (result.verified, result.next_in_seconds) == (True, 0.0)
    (request,) = played.http.requests
    body = json.loads(request.body)
    assert body.keys() == {"type", "subscription", "version", "at", "code"}
    assert (body["type"], body["subscription"]) == ("verification", subscription.id)
    assert played.http.timeouts == [10.0]


async def test_codes_are_never_the_same() -> None:
    played = scene(VirtualClock(), ScriptedHttp(echo))
    subscription = await played.subscribe(UNVERIFIED)
    for _ in range(2):
        await played.dispatcher.verify_webhook(subscription.id, UNVERIFIED, "somebody")
    codes = {json.loads(request.body)["code"] for request in played.http.requests}
    assert len(codes) == 2


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (NoResponse("timeout"), "The push service did not answer in time."),
        (HttpResponse(401, {}, b""), "The push service answered 401."),
        (HttpResponse(200, {}, b"{}"), "It answered 200 without the code."),
    ],
)
async def test_what_came_instead_of_the_code_is_told(answer: Answer, detail: str) -> None:
    played = scene(VirtualClock(), ScriptedHttp(lambda request: answer))
    subscription = await played.subscribe(UNVERIFIED)
    result = await played.dispatcher.verify_webhook(subscription.id, UNVERIFIED, "somebody")
    assert (result.challenge, result.detail) == (Challenge.UNANSWERED, detail)


async def test_while_somebody_waits_a_challenge_may_be_repeated_at_once_but_not_for_ever() -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(lambda request: HttpResponse(401, {}, b"")))
    subscription = await played.subscribe(UNVERIFIED)
    verify = played.dispatcher.verify_webhook
    for waits in (0.0, 0.0, 0.0, 0.0, 3_560.0):
        asked = await verify(subscription.id, UNVERIFIED, "somebody")
        assert (asked.challenge, asked.next_in_seconds) == (Challenge.UNANSWERED, waits)
        await clock.advance(10)
    again = await verify(subscription.id, UNVERIFIED, "somebody")
    assert (again.challenge, again.next_in_seconds) == (Challenge.TOO_SOON, 3_550.0)
    assert len(played.http.requests) == 5
    await clock.advance(3_550)
    played.http.respond = echo
    assert (await verify(subscription.id, UNVERIFIED, "somebody")).verified


async def test_a_stranger_uses_up_nobodys_tries_and_many_strangers_make_us_no_nuisance() -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(lambda request: HttpResponse(401, {}, b"")))
    subscription = await played.subscribe(UNVERIFIED)

    async def ask(source: str) -> Challenge:
        return (await played.dispatcher.verify_webhook(subscription.id, UNVERIFIED, source)).challenge

    assert [await ask("stranger") for _ in range(6)] == [Challenge.UNANSWERED] * 5 + [Challenge.TOO_SOON]
    assert await ask("owner") is Challenge.UNANSWERED
    everybody = [await ask(f"stranger {number}") for number in range(20)]
    assert Counter(everybody) == {Challenge.UNANSWERED: 14, Challenge.TOO_SOON: 6}
    await clock.advance(3_600)
    assert await ask("owner") is Challenge.UNANSWERED


async def test_nobody_waiting_it_is_asked_once_an_hour_however_it_was_asked_before() -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(lambda request: NoResponse("timeout")))
    subscription = await played.subscribe(UNVERIFIED)
    verify_stored = played.dispatcher._verifier.verify_stored
    await played.dispatcher.verify_webhook(subscription.id, UNVERIFIED, "somebody")
    await clock.advance(600)
    by_itself = await verify_stored(subscription.id, UNVERIFIED)
    assert (by_itself.challenge, by_itself.next_in_seconds) == (Challenge.TOO_SOON, 3_000.0)
    await clock.advance(3_000)
    assert (await verify_stored(subscription.id, UNVERIFIED)).next_in_seconds == 3_600.0
    assert len(played.http.requests) == 2


async def test_what_is_remembered_of_challenges_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verification, "ENDPOINTS_KEPT", 8)
    played = scene(VirtualClock(), ScriptedHttp(lambda request: HttpResponse(200, {}, b"{}")))
    subscription = await played.subscribe(UNVERIFIED)
    for number in range(9):
        await played.dispatcher.verify_webhook(
            subscription.id, hook(f"https://{number}.example.net/", verified=False), "somebody"
        )
    assert len(played.dispatcher._verifier._asked) == 8


async def test_an_unverified_endpoint_gets_its_challenge_then_the_mail_and_is_stored_as_verified() -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(echo))
    subscription = await played.subscribe(UNVERIFIED, simple())
    await played.ring(subscription)
    await played.ring(subscription)
    played.dispatcher.start()
    await clock.advance(1)
    assert types(played.http) == ["verification", "new_mail", "new_mail"]
    stored = await played.store.get(subscription.id)
    assert stored is not None
    assert stored.endpoints.new_mail == replace(UNVERIFIED, proof=PROVEN)
    assert stored.endpoints.reconnect == simple()
    await played.dispatcher.stop()


async def test_until_it_answers_it_gets_one_request_an_hour_and_nothing_else() -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(lambda request: HttpResponse(200, {}, b"{}")))
    subscription = await played.subscribe(UNVERIFIED)
    played.dispatcher.start()
    for _ in range(5):
        await played.ring(subscription)
        await clock.advance(1_800)
    assert types(played.http) == ["verification"] * 3
    result = await played.dispatcher.send_test(subscription)
    assert (result.outcome, len(played.http.requests)) == ("not-sent", 3)
    await played.dispatcher.stop()


async def test_where_verification_is_off_it_is_used_at_once() -> None:
    clock = VirtualClock()
    played = scene(clock, settings=DeliverySettings(demands=Demands(server=Demand.NONE)))
    await played.ring(await played.subscribe(UNVERIFIED))
    played.dispatcher.start()
    await clock.advance(1)
    assert types(played.http) == ["new_mail"]
    await played.dispatcher.stop()


async def test_a_subscription_that_changes_meanwhile_keeps_both_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    played = scene(VirtualClock(), ScriptedHttp(echo))
    subscription = await played.subscribe(UNVERIFIED)
    put = played.store.put
    others = iter([True])

    async def racing(changed: Subscription) -> Subscription:
        if next(others, False):
            await put(replace(subscription, paused=True))
        return await put(changed)

    monkeypatch.setattr(played.store, "put", racing)
    await played.dispatcher._verifier.verify_stored(subscription.id, UNVERIFIED)
    stored = await played.store.get(subscription.id)
    assert stored is not None
    assert isinstance(stored.endpoints.new_mail, WebhookEndpoint)
    assert (stored.paused, stored.endpoints.new_mail.proof) == (True, PROVEN)


async def test_a_change_that_never_succeeds_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    played = scene(VirtualClock(), ScriptedHttp(echo))
    subscription = await played.subscribe(UNVERIFIED)

    async def conflict(changed: Subscription) -> Subscription:
        raise ConflictError

    monkeypatch.setattr(played.store, "put", conflict)
    assert (await played.dispatcher._verifier.verify_stored(subscription.id, UNVERIFIED)).verified


async def test_an_endpoint_or_subscription_that_is_gone_meanwhile_is_left_alone() -> None:
    played = scene(VirtualClock(), ScriptedHttp(echo))
    subscription = await played.subscribe(UNVERIFIED)
    other = hook("https://other.example.net/", verified=False)
    await played.dispatcher._verifier.verify_stored(subscription.id, other)
    assert await played.store.get(subscription.id) == subscription
    await played.store.remove(subscription.id)
    assert (await played.dispatcher._verifier.verify_stored(subscription.id, UNVERIFIED)).verified
