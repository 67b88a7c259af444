"""Registrations, from the request to what is stored, watched and wiped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flows.gateway_bench import UNREACHABLE, Bench, request
from idlebell.gateway.legacy_shapes import RegisterRequest, UnregisterRequest
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import read
from idlebell.gateway.shapes import SubtreeView
from idlebell.model.notification import LossReason, Reconnect
from idlebell.model.problem import Fault, ProblemError
from idlebell.model.selection import Personal
from idlebell.model.subscription import Phase


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


async def code(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def test_a_first_registration_is_watching(bench: Bench) -> None:
    answer = await bench.subscribe()
    assert (answer.status, answer.view.state, answer.view.mode) == (201, "watching", "idle")
    assert answer.token is not None
    assert [(box.name, box.uid_next) for box in answer.view.mailboxes] == [("INBOX", 11)]
    assert bench.door.live == 1
    (stored,) = await bench.stored()
    assert stored.phase is Phase.ACTIVE
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.state == "watching"


async def test_retention_session_leaves_no_credential(bench: Bench) -> None:
    asked = request()
    await bench.gateway.subscribe(asked, bench.nobody())
    assert asked.imap.auth is not None
    assert "right" not in repr(asked)
    assert asked.imap.auth.password.wiped  # type: ignore[union-attr]
    await bench.until(lambda: all(one.password.wiped for one in bench.door.seen))  # type: ignore[union-attr]
    assert len(bench.keyring) == 0


async def test_retention_memory_keeps_one_set_and_wipes_it_with_the_subscription(bench: Bench) -> None:
    answer = await bench.subscribe(retention="memory")
    (stored,) = await bench.stored()
    ((_, kept),) = bench.keyring.sets(stored.account_id)
    await bench.gateway.end(answer.view.id, bench.bearing(answer.token))
    assert kept.password.wiped  # type: ignore[union-attr]
    assert not bench.keyring.holds(stored.account_id)


async def test_a_wrong_password_keeps_nothing(bench: Bench) -> None:
    assert await code(bench.subscribe(password="wrong")) == "authentication-failed"
    assert await bench.stored() == []
    assert len(bench.door.tries) == 1, "it is not tried again"
    assert (await bench.store.counts())["accounts"] == 0


async def test_the_same_registration_twice_is_one_subscription_and_one_connection(bench: Bench) -> None:
    first = await bench.subscribe()
    second = await bench.subscribe(lease_seconds=120)
    assert (second.status, second.view.id) == (200, first.view.id)
    await bench.until(lambda: bench.door.live == 1)
    (stored,) = await bench.stored()
    assert stored.lease_seconds == 120
    assert second.token not in (None, first.token)
    for token in (first.token, second.token):
        await bench.gateway.show(first.view.id, bench.bearing(token))


async def test_the_same_registration_twice_at_once_is_one_login(bench: Bench) -> None:
    """An app that repeats while its first registration still connects joins the waiting."""
    answers = await asyncio.gather(bench.subscribe(), bench.subscribe(), bench.subscribe())
    assert len({answer.view.id for answer in answers}) == 1
    assert len(bench.door.tries) == 1
    assert len(await bench.stored()) == 1
    for answer in answers:
        await bench.gateway.show(answer.view.id, bench.bearing(answer.token))


async def test_at_most_four_older_tokens_go_on_working(bench: Bench) -> None:
    answers = [await bench.subscribe() for _ in range(6)]
    assert await code(bench.gateway.show(answers[0].view.id, bench.bearing(answers[0].token))) == "not-found"
    for answer in answers[1:]:
        await bench.gateway.show(answer.view.id, bench.bearing(answer.token))


@pytest.mark.parametrize("push", ["https://push.example.net/a", "https://push.example.net/other"])
async def test_a_wrong_password_leaves_the_running_watch_as_it_was(bench: Bench, push: str) -> None:
    """Nobody joins another's mailbox by knowing its address, with the same endpoint or another one."""
    first = await bench.subscribe()
    before = await bench.stored()
    assert await code(bench.subscribe(password="wrong", push=push, lease_seconds=60)) == "authentication-failed"
    assert await bench.stored() == before
    assert bench.door.live == 1
    assert (await bench.gateway.show(first.view.id, bench.bearing(first.token))).state == "watching"


