"""What waits for an endpoint that has not shown yet whose it is, in every store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from contracts.store_steps import change, counts, drain, enqueue, lease, put, told
from idlebell.model.account import Account
from idlebell.model.endpoint import Endpoints
from idlebell.model.form import Dialect, Form
from idlebell.model.notification import Reconnect
from idlebell.model.proof import CODE_LIVES, PROVEN, UNPROVEN, Asked
from idlebell.model.secret import Secret
from idlebell.model.subscription import Counts, Phase, Subscription
from idlebell.store.contract import Postponed, Store, Unverified
from store_samples import HOUR, NOW, SECOND, simplepush, webhook, webpush

ASKED = Asked(Secret("c0de"), NOW + CODE_LIVES, 2)
WAITING = replace(webpush(), proof=UNPROVEN)
SHOWN = replace(webpush(), proof=PROVEN)


async def test_how_far_a_proof_has_come_is_kept(store: Store, account: Account) -> None:
    one = await put(store, account, endpoints=Endpoints(WAITING))
    for proof in (ASKED, replace(ASKED, sent=True), UNPROVEN, PROVEN):
        stored = await change(store, one, endpoints=Endpoints(replace(webpush(), proof=proof)))
        assert (await store.get(one.id)) == stored
        assert stored.endpoints.new_mail == replace(webpush(), proof=proof)


async def test_the_form_of_a_dialect_is_kept(store: Store, account: Account) -> None:
    told = replace(webpush(), form=Form(Dialect.COI, "phone-000001", '{"client": "ü"}'))
    one = await put(store, account, endpoints=Endpoints(told))
    assert (await store.get(one.id)) == one
    await enqueue(store, one)
    (leased,) = await lease(store)
    assert leased.endpoint == told


async def test_who_may_not_have_got_a_code_is_found(store: Store, account: Account) -> None:
    async def asked(number: int, later: timedelta, *, sent: bool = False) -> Subscription:
        proof = replace(ASKED, until=NOW + later, sent=sent)
        end = webhook(f"https://hook.example.net/{number}")
        return await put(store, account, number, endpoints=Endpoints(replace(webpush(), proof=proof), end))

    late, soon = await asked(1, 2 * HOUR), await asked(2, HOUR)
    for number, ours in ((3, {"sent": True, "later": HOUR}), (4, {"later": -SECOND})):
        await asked(number, **ours)
    over = await asked(5, HOUR)
    await store.put(replace(over, phase=Phase.ENDED, over_since=NOW))
    assert [one.id for one in await store.with_unsent_codes(NOW, 10)] == [soon.id, late.id]
    assert [one.id for one in await store.with_unsent_codes(NOW, 1)] == [soon.id]
    assert await store.with_unsent_codes(NOW + 2 * HOUR, 10) == ()
    await change(store, late, endpoints=Endpoints(replace(webpush(), proof=replace(ASKED, sent=True))))
    assert [one.id for one in await store.with_unsent_codes(NOW, 10)] == [soon.id]


async def test_what_waits_was_not_attempted(store: Store, account: Account) -> None:
    one = await put(store, account, endpoints=Endpoints(WAITING))
    mail = await enqueue(store, one)
    before = await store.activity(one.id)
    await lease(store)
    assert await store.settle(mail.id, Unverified(NOW, NOW + HOUR))
    assert await store.waits(mail.id) == NOW + HOUR
    assert await store.activity(one.id) == before
    assert await store.deliveries(one.id) == ()
    assert await lease(store, NOW + HOUR - SECOND) == []
    (leased,) = await lease(store, NOW + HOUR)
    assert leased.notification == mail
    assert await counts(store, one) == Counts(detected=1, pending=1)


async def test_it_is_due_as_soon_as_the_endpoint_is_proven(store: Store, account: Account) -> None:
    one = await put(store, account, endpoints=Endpoints(WAITING, simplepush("https://push.example.net/r")))
    mail = [await enqueue(store, one), await enqueue(store, one)]
    await told(store, account)
    failed = next(each for each in await lease(store) if isinstance(each.notification.content, Reconnect))
    await store.settle(failed.notification.id, Postponed(NOW, NOW + HOUR, 503))
    await store.settle(mail[0].id, Unverified(NOW, NOW + HOUR))
    await change(store, one, endpoints=Endpoints(replace(WAITING, proof=ASKED), one.endpoints.reconnect))
    assert await lease(store) == [], "a code that was sent proves nothing"
    await change(store, one, endpoints=Endpoints(SHOWN, one.endpoints.reconnect))
    assert [found.id for found in await drain(store, NOW)] == [each.id for each in mail]
    assert await store.waits(failed.notification.id) == NOW + HOUR, "the other endpoint's retry waits on"


async def test_it_is_due_where_the_proof_came_while_it_was_leased(store: Store, account: Account) -> None:
    one = await put(store, account, endpoints=Endpoints(WAITING))
    mail = await enqueue(store, one)
    await lease(store)
    await change(store, one, endpoints=Endpoints(SHOWN))
    await store.settle(mail.id, Unverified(NOW, NOW + HOUR))
    (leased,) = await lease(store)
    assert leased.notification == mail
