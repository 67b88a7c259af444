"""How much one API key may have."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from idlebell.gateway.policy import Policy
from idlebell.gateway.registration import Registrar
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import ApiKeyId
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import Subscription
from idlebell.store.contract import Store

COUNTED: Final = 1_000
"""Subscriptions of a key read at once to count them."""


class Quotas:
    """What is over counts for nothing."""

    def __init__(self, store: Store, policy: Policy, registrar: Registrar) -> None:
        self._store = store
        self._policy = policy
        self._registrar = registrar

    @asynccontextmanager
    async def room(self, owner: ApiKeyId | None, endpoints: Endpoints) -> AsyncIterator[None]:
        """For one subscription more, with ``endpoints``, to be stored within. ProblemError ``too-many-requests``: there is
        none. One of a key at a time, or each would count before the others are there."""
        if owner is None or not (self._policy.subscriptions_per_key or self._policy.endpoints_per_key):
            yield
            return
        async with self._registrar.turns.of(("quota", owner)):
            await self._check(owner, endpoints, None)
            yield

    async def check_change(self, known: Subscription, endpoints: Endpoints) -> None:
        """It is to have ``endpoints`` in place of its own. ProblemError as in :meth:`room`; not where it has no more of them
        than before."""
        if (
            known.owner is None
            or not self._policy.endpoints_per_key
            or distinct(endpoints) <= distinct(known.endpoints)
        ):
            return
        await self._check(known.owner, endpoints, known)

    async def _check(self, owner: ApiKeyId, endpoints: Endpoints, known: Subscription | None) -> None:
        living, pushes = 0, distinct(endpoints)
        after = None
        while page := await self._store.page(owner, after, COUNTED):
            others = [one for one in page if not one.phase.over and (known is None or one.id != known.id)]
            living += len(others)
            pushes += sum(distinct(one.endpoints) for one in others)
            after = page[-1].id
        most = self._policy.subscriptions_per_key
        if most and known is None and living >= most:
            detail = f"This API key has {most} subscriptions, as many as it may."
            raise ProblemError(Problem("too-many-requests", detail))
        most = self._policy.endpoints_per_key
        if most and pushes > most:
            detail = f"This API key may have {most} endpoints in all its subscriptions, and these would be more."
            raise ProblemError(Problem("too-many-requests", detail))


def distinct(endpoints: Endpoints) -> int:
    """How many there are; one that serves several roles is one."""
    return len({(one.kind, one.url) for _, one in endpoints})