async def test_a_second_app_proves_itself_and_shares_the_session(bench: Bench) -> None:
    await bench.subscribe()
    second = await bench.subscribe(push="https://push.example.net/second")
    assert (second.status, second.view.state) == (201, "watching")
    assert len(await bench.stored()) == 2
    await bench.until(lambda: bench.door.live == 1)
    assert len(bench.door.tries) == 2, "its proof was a login of its own"


async def test_a_second_app_is_told_of_what_comes_after_it(bench: Bench) -> None:
    await bench.subscribe()
    second = await bench.subscribe(push="https://push.example.net/second")
    stored = {one.id: one for one in await bench.stored()}
    floor = stored[second.view.id].floor("INBOX")  # type: ignore[index]
    assert floor is not None
    assert floor.uid_next == 11


async def test_the_token_renews_without_a_login(bench: Bench) -> None:
    first = await bench.subscribe()
    again = await bench.subscribe(bench.bearing(first.token), password=None, lease_seconds=300, mailboxes=["INBOX"])
    assert (again.status, again.token) == (200, None)
    assert len(bench.door.tries) == 1
    (stored,) = await bench.stored()
    assert stored.lease_seconds == 300


async def test_without_credentials_a_stranger_learns_nothing(bench: Bench) -> None:
    """The answer is the same whether there is such a subscription or not."""
    await bench.subscribe()
    answers = []
    for push in ("https://push.example.net/a", "https://push.example.net/unknown"):
        with pytest.raises(ProblemError) as caught:
            await bench.subscribe(password=None, push=push)
        answers.append(caught.value.problem)
    assert answers[0] == answers[1]
    assert answers[0].errors[0].pointer == "/imap/auth"


async def test_absent_members_are_kept_and_present_ones_replaced(bench: Bench) -> None:
    await bench.subscribe(mailboxes=["INBOX", "Work"], lease_seconds=600)
    await bench.subscribe(lease_seconds=700)
    (stored,) = await bench.stored()
    assert (stored.mailboxes, stored.lease_seconds) == (("INBOX", "Work"), 700)


async def test_mailboxes_named_by_what_they_are_are_shown_as_found(bench: Bench) -> None:
    bench.fleet.found = ("Lists", "Lists/python")
    answer = await bench.subscribe(mailboxes={"subtree": "Lists"}, retention="memory")
    assert (answer.status, answer.view.state, answer.view.selection) == (201, "watching", SubtreeView(subtree="Lists"))
    assert [box.name for box in answer.view.mailboxes] == ["Lists", "Lists/python"]


async def test_one_of_the_mailboxes_found_that_does_not_open_spoils_nothing(bench: Bench) -> None:
    bench.fleet.missing.add("Work")
    answer = await bench.subscribe(mailboxes="personal")
    assert (answer.status, answer.view.state) == (201, "watching")


async def test_a_repeat_keeps_selection_heartbeat_and_what_else_rings(bench: Bench) -> None:
    hook = {"type": "webhook", "url": "https://hook.example.net/x", "secret": "whsec_" + "A" * 32}
    asked: dict[str, Any] = {"endpoints": {"new_mail": hook}}
    first = await bench.subscribe(**asked, mailboxes="personal", also=["seen"], heartbeat_seconds=60)
    assert (first.view.selection, first.view.also, first.view.heartbeat_seconds) == ("personal", ("seen",), 60)
    kept = await bench.subscribe(bench.bearing(first.token), **asked, password=None)
    assert (kept.status, kept.view.selection, kept.view.also) == (200, "personal", ("seen",))
    assert kept.view.heartbeat_seconds == 60
    assert [box.name for box in kept.view.mailboxes] == ["INBOX", "Work"], "what was found is not looked for again"
    other = await bench.subscribe(**asked, mailboxes=["INBOX"], also=[], heartbeat_seconds=None)
    assert (other.view.selection, other.view.also, other.view.heartbeat_seconds) == (None, (), None)


