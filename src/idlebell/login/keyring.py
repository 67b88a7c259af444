"""Credentials that are kept: one set a subscription, in this process's memory. Those of retention ``vault`` lie in a
:class:`~idlebell.login.vault_room.VaultRoom`, too; all others nowhere else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from idlebell.login.vault_room import Unopened, VaultRoom
from idlebell.model.account import Account, Credentials, PasswordCredentials, RenewableCredentials
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.secret import Secret


class Keyring:
    """Owns what it is given and wipes it. Its ``repr`` shows how many sets there are. ``room`` None: there is no vault."""

    __slots__ = ("_accounts", "_coming", "_lost", "_room", "_sets", "_vaulted")

    def __init__(self, room: VaultRoom | None = None) -> None:
        self._sets: dict[SubscriptionId, tuple[AccountId, Credentials]] = {}
        self._accounts: dict[AccountId, list[SubscriptionId]] = {}
        self._room = room
        self._vaulted: dict[SubscriptionId, Account] = {}
        self._coming: dict[RenewableCredentials, Secret] = {}
        self._lost: dict[SubscriptionId, Credentials] = {}

    async def load(self) -> Unopened:
        """What lies in the vault: at the start, and when those who opened it have lost it (:meth:`lose`). StoreError,
        SafeAway."""
        unopened = Unopened()
        if self._room is None:
            return unopened
        lost, self._lost = self._lost, {}
        async for subscription, account, credentials in self._room.stored(unopened):
            held = self._sets.get(subscription)
            if held is not None and held[1] is not lost.get(subscription):
                credentials.wipe()  # others came meanwhile
                continue
            self._take(subscription)
            self._put(subscription, account.id, credentials)
            self._vaulted[subscription] = account
        for subscription, own in lost.items():
            if self.keeps(subscription, own):
                self._take(subscription)
                self._vaulted.pop(subscription, None)
        return unopened

    def lose(self) -> None:
        """Whoever kept what is held here has ended. Sets of the vault are there still, and of no use until :meth:`load`: nobody
        is to be asked for them."""
        for subscription, (_, own) in tuple(self._sets.items()):
            if subscription in self._vaulted:
                self._lost[subscription] = own
            else:
                self._take(subscription)

    def keep(
        self,
        subscription: SubscriptionId,
        account: AccountId,
        credentials: Credentials,
        *,
        vault_for: Account | None = None,
    ) -> None:
        """In place of the set it had. The caller must not use ``credentials`` any more. ``vault_for``: the account as it stands
        in the store, where they are to outlive this process; :meth:`settled` says when they do."""
        held = self._sets.get(subscription)
        if held is not None and held[1] is not credentials:
            self._take(subscription)
        self._put(subscription, account, credentials)
        self.retain(subscription, vault_for)

    def retain(self, subscription: SubscriptionId, vault_for: Account | None) -> None:
        """Its set goes into the vault, or out of it; it is held all the same."""
        if self._room is None:
            return
        _, own = self._sets.get(subscription, (None, None))
        if vault_for is not None and isinstance(own, PasswordCredentials | RenewableCredentials):
            self._vaulted[subscription] = vault_for
            coming = self._coming.get(own) if isinstance(own, RenewableCredentials) else None
            self._room.put(subscription, vault_for, own, coming)
        else:
            self._vaulted.pop(subscription, None)
            self._room.remove(subscription)

    async def settled(self, subscription: SubscriptionId) -> None:
        """Until its set is durable where it is to be (:meth:`~idlebell.login.vault_room.VaultRoom.settled`)."""
        if self._room is not None:
            await self._room.settled(subscription)

    @asynccontextmanager
    async def renewing(self, credentials: RenewableCredentials, refresh_token: Secret | None) -> AsyncIterator[None]:
        """Within it ``refresh_token`` takes the place of theirs: it is durable by then, for a crash must not leave the one that
        its provider takes no more. What goes into the vault meanwhile goes with it. None: theirs goes on."""
        if self._room is None or refresh_token is None:
            yield
            return
        self._coming[credentials] = refresh_token
        try:
            of = [one for one, (_, own) in self._sets.items() if own is credentials and one in self._vaulted]
            for subscription in of:
                # Whoever left it while another was written is written no more.
                if (account := self._vaulted.get(subscription)) is not None and self.keeps(subscription, credentials):
                    self._room.put(subscription, account, credentials, refresh_token)
                    await self._room.settled(subscription)
            yield
        finally:
            del self._coming[credentials]

    def _put(self, subscription: SubscriptionId, account: AccountId, credentials: Credentials) -> None:
        self._sets[subscription] = (account, credentials)
        order = self._accounts.setdefault(account, [])
        if subscription not in order:
            order.insert(0, subscription)

    def holds(self, account: AccountId) -> bool:
        return account in self._accounts

    def holds_of(self, subscription: SubscriptionId) -> bool:
        return subscription in self._sets

    def keeps(self, subscription: SubscriptionId, credentials: Credentials) -> bool:
        """Are these, and no newer ones, its set?"""
        held = self._sets.get(subscription)
        return held is not None and held[1] is credentials

    def drop(self, subscription: SubscriptionId) -> None:
        """Wipes its set, in the vault, too. One that has none: nothing happens."""
        self._take(subscription)
        self._vaulted.pop(subscription, None)
        if self._room is not None:
            self._room.remove(subscription)

    def _take(self, subscription: SubscriptionId) -> None:
        held = self._sets.pop(subscription, None)
        if held is None:
            return
        account, credentials = held
        credentials.wipe()
        order = self._accounts[account]
        order.remove(subscription)
        if not order:
            del self._accounts[account]

    def sets(self, account: AccountId) -> tuple[tuple[SubscriptionId, Credentials], ...]:
        """Newest first: it is the one most likely to be right."""
        return tuple((one, self._sets[one][1]) for one in self._accounts.get(account, ()))

    def all(self) -> tuple[tuple[SubscriptionId, AccountId, Credentials], ...]:
        return tuple((subscription, account, own) for subscription, (account, own) in self._sets.items())

    def wipe(self) -> None:
        """All of them, at the end of the process. What lies in the vault stays there."""
        for subscription in tuple(self._sets):
            self._take(subscription)
        self._vaulted.clear()

    def __len__(self) -> int:
        return len(self._sets)

    def __repr__(self) -> str:
        return f"Keyring({len(self)} sets)"
