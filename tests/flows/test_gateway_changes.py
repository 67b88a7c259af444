"""What is done to subscriptions that are there: PATCH, new credentials, the end, and who may see what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from flows.gateway_bench import Bench
from idlebell.gateway.shapes import Registration
from idlebell.model.cursor import Cursor
from idlebell.model.notification import LossReason
from idlebell.model.problem import Fault, ProblemError
from idlebell.model.subscription import Phase, Subscription


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    await made.close()


async def code(coroutine: Any) -> str:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    return caught.value.problem.code


async def pointers(coroutine: Any) -> set[str]:
    with pytest.raises(ProblemError) as caught:
        await coroutine
    assert caught.value.problem.code == "invalid-request"
    return {error.pointer for error in caught.value.problem.errors}


async def change(bench: Bench, answer: Registration, **patch: Any) -> Any:
    return await bench.gateway.change(answer.view.id, patch, bench.bearing(answer.token))


async def only(bench: Bench) -> Subscription:
    (found,) = await bench.stored()
    return found


async def lost(bench: Bench) -> Subscription:
    """The session is gone, and the app has been asked for credentials."""
    stored = await only(bench)
    bench.fleet.lose(stored.account_id)
    now = bench.clock.now()
    await bench.store.record_loss(stored.account_id, LossReason.CONNECTION_LOST, now, now)
    return await only(bench)


# new credentials


async def test_new_credentials_open_the_session_again(bench: Bench) -> None:
    answer = await bench.subscribe()
    await lost(bench)
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.state == "needs_credentials"
    status, view = await bench.resupply(answer.view.id, answer.token, "right")
    assert (status, view.state) == (200, "watching")
    assert (await only(bench)).loss is None
    await bench.until(lambda: bench.door.live == 1)


async def test_refused_new_credentials_leave_it_as_it_was(bench: Bench) -> None:
    answer = await bench.subscribe()
    before = await lost(bench)
    assert await code(bench.resupply(answer.view.id, answer.token, "wrong")) == "authentication-failed"
    assert await only(bench) == before


async def test_new_credentials_that_take_long_are_answered_202(bench: Bench) -> None:
    answer = await bench.subscribe()
    await lost(bench)
    bench.door.open.clear()
    status, view = await bench.resupply(answer.view.id, answer.token, "right", wait_seconds=0.01)
    assert (status, view.state) == (202, "needs_credentials")
    bench.door.open.set()
    await bench.until(lambda: len(bench.gateway.means.registrar) == 0)
    assert (await only(bench)).loss is None


async def test_new_credentials_refused_after_the_answer_are_told(bench: Bench) -> None:
    answer = await bench.subscribe()
    await lost(bench)
    bench.door.open.clear()
    await bench.resupply(answer.view.id, answer.token, "wrong", wait_seconds=0.01)
    bench.door.open.set()
    await bench.until(lambda: bench.dispatcher.nudged == 1)
    assert (await bench.gateway.show(answer.view.id, bench.bearing(answer.token))).state == "rejected"


async def test_new_credentials_in_clear_from_afar_are_refused(bench: Bench) -> None:
    from idlebell.gateway.reading import read
    from idlebell.gateway.shapes import CredentialsRequest

    answer = await bench.subscribe()
    insecure = replace(bench.bearing(answer.token), secure=False)
    asked = read(CredentialsRequest, {"auth": {"type": "password", "password": "right"}})
    assert await code(bench.gateway.resupply(answer.view.id, asked, insecure)) == "needs-tls"


async def test_kept_credentials_that_the_server_refuses_show_as_a_problem(bench: Bench) -> None:
    answer = await bench.subscribe(retention="memory")
    stored = await only(bench)
    fault = Fault("authentication-failed", "The mail server refused the user name or the password.")
    await bench.door.on_refused(stored.account_id, stored.id, fault)
    shown = await bench.gateway.show(answer.view.id, bench.bearing(answer.token))
    assert shown.problem is not None
    assert shown.problem.type == "/problems/authentication-failed"


# PATCH


async def test_patch_of_a_member_that_is_none_tells_the_nearest(bench: Bench) -> None:
    answer = await bench.subscribe()
    with pytest.raises(ProblemError) as refused:
        await bench.gateway.change(answer.view.id, {"muted_untill": None}, bench.bearing(answer.token))
    (error,) = refused.value.problem.errors
    assert error.detail == "is no member to change; did you mean muted_until?"


async def test_patch_changes_what_it_names_and_nothing_else(bench: Bench) -> None:
    answer = await bench.subscribe(lease_seconds=600)
    before = await only(bench)
    await change(bench, answer, lease_seconds=900)
    after = await only(bench)
    assert after.lease_seconds == 900
    assert after == replace(
        before, lease_seconds=900, expires_at=after.expires_at, revision=after.revision, floors=after.floors
    )


async def test_null_is_the_default(bench: Bench) -> None:
    answer = await bench.subscribe(lease_seconds=600)
    await change(bench, answer, lease_seconds=None, mailboxes=None, payload=None, paused=None, filter=None)
    stored = await only(bench)
    assert (stored.lease_seconds, stored.mailboxes, stored.paused) == (2_592_000, ("INBOX",), False)


async def test_all_faults_of_a_patch_are_told_with_pointers(bench: Bench) -> None:
    answer = await bench.subscribe()
    found = await pointers(
        change(
            bench,
            answer,
            filter={"form": "boss"},
            muted_until=1,
            id="sub_x",
            mailboxes=[],
            payload="everything",
            lease_seconds=True,
            paused=1,
            also=["moved"],
            heartbeat_seconds=1,
            endpoints={"new_mail": {"url": 7}},
        )
    )
    assert found == {
        "/filter/form",
        "/muted_until",
        "/id",
        "/mailboxes",
        "/payload",
        "/lease_seconds",
        "/paused",
        "/also/0",
        "/heartbeat_seconds",
        "/endpoints/new_mail/url",
    }


async def test_an_endpoint_may_be_changed_in_part(bench: Bench) -> None:
    answer = await bench.subscribe()
    await change(bench, answer, endpoints={"new_mail": {"url": "https://push.example.net/new"}})
    stored = await only(bench)
    assert stored.endpoints.new_mail is not None
    assert stored.endpoints.new_mail.url.reveal() == "https://push.example.net/new"
    assert stored.endpoints.reconnect is not None
    assert await pointers(change(bench, answer, endpoints={"reconnect": None})) == {"/endpoints/reconnect"}
    assert await pointers(change(bench, answer, endpoints=None)) == {"/endpoints"}


async def test_another_kind_of_endpoint_takes_nothing_over(bench: Bench) -> None:
    answer = await bench.subscribe()
    hook = {"type": "webhook", "url": "https://hook.example.net/x", "secret": "whsec_" + "A" * 32}
    await change(bench, answer, endpoints={"new_mail": hook, "reconnect": None}, payload="summary")
    stored = await only(bench)
    assert stored.endpoints.new_mail is not None
    assert stored.endpoints.new_mail.kind == "webhook"
    assert bench.dispatcher.challenged == ["https://hook.example.net/x"]
    back = {"type": "simplepush", "url": "https://push.example.net/a"}
    assert await pointers(change(bench, answer, endpoints={"new_mail": back, "reconnect": back})) == {
        "/endpoints/new_mail"
    }


async def test_a_key_that_another_subscription_has_is_a_conflict(bench: Bench) -> None:
    answer = await bench.subscribe()
    await bench.subscribe(push="https://push.example.net/second")
    patch = {"new_mail": {"url": "https://push.example.net/second"}}
    assert await code(change(bench, answer, endpoints=patch)) == "conflict"


async def test_a_changed_endpoint_is_part_of_the_key(bench: Bench) -> None:
    answer = await bench.subscribe()
    await change(bench, answer, endpoints={"new_mail": {"url": "https://push.example.net/new"}})
    again = await bench.subscribe(push="https://push.example.net/new")
    assert (again.status, again.view.id) == (200, answer.view.id)


async def test_any_open_session_covers_a_mailbox_that_is_added(bench: Bench) -> None:
    answer = await bench.subscribe()
    view = await change(bench, answer, mailboxes=["INBOX", "Work"])
    assert [box.name for box in view.mailboxes] == ["INBOX", "Work"]
    assert bench.door.live == 1


@pytest.mark.parametrize("mailboxes", [["INBOX", "Work"], "personal"])
async def test_a_mailbox_that_no_session_covers_needs_credentials(bench: Bench, mailboxes: Any) -> None:
    answer = await bench.subscribe()
    await lost(bench)
    assert await code(change(bench, answer, mailboxes=mailboxes)) == "credentials-needed"
    view = await change(bench, answer, mailboxes=mailboxes, auth={"type": "password", "password": "right"})
    assert (view.state, [box.name for box in view.mailboxes]) == ("watching", ["INBOX", "Work"])


async def test_naming_the_same_mailboxes_needs_none(bench: Bench) -> None:
    answer = await bench.subscribe()
    await lost(bench)
    assert (await change(bench, answer, mailboxes=["INBOX"])).state == "needs_credentials"


async def test_a_selection_in_place_of_names_keeps_them_until_others_are_found(bench: Bench) -> None:
    answer = await bench.subscribe(retention="memory", mailboxes=["Lists"])
    bench.fleet.found = ("INBOX", "Work")
    view = await change(bench, answer, mailboxes="personal")
    assert (view.selection, [box.name for box in view.mailboxes]) == ("personal", ["Lists"])
    await bench.until(lambda: not bench.fleet.tasks)
    assert (await only(bench)).mailboxes == ("INBOX", "Work")
    view = await change(bench, answer, mailboxes=["Work"])
    assert (view.selection, [box.name for box in view.mailboxes]) == (None, ["Work"])


async def test_what_else_rings_and_how_often_a_heart_beats_can_be_changed(bench: Bench) -> None:
    answer = await bench.subscribe()
    assert await pointers(change(bench, answer, heartbeat_seconds=60)) == {"/heartbeat_seconds"}
    own = {"type": "simplepush", "url": "https://push.example.net/heart"}
    view = await change(bench, answer, heartbeat_seconds=60, also=["seen"], endpoints={"heartbeat": own})
    assert (view.heartbeat_seconds, view.also) == (60, ("seen",))
    assert await pointers(change(bench, answer, endpoints={"heartbeat": None})) == {"/endpoints/heartbeat"}
    view = await change(bench, answer, heartbeat_seconds=None, also=None, endpoints={"heartbeat": None})
    assert (view.heartbeat_seconds, view.also) == (None, ())


async def test_a_patch_with_wrong_credentials_changes_nothing(bench: Bench) -> None:
    answer = await bench.subscribe()
    before = await only(bench)
    wrong = {"type": "password", "password": "wrong"}
    assert await code(change(bench, answer, mailboxes=["INBOX", "Work"], auth=wrong)) == "authentication-failed"
    assert await only(bench) == before


async def test_a_mailbox_in_place_of_another_needs_none(bench: Bench) -> None:
    answer = await bench.subscribe()
    view = await change(bench, answer, mailboxes=["Work"])
    assert [box.name for box in view.mailboxes] == ["Work"]


async def test_with_kept_credentials_any_mailbox_may_be_added(bench: Bench) -> None:
    answer = await bench.subscribe(retention="memory")
    await change(bench, answer, mailboxes=["INBOX", "Work"])
    assert (await only(bench)).mailboxes == ("INBOX", "Work")


async def test_mail_of_a_pause_is_not_announced_after_it(bench: Bench) -> None:
    answer = await bench.subscribe()
    assert (await change(bench, answer, paused=True)).state == "paused"
    stored = await only(bench)
    assert bench.door.live == 1
    await bench.store.commit(stored.account_id, "INBOX", Cursor(1, 11), Cursor(1, 31), ())
    assert (await change(bench, answer, paused=False)).state == "watching"
    floor = (await only(bench)).floor("INBOX")
    assert floor is not None
    assert floor.uid_next == 31


async def test_what_is_over_is_changed_by_registering_again_only(bench: Bench) -> None:
    answer = await bench.subscribe(lease_seconds=60)
    bench.clock.pass_by(61)
    await bench.store.expire(bench.clock.now())
    assert await code(change(bench, answer, lease_seconds=600)) == "conflict"
    assert await code(bench.resupply(answer.view.id, answer.token, "right")) == "conflict"


# who sees what


async def test_what_is_not_there_and_what_is_not_yours_are_the_same_404(bench: Bench) -> None:
    answer = await bench.subscribe()
    other = await bench.subscribe(push="https://push.example.net/second")
    key = await bench.key()
    for caller in (bench.bearing(other.token), key, bench.bearing("ibs_none")):
        problems = []
        for name in (answer.view.id, "sub_" + "a" * 24, "nonsense"):
            for verb in (
                bench.gateway.show(name, caller),
                bench.gateway.change(name, {"paused": True}, caller),
                bench.gateway.test(name, caller),
                bench.gateway.end(name, caller),
            ):
                with pytest.raises(ProblemError) as caught:
                    await verb
                problems.append(caught.value.problem)
        assert set(problems) == {problems[0]}
        assert problems[0].code == "not-found"
    assert await code(bench.gateway.show(answer.view.id, bench.nobody())) == "unauthorized"


async def test_tokens_that_are_none_of_ours_are_unauthorized(bench: Bench) -> None:
    for bearer in ("", "x", "ibk_unknown", "ibs_ü", "ibs_" + "x" * 1_000):
        assert await code(bench.gateway.authenticate(bearer, "192.0.2.1", True)) == "unauthorized"
    assert (await bench.gateway.authenticate(None, "192.0.2.1", True)).api_key is None


async def test_an_api_key_pages_through_its_own_subscriptions(bench: Bench) -> None:
    key = await bench.key()
    for name in ("a", "b", "c"):
        await bench.subscribe(key, username=name)
    await bench.subscribe(username="d")
    first = await bench.gateway.page(key, None, 2)
    rest = await bench.gateway.page(key, first.next, 2)
    assert len({item.id for item in (*first.items, *rest.items)}) == 3
    assert rest.next is None
    assert await code(bench.gateway.page(bench.nobody(), None, 10)) == "unauthorized"
    assert (await bench.gateway.stats(key))["subscriptions"]["active"] == 4


async def test_the_end_logs_out_when_nobody_else_needs_the_session(bench: Bench) -> None:
    first = await bench.subscribe()
    second = await bench.subscribe(push="https://push.example.net/second")
    await bench.gateway.end(first.view.id, bench.bearing(first.token))
    await bench.until(lambda: bench.door.live == 1)
    await bench.gateway.end(second.view.id, bench.bearing(second.token))
    await bench.until(lambda: bench.door.live == 0)


async def test_a_test_goes_to_the_endpoint_of_a_proven_subscription_only(bench: Bench) -> None:
    answer = await bench.subscribe()
    assert (await bench.gateway.test(answer.view.id, bench.bearing(answer.token))).outcome == "accepted"
    bench.door.open.clear()
    pending = await bench.subscribe(push="https://push.example.net/second", wait_seconds=0.01)
    assert (await bench.gateway.test(pending.view.id, bench.bearing(pending.token))).outcome == "not-sent"
    bench.door.open.set()
    await bench.until(lambda: len(bench.gateway.means.registrar) == 0)


async def test_the_vapid_key_is_made_once(bench: Bench) -> None:
    keys = await asyncio.gather(bench.gateway.vapid_public_key(), bench.gateway.vapid_public_key())
    assert len(set(keys)) == 1
    assert len(keys[0]) == 87


async def test_an_expired_subscription_gives_up_session_and_credentials(bench: Bench) -> None:
    await bench.subscribe(retention="memory", lease_seconds=60)
    stored = await only(bench)
    bench.clock.pass_by(61)
    bench.gateway.over(await bench.store.expire(bench.clock.now()))
    await bench.until(lambda: bench.door.live == 0)
    assert not bench.keyring.holds(stored.account_id)
    assert (await only(bench)).phase is Phase.EXPIRED
