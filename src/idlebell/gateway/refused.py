"""What becomes of a subscription whose credentials, which were kept, are refused."""

from __future__ import annotations

from dataclasses import replace

from idlebell.gateway.means import Means
from idlebell.gateway.registration import CONFLICTS
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.notification import Draft, LossReason, Reconnect
from idlebell.model.problem import Fault
from idlebell.model.subscription import StandingProblem
from idlebell.store.changes import RECONNECT_KEPT
from idlebell.store.contract import ConflictError
from idlebell.telemetry.facts import ReconnectAsked


async def refused(means: Means, account: AccountId, subscription: SubscriptionId, fault: Fault) -> None:
    """``problem`` says why. Its app is asked at once, once, where a session lives that nobody's credentials could open again;
    one that is lost already is the fleet's to tell. StoreError."""
    status = means.status.of(account)
    alone = status is not None and bool(status.watching()) and not means.keyring.holds(account)
    for _ in range(CONFLICTS):
        stored = await means.store.get(subscription)
        if stored is None:
            return  # it ended meanwhile
        now = means.clock.now()
        told = replace(stored, problem=StandingProblem(fault.code, fault.detail, now))
        ask = Reconnect(LossReason.REJECTED)
        due = Draft(stored.id, ask, at=now, due_at=now, expires_at=now + RECONNECT_KEPT)
        drafts = [due] if alone and stored.wanted and stored.loss is None and not stored.declared else []
        try:
            await means.store.put(told, drafts)
        except ConflictError:
            continue
        if drafts:
            means.dispatcher.nudge()
            means.emit(ReconnectAsked(account, ask.reason.value, 1))
        return