async def test_a_repeat_without_the_endpoint_of_its_heartbeats_is_a_fault(bench: Bench) -> None:
    push = "https://push.example.net/a"
    simple = {
        "new_mail": {"type": "simplepush", "url": push},
        "reconnect": {"type": "simplepush", "url": push + "/reconnect"},
    }
    await bench.subscribe(endpoints=simple | {"heartbeat": simple["reconnect"]}, heartbeat_seconds=60)
    with pytest.raises(ProblemError) as caught:
        await bench.subscribe(endpoints=simple)
    assert [error.pointer for error in caught.value.problem.errors] == ["/endpoints/heartbeat"]


async def test_a_repeat_with_a_mailbox_that_fails_leaves_the_rest_of_it_too(bench: Bench) -> None:
    hook = {"type": "webhook", "url": "https://hook.example.net/x", "secret": "whsec_" + "A" * 32}
    asked: dict[str, Any] = {"endpoints": {"new_mail": hook}}
    await bench.subscribe(**asked, mailboxes="personal", also=["seen"], heartbeat_seconds=60)
    bench.fleet.missing.add("Nowhere")
    assert await code(bench.subscribe(**asked, mailboxes=["Nowhere"], also=[], heartbeat_seconds=None)) == (
        "no-such-mailbox"
    )
    (stored,) = await bench.stored()
    assert (stored.selection, stored.also, stored.heartbeat_seconds) == (Personal(), {"seen"}, 60)


async def test_every_mailbox_gets_a_session_before_the_credentials_go(bench: Bench) -> None:
    answer = await bench.subscribe(mailboxes=["INBOX", "Work", "Lists"])
    assert answer.view.state == "watching"
    assert bench.door.live == 3


async def test_a_mailbox_that_does_not_exist_is_422_and_nothing_is_kept(bench: Bench) -> None:
    bench.fleet.missing.add("Nowhere")
    assert await code(bench.subscribe(mailboxes=["Nowhere"])) == "no-such-mailbox"
    assert await bench.stored() == []
    await bench.until(lambda: bench.door.live == 0)


async def test_a_repeat_with_a_mailbox_that_does_not_exist_changes_nothing(bench: Bench) -> None:
    bench.fleet.missing.add("Nowhere")
    await bench.subscribe(lease_seconds=600)
    assert await code(bench.subscribe(mailboxes=["Nowhere"], lease_seconds=60)) == "no-such-mailbox"
    (stored,) = await bench.stored()
    assert (stored.mailboxes, stored.lease_seconds, stored.phase) == (("INBOX",), 600, Phase.ACTIVE)


async def test_wait_zero_always_answers_202(bench: Bench) -> None:
    answer = await bench.subscribe(wait_seconds=0)
    assert (answer.status, answer.view.state) == (202, "connecting")
    await bench.until(lambda: bench.door.live == 1)
    await bench.until(lambda: len(bench.gateway.means.registrar) == 0)
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.state == "watching"


async def test_a_refusal_after_the_answer_is_told_by_a_reconnect(bench: Bench) -> None:
    bench.door.open.clear()
    answer = await bench.subscribe(password="wrong", wait_seconds=0.01)
    assert answer.status == 202
    bench.door.open.set()
    await bench.until(lambda: bench.dispatcher.nudged == 1)
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.state == "rejected"
    assert shown.problem is not None
    assert shown.problem.type == "/problems/authentication-failed"
    assert [type(one.content) for one in await waiting(bench)] == [Reconnect]
    assert len(bench.door.tries) == 1


async def test_a_late_refusal_tells_this_subscription_only(bench: Bench) -> None:
    await bench.subscribe()
    bench.door.open.clear()
    await bench.subscribe(password="wrong", push="https://push.example.net/second", wait_seconds=0.01)
    bench.door.open.set()
    await bench.until(lambda: bench.dispatcher.nudged == 1)
    assert len(await waiting(bench)) == 1
    assert sorted(one.phase for one in await bench.stored()) == [Phase.ACTIVE, Phase.REJECTED]


