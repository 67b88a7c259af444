"""How much one API key may have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from idlebell.gateway.policy import Policy
from idlebell.gateway.registration import Registrar
from idlebell.model.endpoint import Endpoints
from idlebell.model.ids import ApiKeyId, SubscriptionId
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import Subscription
from idlebell.store.contract import Store

COUNTED: Final = 1_000
"""Subscriptions of a key read at once to count them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Room that is held for what is still to be stored. ``end``: it is stored, or will not be; once."""

    end: Callable[[], None]


NO_CLAIM: Final = Claim(lambda: None)
"""Nothing has to be held."""


class Quotas:
    """What is over counts for nothing, until somebody asks for it to come back."""

    def __init__(self, store: Store, policy: Policy, registrar: Registrar) -> None:
        self._store = store
        self._policy = policy
        self._registrar = registrar
        self._claims: defaultdict[ApiKeyId, list[tuple[SubscriptionId, int]]] = defaultdict(list)

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

    async def claim(self, known: Subscription, endpoints: Endpoints) -> Claim:
        """For what ``known`` is to be, with ``endpoints``: until the claim ends others are counted beside it. A login may lie
        between, and who is counted while it lasts must not find the same room. ProblemError as in :meth:`room`; not where it
        lives already and has no more endpoints than before."""
        owner = known.owner
        grows = known.phase.over or distinct(endpoints) > distinct(known.endpoints)
        if owner is None or not grows or not (self._policy.subscriptions_per_key or self._policy.endpoints_per_key):
            return NO_CLAIM
        async with self._registrar.turns.of(("quota", owner)):
            await self._check(owner, endpoints, known)
            held = (known.id, distinct(endpoints))
            self._claims[owner].append(held)
        return Claim(lambda: self._end(owner, held))

    @asynccontextmanager
    async def claimed(self, known: Subscription, endpoints: Endpoints) -> AsyncIterator[None]:
        """As :meth:`claim`, to be stored within."""
        claim = await self.claim(known, endpoints)
        try:
            yield
        finally:
            claim.end()

    def _end(self, owner: ApiKeyId, held: tuple[SubscriptionId, int]) -> None:
        self._claims[owner].remove(held)
        if not self._claims[owner]:
            del self._claims[owner]

    async def _check(self, owner: ApiKeyId, endpoints: Endpoints, known: Subscription | None) -> None:
        living, pushes = 0, distinct(endpoints)
        after = None
        while page := await self._store.page(owner, after, COUNTED):
            for one in page:
                claimed = [pushed for claimant, pushed in self._claims.get(owner, ()) if claimant == one.id]
                if (known is not None and one.id == known.id) or (one.phase.over and not claimed):
                    continue
                living += 1
                pushes += max(0 if one.phase.over else distinct(one.endpoints), *claimed, 0)
            after = page[-1].id
        most = self._policy.subscriptions_per_key
        if most and (known is None or known.phase.over) and living >= most:
            detail = f"This API key has {most} subscriptions, as many as it may."
            raise ProblemError(Problem("too-many-requests", detail))
        most = self._policy.endpoints_per_key
        if most and pushes > most:
            detail = f"This API key may have {most} endpoints in all its subscriptions, and these would be more."
            raise ProblemError(Problem("too-many-requests", detail))


def distinct(endpoints: Endpoints) -> int:
    """How many there are; one that serves several roles is one."""
    return len({(one.kind, one.url) for _, one in endpoints})
