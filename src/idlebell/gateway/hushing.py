""" "Less of this": one call, and a sender or a mailing list rings no more."""

from __future__ import annotations

from dataclasses import replace

from idlebell.gateway.callers import Caller
from idlebell.gateway.hushed import hushing, named
from idlebell.gateway.means import Means
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import HushRequest, SubscriptionView
from idlebell.model.preferences import Hushed
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import Subscription
from idlebell.rules.hush import HUSHED_MAX


class Hush:
    def __init__(self, means: Means) -> None:
        self._means = means

    async def hush(self, subscription: str, request: HushRequest, caller: Caller) -> SubscriptionView:
        """The subscription as it is then; whom it hushed is the last of ``hushed``. ProblemError ``conflict``: it hushes too
        many."""
        means = self._means
        found = await means.visible(subscription, caller)
        one = await self._whom(found, request)

        async def hushed(stored: Subscription) -> Subscription:
            if stored.phase.over:
                raise ProblemError(Problem("conflict", "The subscription is over; registering again revives it."))
            wish = hushing(stored.preferences, one)
            if wish is None:
                detail = f"{HUSHED_MAX} are hushed, which is as many as there may be: a filter says it better."
                raise ProblemError(Problem("conflict", detail))
            return replace(stored, preferences=wish)

        stored = await means.update(found.id, hushed)
        means.tell(stored, "changed")
        return await means.view(stored)

    async def _whom(self, found: Subscription, request: HushRequest) -> Hushed:
        faults = Faults()
        one = named(faults, request)
        if one is None and not faults.count:
            faults.add("", "must name sender or list_id")
        faults.raise_any()
        assert one is not None
        return one
