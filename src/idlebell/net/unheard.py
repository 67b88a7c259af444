"""Connections that have not said anything whole yet, by the address that they come from: which of them makes room when places
run out.

Whoever asks anything sends it in one packet or two, so among many that wait for long the one that has waited longest is the one
least likely to say something. It is taken from the address that has the most of them: who comes from many connections gets rid
of its own, and nobody else's place is had by coming often.
"""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

T = TypeVar("T")


class Unheard(Generic[T]):
    """Each step takes the same time however many there are; :meth:`longest` looks at addresses until one has the most."""

    def __init__(self) -> None:
        self._of: dict[str, dict[T, None]] = {}
        self._sizes: Counter[int] = Counter()
        self._most = 0

    def add(self, who: str, one: T) -> None:
        """One that is there already keeps its place in the order."""
        own = self._of.setdefault(who, {})
        if one in own:
            return
        own[one] = None
        self._resize(len(own) - 1, len(own))

    def discard(self, who: str, one: T) -> bool:
        """Was it there?"""
        own = self._of.get(who)
        if own is None or one not in own:
            return False
        del own[one]
        self._resize(len(own) + 1, len(own))
        if not own:
            del self._of[who]
        return True

    def longest(self, newcomer: str, *, exempt: bool = False) -> T | None:
        """The one that makes room for somebody from ``newcomer``. None: nobody waits, or no address has more of them than the
        newcomer's own. ``exempt``: it speaks for many, and is not held to that."""
        if not self._most or (not exempt and len(self._of.get(newcomer, ())) >= self._most):
            return None
        own = next(found for found in self._of.values() if len(found) == self._most)
        return next(iter(own))

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def __bool__(self) -> bool:
        return bool(self._of)

    def _resize(self, before: int, now: int) -> None:
        """Sizes change by one, so the most does, too."""
        if before:
            self._sizes[before] -= 1
        if now:
            self._sizes[now] += 1
        if now > self._most or not self._sizes[self._most]:
            self._most = now
