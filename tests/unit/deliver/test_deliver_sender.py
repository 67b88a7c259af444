"""One attempt: the requests it takes."""

from __future__ import annotations

import json
import os
from datetime import timedelta

import pytest

from idlebell.deliver.carriers import Carriers, to_canary
from idlebell.deliver.sender import Sender
from idlebell.deliver.signing import Signing
from idlebell.model.endpoint import CanaryEndpoint, Endpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import Content, NewMail, Notification, Test
from idlebell.push import canary
from idlebell.push.encryption import decrypt
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse, Tokens
from idlebell.push.outcome import Accepted, Refused, Retry, TooLarge
from idlebell.push.vapid import VapidSigner
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Fact, PushAttempted
from idlebell.testing.virtual_clock import VirtualClock
from unit.deliver.deliver_scene import AUTH, BROWSER, SIGNER_KEY, ScriptedHttp, hook, simple, web

CLOCK = VirtualClock()
LONG = NewMail("INBOX", 1, 1, 4, (MessageSummary(uid=11, subject="Lunch?", preview="x" * 9_000),))


def notification(content: Content) -> Notification:
    now = CLOCK.now()
    return Notification(NotificationId("ntf_a"), SubscriptionId("sub_a"), content, 7, now, now + timedelta(days=1), 0)


def sender(http: ScriptedHttp, facts: list[Fact] | None = None, signer: VapidSigner | None = None) -> Sender:
    emit = (facts if facts is not None else []).append
    carriers = Carriers().add(HttpRequest, http.push)
    signing = Signing(MemoryStore(os.urandom), signer or VapidSigner(SIGNER_KEY, None), CLOCK)
    return Sender(carriers, emit, CLOCK, os.urandom, signing)


def taking(limit: int) -> ScriptedHttp:
    return ScriptedHttp(lambda request: HttpResponse(201 if len(request.body) <= limit else 413, {}))


async def test_what_is_accepted_is_sent_once() -> None:
    http, facts = ScriptedHttp(), []
    sent = await sender(http, facts).send(notification(Test()), web(), timeout_seconds=15.0)
    assert sent.outcome == Accepted(201)
    assert http.timeouts == [15.0]
    (fact,) = facts
    assert isinstance(fact, PushAttempted)
    assert (fact.kind, fact.type, fact.outcome, fact.status) == ("webpush", "test", "accepted", 201)


async def test_a_body_that_is_too_large_is_sent_shorter_at_once() -> None:
    http = taking(2_744)
    sent = await sender(http).send(notification(LONG), web(), timeout_seconds=15.0)
    assert sent.outcome == Accepted(201)
    assert [len(request.body) for request in http.requests] == [4_096, 2_744]
    (message,) = json.loads(decrypt(http.requests[-1].body, key=BROWSER, auth=AUTH))["messages"]
    assert message["subject"] == "Lunch?"
    assert message["truncated"] is True


async def test_at_last_the_message_is_left_out() -> None:
    http = taking(300)
    sent = await sender(http).send(notification(LONG), hook(), timeout_seconds=15.0)
    assert sent.outcome == Accepted(201)
    assert json.loads(http.requests[-1].body)["messages"] == []
    assert len({dict(request.headers)["webhook-id"] for request in http.requests}) == 1


async def test_where_nothing_can_be_left_out_too_large_is_the_end() -> None:
    http = taking(0)
    sent = await sender(http).send(notification(Test()), web(), timeout_seconds=15.0)
    assert (sent.outcome, len(http.requests)) == (TooLarge(413), 1)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_signature_is_made_anew_once(status: int) -> None:
    http = ScriptedHttp(lambda request: HttpResponse(status, {}))
    signer = VapidSigner(SIGNER_KEY, None)
    forgotten: list[str] = []
    original = VapidSigner.forget
    sending = sender(http, signer=signer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(VapidSigner, "forget", lambda self, origin: (forgotten.append(origin), original(self, origin)))
        sent = await sending.send(notification(Test()), web(), timeout_seconds=15.0)
    assert isinstance(sent.outcome, Refused)
    assert (len(http.requests), forgotten) == (2, ["https://push.example.net"])


@pytest.mark.parametrize("endpoint", [simple(), hook()], ids=lambda endpoint: endpoint.kind)
async def test_only_web_push_has_a_signature_to_renew(endpoint: Endpoint) -> None:
    http = ScriptedHttp(lambda request: HttpResponse(403, {}))
    await sender(http).send(notification(Test()), endpoint, timeout_seconds=15.0)
    assert len(http.requests) == 1


async def test_too_large_and_refused_together_still_end() -> None:
    statuses = iter((413, 403, 413, 413, 413, 413))

    def respond(request: HttpRequest) -> Answer:
        return HttpResponse(next(statuses), {})

    http = ScriptedHttp(respond)
    sent = await sender(http).send(notification(LONG), web(), timeout_seconds=15.0)
    assert (sent.outcome, len(http.requests)) == (TooLarge(413), 5)


async def test_the_operator_is_told_why_there_was_no_answer_and_the_user_is_not() -> None:
    for answer, detail in (
        (NoResponse("not-allowed", "10.0.0.1 is private"), "not-allowed: 10.0.0.1 is private"),
        (NoResponse("dns"), "dns"),
    ):
        facts: list[Fact] = []
        http = ScriptedHttp(lambda request, answer=answer: answer)
        sent = await sender(http, facts).send(notification(Test()), simple(), timeout_seconds=15.0)
        assert sent.outcome == Retry("The push service cannot be reached.")
        assert [(fact.status, fact.detail) for fact in facts if isinstance(fact, PushAttempted)] == [(None, detail)]


async def test_a_canary_is_heard_in_the_process_itself() -> None:
    heard: list[tuple[str, ...]] = []
    facts: list[Fact] = []
    song = NewMail("INBOX", 1, 1, None, (MessageSummary(uid=1, subject=canary.subject(bytes(16))),))
    own = Sender(Carriers().add(Tokens, to_canary(heard.append)), facts.append, CLOCK, os.urandom, None)
    sent = await own.send(notification(song), CanaryEndpoint(), timeout_seconds=15.0)
    assert sent.outcome == Accepted(0)
    assert heard == [(bytes(16).hex(),)]
    (fact,) = facts
    assert isinstance(fact, PushAttempted)
    assert (fact.kind, fact.outcome, fact.status) == ("canary", "accepted", None)


async def test_a_canary_that_nobody_keeps_any_more_is_given_up() -> None:
    sent = await sender(ScriptedHttp()).send(notification(LONG), CanaryEndpoint(), timeout_seconds=15.0)
    assert sent.outcome == Refused("not-allowed")
