"""A second device without the password: who can make a link, what it is good for, and what ends with what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import Registration, SubscriptionRequest
from idlebell.model.account import Retention
from idlebell.model.invitation import LINK_LIVES, LINKS_OPEN_MAX
from idlebell.model.notification import LossReason
from idlebell.model.problem import ProblemError


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench(Policy(registration_open=False, vapid_subject=True, max_endpoints_per_account=4))
    yield made
    await made.close()


async def first_of(bench: Bench, **members: Any) -> Registration:
    return await bench.subscribe(await bench.key(), **members)


async def link_of(bench: Bench, first: Registration) -> str:
    return (await bench.gateway.make_link(first.view.id, bench.bearing(first.token))).link_token


async def join(bench: Bench, link: str, push: str = "https://push.example.net/second", **members: Any) -> Registration:
    endpoints = {
        "new_mail": {"type": "simplepush", "url": push},
        "reconnect": {"type": "simplepush", "url": push + "/reconnect"},
    }
    request = {"link": link, "endpoints": endpoints, "wait_seconds": 5, **members}
    return await bench.gateway.subscribe(read(SubscriptionRequest, request), bench.nobody())


async def refused(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def test_a_link_brings_a_second_device_onto_the_account_without_its_password(bench: Bench) -> None:
    first = await first_of(bench, mailboxes=["INBOX", "Work"], filter={"from": "boss@example.org"})
    tries = len(bench.door.tries)
    second = await join(bench, await link_of(bench, first))
    assert (second.status, second.view.state) == (201, "watching")
    assert second.view.id != first.view.id
    assert second.token not in (None, first.token)
    assert [one.name for one in second.view.mailboxes] == ["INBOX", "Work"]
    assert second.view.filter == first.view.filter
    assert len(bench.door.tries) == tries
    one, other = await bench.stored()
    assert one.account_id == other.account_id
    assert {floor.mailbox: floor.uid_next for floor in other.floors} == {"INBOX": 11, "Work": 11}
    assert (await bench.gateway.show(second.view.id, bench.bearing(second.token))).id == second.view.id


async def test_what_it_says_itself_goes_before_what_the_first_has(bench: Bench) -> None:
    first = await first_of(bench, mailboxes=["INBOX", "Work"], filter={"from": "boss@example.org"})
    second = await join(bench, await link_of(bench, first), mailboxes=["INBOX"], filter=None, lease_seconds=60)
    assert [one.name for one in second.view.mailboxes] == ["INBOX"]
    assert second.view.filter is None
    assert (second.view.expires_at - second.view.created_at).total_seconds() == 60


async def test_it_holds_no_credentials(bench: Bench) -> None:
    first = await first_of(bench, retention="memory")
    link = await link_of(bench, first)
    assert await refused(join(bench, link, retention="memory")) == "invalid-request"
    await join(bench, link)
    second = next(one for one in await bench.stored() if one.id != first.view.id)
    assert second.retention is Retention.SESSION
    assert not bench.keyring.holds_of(second.id)


async def test_a_link_is_good_once(bench: Bench) -> None:
    link = await link_of(bench, await first_of(bench))
    await join(bench, link)
    assert await refused(join(bench, link, "https://push.example.net/third")) == "link-not-valid"


async def test_of_two_at_once_one_gets_it(bench: Bench) -> None:
    link = await link_of(bench, await first_of(bench))
    pushes = [f"https://push.example.net/at-once-{number}" for number in range(5)]
    answers = await asyncio.gather(*(join(bench, link, push) for push in pushes), return_exceptions=True)
    assert sum(isinstance(one, Registration) for one in answers) == 1
    assert {one.problem.code for one in answers if isinstance(one, ProblemError)} == {"link-not-valid"}
    assert len(await bench.stored()) == 2


async def test_a_link_is_over_after_minutes(bench: Bench) -> None:
    link = await link_of(bench, await first_of(bench))
    bench.clock.pass_by(LINK_LIVES.total_seconds())
    assert await refused(join(bench, link)) == "link-not-valid"


async def test_a_mistake_in_the_request_costs_no_link(bench: Bench) -> None:
    link = await link_of(bench, await first_of(bench))
    assert await refused(join(bench, link, mailboxes=[])) == "invalid-request"
    assert await refused(join(bench, link, "http://push.example.net/plain")) == "invalid-request"
    assert (await join(bench, link)).status == 201


async def test_account_and_link_together_are_refused_and_so_is_neither(bench: Bench) -> None:
    link = await link_of(bench, await first_of(bench))
    imap = {"host": "imap.example.org", "username": "alice@example.org"}
    assert await refused(join(bench, link, imap=imap)) == "invalid-request"
    endpoints = {"new_mail": {"type": "simplepush", "url": "https://push.example.net/x"}}
    neither = read(SubscriptionRequest, {"endpoints": endpoints})
    assert await refused(bench.gateway.subscribe(neither, await bench.key())) == "invalid-request"


@pytest.mark.parametrize("guess", ["", "ibl_", "ibl_" + "A" * 43, "é" * 40, "A" * 10_000])
async def test_a_guess_is_told_nothing(bench: Bench, guess: str) -> None:
    await link_of(bench, await first_of(bench))
    assert await refused(join(bench, guess)) == "link-not-valid"


async def test_guesses_are_counted_as_registrations() -> None:
    bench = Bench(Policy(registrations_per_minute=3))
    for _ in range(3):
        assert await refused(join(bench, "ibl_" + "A" * 43)) == "link-not-valid"
    assert await refused(join(bench, "ibl_" + "A" * 43)) == "too-many-requests"
    await bench.close()


async def test_only_who_has_the_subscription_makes_a_link_and_only_a_few(bench: Bench) -> None:
    first = await first_of(bench)
    assert await refused(bench.gateway.make_link(first.view.id, bench.nobody())) == "unauthorized"
    assert await refused(bench.gateway.make_link(first.view.id, bench.bearing("ibs_other"))) == "not-found"
    for _ in range(LINKS_OPEN_MAX):
        await link_of(bench, first)
    assert await refused(bench.gateway.make_link(first.view.id, bench.bearing(first.token))) == "too-many-requests"
    bench.clock.pass_by(LINK_LIVES.total_seconds())
    await link_of(bench, first)


async def test_over_a_connection_that_others_can_read_there_are_no_links(bench: Bench) -> None:
    first = await first_of(bench)
    link = await link_of(bench, first)
    request = read(SubscriptionRequest, {"link": link, "endpoints": {"new_mail": {"type": "simplepush", "url": "x"}}})
    assert await refused(bench.gateway.subscribe(request, bench.nobody(secure=False))) == "needs-tls"


async def test_the_link_of_an_ended_subscription_is_no_link(bench: Bench) -> None:
    first = await first_of(bench)
    link = await link_of(bench, first)
    await bench.gateway.end(first.view.id, bench.bearing(first.token))
    assert await refused(join(bench, link)) == "link-not-valid"


async def test_the_link_of_an_expired_subscription_is_no_link(bench: Bench) -> None:
    first = await first_of(bench, lease_seconds=60)
    link = await link_of(bench, first)
    bench.clock.pass_by(61)
    await bench.store.expire(bench.clock.now())
    assert await refused(join(bench, link)) == "link-not-valid"
    assert await refused(bench.gateway.make_link(first.view.id, bench.bearing(first.token))) == "conflict"


async def test_the_session_stays_while_the_second_needs_it(bench: Bench) -> None:
    first = await first_of(bench)
    second = await join(bench, await link_of(bench, first))
    await bench.gateway.end(first.view.id, bench.bearing(first.token))
    await asyncio.gather(*bench.fleet.tasks)
    assert bench.door.live == 1
    assert (await bench.gateway.show(second.view.id, bench.bearing(second.token))).state == "watching"
    await bench.gateway.end(second.view.id, bench.bearing(second.token))
    await asyncio.gather(*bench.fleet.tasks)
    assert bench.door.live == 0


async def test_where_the_session_is_lost_either_device_brings_it_back_for_both(bench: Bench) -> None:
    first = await first_of(bench)
    second = await join(bench, await link_of(bench, first))
    account = (await bench.stored())[0].account_id
    bench.fleet.lose(account)
    now = bench.clock.now()
    assert await bench.store.record_loss(account, LossReason.CONNECTION_LOST, now, now) == 2
    assert await refused(bench.gateway.make_link(first.view.id, bench.bearing(first.token))) == "credentials-needed"
    status, view = await bench.resupply(second.view.id, second.token, "right")
    assert (status, view.state) == (200, "watching")


async def test_a_link_is_of_no_use_while_the_account_is_not_watched_and_is_not_spent(bench: Bench) -> None:
    first = await first_of(bench)
    link = await link_of(bench, first)
    account = (await bench.stored())[0].account_id
    now = bench.clock.now()
    await bench.store.record_loss(account, LossReason.CONNECTION_LOST, now, now)
    assert await refused(join(bench, link)) == "credentials-needed"
    await bench.store.clear_loss(account)
    assert (await join(bench, link)).status == 201


async def test_a_device_that_is_there_already_is_renewed_and_gets_a_token(bench: Bench) -> None:
    first = await first_of(bench)
    second = await join(bench, await link_of(bench, first))
    again = await join(bench, await link_of(bench, first))
    assert (again.status, again.view.id) == (200, second.view.id)
    for token in (second.token, again.token):
        assert (await bench.gateway.show(second.view.id, bench.bearing(token))).id == second.view.id


async def test_as_many_devices_as_an_account_may_have_and_no_more(bench: Bench) -> None:
    first = await first_of(bench)
    for number in range(3):
        await join(bench, await link_of(bench, first), f"https://push.example.net/device-{number}")
    link = await link_of(bench, first)
    assert await refused(join(bench, link, "https://push.example.net/one-more")) == "too-many-requests"


async def test_a_mailbox_that_cannot_be_watched_keeps_nothing(bench: Bench) -> None:
    first = await first_of(bench)
    bench.fleet.missing.add("Nowhere")
    link = await link_of(bench, first)
    assert await refused(join(bench, link, mailboxes=["Nowhere"])) == "no-such-mailbox"
    assert len(await bench.stored()) == 1


async def test_no_token_is_in_a_repr(bench: Bench) -> None:
    first = await first_of(bench)
    view = await bench.gateway.make_link(first.view.id, bench.bearing(first.token))
    assert view.link_token not in repr(view)
    request = read(
        SubscriptionRequest, {"link": view.link_token, "endpoints": {"new_mail": {"type": "simplepush", "url": "x"}}}
    )
    assert view.link_token not in repr(request)
