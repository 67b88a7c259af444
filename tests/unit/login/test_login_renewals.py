from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from idlebell.login.keyring import Keyring
from idlebell.login.renewals import AHEAD_SECONDS, PAUSES_SECONDS, ROUND_SECONDS, Renewals, refresh_by
from idlebell.model.account import PasswordCredentials, RenewableCredentials
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse
from idlebell.telemetry.facts import Fact, SupervisorCaught
from idlebell.testing.virtual_clock import VirtualClock

ALICE, ONE, TWO = AccountId("acc_a"), SubscriptionId("sub_1"), SubscriptionId("sub_2")
REFUSED = HttpResponse(400, {}, b'{"error": "invalid_grant"}')


def fresh(answer: Answer) -> Answer:
    """As from a socket: who has read the body overwrites it."""
    if isinstance(answer, HttpResponse):
        return replace(answer, body=bytes(bytearray(answer.body)))
    return answer


class Provider:
    """Rotates refresh tokens. ``answer``: what it says instead; ``open``: cleared, it does not answer yet."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.answer: Answer | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.seconds = 3600

    async def send(self, request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Answer:
        self.used += parse_qs(request.body.decode())["refresh_token"]
        await self.open.wait()
        if self.answer is not None:
            return fresh(self.answer)
        count = len(self.used)
        given: dict[str, Any] = {"access_token": f"a{count}", "refresh_token": f"r{count}", "expires_in": self.seconds}
        return HttpResponse(200, {}, json.dumps(given).encode())


class Bench:
    def __init__(self) -> None:
        self.provider, self.keyring, self.clock = Provider(), Keyring(), VirtualClock()
        self.facts: list[Fact] = []
        self.refused: list[tuple[SubscriptionId, str]] = []
        self.renewals = Renewals(
            refresh_by(self.provider.send), self.keyring, self.clock, lambda: 0.0, self.facts.append
        )
        self.renewals.report_refusals_to(self.on_refused)

    async def on_refused(self, account: AccountId, subscription: SubscriptionId, fault: Fault) -> None:
        self.refused.append((subscription, fault.code))

    def kept(self, subscription: SubscriptionId = ONE) -> RenewableCredentials:
        made = credentials()
        self.keyring.keep(subscription, ALICE, made)
        return made


def credentials(access: str | None = None) -> RenewableCredentials:
    token = None if access is None else Secret(access)
    return RenewableCredentials(Secret("r0"), PushUrl("https://login.example.org/token"), "app", None, token)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.renewals.stop()


async def test_the_first_access_token_is_got_when_it_is_needed(bench: Bench) -> None:
    own = credentials()
    assert await bench.renewals.ready(own) is None
    assert (own.access_token.text(), own.refresh_token.text()) == ("a1", "r1")
    assert await bench.renewals.ready(own) is None
    assert bench.provider.used == ["r0"], "what is good is used"
    assert "a1" not in repr(own) + repr(bench.facts)
    assert "r1" not in repr(own) + repr(bench.facts)


async def test_one_that_came_with_the_request_is_used_until_it_is_refused(bench: Bench) -> None:
    own = credentials("given")
    assert await bench.renewals.ready(own) is None
    assert bench.provider.used == []


async def test_many_who_ask_at_once_use_the_refresh_token_once(bench: Bench) -> None:
    """Sessions of one account that were lost together: a refresh token that is used twice may be taken for stolen."""
    own = credentials()
    bench.provider.open.clear()
    asked = [asyncio.create_task(bench.renewals.ready(own)) for _ in range(5)]
    await asyncio.sleep(0)
    bench.provider.open.set()
    assert await asyncio.gather(*asked) == [None] * 5
    assert bench.provider.used == ["r0"]


async def test_who_gives_up_does_not_lose_the_refresh_token_that_comes(bench: Bench) -> None:
    own = credentials()
    bench.provider.open.clear()
    asked = asyncio.create_task(bench.renewals.ready(own))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    bench.provider.open.set()
    assert await bench.renewals.ready(own) is None
    assert (own.refresh_token.text(), bench.provider.used) == ("r1", ["r0"])


async def test_what_is_kept_is_renewed_ahead_of_its_end_for_ever(bench: Bench) -> None:
    bench.keyring.keep(TWO, ALICE, PasswordCredentials(Secret("right")))
    own = bench.kept()
    bench.renewals.start()
    await bench.clock.advance(ROUND_SECONDS)
    for count in range(1, 4):
        assert len(bench.provider.used) == count
        left = own.ends_at - AHEAD_SECONDS - bench.clock.boottime()
        await bench.clock.advance(left - 1)
        assert len(bench.provider.used) == count
        await bench.clock.advance(ROUND_SECONDS + 1)
    assert bench.provider.used == ["r0", "r1", "r2", "r3"], "each with the token that the one before brought"
    assert own.ends_at - bench.clock.boottime() > AHEAD_SECONDS


async def test_a_machine_that_slept_renews_when_it_wakes(bench: Bench) -> None:
    own = credentials()
    await bench.renewals.ready(own)
    bench.clock.suspend(3500)
    assert await bench.renewals.ready(own) is None
    assert bench.provider.used == ["r0", "r1"]


async def test_an_endpoint_that_is_away_is_asked_at_growing_pauses_while_the_old_token_serves(bench: Bench) -> None:
    own = bench.kept()
    await bench.renewals.ready(own)
    bench.provider.answer = NoResponse("timeout")
    bench.renewals.start()
    await bench.clock.advance(3600 - AHEAD_SECONDS + ROUND_SECONDS)
    assert len(bench.provider.used) == 2
    assert await bench.renewals.ready(own) is None, "it is good for minutes yet"
    await bench.clock.advance(3600)
    asked = len(bench.provider.used)
    assert asked < 2 + 4 + 3600 / PAUSES_SECONDS[-1] + 2
    fault = await bench.renewals.ready(own)
    assert fault is not None
    assert fault.code == "token-unavailable"
    assert bench.keyring.keeps(ONE, own)
    bench.provider.answer = None
    await bench.clock.advance(PAUSES_SECONDS[-1] + ROUND_SECONDS)
    assert own.access_token.text().startswith("a")
    assert await bench.renewals.ready(own) is None


async def test_one_that_is_refused_is_wiped_and_its_app_told(bench: Bench) -> None:
    own = bench.kept()
    bench.provider.answer = REFUSED
    bench.renewals.start()
    await bench.clock.advance(10 * ROUND_SECONDS)
    assert bench.refused == [(ONE, "token-refused")]
    assert own.wiped
    assert own.access_token.wiped
    assert bench.provider.used == ["r0"], "it is not sent again"


async def test_what_was_replaced_during_its_renewal_is_nobodys_refusal(bench: Bench) -> None:
    bench.kept()
    bench.provider.answer = REFUSED
    bench.provider.open.clear()
    bench.renewals.start()
    await bench.clock.advance(ROUND_SECONDS)
    newer = PasswordCredentials(Secret("right"))
    bench.keyring.keep(ONE, ALICE, newer)
    bench.provider.open.set()
    await bench.clock.advance(ROUND_SECONDS)
    assert bench.refused == []
    assert bench.keyring.keeps(ONE, newer)


async def test_wiped_credentials_are_not_sent(bench: Bench) -> None:
    own = credentials()
    own.wipe()
    fault = await bench.renewals.renew(own)
    assert fault is not None
    assert bench.provider.used == []


async def test_a_bug_ends_one_round_only(bench: Bench) -> None:
    bench.kept()

    async def broken(account: AccountId, subscription: SubscriptionId, fault: Fault) -> None:
        raise RuntimeError

    bench.renewals.report_refusals_to(broken)
    bench.provider.answer = REFUSED
    bench.renewals.start()
    await bench.clock.advance(ROUND_SECONDS)
    assert any(isinstance(one, SupervisorCaught) for one in bench.facts)
    bench.provider.answer = None
    again = bench.kept()
    await bench.clock.advance(ROUND_SECONDS)
    assert again.renewals == 1
