"""A subscription as the store takes it, for measurements that fill a store themselves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from idlebell.model.account import Account, Retention
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import subscription_id
from idlebell.model.subscription import Payload, Phase, Subscription


def stored(account: Account, number: int, endpoints: Endpoints) -> Subscription:
    """``number`` tells it from others. Active for thirty days from now."""
    now = datetime.now(UTC)
    return Subscription(
        id=subscription_id(number.to_bytes(15, "big")),
        account_id=account.id,
        key_digest=number.to_bytes(32, "big"),
        owner=None,
        mailboxes=("INBOX",),
        endpoints=endpoints,
        payload=Payload.ALERT,
        retention=Retention.SESSION,
        lease_seconds=86_400,
        created_at=now,
        expires_at=now + timedelta(days=30),
        phase=Phase.ACTIVE,
    )
