"""What was read or removed elsewhere, in the store in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification, Reminder, Seen, Told
from idlebell.rules.merge import renamed, without
from idlebell.store.memory.outbox import MemoryOutbox
from idlebell.store.memory.waiting import Waiting


class MemoryWithdrawals(MemoryOutbox):
    """Keeps the part of :class:`~idlebell.store.contract.Outbox` that takes back."""

    async def rung(self, account: AccountId, mailbox: str) -> Mapping[SubscriptionId, tuple[Told, ...]]:
        wanted = [
            one.id for one in self._subscriptions.values() if one.account_id == account and one.preferences.withdraw
        ]
        return {one: own for one in sorted(wanted) if (own := self._rungs.find(one, mailbox))}

    async def withdraw(self, drafts: Sequence[Draft]) -> tuple[Notification, ...]:
        committed: tuple[Notification, ...] = ()
        for draft in drafts:
            content = draft.content
            assert isinstance(content, Seen)
            rang = self._rungs.forget(draft.subscription_id, content.messages)
            taken = self._take_back(draft.subscription_id, rang)
            self._keep_withdrawn(draft.subscription_id, taken)
            sent = rang - taken
            if sent:
                told = replace(content, uids=tuple(sorted(one.uid for one in sent)))
                committed += await self.enqueue([replace(draft, content=told)])
        return committed

    def _rename(self, subscription: SubscriptionId, old: str, new: str) -> None:
        """What rang, is held, or waits and was not attempted yet."""
        self._rungs.rename(subscription, old, new)
        hold = self._holds_of.get(subscription)
        if hold is not None:
            self._holds_of[subscription] = replace(hold, content=renamed(hold.content, old, new))
        for entry in self._outbox.of_subscription(subscription):
            if not entry.tried:
                content = renamed(entry.notification.content, old, new)
                entry.notification = replace(entry.notification, content=content)

    def _take_back(self, subscription: SubscriptionId, gone: frozenset[Told]) -> frozenset[Told]:
        """Those of ``gone`` that were not attempted yet: they never will be."""
        taken: frozenset[Told] = frozenset()
        hold = self._holds_of.get(subscription)
        if hold is not None and not gone.isdisjoint(hold.content.told):
            taken |= gone.intersection(hold.content.told)
            left = without(hold.content, gone)
            self._tallies[subscription].withdrawn += hold.content.count - (0 if left is None else left.count)
            if left is None:
                del self._holds_of[subscription]
            else:
                self._holds_of[subscription] = replace(hold, content=left)
        for entry in self._outbox.of_subscription(subscription):
            content = entry.notification.content
            if isinstance(content, Reminder) and not entry.tried:
                self._unremind(entry, content, gone)
            if entry.tried or not isinstance(content, NewMail) or gone.isdisjoint(content.told):
                continue
            taken |= gone.intersection(content.told)
            left = without(content, gone)
            if left is None:
                self._take(entry, "withdrawn")
                continue
            self._tallies[subscription].withdrawn += content.count - left.count
            entry.joined = max(0, entry.joined - (content.count - left.count))
            entry.notification = replace(entry.notification, content=left)
        return taken

    def _unremind(self, entry: Waiting, content: Reminder, gone: frozenset[Told]) -> None:
        left = tuple(one.uid for one in content.messages if one not in gone)
        if left:
            entry.notification = replace(entry.notification, content=replace(content, uids=left))
        else:
            self._take(entry)
