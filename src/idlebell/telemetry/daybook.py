"""What was done for accounts and subscriptions and is not written down yet, by day: names from closed sets, and counts.

It costs an addition a command and one a push; what is counted is written together from time to time
(:class:`~idlebell.gateway.bookkeeping.Bookkeeping`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.telemetry.facts import Fact, LoginFailed, PushAttempted, SessionOpened

LOGINS: Final = "logins"
REFUSED: Final = "refused"
COMMAND: Final = "command "
PUSH: Final = "push "
"""How names begin."""

SUBJECTS_MAX: Final = 200_000
"""Of a day, until it is written: whoever fails to register all day grows no process. Twice what one is built to hold."""

Subject: TypeAlias = AccountId | SubscriptionId


class Daybook:
    """A sink of facts. ``day``: since the epoch, of what is counted now."""

    __slots__ = ("_days", "day")

    def __init__(self, day: int) -> None:
        self.day = day
        self._days: dict[int, dict[Subject, dict[str, int]]] = {}

    def __call__(self, fact: Fact) -> None:
        if isinstance(fact, PushAttempted):
            self.note(fact.subscription, PUSH + fact.outcome)
        elif isinstance(fact, SessionOpened):
            self.note(fact.account, LOGINS)
        elif isinstance(fact, LoginFailed):
            self.note(fact.account, REFUSED)

    def note(self, subject: Subject, name: str, count: int = 1) -> None:
        subjects = self._days.setdefault(self.day, {})
        counts = subjects.get(subject)
        if counts is None:
            if len(subjects) >= SUBJECTS_MAX:
                return
            counts = subjects[subject] = {}
        counts[name] = counts.get(name, 0) + count

    def commands(self, account: AccountId, sent: Mapping[str, int]) -> None:
        """By their names."""
        for name, count in sent.items():
            if count:
                self.note(account, COMMAND + name, count)

    def of(self, subject: Subject) -> dict[int, dict[str, int]]:
        """What is not written yet, by day."""
        return {day: dict(subjects[subject]) for day, subjects in self._days.items() if subject in subjects}

    def tear_out(self) -> dict[int, dict[Subject, dict[str, int]]]:
        """All of it, to be written down; it is no more here."""
        days, self._days = self._days, {}
        return days

    def put_back(self, day: int, counts: Mapping[Subject, Mapping[str, int]]) -> None:
        """It could not be written down."""
        known = self._days.setdefault(day, {})
        for subject, more in counts.items():
            own = known.setdefault(subject, {})
            for name, count in more.items():
                own[name] = own.get(name, 0) + count
