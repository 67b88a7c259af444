"""Filters at the gateway: given, changed, shown and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway import looking
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import FilterResultView, FilterTestRequest, FilterTestView, Registration
from idlebell.imap.responses import FetchData, Section
from idlebell.model.ids import AccountId
from idlebell.model.problem import Fault, FieldError, ProblemError
from idlebell.net.look_inbox import LOOKS, Answer, Look
from idlebell.rules.compiled import rule_of

AT = datetime(2026, 11, 26, 8, 30, tzinfo=UTC)

BOSS = {"operator": "OR", "conditions": [{"from": "boss@example.org"}, {"subject": "Grüße"}]}


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


async def faults(coroutine: Any) -> tuple[FieldError, ...]:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    assert caught.value.problem.code == "invalid-request"
    return caught.value.problem.errors


async def test_filter_is_shown_as_it_was_given(bench: Bench) -> None:
    answer = await bench.subscribe(filter=BOSS)

    assert answer.view.filter == BOSS
    assert (await bench.gateway.show(answer.view.id, bench.bearing(answer.token))).filter == BOSS


async def test_filter_is_kept_by_a_repeat_that_does_not_name_it_and_ended_by_null(bench: Bench) -> None:
    await bench.subscribe(filter=BOSS)

    assert (await bench.subscribe()).view.filter == BOSS
    assert (await bench.subscribe(filter=None)).view.filter is None


async def test_patch_replaces_a_filter_as_a_whole(bench: Bench) -> None:
    answer = await bench.subscribe(filter=BOSS)
    caller = bench.bearing(answer.token)

    assert (await bench.gateway.change(answer.view.id, {"filter": {"isBulk": False}}, caller)).filter == {
        "isBulk": False
    }
    assert (await bench.gateway.change(answer.view.id, {"filter": None}, caller)).filter is None


async def test_what_is_no_filter_is_refused_where_it_is_wrong_and_changes_nothing(bench: Bench) -> None:
    answer = await bench.subscribe(filter=BOSS)
    caller = bench.bearing(answer.token)
    wrong = {"operator": "AND", "conditions": [{"form": "boss"}]}

    (fault,) = await faults(bench.gateway.change(answer.view.id, {"filter": wrong}, caller))
    assert fault == FieldError("/filter/conditions/0/form", "is no condition; did you mean from?")
    assert await faults(bench.subscribe(push="https://push.example.net/b", filter="boss"))
    assert (await bench.gateway.show(answer.view.id, caller)).filter == BOSS


# on the latest messages


class Mailbox:
    """Answers looks as a watcher would, from the second nudge on."""

    def __init__(self, bench: Bench, answer: Answer = ()) -> None:
        self.said = answer
        self.looks: list[Look] = []
        self._bench = bench
        nudge = bench.fleet.nudge

        def nudged(account: AccountId) -> None:
            nudge(account)
            for look in bench.looks.take(account, ("INBOX", "Work")):
                self.looks.append(look)
                look.say(self.said)

        bench.nudge = nudged


async def tried(bench: Bench, answer: Registration, filter_: Any, **members: Any) -> FilterTestView:
    asked = read(FilterTestRequest, {"filter": filter_, **members})
    return await bench.gateway.test_filter(answer.view.id, asked, bench.bearing(answer.token))


async def code(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


def mail(uid: int, header: bytes) -> FetchData:
    return FetchData(
        uid, uid=uid, size=100, internal_date=AT, sections=(Section("BODY[HEADER.FIELDS (FROM)]", 0, header),)
    )


async def test_a_trial_says_what_would_ring_and_why(bench: Bench) -> None:
    boss = mail(7, b"From: =?utf-8?q?B=C3=B6ss?= <boss@example.org>\r\nSubject: Lunch\xe2\x80\xae?\r\n\r\n")
    mailbox = Mailbox(bench, (boss, mail(9, b"Subject: \x1b[31malarm\r\n\r\n")))
    answer = await bench.subscribe()

    view = await tried(bench, answer, {"from": "boss"}, limit=2)

    assert (mailbox.looks[0].mailbox, mailbox.looks[0].messages) == ("INBOX", 2)
    assert view == FilterTestView(
        mailbox="INBOX",
        results=(
            FilterResultView(
                uid=9,
                rings=False,
                because=('from does not have "boss"',),
                sender=None,
                subject="[31malarm",
                size=100,
                received_at=AT,
            ),
            FilterResultView(
                uid=7,
                rings=True,
                because=('from has "boss"',),
                sender="Böss <boss@example.org>",
                subject="Lunch?",
                size=100,
                received_at=AT,
            ),
        ),
    )


async def test_no_filter_is_tried_as_one_that_lets_all_ring(bench: Bench) -> None:
    Mailbox(bench, (mail(7, b""),))
    answer = await bench.subscribe()

    assert (await tried(bench, answer, None)).results[0].rings


async def test_a_trial_with_a_wrong_body_says_where(bench: Bench) -> None:
    answer = await bench.subscribe()

    found = await faults(tried(bench, answer, {"form": 1}, limit=101, mailbox="Elsewhere"))

    assert {fault.pointer for fault in found} == {"/filter/form", "/limit", "/mailbox"}


async def test_without_a_session_nothing_is_tried(bench: Bench) -> None:
    answer = await bench.subscribe()
    (stored,) = await bench.stored()
    bench.fleet.lose(stored.account_id)

    assert await code(tried(bench, answer, {"from": "boss"})) == "no-session"


async def test_what_the_look_came_to_is_told(bench: Bench) -> None:
    Mailbox(bench, Fault("server-error", "The mail server does not show its messages: no."))
    answer = await bench.subscribe()

    assert await code(tried(bench, answer, {"from": "boss"})) == "server-error"


async def test_a_look_that_nobody_answers_is_given_up_and_taken_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "ANSWER_SECONDS", 0.0)
    answer = await bench.subscribe()
    (stored,) = await bench.stored()

    assert await code(tried(bench, answer, {"from": "boss"})) == "no-session"
    assert not bench.looks.wait(stored.account_id)


async def test_trials_are_bounded_in_number_and_in_rate(bench: Bench) -> None:
    answer = await bench.subscribe()
    (stored,) = await bench.stored()
    waiting = [Look("INBOX", 1, rule_of(None)) for _ in range(LOOKS)]
    for look in waiting:
        assert bench.looks.ask(stored.account_id, look)
    assert await code(tried(bench, answer, None)) == "too-many-requests"
    for look in waiting:
        bench.looks.take_back(stored.account_id, look)
    Mailbox(bench)
    for _ in range(looking.LOOKS_PER_MINUTE - 1):
        await tried(bench, answer, None)

    assert await code(tried(bench, answer, None)) == "too-many-requests"


async def test_a_trial_is_not_told_where_others_can_read_it_or_to_who_has_no_token(bench: Bench) -> None:
    answer = await bench.subscribe()
    asked = read(FilterTestRequest, {"filter": None})
    in_clear = replace(bench.bearing(answer.token), secure=False)

    assert await code(bench.gateway.test_filter(answer.view.id, asked, in_clear)) == "needs-tls"
    assert await code(bench.gateway.test_filter(answer.view.id, asked, bench.nobody())) == "unauthorized"
    assert await code(bench.gateway.test_filter(answer.view.id, asked, await bench.key())) == "not-found"