async def test_a_late_failure_is_tried_for_ten_minutes_and_then_told(bench: Bench) -> None:
    bench.door.fault = UNREACHABLE
    bench.door.open.clear()
    answer = await bench.subscribe(wait_seconds=0.01)
    bench.door.open.set()
    await bench.until(lambda: bench.dispatcher.nudged == 1)
    assert 3 < len(bench.door.tries) < 20
    assert 300 < sum(bench.clock.slept) <= 600
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.state == "needs_credentials"
    assert [one.content.reason for one in await waiting(bench)] == [LossReason.CONNECTION_LOST]  # type: ignore[union-attr]
    assert all(one.password.wiped for one in bench.door.seen)  # type: ignore[union-attr]


async def test_unreachable_is_answered_after_a_floor(bench: Bench) -> None:
    bench.door.fault = UNREACHABLE
    assert await code(bench.subscribe(wait_seconds=10)) == "unreachable"
    assert bench.clock.slept == [pytest.approx(2.0)]
    bench.clock.slept.clear()
    assert await code(bench.subscribe(wait_seconds=1)) == "unreachable"
    assert bench.clock.slept == [pytest.approx(1.0)]


async def test_other_failures_are_answered_at_once(bench: Bench) -> None:
    bench.door.fault = Fault("tls-failed", "TLS failed (expired)")
    assert await code(bench.subscribe(wait_seconds=10)) == "tls-failed"
    assert bench.clock.slept == []


async def test_one_that_never_proved_itself_gives_its_token_no_right(bench: Bench) -> None:
    """Somebody who knows account and endpoint registers first with a guess; the owner's proof ends the guesser's token."""
    bench.door.open.clear()
    guess = await bench.subscribe(password="guess", wait_seconds=0.01)
    own_task = asyncio.create_task(bench.subscribe(password="right"))
    bench.door.open.set()
    own = await own_task
    assert own.view.id == guess.view.id
    assert await code(bench.gateway.show(own.view.id, bench.bearing(guess.token))) == "not-found"
    assert (await bench.gateway.show(own.view.id, bench.bearing(own.token))).state == "watching"


async def test_an_unproven_repeat_sees_nothing_of_the_subscription(bench: Bench) -> None:
    own = await bench.subscribe()
    bench.door.open.clear()
    stranger = await bench.subscribe(password="guess", wait_seconds=0.01)
    assert (stranger.status, stranger.view.state) == (202, "connecting")
    assert stranger.view.mailboxes[0].uid_next is None
    assert await code(bench.gateway.show(own.view.id, bench.bearing(stranger.token))) == "not-found"
    bench.door.open.set()
    await bench.until(lambda: len(bench.gateway.means.registrar) == 0)
    assert (await bench.gateway.show(own.view.id, bench.bearing(own.token))).state == "watching"
    assert await waiting(bench) == []


async def test_an_unproven_token_revives_nothing(bench: Bench) -> None:
    bench.door.open.clear()
    guess = await bench.subscribe(password="guess", wait_seconds=0.01, lease_seconds=60)
    bench.door.open.set()
    await bench.until(lambda: len(bench.gateway.means.registrar) == 0)
    bench.clock.pass_by(61)
    await bench.store.expire(bench.clock.now())
    assert await code(bench.subscribe(bench.bearing(guess.token), password=None)) == "invalid-request"


async def test_an_expired_subscription_is_revived_with_its_id(bench: Bench) -> None:
    first = await bench.subscribe(lease_seconds=60)
    bench.clock.pass_by(61)
    bench.gateway.over(await bench.store.expire(bench.clock.now()))
    assert (await bench.gateway.show(first.view.id, bench.bearing(first.token))).state == "expired"
    await bench.until(lambda: bench.door.live == 0)
    again = await bench.subscribe()
    assert (again.status, again.view.id, again.view.state) == (200, first.view.id, "watching")


async def test_credentials_in_clear_from_afar_are_refused(bench: Bench) -> None:
    assert await code(bench.subscribe(bench.nobody(secure=False))) == "needs-tls"
    assert bench.door.tries == []


