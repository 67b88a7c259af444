"""Where the keyring's sets of retention ``vault`` lie beside it: sealed, in the store, over restarts.

The keyring does not wait: it puts in and takes out, and what was asked last of a subscription is written as soon as the store
lets one. Whoever promises that something is durable waits for :meth:`VaultRoom.settled`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from idlebell.login.safe import Safe, Sealable
from idlebell.login.vault import NotOpened
from idlebell.model.account import Account, Credentials, Retention
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.secret import Secret
from idlebell.model.subscription import Subscription
from idlebell.model.vaulted import Vaulted
from idlebell.net.clock import Clock
from idlebell.store.contract import StoreError
from idlebell.store.vaulted import VaultedSets
from idlebell.telemetry.facts import Emit, StoreFailed

RETRY_SECONDS: Final = 5.0
"""Until a store that failed is tried again."""
OPENED_AT_ONCE: Final = 64
"""Sets: each is a question and an answer where the key is in another process."""


class Shelves(VaultedSets, Protocol):
    """What is needed of the store."""

    async def get(self, subscription: SubscriptionId) -> Subscription | None: ...

    async def account_by_id(self, account: AccountId) -> Account | None: ...


@dataclass(slots=True)
class Unopened:
    """Sets that are there and could not be opened, by why."""

    other_key: int = field(default=0)
    changed: int = field(default=0)


class VaultRoom:
    """One for a process. ``safe`` None: its key is not to be had, so nothing can be put in; what is there stays until its
    subscription ends or other credentials come."""

    def __init__(self, store: Shelves, safe: Safe | None, clock: Clock, emit: Emit) -> None:
        self._store = store
        self._safe = safe
        self._clock = clock
        self._emit = emit
        self._there: set[SubscriptionId] = set()
        self._pending: dict[SubscriptionId, asyncio.Future[Vaulted | None] | None] = {}
        self._passed = asyncio.Condition()
        self._failing = False
        self._writing: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return self._safe is not None

    async def stored(self, unopened: Unopened) -> AsyncIterator[tuple[SubscriptionId, Account, Credentials]]:
        """What the last process left, or what lies there again. What belongs to nobody any more goes. StoreError, SafeAway."""
        gone: list[SubscriptionId] = []
        known: list[tuple[Vaulted, Account, bool]] = []
        for row in await self._store.vaulted():
            subscription = await self._store.get(row.subscription)
            account = await self._store.account_by_id(row.account)
            if subscription is None or account is None or not _wants(subscription):
                gone.append(row.subscription)
                continue
            self._there.add(row.subscription)
            known.append((row, account, subscription.account_id == row.account))
        for start in range(0, len(known), OPENED_AT_ONCE):
            part = known[start : start + OPENED_AT_ONCE]
            for (row, account, _), found in zip(
                part, await asyncio.gather(*(self._opened(*one) for one in part)), strict=True
            ):
                if isinstance(found, NotOpened):
                    unopened.other_key += found.other_key
                    unopened.changed += not found.other_key
                elif row.subscription in self._there and row.subscription not in self._pending:
                    yield row.subscription, account, found
                else:
                    found.wipe()  # it was removed or replaced while it was opened
        if gone:
            await self._store.forget_vaulted(gone)

    async def _opened(self, row: Vaulted, account: Account, its_own: bool) -> Credentials | NotOpened:
        try:
            if self._safe is None:
                raise NotOpened(other_key=True)
            if not its_own:
                raise NotOpened(other_key=False)
            return await self._safe.open(row, account)
        except NotOpened as error:
            return error

    def put(
        self,
        subscription: SubscriptionId,
        account: Account,
        credentials: Sealable,
        refresh_token: Secret | None = None,
    ) -> None:
        """In place of the set that lies there. ``refresh_token``: see :meth:`.vault.Vault.seal`."""
        if self._safe is None:
            # It was replaced: the next start must not send it, nor a refresh token that was used.
            self.remove(subscription)
            return
        self._there.add(subscription)
        self._ask(subscription, self._safe.seal(subscription, account, credentials, refresh_token))

    def remove(self, subscription: SubscriptionId) -> None:
        """Where none lies there: nothing happens."""
        if subscription in self._there:
            self._there.discard(subscription)
            self._ask(subscription, None)

    async def settled(self, subscription: SubscriptionId) -> None:
        """Until what was asked of it is durable. Where the store fails, until that is known: it is told, and tried again."""
        async with self._passed:
            await self._passed.wait_for(lambda: subscription not in self._pending or self._failing)

    async def stop(self) -> None:
        """Writes what was asked; what the store does not take now is not waited for."""
        if self._writing is None:
            return
        async with self._passed:
            await self._passed.wait_for(lambda: not self._pending or self._failing)
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)

    def _ask(self, subscription: SubscriptionId, sealed: asyncio.Future[Vaulted | None] | None) -> None:
        self._pending[subscription] = sealed
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="vault")

    async def _write(self) -> None:
        while self._pending:
            asked = dict(self._pending)
            failed = [error for error in await asyncio.gather(*(self._one(*one) for one in asked.items())) if error]
            self._failing = bool(failed)
            async with self._passed:
                self._passed.notify_all()
            if failed:
                self._emit(StoreFailed(str(failed[0])))
                await self._clock.sleep(RETRY_SECONDS)

    async def _one(
        self, subscription: SubscriptionId, sealed: asyncio.Future[Vaulted | None] | None
    ) -> StoreError | None:
        try:
            row = None if sealed is None else await sealed
            if row is None:  # or it was not to be sealed: what lies there was replaced
                await self._store.forget_vaulted((subscription,))
            else:
                await self._store.keep_vaulted(row)
        except StoreError as error:
            return error
        if self._pending.get(subscription, _NOTHING) is sealed:  # nothing newer was asked meanwhile
            del self._pending[subscription]
        return None


_NOTHING: Final = object()


def _wants(subscription: Subscription) -> bool:
    return subscription.retention is Retention.VAULT and not subscription.phase.over
