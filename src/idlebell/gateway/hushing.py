""" "Less of this": one call, and a sender or a mailing list rings no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idlebell.gateway.callers import Caller
from idlebell.gateway.hushed import hushing, message_named, named
from idlebell.gateway.looking import Looking
from idlebell.gateway.means import Means
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import HushRequest, SubscriptionView
from idlebell.model.preferences import Hushed
from idlebell.model.problem import Problem, ProblemError
from idlebell.model.subscription import Subscription
from idlebell.net.look_inbox import Look
from idlebell.rules.evidence import Evidence
from idlebell.rules.hush import HUSHED_MAX, Whom, hushed_of

WHOM: Final = Whom()


class Hush:
    def __init__(self, means: Means, looking: Looking) -> None:
        self._means = means
        self._looking = looking

    async def hush(self, subscription: str, request: HushRequest, caller: Caller) -> SubscriptionView:
        """The subscription as it is then; whom it hushed is the last of ``hushed``. ProblemError ``conflict``: it hushes too
        many; where a message is named, ``needs-tls`` and what a look may come to."""
        means = self._means
        found = await means.visible(subscription, caller)
        one = await self._whom(found, request, caller)

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

    async def _whom(self, found: Subscription, request: HushRequest, caller: Caller) -> Hushed:
        faults = Faults()
        one = named(faults, request)
        message = None if one is not None or faults.count else message_named(faults, request, found.mailboxes)
        faults.raise_any()
        if message is not None:
            self._looking.allow(caller)
            fetched = await self._looking.look(found, Look(message.mailbox, 1, WHOM, only=message))
            one = next((hushed_of(Evidence(each, message.mailbox)) for each in fetched), None)
            if one is None:
                faults.add(
                    "/uid", "names nobody: it has neither list nor sender" if fetched else "is not in the mailbox"
                )
        faults.raise_any()
        assert one is not None, "else there is a fault"
        return one
