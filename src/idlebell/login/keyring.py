"""Credentials of retention ``memory``: one set a subscription, in this process's memory and nowhere else."""

from __future__ import annotations

from idlebell.model.account import Credentials
from idlebell.model.ids import AccountId, SubscriptionId


class Keyring:
    """Owns what it is given and wipes it. Its ``repr`` shows how many sets there are."""

    __slots__ = ("_accounts", "_sets")

    def __init__(self) -> None:
        self._sets: dict[SubscriptionId, tuple[AccountId, Credentials]] = {}
        self._accounts: dict[AccountId, list[SubscriptionId]] = {}

    def keep(self, subscription: SubscriptionId, account: AccountId, credentials: Credentials) -> None:
        """In place of the set it had. The caller must not use ``credentials`` any more."""
        held = self._sets.get(subscription)
        if held is None or held[1] is not credentials:
            self.drop(subscription)
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
        """Wipes its set. One that has none: nothing happens."""
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
        """All of them, at the end of the process."""
        for subscription in tuple(self._sets):
            self.drop(subscription)

    def __len__(self) -> int:
        return len(self._sets)

    def __repr__(self) -> str:
        return f"Keyring({len(self)} sets)"