async def test_registrations_of_one_address_are_limited() -> None:
    bench = Bench(Policy(registrations_per_minute=2))
    for name in ("a", "b"):
        await bench.subscribe(username=name)
    with pytest.raises(ProblemError) as caught:
        await bench.subscribe(username="c")
    assert caught.value.problem.code == "too-many-requests"
    assert caught.value.problem.retry_after_seconds == 30
    await bench.subscribe(bench.nobody("192.0.2.9"), username="c")
    await bench.subscribe(await bench.key(), username="d")
    await bench.close()


async def test_where_a_key_is_needed_nobody_registers_without_one() -> None:
    bench = Bench(Policy(registration_open=False))
    assert await code(bench.subscribe()) == "unauthorized"
    first = await bench.subscribe(await bench.key())
    renewed = await bench.subscribe(bench.bearing(first.token), password=None)
    assert (renewed.status, renewed.view.id) == (200, first.view.id)
    assert await code(bench.subscribe(bench.bearing("ibs_unknown"))) == "unauthorized"
    await bench.close()


async def test_a_key_and_an_account_have_so_many_subscriptions() -> None:
    bench = Bench(Policy(subscriptions_per_key=1, max_endpoints_per_account=2))
    key = await bench.key()
    await bench.subscribe(key)
    assert await code(bench.subscribe(key, push="https://push.example.net/b")) == "too-many-requests"
    await bench.subscribe(push="https://push.example.net/c")
    assert await code(bench.subscribe(push="https://push.example.net/d")) == "too-many-requests"
    assert len(await bench.stored()) == 2
    await bench.close()


async def test_what_is_revived_counts_again() -> None:
    bench = Bench(Policy(vapid_subject=True, max_endpoints_per_account=2))
    over = [await bench.subscribe(push=f"https://push.example.net/{n}", lease_seconds=60) for n in range(2)]
    bench.clock.pass_by(60)
    await bench.store.expire(bench.clock.now())
    for name in "ab":
        await bench.subscribe(push=f"https://push.example.net/{name}")
    revived = {"push": "https://push.example.net/0"}
    assert await code(bench.subscribe(**revived)) == "too-many-requests"
    assert await code(bench.subscribe(bench.bearing(over[0].token), password=None, **revived)) == "too-many-requests"
    await bench.close()


async def test_an_endpoint_in_a_network_of_ours_and_one_that_does_not_exist_get_one_answer() -> None:
    bench = Bench(addresses={"inside.example": "10.0.0.1", "nowhere.example": "none"})
    answers = []
    for host in ("inside.example", "nowhere.example"):
        with pytest.raises(ProblemError) as caught:
            await bench.subscribe(push=f"https://{host}/a")
        answers.append(caught.value.problem)
    assert answers[0] == answers[1]
    assert answers[0].code == "endpoint-not-allowed"
    assert bench.door.tries == []
    await bench.close()


WEBHOOK = {"new_mail": {"type": "webhook", "url": "https://hook.example.net/x", "secret": "whsec_" + "A" * 32}}


async def test_a_webhook_answers_a_challenge_before_it_is_used(bench: Bench) -> None:
    await bench.subscribe(endpoints=WEBHOOK, payload="summary")
    await bench.subscribe(endpoints=WEBHOOK)
    assert bench.dispatcher.challenged == ["https://hook.example.net/x"], "once verified it is not asked again"


async def test_a_webhook_that_does_not_answer_is_not_registered(bench: Bench) -> None:
    bench.dispatcher.answers = False
    assert await code(bench.subscribe(endpoints=WEBHOOK)) == "endpoint-unverified"
    assert await bench.stored() == []
    await bench.until(lambda: bench.door.live == 0)


