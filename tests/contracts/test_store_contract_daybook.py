"""What was done on a day, in every store."""

from __future__ import annotations

from contracts.store_steps import put
from idlebell.model.account import Account
from idlebell.model.ids import AccountId
from idlebell.store.contract import Store
from idlebell.store.daybook import DAYS_KEPT, NAMES_KEPT, added

DAY = 20_000


async def test_what_is_done_on_a_day_adds_up_of_those_that_there_are(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.tally(DAY, {account.id: {"logins": 1, "command NOOP": 2}, AccountId("acc_gone"): {"logins": 9}})
    await store.tally(DAY, {account.id: {"command NOOP": 3, "command IDLE": 5}, one.id: {"push accepted": 1}})
    await store.tally(DAY + 1, {account.id: {"logins": 1}})
    whole = {"logins": 1, "command NOOP": 5, "command IDLE": 5}
    assert await store.tallies(account.id) == ((DAY + 1, {"logins": 1}), (DAY, whole))
    assert await store.tallies(one.id) == ((DAY, {"push accepted": 1}),)
    assert await store.tallies(AccountId("acc_gone")) == ()


async def test_days_are_kept_for_thirty_days_and_with_those_whose_they_are(store: Store, account: Account) -> None:
    first, second = await put(store, account, 1), await put(store, account, 2)
    for day in range(DAY, DAY + DAYS_KEPT + 1):
        await store.tally(day, {account.id: {"logins": 1}, first.id: {"push accepted": 1}, second.id: {"push gone": 1}})
    assert [day for day, _ in await store.tallies(account.id)] == [*range(DAY + DAYS_KEPT, DAY, -1)]
    await store.remove(first.id)
    assert await store.tallies(first.id) == ()
    assert len(await store.tallies(second.id)) == len(await store.tallies(account.id)) == DAYS_KEPT
    await store.remove(second.id)
    assert await store.tallies(account.id) == await store.tallies(second.id) == ()


def test_names_are_bounded() -> None:
    many = {f"name {number}": 1 for number in range(NAMES_KEPT + 5)}
    found = added(added({}, many), many)
    assert len(found) == NAMES_KEPT
    assert set(found.values()) == {2}
