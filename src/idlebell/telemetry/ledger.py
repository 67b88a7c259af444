"""What the IMAP sessions of an account have taken since the process began: how many there were, commands, bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from idlebell.model.ids import AccountId

ACCOUNTS_KEPT: Final = 10_000
"""That have had a session that is over; the one whose last ended longest ago is forgotten, and counts anew."""


class Meter(Protocol):
    """A connection."""

    @property
    def spent(self) -> tuple[int, int] | None:
        """Commands, and bytes over TCP, both ways, with all that TLS adds, of the whole session. None: it is parked, and
        somebody else counts on."""


@dataclass(frozen=True, slots=True)
class Spent:
    sessions: int = 0
    commands: int = 0
    moved_bytes: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.sessions + other.sessions, self.commands + other.commands, self.moved_bytes + other.moved_bytes
        )


NOTHING: Final = Spent()


class Ledger:
    """Sessions that are awake are asked, parked ones tell by who was lent; of what is over the sum is kept."""

    __slots__ = ("_awake", "_over", "_parked_of")

    def __init__(self) -> None:
        self._awake: dict[AccountId, list[Meter]] = {}
        self._over: OrderedDict[AccountId, Spent] = OrderedDict()
        self._parked_of: Callable[[AccountId], Spent] = _nothing

    def lend(self, of: Callable[[AccountId], Spent]) -> None:
        self._parked_of = of

    @contextmanager
    def session(self, account: AccountId, meter: Meter) -> Iterator[None]:
        """While its session is awake."""
        self._awake.setdefault(account, []).append(meter)
        try:
            yield
        finally:
            self._awake[account].remove(meter)
            if not self._awake[account]:
                del self._awake[account]
            if meter.spent is not None:
                self._over[account] = self._over.pop(account, NOTHING) + _read(meter)
                if len(self._over) > ACCOUNTS_KEPT:
                    self._over.popitem(last=False)

    def of(self, account: AccountId) -> Spent:
        spent = self._over.get(account, NOTHING) + self._parked_of(account)
        for meter in self._awake.get(account, ()):
            spent += _read(meter)
        return spent


def _read(meter: Meter) -> Spent:
    return NOTHING if meter.spent is None else Spent(1, *meter.spent)


def _nothing(_: AccountId) -> Spent:
    return NOTHING
