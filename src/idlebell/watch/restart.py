"""After a start: sessions died with the last process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta

from idlebell.model.ids import AccountId
from idlebell.model.notification import LossReason
from idlebell.telemetry.facts import ReconnectAsked
from idlebell.watch.look import Means

AT_ONCE = 64
"""Accounts whose loss is written together."""
RESTARTS_PER_SECOND = 100.0
"""Apps that are told of a restart: their answers come back as requests and logins, 8 ms of a core each with the push. What
comes sooner stands in line at the door."""


async def announce_restart(means: Means, holds: Callable[[AccountId], bool]) -> None:
    """Sessions died with the last process, so every account without credentials
    is asked for them, paced. Where they are held, only those are whose first login died with it."""
    now = means.clock.now()
    accounts = await means.store.unsettled()
    told = 0
    for start in range(0, len(accounts), AT_ONCE):  # together they share a commit
        some = accounts[start : start + AT_ONCE]
        pace = timedelta(seconds=1 / RESTARTS_PER_SECOND)
        counts = await asyncio.gather(
            *(
                means.store.record_loss(
                    account, LossReason.RESTART, now, now + (told + index) * pace, pending_only=holds(account)
                )
                for index, account in enumerate(some)
            )
        )
        for account, count in zip(some, counts, strict=True):
            if count:
                means.emit(ReconnectAsked(account, LossReason.RESTART.value, count))
        told += sum(counts)
    if told:
        means.committed()
