"""How often a client's mailboxes are looked at, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.front.notify.bounds import LIST_EVERY_SECONDS, SECONDS_A_STATUS


@dataclass(frozen=True, slots=True)
class Pace:
    """``poll``: between looks at mailboxes that no session idles at, and between NOOPs where the server has no IDLE; as the
    watcher's own (``watch.poll``). ``list``: between two LISTs of all names. ``status``: for each
    STATUS command of a round. ``gather``: after the first sign of a change, so
    that what comes together is told together. ``unread``: a client that does not take what it is told."""

    poll: float = 60.0
    list: float = LIST_EVERY_SECONDS
    status: float = SECONDS_A_STATUS
    gather: float = 0.3
    unread: float = 60.0

    def pause(self, statuses: int) -> float:
        """Between two rounds, of which the last one took ``statuses`` STATUS commands."""
        return max(self.poll, statuses * self.status)
