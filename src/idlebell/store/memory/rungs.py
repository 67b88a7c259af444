"""Which messages rang, and when they are to ring again, in the store in memory."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import TOLD_KEPT, Told


class _Due(NamedTuple):
    at: datetime
    since: datetime


class Rungs:
    """Of each message that rang: when it is to ring again; None: it is not."""

    def __init__(self) -> None:
        self._of: dict[SubscriptionId, dict[Told, _Due | None]] = {}

    def record(self, subscription: SubscriptionId, told: Iterable[Told], due_at: datetime | None) -> None:
        """Of each mailbox the newest of one UIDVALIDITY are kept."""
        named = tuple(told)
        rung = self._of.setdefault(subscription, {}) if named else {}
        for one in named:
            rung[one] = None if due_at is None else _Due(due_at, due_at)
        for mailbox, uid_validity in {one.mailbox: one.uid_validity for one in named}.items():
            own = sorted(one for one in rung if one.mailbox == mailbox)
            kept = [one for one in own if one.uid_validity == uid_validity][-TOLD_KEPT:]
            for one in set(own).difference(kept):
                del rung[one]

    def find(self, subscription: SubscriptionId, mailbox: str) -> tuple[Told, ...]:
        return tuple(sorted(one for one in self._of.get(subscription, ()) if one.mailbox == mailbox))

    def forget(self, subscription: SubscriptionId, told: Iterable[Told]) -> frozenset[Told]:
        """Those that had rung."""
        rung = self._of.get(subscription, {})
        gone = frozenset(one for one in told if one in rung)
        for one in gone:
            del rung[one]
        return gone

    def forget_all(self, subscription: SubscriptionId) -> None:
        self._of.pop(subscription, None)

    def rename(self, subscription: SubscriptionId, old: str, new: str) -> None:
        rung = self._of.get(subscription, {})
        for one in [one for one in rung if one.mailbox == old]:
            rung[one._replace(mailbox=new)] = rung.pop(one)

    # Reminders

    def owed(self, now: datetime, limit: int) -> list[tuple[SubscriptionId, Told, datetime]]:
        found = [
            (due.at, subscription, one, due.since)
            for subscription, rung in self._of.items()
            for one, due in rung.items()
            if due is not None and due.at <= now
        ]
        return [(subscription, one, since) for _, subscription, one, since in sorted(found)[:limit]]

    def settle(self, subscription: SubscriptionId, told: Iterable[Told]) -> list[Told]:
        """They are owed no reminder any more. Those that were."""
        rung = self._of.get(subscription, {})
        found = [one for one in told if rung.get(one) is not None]
        self.schedule(subscription, found, None)
        return found

    def settle_all(self, subscription: SubscriptionId) -> None:
        self.settle(subscription, list(self._of.get(subscription, ())))

    def schedule(self, subscription: SubscriptionId, told: Iterable[Told], due_at: datetime | None) -> None:
        rung = self._of.get(subscription, {})
        for one in told:
            if one in rung:
                rung[one] = None if due_at is None else _Due(due_at, due_at)

    def put_off(self, subscription: SubscriptionId, one: Told, until: datetime) -> None:
        due = self._of.get(subscription, {}).get(one)
        if due is not None:
            self._of[subscription][one] = _Due(until, due.since)

    def move_all(self, subscription: SubscriptionId, by: timedelta) -> None:
        for one, due in self._of.get(subscription, {}).items():
            if due is not None:
                self.schedule(subscription, [one], due.at + by)
