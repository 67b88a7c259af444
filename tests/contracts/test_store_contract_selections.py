"""Subscriptions whose mailboxes are found by what they are, and mailboxes that get another name."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.store_steps import OVER, change, put
from idlebell.model.account import Account
from idlebell.model.cursor import Cursor
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.sighting import Sighting
from idlebell.model.subscription import Floor, Phase
from idlebell.store.contract import CURSORS_KEPT, Store, WantedAccount
from store_samples import NOW

INBOX, LISTS, WORK = Floor("INBOX", 1, 10), Floor("Lists", 2, 20), Floor("Work", 3, 30)
SELECTION = pytest.mark.parametrize(
    "selection", [Personal(), Subscribed(), Subtree("L\N{LATIN SMALL LETTER I}sts/\ud800")]
)


@SELECTION
async def test_a_selection_is_kept_and_told_to_whoever_watches(
    store: Store, account: Account, selection: Selection
) -> None:
    one = await put(store, account, selection=selection)
    assert await store.get(one.id) == one
    assert one.selection == selection
    expected = WantedAccount(account, ("INBOX",), ((one.id, "INBOX"),), ((one.id, selection),))
    assert await store.wanted_of(account.id) == expected
    assert await store.wanted() == (expected,)


async def test_only_active_subscriptions_have_selections_to_find(store: Store, account: Account) -> None:
    await put(store, account, 1)
    await put(store, account, 2, selection=Personal(), phase=Phase.PENDING)
    wanted = await store.wanted_of(account.id)
    assert wanted is not None
    assert wanted.selections == ()


async def test_what_was_found_replaces_the_names_and_their_floors(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal(), mailboxes=("INBOX", "Work"), floors=(INBOX, WORK))
    await store.resolve(one.id, ("INBOX", "Lists"), [LISTS, Floor("INBOX", 9, 9), Floor("Elsewhere", 1, 1)])
    stored = await store.get(one.id)
    assert stored is not None
    assert stored.mailboxes == ("INBOX", "Lists")
    assert stored.floors == (INBOX, LISTS)
    assert stored.revision > one.revision, "whoever changes what it was before is told of the conflict"


async def test_a_mailbox_that_was_found_without_a_floor_is_fresh(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal(), floors=(INBOX,))
    await store.resolve(one.id, ("INBOX", "Lists"))
    wanted = await store.wanted_of(account.id)
    assert wanted is not None
    assert wanted.mailboxes == ("INBOX", "Lists")
    assert wanted.fresh == ((one.id, "Lists"),)


async def test_finding_the_same_again_changes_nothing(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal(), floors=(INBOX,))
    await store.resolve(one.id, ("INBOX",), [Floor("INBOX", 9, 9)])
    found = await store.get(one.id)
    assert found is not None
    assert found.resolved
    assert found.floors == (INBOX,)
    await store.resolve(one.id, ("INBOX",), [Floor("INBOX", 9, 9)])
    assert await store.get(one.id) == found


async def test_fixed_names_are_not_resolved(store: Store, account: Account) -> None:
    one = await put(store, account)
    await store.resolve(one.id, ("Lists",), [LISTS])
    assert await store.get(one.id) == one


@pytest.mark.parametrize("phase", OVER)
async def test_what_is_over_is_not_resolved(store: Store, account: Account, phase: Phase) -> None:
    one = await put(store, account, selection=Personal(), phase=phase, over_since=NOW)
    await store.resolve(one.id, ("Lists",))
    assert await store.get(one.id) == one


async def test_what_was_found_for_another_selection_than_it_has_now_is_dropped(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal())
    await store.resolve(one.id, ("Lists",), [LISTS], found_for=Subscribed())
    assert await store.get(one.id) == one
    await store.resolve(one.id, ("Lists",), [LISTS], found_for=Personal())
    found = await store.get(one.id)
    assert found is not None
    assert found.mailboxes == ("Lists",)


async def test_one_that_is_gone_is_not_resolved(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal())
    await store.remove(one.id)
    await store.resolve(one.id, ("Lists",))
    assert await store.get(one.id) is None


async def test_a_selection_can_become_fixed_names(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal())
    fixed = await change(store, one, selection=None, mailboxes=("Work",))
    assert await store.get(one.id) == fixed
    wanted = await store.wanted_of(account.id)
    assert wanted is not None
    assert wanted.selections == ()


# Another name


async def test_a_cursor_moves_with_its_mailbox(store: Store, account: Account) -> None:
    await put(store, account)
    cursor = Cursor(1, 10, looked_at=NOW)
    await store.commit(account.id, "Lists", None, cursor, [])
    await store.renamed(account.id, "Lists", "Mail/Lists")
    assert await store.cursor(account.id, "Lists") is None
    assert await store.cursor(account.id, "Mail/Lists") == cursor


async def test_a_cursor_that_is_there_stays(store: Store, account: Account) -> None:
    await put(store, account)
    await store.commit(account.id, "Lists", None, Cursor(1, 10), [])
    await store.commit(account.id, "Mail/Lists", None, Cursor(2, 20), [])
    await store.renamed(account.id, "Lists", "Mail/Lists")
    assert await store.cursor(account.id, "Lists") is None
    assert await store.cursor(account.id, "Mail/Lists") == Cursor(2, 20)


async def test_sightings_move_with_their_mailbox(store: Store, account: Account) -> None:
    await put(store, account)
    moved, other = Sighting(b"1" * 16, "Lists", 1, 9), Sighting(b"2" * 16, "INBOX", 1, 9)
    await store.commit(account.id, "Lists", None, Cursor(1, 10), [], sighted=[moved, other])
    await store.renamed(account.id, "Lists", "Mail/Lists")
    found = await store.sightings(account.id, [moved.digest, other.digest])
    assert found == {moved.digest: Sighting(moved.digest, "Mail/Lists", 1, 9), other.digest: other}


async def test_the_names_that_were_found_move_with_their_floors(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal(), mailboxes=("INBOX", "Lists"), floors=(INBOX, LISTS))
    await store.renamed(account.id, "Lists", "Mail/Lists")
    stored = await store.get(one.id)
    assert stored is not None
    assert stored.mailboxes == ("INBOX", "Mail/Lists")
    assert stored.floors == (INBOX, Floor("Mail/Lists", 2, 20))


async def test_a_name_that_was_found_under_both_is_there_once(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal(), mailboxes=("Lists", "Work"), floors=(LISTS, WORK))
    await store.renamed(account.id, "Lists", "Work")
    stored = await store.get(one.id)
    assert stored is not None
    assert (stored.mailboxes, stored.floors) == (("Work",), (WORK,))


async def test_fixed_names_stay_what_they_are(store: Store, account: Account) -> None:
    one = await put(store, account, mailboxes=("INBOX", "Lists"), floors=(INBOX, LISTS))
    await store.renamed(account.id, "Lists", "Mail/Lists")
    assert await store.get(one.id) == one


async def test_the_same_name_is_no_other(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal())
    await store.commit(account.id, "INBOX", None, Cursor(1, 10), [])
    await store.renamed(account.id, "INBOX", "INBOX")
    assert await store.cursor(account.id, "INBOX") == Cursor(1, 10)
    assert await store.get(one.id) == one


async def test_another_account_keeps_its_names(store: Store, account: Account) -> None:
    other = await store.account(account.target, "bob@example.org")
    one = await put(store, other, selection=Personal(), mailboxes=("Lists",))
    await store.commit(other.id, "Lists", None, Cursor(1, 10), [])
    await store.renamed(account.id, "Lists", "Work")
    assert await store.get(one.id) == one
    assert await store.cursor(other.id, "Lists") == Cursor(1, 10)


async def test_cursors_of_mailboxes_that_are_gone_are_kept_up_to_a_bound(store: Store, account: Account) -> None:
    one = await put(store, account, selection=Personal(), mailboxes=("INBOX",))
    for number in range(CURSORS_KEPT + 3):
        cursor = Cursor(1, 1, looked_at=NOW + timedelta(seconds=number))
        await store.commit(account.id, f"box {number}", None, cursor, ())
    await store.commit(account.id, "INBOX", None, Cursor(1, 10), ())

    await store.resolve(one.id, ("INBOX", "box 1"))

    assert await store.cursor(account.id, "INBOX") is not None, "it is wanted"
    assert await store.cursor(account.id, "box 1") is not None, "it is wanted again"
    assert await store.cursor(account.id, "box 0") is None, "it was looked at longest ago"
    assert await store.cursor(account.id, "box 2") is None
    assert await store.cursor(account.id, "box 3") is not None
