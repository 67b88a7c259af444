"""What a registration makes of its subscription, and what can be said only of both together."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import msgspec

from idlebell.gateway.credentials import retention_fault
from idlebell.gateway.endpoints import heartbeat_fault, payload_fault
from idlebell.gateway.means import Means
from idlebell.gateway.reading import Faults
from idlebell.gateway.registration import Order
from idlebell.gateway.wish import Wish, with_mailboxes
from idlebell.model.account import Retention
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import SubscriptionId
from idlebell.model.invitation import Invitation, InvitationId
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import MAX_TOKENS, Payload, Phase, Subscription, has_shown_right

USED_UP: Final = "This invitation has been used as often as it may be; ask for another one."


class Apply:
    """What a proven registration makes of its subscription."""

    __slots__ = ("_invitation", "_known", "_means", "_paid", "_wish")

    def __init__(self, means: Means, wish: Wish, known: Subscription, invitation: Invitation | None) -> None:
        """``invitation``: one of its uses is taken where this is not what it brought before."""
        self._means = means
        self._wish = replace(wish, credentials=None)
        self._known = known
        self._invitation = invitation
        self._paid: InvitationId | None = None  # asked again after a lost compare-and-set, it takes no second use

    async def __call__(self, stored: Subscription | None, endpoints: Endpoints, order: Order) -> Subscription:
        base = stored if stored is not None else replace(self._known, revision=0, token_hashes=(), floors=())
        if not has_shown_right(base) or base.phase.over:  # what is revived counts again
            await check_account_limit(self._means, base)
        invited = await self._spent(base)
        # Tokens of one that never showed its right may be anybody's who knew the key: they end here.
        older = base.token_hashes if has_shown_right(base) else ()
        tokens = tuple(dict.fromkeys((*order.token_hashes, *older)))[:MAX_TOKENS]
        found = merged(base, self._wish, endpoints, self._means.clock.now())
        return replace(found, source=None, loss=None, problem=None, token_hashes=tokens, invitation=invited)

    async def _spent(self, base: Subscription) -> InvitationId | None:
        """Only now, so that a wrong password costs nothing. A use can be lost here (in a crash, or where the store fails next),
        but none is gained."""
        spends = self._invitation
        if spends is None or spends.id in (base.invitation, self._paid):
            return base.invitation if spends is None else spends.id
        if not await self._means.store.use_invitation(spends.token_hash, self._means.clock.now()):
            raise ProblemError(Problem("unauthorized", USED_UP))
        self._paid = spends.id
        return spends.id


async def check_account_limit(means: Means, base: Subscription, instead_of: SubscriptionId | None = None) -> None:
    """Told only to who has shown the right to the account. ``instead_of``: one that ends with it."""
    most = means.policy.max_endpoints_per_account
    others = await means.store.of_account(base.account_id)
    if sum(one.phase is Phase.ACTIVE and one.id not in (base.id, instead_of) for one in others) >= most:
        raise ProblemError(Problem("too-many-requests", f"This account has {most} subscriptions, as many as it may."))


def merged(stored: Subscription, wish: Wish, endpoints: Endpoints, now: datetime) -> Subscription:
    """Members that are present replaced, absent ones kept, the lease renewed; what was over is revived."""
    lease = wish.lease_seconds or stored.lease_seconds
    return replace(
        with_mailboxes(stored, wish.mailboxes),
        also=stored.also if wish.also is None else wish.also,
        heartbeat_seconds=heartbeat_seconds_of(stored, wish),
        preferences=replace(stored.preferences, **wish.preferences),
        endpoints=endpoints,
        payload=wish.payload or stored.payload,
        retention=wish.retention or stored.retention,
        lease_seconds=lease,
        expires_at=now + timedelta(seconds=lease),
        expiring_sent=False,
        phase=Phase.ACTIVE,
        over_since=None,
    )


def heartbeat_seconds_of(known: Subscription | None, wish: Wish) -> int | None:
    if wish.heartbeat_seconds is not msgspec.UNSET:
        return wish.heartbeat_seconds
    return None if known is None else known.heartbeat_seconds


def check_together(known: Subscription | None, wish: Wish, allow_plaintext: bool) -> None:
    """What can be said only of both together."""
    faults = Faults()
    payload = wish.payload or (known.payload if known is not None else Payload.ALERT)
    fault = payload_fault(payload, wish.endpoints, allow_plaintext=allow_plaintext)
    if fault is not None:
        faults.add("/payload", fault)
    fault = None if heartbeat_seconds_of(known, wish) is None else heartbeat_fault(wish.endpoints)
    if fault is not None:
        faults.add("/endpoints/heartbeat", f"is missing: heartbeat_seconds {fault}")
    retention = wish.retention or (known.retention if known is not None else Retention.SESSION)
    fault = retention_fault(wish.credentials, retention)
    if fault is not None:
        faults.add("/retention", fault)
    faults.raise_any()
