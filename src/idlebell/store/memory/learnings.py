"""What was learnt of servers, in memory."""

from __future__ import annotations

from collections.abc import Collection

from idlebell.model.learnt import HOSTS_KEPT, Learnt


class MemoryLearnings:
    """Keeps :class:`~idlebell.store.learnings.Learnings`."""

    def __init__(self) -> None:
        super().__init__()
        self._learnt: dict[str, Learnt] = {}

    async def learnt(self) -> dict[str, Learnt]:
        return dict(self._learnt)

    async def learn(self, host: str, learnt: Learnt) -> None:
        self._learnt.pop(host, None)
        self._learnt[host] = learnt
        while len(self._learnt) > HOSTS_KEPT:
            del self._learnt[next(iter(self._learnt))]

    # inside

    def _forget_servers(self, but: Collection[str]) -> None:
        self._learnt = {host: learnt for host, learnt in self._learnt.items() if host in but}
