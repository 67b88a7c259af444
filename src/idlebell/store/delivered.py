"""What is kept of verdicts and settlements. Pure: every store keeps the same of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Draft, NewMail, Notification
from idlebell.model.trail import PASSED_ON, Delivery, KeptVerdict
from idlebell.model.verdict import Outcome
from idlebell.store.contract import Deferred, Dropped, EndpointGone, Postponed, Settled, Settlement, Unverified
from idlebell.store.holds import Unsent


def told_of(
    verdicts: Iterable[KeptVerdict],
    drafts: Iterable[Draft],
    committed: Iterable[Notification],
    unsent: Callable[[Draft], Unsent | None],
) -> list[KeptVerdict]:
    """With what came of those that ring: the notification that tells of them, or why there is none yet."""
    ids = {_which(one): one.id for one in committed}
    became = {_which(one): unsent(one) for one in drafts if _which(one) not in ids}
    keyed = (((one.subscription_id, one.vip), one) for one in verdicts)
    return [_told(one, ids.get(key), became.get(key)) for key, one in keyed]


def _which(one: Draft | Notification) -> tuple[SubscriptionId, bool]:
    """Of a look a subscription has two at most: what rings through its schedule has one of its own."""
    return one.subscription_id, isinstance(one.content, NewMail) and one.content.vip


def _told(one: KeptVerdict, notification: NotificationId | None, unsent: Unsent | None) -> KeptVerdict:
    if one.outcome is not Outcome.RINGS:
        return one
    if unsent is not None:
        outcome, because, notification = unsent
        return replace(one, outcome=outcome, because=(because,), notification=notification)
    return replace(one, notification=notification)


def delivered(
    notification: NotificationId, version: int, type_of_content: str, came_at: datetime, settlement: Settlement
) -> Delivery:
    tried = settlement.tried
    return Delivery(
        notification,
        version,
        type_of_content,
        came_at,
        settlement.at,
        outcome_of(settlement),
        settlement.status,
        took_ms=None if tried is None else tried.took_ms,
        host="" if tried is None else tried.host,
        next_at=settlement.due_at if isinstance(settlement, Postponed | Unverified) else None,
        silence=None if tried is None else tried.silence,
    )


def coalesced(
    notification: NotificationId, version: int, type_of_content: str, came_at: datetime, at: datetime
) -> Delivery:
    """A newer one was accepted, which stands for it."""
    return Delivery(notification, version, type_of_content, came_at, at, "coalesced", None, took_ms=None, host="")


def passed_on(
    notification: NotificationId, version: int, type_of_content: str, came_at: datetime, at: datetime, host: str
) -> Delivery:
    """The endpoint at ``host`` has not taken it, and it goes to the next."""
    return Delivery(notification, version, type_of_content, came_at, at, PASSED_ON, None, took_ms=None, host=host)


def silenced(
    notification: NotificationId, version: int, type_of_content: str, came_at: datetime, at: datetime
) -> Delivery:
    """When its turn came it might not ring any more. ``version`` 0: it had none yet."""
    return Delivery(notification, version, type_of_content, came_at, at, "silenced", None, took_ms=None, host="")


def merged_into(
    hold: NotificationId, notification: NotificationId, version: int, came_at: datetime, at: datetime
) -> Delivery:
    """New mail that may not ring any more came to what is held already."""
    return Delivery(notification, version, NewMail.type, came_at, at, "merged", None, took_ms=None, host="", into=hold)


def outcome_of(settlement: Settlement) -> str:
    match settlement:
        case Settled():
            return "accepted"
        case Postponed():
            return "retry"
        case Dropped(outcome=outcome):
            return outcome
        case EndpointGone():
            return "gone"
        case Unverified():
            return "unverified"
        case Deferred():
            return "deferred"
