"""Where the keyring's sets of retention ``vault`` lie beside it: sealed, in the store, over restarts.

The keyring does not wait: it puts in and takes out, and what was asked last of a subscription is written as soon as the store
lets one. Whoever promises that something is durable waits for :meth:`VaultRoom.settled`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from idlebell.login.vault import NotOpened, Vault
from idlebell.model.account import Account, Credentials, PasswordCredentials, RenewableCredentials, Retention
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

Sealable: TypeAlias = PasswordCredentials | RenewableCredentials


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
    """One for a process. ``vault`` None: its key is not to be had, so nothing can be put in; what is there stays until its
    subscription ends or other credentials come."""

    def __init__(self, store: Shelves, vault: Vault | None, clock: Clock, emit: Emit) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._emit = emit
        self._there: set[SubscriptionId] = set()
        self._pending: dict[SubscriptionId, Vaulted | None] = {}
        self._passed = asyncio.Condition()
        self._failing = False
        self._writing: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        return self._vault is not None

    async def stored(self, unopened: Unopened) -> AsyncIterator[tuple[SubscriptionId, Account, Credentials]]:
        """What the last process left. What belongs to nobody any more goes. StoreError."""
        gone: list[SubscriptionId] = []
        for row in await self._store.vaulted():
            subscription = await self._store.get(row.subscription)
            account = await self._store.account_by_id(row.account)
            if subscription is None or account is None or not _wants(subscription):
                gone.append(row.subscription)
                continue
            self._there.add(row.subscription)
            try:
                if self._vault is None:
                    raise NotOpened(other_key=True)
                if subscription.account_id != row.account:
                    raise NotOpened(other_key=False)
                credentials = self._vault.open(row, account)
            except NotOpened as error:
                unopened.other_key += error.other_key
                unopened.changed += not error.other_key
                continue
            yield row.subscription, account, credentials
        if gone:
            await self._store.forget_vaulted(gone)

    def put(
        self,
        subscription: SubscriptionId,
        account: Account,
        credentials: Sealable,
        refresh_token: Secret | None = None,
    ) -> None:
        """In place of the set that lies there. ``refresh_token``: see :meth:`.vault.Vault.seal`."""
        if self._vault is None:
            self.remove(
                subscription
            )  # it was replaced: the next start must not send it, nor a refresh token that was used
            return
        self._there.add(subscription)
        self._ask(subscription, self._vault.seal(subscription, account, credentials, refresh_token))

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

    def _ask(self, subscription: SubscriptionId, row: Vaulted | None) -> None:
        self._pending[subscription] = row
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

    async def _one(self, subscription: SubscriptionId, row: Vaulted | None) -> StoreError | None:
        try:
            if row is None:
                await self._store.forget_vaulted((subscription,))
            else:
                await self._store.keep_vaulted(row)
        except StoreError as error:
            return error
        if self._pending.get(subscription, _NOTHING) is row:  # nothing newer was asked meanwhile
            del self._pending[subscription]
        return None


_NOTHING: Final = object()


def _wants(subscription: Subscription) -> bool:
    return subscription.retention is Retention.VAULT and not subscription.phase.over
