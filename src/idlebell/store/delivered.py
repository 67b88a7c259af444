"""What is kept of verdicts and settlements. Pure: every store keeps the same of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from idlebell.model.ids import NotificationId
from idlebell.model.notification import Notification
from idlebell.model.trail import Delivery, KeptVerdict
from idlebell.model.verdict import Outcome
from idlebell.store.contract import Dropped, EndpointGone, Postponed, Settled, Settlement


def told_of(verdicts: Iterable[KeptVerdict], committed: Iterable[Notification]) -> list[KeptVerdict]:
    """With the notification that tells of each."""
    ids = {one.subscription_id: one.id for one in committed}
    return [
        replace(one, notification=ids[one.subscription_id])
        if one.outcome is Outcome.RINGS and one.subscription_id in ids
        else one
        for one in verdicts
    ]


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
        next_at=settlement.due_at if isinstance(settlement, Postponed) else None,
    )


def coalesced(
    notification: NotificationId, version: int, type_of_content: str, came_at: datetime, at: datetime
) -> Delivery:
    """A newer one was accepted, which stands for it."""
    return Delivery(notification, version, type_of_content, came_at, at, "coalesced", None, took_ms=None, host="")


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
