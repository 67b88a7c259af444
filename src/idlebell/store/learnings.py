"""The part of the store's contract that remembers how servers are."""

from __future__ import annotations

from typing import Protocol

from idlebell.model.learnt import Learnt


class Learnings(Protocol):
    async def learnt(self) -> dict[str, Learnt]:
        """Of every host."""
        ...

    async def learn(self, host: str, learnt: Learnt) -> None:
        """Replaces what was known of ``host``. At most :data:`~idlebell.model.learnt.HOSTS_KEPT` are kept: the one written
        longest ago goes."""
        ...
