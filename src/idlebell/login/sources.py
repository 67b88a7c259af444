"""How many accounts one source tries in vain. Whoever has users brings right passwords; whoever brings wrong ones for many
accounts is trying them."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from idlebell.login.asker import Asker
from idlebell.model.problem import Fault
from idlebell.net.clock import Clock

REFUSED_PER_HOUR: Final = 20
"""Accounts of one source that were refused (setting ``limits.refused_users_per_hour``)."""
HOUR_SECONDS: Final = 3_600.0
KNOWN_AT_ONCE: Final = 10
"""Times as many logins as that may be under way of a source that the operator knows. It may overshoot by so many, and a mail
server that hangs does not hold up an app with many users."""
SOURCES: Final = 10_000
"""Remembered; the one that was refused longest ago is forgotten first."""


class SourceSpent(Exception):  # noqa: N818 - named as the fact it is
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.detail)
        self.fault = fault


@dataclass(slots=True)
class _Source:
    refused: OrderedDict[bytes, float] = field(default_factory=OrderedDict)
    """Digest of an account -> when; not more than the budget, and those under way."""
    under_way: Counter[bytes] = field(default_factory=Counter)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)


class Sources:
    """``per_hour`` 0: no bound."""

    def __init__(self, clock: Clock, per_hour: int = REFUSED_PER_HOUR) -> None:
        self._clock = clock
        self._per_hour = per_hour
        self._sources: OrderedDict[str, _Source] = OrderedDict()

    @asynccontextmanager
    async def turn(self, asker: Asker, account: bytes) -> AsyncIterator[None]:
        """One login of an account. Logins under way count as if they were refused, or a hundred at once would pass before the
        first refusal; who comes too many waits for the others' ends. SourceSpent: not in this hour."""
        if not (self._per_hour and asker.source) or asker.owner:
            yield
            return
        held = self._sources.setdefault(asker.source, _Source())
        entered = False
        try:
            while not self._fits(held, asker, account):
                future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                held.waiting.append(future)
                await future
            held.under_way[account] += 1
            entered = True
            yield
        finally:
            if entered:
                held.under_way[account] -= 1
                if not held.under_way[account]:
                    del held.under_way[account]
            _wake(held)  # also where this one was woken and does not go: it is another's turn
            if not (held.refused or held.under_way or held.waiting) and self._sources.get(asker.source) is held:
                del self._sources[asker.source]

    def refused(self, asker: Asker, account: bytes) -> None:
        """To be called within :meth:`turn`."""
        held = self._sources.get(asker.source)
        if held is None or asker.owner:
            return
        held.refused[account] = self._clock.monotonic()
        held.refused.move_to_end(account)
        self._sources.move_to_end(asker.source)
        for _ in range(min(2, len(self._sources) - SOURCES)):
            oldest = next(iter(self._sources))
            if self._sources[oldest].under_way or self._sources[oldest].waiting:
                self._sources.move_to_end(oldest)
            else:
                del self._sources[oldest]

    def __len__(self) -> int:
        return len(self._sources)

    def _fits(self, held: _Source, asker: Asker, account: bytes) -> bool:
        """One that was refused before is no further one: how often it is tried is for the account's own pauses."""
        now = self._clock.monotonic()
        while held.refused and now - next(iter(held.refused.values())) >= HOUR_SECONDS:
            held.refused.popitem(last=False)
        if account in held.refused or account in held.under_way:
            return True
        if len(held.refused) >= self._per_hour:
            left = next(iter(held.refused.values())) + HOUR_SECONDS - now
            detail = "Too many accounts were refused that came from here; nothing is sent to a mail server for a while."
            raise SourceSpent(Fault("throttled", detail, retry_after_seconds=max(1, ceil(left))))
        most = self._per_hour * (KNOWN_AT_ONCE if asker.known else 1)
        return len(held.under_way) < most - len(held.refused)


def _wake(held: _Source) -> None:
    while held.waiting:
        future = held.waiting.popleft()
        if not future.done():
            future.set_result(None)
            return
