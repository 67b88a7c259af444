"""An endpoint is sent a code, and nothing else until that is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from idlebell.deliver import codes
from idlebell.deliver.settings import DeliverySettings
from idlebell.model.endpoint import AppriseEndpoint, PushUrl, WebPushEndpoint, asked_of
from idlebell.model.ids import SubscriptionId
from idlebell.model.proof import CODE_LIVES, PROVEN, TRIES_MAX, Asked, Audience, Demand, Demands
from idlebell.model.secret import Secret
from idlebell.model.subscription import StandingProblem, Subscription
from idlebell.push.encryption import decrypt
from idlebell.push.exchange import HttpResponse, NoResponse
from idlebell.store.contract import ConflictError, StoreError
from idlebell.telemetry.facts import StoreFailed, SupervisorCaught
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import AUTH, BROWSER, Scene, ScriptedHttp, scene, simple, web

CODES = DeliverySettings(demands=Demands(app=Demand.CODE))


def stage(http: ScriptedHttp | None = None) -> Scene:
    return scene(VirtualClock(), http, CODES)


def bodies(played: Scene) -> list[dict[str, object]]:
    return [json.loads(decrypt(one.body, key=BROWSER, auth=AUTH)) for one in played.http.requests]


async def stored(played: Scene, subscription: Subscription) -> Subscription:
    found = await played.store.get(subscription.id)
    assert found is not None
    return found


def code_of(subscription: Subscription) -> Asked:
    assert subscription.endpoints.new_mail is not None
    found = asked_of(subscription.endpoints.new_mail)
    assert found is not None
    return found


async def test_a_code_is_stored_sent_and_shown_as_missing() -> None:
    played = stage()
    subscription = await played.subscribe(web(), simple())
    asked = await played.dispatcher.ask_codes(subscription)
    await played.clock.advance(0)  # type: ignore[attr-defined]
    assert not code_of(asked).sent
    assert code_of(await stored(played, subscription)) == replace(code_of(asked), sent=True)
    (body,) = bodies(played)
    assert (body["type"], body["subscription"]) == ("verification", subscription.id)
    assert body["code"] == code_of(asked).code.text()
    assert len(code_of(asked).code.text()) == 32
    assert code_of(asked).until == played.clock.now() + CODE_LIVES
    assert asked.problem is not None
    assert asked.problem.code == "endpoint-unverified"
    # While it stands, and of what needs none, no other is sent.
    assert await played.dispatcher.ask_codes(asked) == asked
    assert len(played.http.requests) == 1


async def test_a_code_that_may_have_died_with_its_process_is_sent_as_it_is() -> None:
    clock = VirtualClock()
    played = scene(clock, settings=CODES)
    code = Asked(Secret("c0de"), clock.now() + CODE_LIVES)
    proofs = (code, replace(code, sent=True), replace(code, tries=TRIES_MAX), replace(code, until=clock.now()))
    for number, proof in enumerate(proofs):
        await played.subscribe(replace(web(f"https://push.example.net/{number}"), proof=proof))
    both = replace(web("https://push.example.net/both"), proof=code)
    await played.subscribe(both, both)
    played.dispatcher.start()
    await clock.advance(1)
    assert sorted(played.http.urls()) == ["https://push.example.net/0", "https://push.example.net/both"]
    assert {one["code"] for one in bodies(played)} == {"c0de"}
    assert await played.store.with_unsent_codes(clock.now(), 10) == ()
    await played.dispatcher.stop()


async def test_a_code_that_the_service_refuses_is_not_taken_as_sent() -> None:
    played = stage(ScriptedHttp(lambda request: HttpResponse(400, {})))
    asked = await played.dispatcher.ask_codes(await played.subscribe(web()))
    await played.clock.advance(0)  # type: ignore[attr-defined]
    assert not code_of(await stored(played, asked)).sent


async def test_nothing_else_is_sent_until_it_is_read_back() -> None:
    clock = VirtualClock()
    played = scene(clock, settings=CODES)
    subscription = await played.subscribe(web())
    await played.dispatcher.ask_codes(subscription)
    mail = await played.ring(subscription)
    played.dispatcher.start()
    await clock.advance(300)
    assert [one["type"] for one in bodies(played)] == ["verification"]
    assert (await played.dispatcher.send_test(await stored(played, subscription))).outcome == "not-sent"
    assert await played.store.deliveries(subscription.id) == (), "nothing was attempted"
    found = await stored(played, subscription)
    endpoint = found.endpoints.new_mail
    assert isinstance(endpoint, WebPushEndpoint)
    await played.store.put(replace(found, endpoints=replace(found.endpoints, new_mail=replace(endpoint, proof=PROVEN))))
    played.dispatcher.nudge()
    await clock.advance(1)
    sent = bodies(played)
    assert [one["type"] for one in sent] == ["verification", "new_mail"]
    assert sent[1]["version"] == mail.version
    await played.dispatcher.stop()


async def test_an_app_that_mail_waits_for_is_asked_anew_after_an_hour() -> None:
    clock = VirtualClock()
    played = scene(clock, settings=CODES)
    subscription = await played.subscribe(web())
    await played.ring(subscription)
    played.dispatcher.start()
    for _ in range(7):
        await clock.advance(900)
    assert [one["type"] for one in bodies(played)] == ["verification"] * 2
    assert len({one["code"] for one in bodies(played)}) == 2
    await played.dispatcher.stop()


async def test_too_many_wrong_codes_bring_no_new_one_before_their_time() -> None:
    clock = VirtualClock()
    played = scene(clock, settings=CODES)
    asked = await played.dispatcher.ask_codes(await played.subscribe(web()))
    endpoint = asked.endpoints.new_mail
    assert isinstance(endpoint, WebPushEndpoint)
    spent = replace(endpoint, proof=replace(code_of(asked), tries=TRIES_MAX))
    asked = await played.store.put(replace(asked, endpoints=replace(asked.endpoints, new_mail=spent)))
    await clock.advance(CODE_LIVES.total_seconds() - 1)
    assert await played.dispatcher.ask_codes(asked) == asked
    await clock.advance(1)
    assert code_of(await played.dispatcher.ask_codes(asked)).tries == 0


async def test_codes_of_a_url_are_bounded_a_day_whoever_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(codes.CODES_A_DAY, Audience.APP, 2)
    clock = VirtualClock()
    played = scene(clock, settings=CODES)
    subscription = await played.subscribe(web())
    for expected in (1, 2, 2):
        subscription = await played.dispatcher.ask_codes(subscription)
        await clock.advance(CODE_LIVES.total_seconds())
        assert len(played.http.requests) == expected
        await played.dispatcher.stop()
        played = scene(clock, played.http, CODES, store=played.store)  # a restart opens nothing
    await clock.advance(86_400)
    await played.dispatcher.ask_codes(subscription)
    await clock.advance(0)
    assert len(played.http.requests) == 3


async def test_what_is_on_its_way_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "SENT_AT_ONCE", 6)
    played = stage()
    for number in range(9):
        subscription = await played.subscribe(web(f"https://push.example.net/{number}"))
        await played.dispatcher.ask_codes(subscription)
    assert len(played.dispatcher._codes._sending) == 6
    await played.clock.advance(0)  # type: ignore[attr-defined]
    assert len(played.http.requests) == 6
    await played.dispatcher.stop()


async def test_a_push_service_that_stumbles_is_tried_again_with_the_same_code() -> None:
    clock = VirtualClock()
    answers = iter([NoResponse("timeout"), HttpResponse(503, {}), HttpResponse(201, {})])
    played = scene(clock, ScriptedHttp(lambda request: next(answers)), CODES)
    await played.dispatcher.ask_codes(await played.subscribe(web()))
    for _ in range(5):
        await clock.advance(10)
    sent = bodies(played)
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]


@pytest.mark.parametrize(
    ("status", "code"), [(410, "endpoint-gone"), (400, "endpoint-refused"), (500, "endpoint-failing")]
)
async def test_a_code_that_cannot_be_sent_shows_why(status: int, code: str) -> None:
    clock = VirtualClock()
    played = scene(clock, ScriptedHttp(lambda request: HttpResponse(status, {})), CODES)
    subscription = await played.dispatcher.ask_codes(await played.subscribe(web()))
    for _ in range(30):
        await clock.advance(60)
    problem = (await stored(played, subscription)).problem
    assert problem is not None
    assert problem.code == code


@pytest.mark.parametrize("answer", [201, 400])
async def test_a_problem_of_the_account_is_not_hidden(answer: int) -> None:
    played = stage(ScriptedHttp(lambda request: HttpResponse(answer, {})))
    subscription = await played.subscribe(web())
    problem = StandingProblem("authentication-failed", "Refused.", played.clock.now())
    subscription = await played.store.put(replace(subscription, problem=problem))
    assert (await played.dispatcher.ask_codes(subscription)).problem == problem
    await played.clock.advance(0)  # type: ignore[attr-defined]
    assert len(played.http.requests) == 1
    assert (await stored(played, subscription)).problem == problem
    await played.dispatcher.stop()


async def test_a_subscription_that_changes_meanwhile_keeps_both_changes() -> None:
    played = stage()
    subscription = await played.subscribe(web())
    await played.store.put(replace(subscription, paused=True))
    asked = await played.dispatcher.ask_codes(subscription)
    assert asked.paused
    assert code_of(asked)
    await played.dispatcher.stop()


async def test_one_that_ended_or_never_stands_still_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    played = stage()
    subscription = await played.subscribe(web())
    stale = replace(subscription, revision=7)
    monkeypatch.setattr(played.store, "get", lambda one: _some(subscription))
    monkeypatch.setattr(played.store, "put", _conflict)
    assert await played.dispatcher.ask_codes(subscription) == subscription
    monkeypatch.setattr(played.store, "get", lambda one: _some(None))
    assert await played.dispatcher.ask_codes(stale) == stale
    assert played.http.requests == []


async def test_what_goes_wrong_while_sending_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    played = stage(ScriptedHttp(lambda request: HttpResponse(400, {})))

    async def fails(one: SubscriptionId) -> Subscription | None:
        raise StoreError("the disk is full")

    subscription = await played.subscribe(web())
    await played.dispatcher.ask_codes(subscription)
    monkeypatch.setattr(played.store, "get", fails)
    await played.clock.advance(0)  # type: ignore[attr-defined]
    assert played.of(StoreFailed)

    def breaks(request: object) -> HttpResponse:
        raise ValueError

    other = stage(ScriptedHttp(breaks))
    await other.dispatcher.ask_codes(await other.subscribe(web()))
    await other.clock.advance(0)  # type: ignore[attr-defined]
    assert other.of(SupervisorCaught)


async def test_a_person_gets_digits_and_is_not_asked_anew_unasked() -> None:
    played = scene(VirtualClock())
    phone = AppriseEndpoint(PushUrl("46elks://user:pass@from/to"))
    asked = await played.dispatcher.ask_codes(await played.subscribe(phone))
    code = code_of(asked).code.text()
    assert (len(code), code.isdigit()) == (8, True)
    over = replace(phone, proof=Asked(Secret("1"), played.clock.now() - timedelta(days=1)))
    assert await played.dispatcher._codes.wait_seconds(asked.id, over) == 3_600.0
    chat = await played.subscribe(AppriseEndpoint(PushUrl("ntfys://ntfy.example/alice")))
    assert await played.dispatcher.ask_codes(chat) == chat, "an app is asked where the operator says so"
    await played.dispatcher.stop()


async def test_one_that_is_gone_is_not_asked_anew() -> None:
    played = stage()
    found = await played.dispatcher._codes.wait_seconds(SubscriptionId("sub_unknown"), web())
    assert found == 3_600.0


async def _some(found: Subscription | None) -> Subscription | None:
    return found


async def _conflict(changed: Subscription) -> Subscription:
    raise ConflictError
