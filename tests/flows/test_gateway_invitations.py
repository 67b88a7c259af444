"""Where registering needs a key: what an invitation is good for, and what not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway.callers import Caller
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import DiscoverRequest
from idlebell.model import ids
from idlebell.model.invitation import Invitation, InvitationId
from idlebell.model.problem import ProblemError


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(Policy(registration_open=False, vapid_subject=True))
    yield made
    await made.close()


class Invited:
    """Whoever has the link. Every call is authenticated anew, as every request is."""

    def __init__(self, bench: Bench, invitation: Invitation, token: str) -> None:
        self._bench, self.invitation, self._token = bench, invitation, token

    async def caller(self) -> Caller:
        return await self._bench.gateway.authenticate(self._token, "192.0.2.1", True)

    async def subscribe(self, number: int = 1, **members: Any) -> Any:
        push = f"https://push.example.net/{number}"
        return await self._bench.subscribe(await self.caller(), push=push, **members)

    async def used(self) -> int:
        (found,) = await self._bench.store.invitations()
        return found.used


async def invite(bench: Bench, uses: int = 1) -> Invited:
    token = ids.invitation_token(os.urandom(32))
    now = bench.clock.now()
    one = InvitationId(ids.invitation_id(os.urandom(15)))
    made = Invitation(one, "Ann", ids.token_hash(token), uses, 0, now, now + timedelta(days=7))
    await bench.store.put_invitation(made)
    return Invited(bench, made, token)


async def refused(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def test_an_invitation_registers_as_often_as_it_says_and_no_more(bench: Bench) -> None:
    ann = await invite(bench, 2)
    assert await refused(bench.subscribe()) == "unauthorized"
    for number in (1, 2):
        assert (await ann.subscribe(number)).status == 201
    assert await refused(ann.subscribe(3)) == "unauthorized"
    assert await ann.used() == 2
    assert len(await bench.stored()) == 2


async def test_what_fails_takes_no_use(bench: Bench) -> None:
    ann = await invite(bench)
    assert await refused(ann.subscribe(password="wrong")) == "authentication-failed"
    assert await refused(ann.subscribe(mailboxes=[])) == "invalid-request"
    assert await ann.used() == 0
    assert (await ann.subscribe()).status == 201


async def test_of_two_at_once_one_use_lets_one_in_and_nothing_is_kept_of_the_other(bench: Bench) -> None:
    ann = await invite(bench)
    answers = await asyncio.gather(ann.subscribe(1), ann.subscribe(2), return_exceptions=True)
    assert sorted(isinstance(one, ProblemError) for one in answers) == [False, True]
    assert len(await bench.stored()) == 1
    assert await ann.used() == 1


async def test_what_it_brought_is_repeated_with_its_password_and_no_further_use(bench: Bench) -> None:
    """The first answer may have been lost, and with it the token."""
    ann = await invite(bench)
    first = await ann.subscribe()
    again = await ann.subscribe()
    assert (again.status, again.view.id) == (200, first.view.id)
    assert await ann.used() == 1
    assert await refused(ann.subscribe(password="wrong")) == "authentication-failed"


async def test_the_subscription_is_its_owners_alone(bench: Bench) -> None:
    """An invitation of many uses shows nobody what the others have made."""
    ann = await invite(bench, 2)
    first = await ann.subscribe()
    bearer = await ann.caller()
    assert await refused(bench.gateway.show(first.view.id, bearer)) == "unauthorized"
    assert await refused(bench.gateway.page(bearer, None, 10)) == "unauthorized"
    assert await refused(bench.gateway.stats(bearer)) == "unauthorized"
    assert (await bench.gateway.show(first.view.id, bench.bearing(first.token))).id == first.view.id


async def test_its_own_token_renews_when_the_invitation_is_over(bench: Bench) -> None:
    ann = await invite(bench)
    first = await ann.subscribe()
    bench.clock.pass_by(8 * 86_400)
    assert await refused(ann.caller()) == "unauthorized"
    push = "https://push.example.net/1"
    assert (await bench.subscribe(bench.bearing(first.token), push=push)).status == 200


async def test_a_revoked_invitation_opens_nothing_and_ends_nothing(bench: Bench) -> None:
    ann = await invite(bench, 5)
    first = await ann.subscribe()
    assert await bench.store.remove_invitation(ann.invitation.id)
    assert await refused(ann.caller()) == "unauthorized"
    assert (await bench.gateway.show(first.view.id, bench.bearing(first.token))).state == "watching"


async def test_revoked_while_a_login_is_under_way_it_lets_nobody_in(bench: Bench) -> None:
    ann = await invite(bench)
    bench.door.open.clear()
    registering = asyncio.ensure_future(ann.subscribe())
    await bench.until(lambda: bool(bench.door.tries))
    await bench.store.remove_invitation(ann.invitation.id)
    bench.door.open.set()
    assert await refused(registering) == "unauthorized"
    assert await bench.stored() == []


async def test_a_server_is_looked_up_for_the_invited_and_not_for_who_has_used_it_up(bench: Bench) -> None:
    ann = await invite(bench)
    request = read(DiscoverRequest, {"address": "alice@example.org"})
    assert (await bench.gateway.look_up(request, await ann.caller())).servers == ()
    await ann.subscribe()
    assert await refused(bench.gateway.look_up(request, await ann.caller())) == "unauthorized"


async def test_the_invited_are_counted_as_who_comes_without_a_key() -> None:
    bench = Bench(Policy(registration_open=False, registrations_per_minute=2))
    ann = await invite(bench, 9)
    for _ in range(2):
        assert await refused(ann.subscribe(password="wrong")) == "authentication-failed"
    assert await refused(ann.subscribe(password="right")) == "too-many-requests"
    await bench.close()


async def test_where_registering_is_open_no_use_is_taken() -> None:
    bench = Bench(Policy(vapid_subject=True))
    ann = await invite(bench)
    assert (await ann.subscribe()).status == 201
    assert await ann.used() == 0
    await bench.close()


@pytest.mark.parametrize("token", ["ibi_", "ibi_" + "A" * 43, "ibi_é", "ibi_" + "A" * 500])
async def test_what_is_no_invitation_is_refused_like_any_token(bench: Bench, token: str) -> None:
    await invite(bench)
    assert await refused(bench.gateway.authenticate(token, "192.0.2.1", True)) == "unauthorized"
