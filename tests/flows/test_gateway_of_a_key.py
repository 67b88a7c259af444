"""What an API key may do, how often, and how much it may have."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

import pytest

from flows.gateway_bench import Bench, request
from idlebell.gateway.callers import Caller, Scope
from idlebell.gateway.limits import Quota
from idlebell.gateway.policy import Policy
from idlebell.model.ids import api_key_id, api_key_token, token_hash
from idlebell.model.problem import ProblemError
from idlebell.model.subscription import ApiKey


async def code(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def made(bench: Bench, *scopes: str, days: int | None = None) -> str:
    token = api_key_token(os.urandom(32))
    now = bench.clock.now()
    ends = None if days is None else now + timedelta(days=days)
    await bench.store.put_api_key(
        ApiKey(api_key_id(os.urandom(15)), "app", token_hash(token), frozenset(scopes), now, ends)
    )
    return token


async def test_a_key_does_what_it_is_for_and_nothing_else() -> None:
    bench = Bench()
    scopes: tuple[Scope, ...] = ("subscriptions", "metrics")
    for own in scopes:
        token = await made(bench, own)
        for asked in scopes:
            come = bench.gateway.authenticate(token, "192.0.2.1", True, scope=asked)
            if asked == own:
                assert (await come).api_key is not None
            else:
                assert await code(come) == "forbidden"
    await bench.close()


async def test_a_key_that_is_over_is_none() -> None:
    bench = Bench()
    token = await made(bench, "subscriptions", days=1)
    assert (await bench.gateway.authenticate(token, "192.0.2.1", True)).api_key is not None
    bench.clock.pass_by(86_400)
    assert await code(bench.gateway.authenticate(token, "192.0.2.1", True)) == "unauthorized"
    await bench.close()


async def test_a_key_asks_so_often_wherever_it_comes_from() -> None:
    bench = Bench(Policy(requests_per_minute_of_key=2))
    first, other = await made(bench, "subscriptions"), await made(bench, "subscriptions")
    counted: list[Quota] = []

    async def ask(token: str, address: str) -> Caller:
        return await bench.gateway.authenticate(token, address, True, counted=counted)

    await ask(first, "192.0.2.1")
    await ask(first, "192.0.2.2")
    assert await code(ask(first, "192.0.2.3")) == "too-many-requests"
    await ask(other, "192.0.2.1")
    assert [(one.policy, one.left, one.spent) for one in counted] == [
        ("key", 1, False),
        ("key", 0, False),
        ("key", 0, True),
        ("key", 1, False),
    ]
    bench.clock.pass_by(30)
    await ask(first, "192.0.2.1")
    await bench.close()


async def test_registrations_are_told_as_they_are_counted() -> None:
    bench = Bench(Policy(registrations_per_minute=2, vapid_subject=True))
    caller = bench.nobody()
    await bench.gateway.subscribe(request(), caller)
    assert list(caller.counted) == [Quota("registrations", 2, 1, 30)]
    await bench.close()


def push(name: str) -> str:
    return f"https://push.example.net/{name}"


async def test_registrations_that_come_at_once_get_no_more_than_a_key_may_have() -> None:
    bench = Bench(Policy(subscriptions_per_key=3))
    key = await bench.key()
    answers = await asyncio.gather(
        *(bench.subscribe(key, push=push(str(number))) for number in range(8)), return_exceptions=True
    )
    refused = [one.problem.code for one in answers if isinstance(one, ProblemError)]
    assert refused == ["too-many-requests"] * 5
    assert len(await bench.stored()) == 3
    await bench.close()


async def test_a_key_has_so_many_endpoints_in_all_its_subscriptions() -> None:
    """Each of these has two. What is over counts for nothing until it comes back."""
    bench = Bench(Policy(endpoints_per_key=4))
    key = await bench.key()
    first = await bench.subscribe(key, push=push("a"))
    await bench.subscribe(key, push=push("b"))
    assert await code(bench.subscribe(key, push=push("c"))) == "too-many-requests"
    more = {"endpoints": {"heartbeat": {"type": "simplepush", "url": push("more")}}}
    assert await code(bench.gateway.change(first.view.id, more, key)) == "too-many-requests"
    other = {"endpoints": {"reconnect": {"type": "simplepush", "url": push("another")}}}
    await bench.gateway.change(first.view.id, other, key)
    again = {
        "new_mail": {"type": "simplepush", "url": push("b")},
        "reconnect": {"type": "simplepush", "url": push("b/reconnect")},
        "expiring": {"type": "simplepush", "url": push("more")},
    }
    assert await code(bench.subscribe(key, endpoints=again)) == "too-many-requests"
    await bench.subscribe(await bench.key("other"), push=push("c"))
    await bench.gateway.end(first.view.id, key)
    await bench.subscribe(key, endpoints=again)
    await bench.close()


async def test_what_comes_back_holds_its_room_while_it_logs_in() -> None:
    """Two that are over, and room for one: whoever is counted during the other's login must not find the same room."""
    bench = Bench(Policy(subscriptions_per_key=1))
    key = await bench.key()
    for name in "ab":
        made = await bench.subscribe(key, push=push(name))
        await bench.gateway.end(made.view.id, key)
    bench.door.open.clear()
    known = len(bench.door.tries)
    returning = asyncio.create_task(bench.subscribe(key, push=push("a"), password="wrong"))
    await bench.until(lambda: len(bench.door.tries) > known)
    assert await code(bench.subscribe(key, push=push("b"))) == "too-many-requests"
    assert await code(bench.subscribe(key, push=push("c"))) == "too-many-requests"
    bench.door.open.set()
    assert await code(returning) == "authentication-failed"
    await bench.subscribe(key, push=push("b"))  # what did not come back holds nothing
    assert await code(bench.subscribe(key, push=push("a"))) == "too-many-requests"
    await bench.close()


async def test_endpoints_that_are_added_by_a_login_hold_their_room_meanwhile() -> None:
    bench = Bench(Policy(endpoints_per_key=5))
    key = await bench.key()
    first = await bench.subscribe(key, push=push("a"))
    await bench.subscribe(key, push=push("b"))
    bench.door.open.clear()
    known = len(bench.door.tries)

    def more(name: str) -> dict[str, Any]:
        return {role: {"type": "simplepush", "url": push(name + end)} for role, end in ROLES.items()}

    growing = asyncio.create_task(bench.subscribe(key, endpoints=more("b")))
    await bench.until(lambda: len(bench.door.tries) > known)
    assert await code(bench.gateway.change(first.view.id, {"endpoints": more("a")}, key)) == "too-many-requests"
    bench.door.open.set()
    await growing
    await bench.close()


ROLES = {"new_mail": "", "reconnect": "/reconnect", "expiring": "/expiring"}
