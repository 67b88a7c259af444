"""Filters at the gateway: given, changed, shown and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from flows.gateway_bench import Bench
from idlebell.model.problem import FieldError, ProblemError

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
