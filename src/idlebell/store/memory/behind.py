"""New mail that waits behind a retry, in memory: what was not attempted yet becomes one."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import TypeAlias

from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification
from idlebell.model.trail import DELIVERIES_KEPT, Delivery
from idlebell.rules.merge import merged
from idlebell.store.delivered import merged_into
from idlebell.store.holds import MERGED_AT_ONCE
from idlebell.store.memory.waiting import Waiting, Waitings

_Group: TypeAlias = tuple[SubscriptionId, bool]
"""What becomes one: of a subscription, and VIPs' apart from the rest."""


def retry(outbox: Waitings, subscription: SubscriptionId, endpoint: bytes, content: NewMail) -> Waiting | None:
    """What ``content`` comes to, where something does."""
    found = _waiting(outbox, endpoint)
    return next((one for one in reversed(found) if _group(one) == (subscription, content.vip)), None)


def join(outbox: Waitings, before: Waiting, draft: Draft, content: NewMail, version: int) -> Notification:
    """It stays the same under a newer version, for it was never sent."""
    known = before.notification
    assert isinstance(known.content, NewMail)
    expires_at = max(known.expires_at, draft.expires_at)
    both = merged(known.content, content)
    before.notification = replace(known, content=both, version=version, at=draft.at, expires_at=expires_at)
    before.joined += content.count
    before.due_at = min(before.due_at, draft.due_at)
    outbox.later(before)
    return before.notification


def gather(outbox: Waitings, endpoint: bytes, at: datetime) -> list[tuple[SubscriptionId, list[Delivery]]]:
    """An attempt has failed: what waits behind it becomes one of each subscription, the newest. How the others ended."""
    groups: dict[_Group, list[Waiting]] = {}
    for entry in _waiting(outbox, endpoint)[:MERGED_AT_ONCE]:
        groups.setdefault(_group(entry), []).append(entry)
    ended: list[tuple[SubscriptionId, list[Delivery]]] = []
    for (subscription, _), group in groups.items():
        older, newest = group[:-1], group[-1]
        contents = [one.notification.content for one in group]
        both = reduce(merged, [one for one in contents if isinstance(one, NewMail)])
        newest.joined = both.count - (newest.messages - newest.joined)
        newest.due_at = min(one.due_at for one in group)
        expires_at = max(one.notification.expires_at for one in group)
        newest.notification = replace(newest.notification, content=both, expires_at=expires_at)
        for one in older:
            outbox.remove(one)
        into = newest.notification.id
        gone = [one.notification for one in older[::-1]][:DELIVERIES_KEPT]
        kept = [merged_into(into, one.id, one.version, one.at, at) for one in gone]
        if kept:
            ended.append((subscription, kept))
    return ended


def _waiting(outbox: Waitings, endpoint: bytes) -> list[Waiting]:
    """Oldest first. Of what came before the latest that was attempted it is not known whether it was ever sent: a kill may have
    come between the attempt and what it came to."""
    queue = outbox.queue(endpoint)
    attempted = [index for index, entry in enumerate(queue) if entry.notification.attempts]
    later = queue[attempted[-1] + 1 :] if attempted else ()
    return [one for one in later if isinstance(one.notification.content, NewMail) and one.leased_until is None]


def _group(entry: Waiting) -> _Group:
    content = entry.notification.content
    return entry.notification.subscription_id, isinstance(content, NewMail) and content.vip