async def test_all_faults_of_a_request_are_told_with_pointers(bench: Bench) -> None:
    with pytest.raises(ProblemError) as caught:
        await bench.subscribe(
            imap={"host": "127.1", "port": 0},
            username="",
            mailboxes=["INBOX", ""],
            filter={"a": 1},
            payload="summary",
            retention="vault",
            lease_seconds=59,
            endpoints={"new_mail": {"type": "simplepush", "url": "ftp://x/"}},
        )
    assert {error.pointer for error in caught.value.problem.errors} == {
        "/imap/host",
        "/imap/port",
        "/imap/username",
        "/mailboxes/1",
        "/filter/a",
        "/payload",
        "/retention",
        "/lease_seconds",
        "/endpoints/new_mail/url",
        "/endpoints/reconnect",
    }


async def test_the_form_of_2013_registers_and_unregisters(bench: Bench) -> None:
    form = {
        "username": "alice@example.org",
        "password": "right",
        "onNewMessageURL": "https://push.example.net/a",
        "onReconnectURL": "https://push.example.net/b",
        "IMAPServer": "imap.example.org",
    }
    first = await bench.gateway.register(read(RegisterRequest, form), bench.nobody())
    assert (first.status, first.view.state) == (201, "watching")
    assert (await bench.gateway.register(read(RegisterRequest, form), bench.nobody())).status == 200
    wrong = {**form, "password": "wrong"}
    assert await code(bench.gateway.register(read(RegisterRequest, wrong), bench.nobody())) == "authentication-failed"
    ending = {name: form[name] for name in ("username", "password", "onNewMessageURL", "IMAPServer")}
    refused = read(UnregisterRequest, {**ending, "password": "wrong"})
    assert await code(bench.gateway.unregister(refused, bench.nobody())) == "authentication-failed"
    assert len(await bench.stored()) == 1
    await bench.gateway.unregister(read(UnregisterRequest, ending), bench.nobody())
    assert await bench.stored() == []
    assert await code(bench.gateway.unregister(read(UnregisterRequest, ending), bench.nobody())) == "not-found"
    await bench.until(lambda: bench.door.live == 0)


async def test_the_end_stops_a_registration_under_way(bench: Bench) -> None:
    bench.door.open.clear()
    answer = await bench.subscribe(wait_seconds=0.01)
    await bench.gateway.end(answer.view.id, bench.bearing(answer.token))
    await bench.until(lambda: len(bench.gateway.means.registrar) == 0)
    bench.door.open.set()
    assert await bench.stored() == []
    assert all(one.password.wiped for one in bench.door.seen)  # type: ignore[union-attr]


async def waiting(bench: Bench) -> list[Any]:
    """What the outbox holds, as notifications."""
    found = []
    now = bench.clock.now()
    for lane in await bench.store.lanes(now, 100):
        found += [leased.notification for leased in await bench.store.lease(lane, now, now, 100)]
    return found


async def test_a_gateway_that_can_take_no_more_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is nobody's fault but the gateway's own, so it is not the answer to one app that asks too often."""
    monkeypatch.setattr("idlebell.gateway.registration.UNDER_WAY", 0)
    assert await code(bench.subscribe()) == "overloaded"
    assert bench.door.tries == []


async def test_without_room_nothing_is_tried_for_who_is_not_watched_and_who_is_goes_on(bench: Bench) -> None:
    """A lease is renewed by credentials, and its account keeps the session that it has."""
    await bench.subscribe()
    bench.door.room = bench.door.live
    tries, kept = len(bench.door.tries), await bench.store.counts()
    assert await code(bench.subscribe(username="bob@example.org")) == "gateway-full"
    assert len(bench.door.tries) == tries
    assert await bench.store.counts() == kept
    assert (await bench.subscribe()).status == 200
    assert len(bench.door.tries) == tries + 1
    assert bench.door.live == bench.door.room


async def test_any_number_of_logins_that_hang_keep_nobody_else_out(bench: Bench) -> None:
    """How many log in at once is the door's business, where each server has a line of its own."""
    bench.door.hanging_host = there = "hangs.example.org"
    for number in range(300):
        caller = bench.nobody(f"198.51.100.{number % 250}")
        waits = await bench.subscribe(caller, username=f"user{number}", imap={"host": there}, wait_seconds=0)
        assert waits.status == 202
    await bench.until(lambda: len(bench.door.tries) == 300)
    assert (await bench.subscribe()).status == 201
