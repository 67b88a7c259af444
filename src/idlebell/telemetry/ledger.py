"""What the IMAP sessions of an account have taken since the process began: how many there were, commands, bytes. And, for the
book that is kept by day, which commands they have sent."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from idlebell.imap import commands as c
from idlebell.model.ids import AccountId
from idlebell.telemetry.daybook import Daybook

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

    __slots__ = ("_awake", "_fold_parked", "_over", "_parked_of", "_sent", "daybook")

    def __init__(self) -> None:
        self.daybook = Daybook(0)
        self._awake: dict[AccountId, list[Meter]] = {}
        self._sent: dict[AccountId, list[dict[type[c.Command], int]]] = {}
        self._fold_parked: Callable[[AccountId | None], None] = _none_parked
        self._over: OrderedDict[AccountId, Spent] = OrderedDict()
        self._parked_of: Callable[[AccountId], Spent] = _nothing

    def lend(self, of: Callable[[AccountId], Spent], fold: Callable[[AccountId | None], None] | None = None) -> None:
        """``fold`` has what parked sessions have sent told by :meth:`sent`, of one account or of all (None)."""
        self._parked_of = of
        self._fold_parked = fold or _none_parked

    def sent(self, account: AccountId, commands: Mapping[type[c.Command], int]) -> None:
        self.daybook.commands(account, {c.name_of(command): count for command, count in commands.items()})

    def fold(self, *, parked: bool = True) -> None:
        """What sessions have sent goes into the book."""
        for account in tuple(self._sent):
            self._fold_awake(account)
        if parked:
            self._fold_parked(None)

    def fold_of(self, account: AccountId) -> None:
        self._fold_awake(account)
        self._fold_parked(account)

    def _fold_awake(self, account: AccountId) -> None:
        for sent in self._sent.get(account, ()):
            self.sent(account, sent)
            sent.clear()

    @contextmanager
    def session(
        self, account: AccountId, meter: Meter, sent: dict[type[c.Command], int] | None = None
    ) -> Iterator[None]:
        """While its session is awake. ``sent``: commands that it has sent, by kind; emptied as they are counted."""
        sent = {} if sent is None else sent
        self._awake.setdefault(account, []).append(meter)
        self._sent.setdefault(account, []).append(sent)
        try:
            yield
        finally:
            self._fold_awake(account)
            self._sent[account] = [one for one in self._sent[account] if one is not sent]
            if not self._sent[account]:
                del self._sent[account]
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


def _none_parked(_: AccountId | None) -> None:
    return None


def _nothing(_: AccountId) -> Spent:
    return NOTHING
