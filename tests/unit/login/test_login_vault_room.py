"""The keyring with a vault beside it, on the store that forgets. Another keyring on the same store is the next process."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import pytest

import store_samples as samples
from idlebell.login.keyring import Keyring
from idlebell.login.renewals import Renewals, refresh_by
from idlebell.login.safe import SafeHere
from idlebell.login.vault import Vault, VaultKey
from idlebell.login.vault_room import RETRY_SECONDS, Unopened, VaultRoom
from idlebell.model.account import Account, Credentials, PasswordCredentials, RenewableCredentials, Retention
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.subscription import Subscription
from idlebell.model.vaulted import Vaulted
from idlebell.net.hardening import overwrite
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse
from idlebell.store.contract import StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Fact, StoreFailed
from idlebell.testing.virtual_clock import VirtualClock

KEY, OTHER = VaultKey(b"k" * 32), VaultKey(b"o" * 32)


class Store(MemoryStore):
    """``fails``: it takes nothing for the vault. ``before``: called before it takes something."""

    fails = False
    before: Callable[[], None] | None = None

    async def keep_vaulted(self, one: Vaulted) -> None:
        await asyncio.sleep(0)
        if self.before is not None:
            self.before()
        if self.fails:
            raise StoreError("The disk is full.")
        await super().keep_vaulted(one)


class Bench:
    def __init__(self) -> None:
        self.store, self.clock = Store(samples.counting_entropy()), VirtualClock()
        self.facts: list[Fact] = []
        self.rooms: list[VaultRoom] = []

    def keyring(self, key: VaultKey | None = KEY) -> Keyring:
        """Of one process."""
        safe = None if key is None else SafeHere(Vault(key, entropy=os.urandom, overwrite=overwrite))
        self.rooms.append(VaultRoom(self.store, safe, self.clock, self.facts.append))
        return Keyring(self.rooms[-1])

    async def restarted(self, key: VaultKey | None = KEY) -> tuple[Keyring, Unopened]:
        made = self.keyring(key)
        return made, await made.load()

    async def subscribed(self, number: int = 1) -> tuple[Account, Subscription]:
        account = await self.store.account(samples.TARGET, f"user{number}@example.org")
        return account, await self.store.put(samples.subscription(account.id, number, retention=Retention.VAULT))

    async def passwords(self, key: VaultKey | None = KEY) -> list[str]:
        """What another process finds."""
        found, _ = await self.restarted(key)
        return [own.password.text() for _, _, own in found.all() if isinstance(own, PasswordCredentials)]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    for room in made.rooms:
        await room.stop()


def password(text: str = "first") -> PasswordCredentials:
    return PasswordCredentials(Secret(text))


async def test_what_is_kept_in_the_vault_is_there_after_a_restart(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)
    keyring.wipe()
    again, unopened = await bench.restarted()
    assert again.sets(account.id) == ((own.id, password()),)
    assert again.holds(account.id)
    assert unopened == Unopened()


async def test_newer_credentials_take_the_place_of_the_older(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    for text in ("first", "second", "third"):
        keyring.keep(own.id, account.id, password(text), vault_for=account)
    await keyring.settled(own.id)
    assert await bench.passwords() == ["third"]


async def test_who_leaves_the_vault_leaves_nothing_there(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    for leave in (
        lambda: keyring.drop(own.id),
        lambda: keyring.retain(own.id, None),
        lambda: keyring.keep(own.id, account.id, password("in memory")),
    ):
        keyring.keep(own.id, account.id, password(), vault_for=account)
        await keyring.settled(own.id)
        assert await bench.store.vaulted()
        leave()
        await keyring.settled(own.id)
        assert await bench.store.vaulted() == ()
    keyring.retain(own.id, account)
    await keyring.settled(own.id)
    assert await bench.passwords() == ["in memory"], "and it may come back"


async def test_what_belongs_to_nobody_any_more_goes_at_the_start(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)
    await bench.store.put(replace(own, retention=Retention.MEMORY))
    assert await bench.passwords() == []
    assert await bench.store.vaulted() == ()


async def test_a_wrong_key_loses_nothing_but_what_it_should_open(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)
    for key in (OTHER, None):
        found, unopened = await bench.restarted(key)
        assert (len(found), unopened) == (0, Unopened(other_key=1))
    assert await bench.passwords() == ["first"], "the right key opens them still"
    found, _ = await bench.restarted(OTHER)
    found.keep(own.id, account.id, password("brought anew"), vault_for=account)
    await found.settled(own.id)
    assert await bench.passwords(OTHER) == ["brought anew"]


async def test_without_a_key_those_that_are_replaced_leave_the_vault(bench: Bench) -> None:
    """With the key again they would be sent: a password of yesterday, a refresh token that was used."""
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)
    closed, _ = await bench.restarted(None)
    closed.keep(own.id, account.id, password("brought anew"), vault_for=account)
    await closed.settled(own.id)
    assert await bench.passwords() == []
    assert await bench.store.vaulted() == ()


async def test_without_a_key_credentials_that_leave_the_vault_leave_it(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)
    closed, _ = await bench.restarted(None)
    closed.drop(own.id)
    await closed.settled(own.id)
    assert await bench.store.vaulted() == ()


async def test_swapped_rows_open_for_nobody(bench: Bench) -> None:
    keyring = bench.keyring()
    for number in (1, 2):
        account, own = await bench.subscribed(number)
        keyring.keep(own.id, account.id, password(f"of {number}"), vault_for=account)
        await keyring.settled(own.id)
    one, two = await bench.store.vaulted()
    for row, place in ((one, two), (two, one)):
        await bench.store.keep_vaulted(replace(row, subscription=place.subscription, account=place.account))
    found, unopened = await bench.restarted()
    assert (len(found), unopened) == (0, Unopened(changed=2))


async def test_a_store_that_fails_is_told_and_tried_again(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    bench.store.fails = True
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)  # nobody waits for a disk
    assert [type(one) for one in bench.facts] == [StoreFailed]
    bench.store.fails = False
    await bench.clock.advance(RETRY_SECONDS)
    await keyring.settled(own.id)
    assert await bench.passwords() == ["first"]


async def test_a_new_refresh_token_is_stored_before_the_old_one_is_dropped(bench: Bench) -> None:
    """W3: whatever dies when, a token that the provider takes lies in the vault."""
    account, own = await bench.subscribed()
    credentials = RenewableCredentials(Secret("r0"), PushUrl("https://login.example.org/token"), "app")
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, credentials, vault_for=account)
    await keyring.settled(own.id)

    async def send(request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Answer:
        return HttpResponse(200, {}, json.dumps({"access_token": "a1", "refresh_token": "r1"}).encode())

    held: list[str] = []
    bench.store.before = lambda: held.append(credentials.refresh_token.text())
    renewals = Renewals(refresh_by(send), keyring, bench.clock, lambda: 0.0, bench.facts.append)
    assert await renewals.renew(credentials) is None
    assert held == ["r0"], "when the new one is written, the old one is still held"
    assert credentials.refresh_token.text() == "r1"
    (row,) = await bench.store.vaulted()
    kept = Vault(KEY, entropy=os.urandom, overwrite=overwrite).open(row, account)
    assert isinstance(kept, RenewableCredentials)
    assert (kept.refresh_token.text(), kept.access_token.text()) == ("r1", "")
    await renewals.stop()


async def test_what_goes_into_the_vault_while_a_token_is_renewed_goes_with_the_new_one(bench: Bench) -> None:
    """The app changes its keys or its retention just then: the used token must not come back over the one that works."""
    account, own = await bench.subscribed()
    credentials = RenewableCredentials(Secret("r0"), PushUrl("https://login.example.org/token"), "app")
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, credentials, vault_for=account)
    await keyring.settled(own.id)

    async def send(request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Answer:
        return HttpResponse(200, {}, json.dumps({"access_token": "a1", "refresh_token": "r1"}).encode())

    def meanwhile() -> None:
        bench.store.before = None
        keyring.retain(own.id, account)

    bench.store.before = meanwhile
    renewals = Renewals(refresh_by(send), keyring, bench.clock, lambda: 0.0, bench.facts.append)
    assert await renewals.renew(credentials) is None
    await keyring.settled(own.id)
    (row,) = await bench.store.vaulted()
    kept = Vault(KEY, entropy=os.urandom, overwrite=overwrite).open(row, account)
    assert isinstance(kept, RenewableCredentials)
    assert kept.refresh_token.text() == "r1"
    await renewals.stop()


async def test_what_others_kept_and_lost_is_opened_again_and_newer_ones_stay(bench: Bench) -> None:
    """As where the door is a process of its own and has ended."""
    (first, one), (second, two), (third, three) = [await bench.subscribed(number) for number in (1, 2, 3)]
    keyring = bench.keyring()
    for account, own, text in ((first, one, "one"), (second, two, "two"), (third, three, "three")):
        keyring.keep(own.id, account.id, password(text), vault_for=account)
        await keyring.settled(own.id)
    in_memory = replace(one, id=SubscriptionId("sub_memory"))
    keyring.keep(in_memory.id, first.id, password("nowhere else"))
    keyring.lose()
    assert all(keyring.holds(account.id) for account in (first, second, third)), "nobody is asked for them"
    assert not keyring.holds_of(in_memory.id)
    keyring.keep(two.id, second.id, password("newer"), vault_for=second)
    await bench.store.forget_vaulted([three.id])
    await keyring.load()
    assert keyring.sets(first.id) == ((one.id, password("one")),)
    assert keyring.sets(second.id) == ((two.id, password("newer")),)
    assert not keyring.holds(third.id), "its row is gone, and what is held of it of no use"


async def test_a_set_that_is_dropped_while_it_is_opened_does_not_come_back(bench: Bench) -> None:
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)
    keyring.lose()
    (room,) = bench.rooms
    opened = []

    class Slow(SafeHere):
        async def open(self, row: Vaulted, account: Account) -> Credentials:
            keyring.drop(own.id)
            opened.append(await super().open(row, account))
            return opened[-1]

    room._safe = Slow(Vault(KEY, entropy=os.urandom, overwrite=overwrite))
    await keyring.load()
    assert not keyring.holds_of(own.id)
    assert opened[0].password.wiped
    await keyring.settled(own.id)
    assert await bench.store.vaulted() == ()


async def test_what_is_not_to_be_had_for_sealing_leaves_the_vault(bench: Bench) -> None:
    """The door has ended before it sealed what replaces the set that lies there."""
    account, own = await bench.subscribed()
    keyring = bench.keyring()
    keyring.keep(own.id, account.id, password(), vault_for=account)
    await keyring.settled(own.id)

    class Gone(SafeHere):
        def seal(self, *given: Any) -> asyncio.Future[Vaulted | None]:
            nothing: asyncio.Future[Vaulted | None] = asyncio.get_running_loop().create_future()
            nothing.set_result(None)
            return nothing

    bench.rooms[0]._safe = Gone(Vault(KEY, entropy=os.urandom, overwrite=overwrite))
    keyring.keep(own.id, account.id, password("second"), vault_for=account)
    await keyring.settled(own.id)
    assert await bench.store.vaulted() == ()
