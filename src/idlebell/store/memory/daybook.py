"""What was done on a day, in memory."""

from __future__ import annotations

from collections.abc import Mapping

from idlebell.store.daybook import DAYS_KEPT, Counts, Subject, added


class MemoryDaybook:
    """The days of :class:`~idlebell.store.daybook.Tallies`."""

    def __init__(self) -> None:
        super().__init__()
        self._days: dict[Subject, dict[int, Counts]] = {}

    async def tallies(self, subject: Subject) -> tuple[tuple[int, Counts], ...]:
        return tuple(sorted(self._days.get(subject, {}).items(), reverse=True))

    # inside

    def _tally(self, day: int, counts: Mapping[Subject, Counts]) -> None:
        for days in self._days.values():
            for old in [one for one in days if one <= day - DAYS_KEPT]:
                del days[old]
        for subject, more in counts.items():
            days = self._days.setdefault(subject, {})
            days[day] = added(days.get(day, {}), more)

    def _forget_days(self, subject: Subject) -> None:
        self._days.pop(subject, None)
