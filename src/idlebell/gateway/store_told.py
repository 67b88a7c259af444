"""What the store cannot do is a problem like another one to a face."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from idlebell.gateway.means import Means
from idlebell.model.problem import Problem, ProblemError
from idlebell.store.contract import StoreError
from idlebell.telemetry.facts import StoreFailed

P = ParamSpec("P")
R = TypeVar("R")


class HasMeans(Protocol):
    @property
    def means(self) -> Means: ...


S = TypeVar("S", bound=HasMeans)


def store_told(verb: Callable[Concatenate[S, P], Awaitable[R]]) -> Callable[Concatenate[S, P], Awaitable[R]]:
    """``verb``, which raises ProblemError where the store fails."""

    @functools.wraps(verb)
    async def told(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await verb(self, *args, **kwargs)
        except StoreError as error:
            self.means.emit(StoreFailed(str(error)))
            problem = Problem("store-unavailable", "The gateway cannot store anything now.", retry_after_seconds=10)
            raise ProblemError(problem) from None

    return told
