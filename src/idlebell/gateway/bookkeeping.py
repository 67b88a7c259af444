"""Writes down what was done, from time to time and together."""

from __future__ import annotations

from itertools import islice
from typing import Final

from idlebell.model.ids import AccountId
from idlebell.net.clock import Clock
from idlebell.store.contract import StoreError
from idlebell.store.daybook import TALLIES_AT_ONCE, Counts, Subject, Tallies, added
from idlebell.telemetry.ledger import Ledger

EVERY_SECONDS: Final = 900.0
"""A kill loses as much. A row for each account and subscription of which there is something new."""
_DAY_SECONDS: Final = 86_400


class Bookkeeping:
    """``ledger`` knows what sessions have sent; those that sleep are asked at the end of a day and of the process only."""

    def __init__(self, store: Tallies, ledger: Ledger, clock: Clock) -> None:
        self._store = store
        self._ledger = ledger
        self._daybook = ledger.daybook
        self._daybook.day = today(clock)
        self._clock = clock
        self._written_at = clock.monotonic()

    async def write_in_time(self) -> None:
        """Where it is time: now and then, and at the end of a day. StoreError: it is tried again."""
        day = today(self._clock)
        if day != self._daybook.day:
            self._ledger.fold()
            self._daybook.day = day
        elif self._clock.monotonic() - self._written_at < EVERY_SECONDS:
            return
        else:
            self._ledger.fold(parked=False)
        await self.write()

    async def write_last(self) -> None:
        """When the sessions are over."""
        self._ledger.fold()
        await self.write()

    async def write(self) -> None:
        self._written_at = self._clock.monotonic()
        for day, counts in self._daybook.tear_out().items():
            left = iter(counts.items())
            while some := dict(islice(left, TALLIES_AT_ONCE)):
                try:
                    await self._store.tally(day, some)
                except StoreError:
                    self._daybook.put_back(day, {**some, **dict(left)})
                    raise

    async def days(self, subject: Subject, account: AccountId) -> tuple[tuple[int, Counts], ...]:
        """What is kept of ``subject``, written or not, the newest day first. ``account``: whose sessions are asked first."""
        self._ledger.fold_of(account)
        found: dict[int, Counts] = dict(await self._store.tallies(subject))
        for day, more in self._daybook.of(subject).items():
            found[day] = added(found.get(day, {}), more)
        return tuple(sorted(found.items(), reverse=True))


def today(clock: Clock) -> int:
    return int(clock.now().timestamp()) // _DAY_SECONDS
