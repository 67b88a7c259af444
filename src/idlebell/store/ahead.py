"""What is leased by the commit that records it, so that an ordinary mail costs no second step until it has rung.

Whoever sends offers places; the store fills them where that changes no order and takes nobody's turn. Everything else waits in
the outbox, to be taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from idlebell.model.notification import Draft, Leased, NewMail


@dataclass(frozen=True, slots=True)
class Offer:
    """``now``: what is due then may be leased ``until`` then. ``reserve``: a place for one push in this lane, if there is any;
    it may be called in another thread, but in one at a time."""

    now: datetime
    until: datetime
    reserve: Callable[[bytes], bool]

    def suits(self, draft: Draft, patience_seconds: int) -> bool:
        """May it be sent now, as far as it and its endpoint tell? What waits for its endpoint for so long at most has to be
        counted from when it waits."""
        return isinstance(draft.content, NewMail) and draft.due_at <= self.now and not patience_seconds


class Taker(Protocol):
    """Each of these is called in the event loop."""

    def offer(self) -> Offer | None:
        """None: nothing can be begun now."""
        ...

    def begin(self, leased: Leased) -> None:
        """It is leased, on disk, and has one of the places that were reserved."""
        ...

    def give_back(self, lane: bytes) -> None:
        """A place that was reserved and is not needed."""
        ...

    def left(self) -> None:
        """Something is being committed, or has been, that is not leased: it may be due. A hint."""
        ...


class LeasesAhead(Protocol):
    def hand_to(self, taker: Taker | None) -> None:
        """From now on :meth:`~idlebell.store.contract.Cursors.commit` leases new mail in the same step: where ``taker`` offers
        a place, nothing waits for its endpoint, nothing of its lane is due and not leased, and its subscription has no
        schedule. It is as if it had been taken (:meth:`~idlebell.store.contract.Outbox.take`) right after. None: no more of
        that."""
        ...


@dataclass(slots=True)
class Ahead:
    """Of one commit."""

    taker: Taker | None
    offer: Offer | None = field(init=False)
    reserved: list[bytes] = field(default_factory=list)
    """Also for what came to nothing: a transaction may run more than once."""
    leased: list[Leased] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.offer = None if self.taker is None else self.taker.offer()

    def ask(self, drafts: Sequence[Draft]) -> None:
        """Before it is committed: what has to be taken shares its commit then."""
        if self.taker is not None and self.offer is None and drafts:
            self.taker.left()

    def begin_again(self) -> None:
        """What was leased is undone."""
        self.leased.clear()

    def reserve(self, lane: bytes) -> bool:
        if self.offer is None or not self.offer.reserve(lane):
            return False
        self.reserved.append(lane)
        return True

    def end(self, drafts: Sequence[Draft], *, committed: bool) -> None:
        """Once it is known what became of it."""
        if self.taker is None:
            return
        begun = self.leased if committed else []
        for lane in (Counter(self.reserved) - Counter(one.lane for one in begun)).elements():
            self.taker.give_back(lane)
        for one in begun:
            self.taker.begin(one)
        if committed and len(begun) < len(drafts):
            self.taker.left()
