"""Which messages rang, in memory, and which of them are withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import TOLD_KEPT, Told
from idlebell.model.subscription import Subscription


class Rung:
    def __init__(self) -> None:
        self._rung: dict[SubscriptionId, frozenset[Told]] = {}

    def record(self, subscription: SubscriptionId, told: Sequence[Told]) -> None:
        """Of each mailbox the newest of one UIDVALIDITY."""
        if not told:
            return
        rung = set(self._rung.get(subscription, ())).union(told)
        for mailbox, uid_validity in {one.mailbox: one.uid_validity for one in told}.items():
            own = sorted(one for one in rung if one.mailbox == mailbox)
            kept = [one for one in own if one.uid_validity == uid_validity][-TOLD_KEPT:]
            rung = rung.difference(own).union(kept)
        self._rung[subscription] = frozenset(rung)

    def find(
        self, subscriptions: Mapping[SubscriptionId, Subscription], account: AccountId, mailbox: str
    ) -> dict[SubscriptionId, tuple[Told, ...]]:
        found = {}
        for one in sorted(self._rung):
            subscription = subscriptions[one]
            own = tuple(sorted(told for told in self._rung[one] if told.mailbox == mailbox))
            if own and subscription.account_id == account and subscription.preferences.withdraw:
                found[one] = own
        return found

    def take(self, subscription: SubscriptionId, told: Collection[Told]) -> frozenset[Told]:
        """Those that had rung."""
        rung = self._rung.get(subscription, frozenset())
        rang = rung.intersection(told)
        if rang:
            self._rung[subscription] = rung - rang
        return rang

    def forget(self, subscription: SubscriptionId) -> None:
        self._rung.pop(subscription, None)
