"""Who may begin to log in now. Pure; ``now`` is a monotonic clock's seconds.

Everybody who wants a session joins a line, one for each server. Three things let them go: the pace of the server and of all
(:class:`~idlebell.login.pacing.Paces`), its *window*, so many logins under way at once, and the total of all servers.

The window is TCP's (RFC 5681): it opens by one for each session that the server grants, so it doubles each round while
everything is granted, and halves where the server refuses; from there on it opens by one a round, unless the server was away.
A server that takes everything is entered as fast as the machine can; one that does not slows down alone. The total follows the
event loop: while that keeps up it opens, where it lags it halves, so that no storm of handshakes holds up the mail of those
who are in.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from idlebell.login.pacing import Paces

WINDOW_FIRST: Final = 20.0
"""At once at a server of which nothing is known: what a mail client of a small office opens when it starts."""
WINDOW_LEAST: Final = 4.0
"""At a server that is away: a few, for one attempt may hang a minute, and what is back is to be noticed soon. How often it is
asked is a matter of its pace."""
WINDOW_MOST: Final = 10_000.0
"""The total stops it long before; a number that does not grow for ever."""
QUIET_SECONDS: Final = 60.0
"""A server that nobody logged in at for so long is begun with anew (RFC 5681 section 4.1): it may have changed meanwhile."""
HOSTS: Final = 10_000
"""Servers whose window is remembered while nobody stands in line there."""

TOTAL_FIRST: Final = 64.0
TOTAL_LEAST: Final = 32.0
TOTAL_MOST: Final = 512.0
"""Logins under way. A login on the Internet takes half a second, nearly all of it waiting: enough for a thousand a second."""
LAG_SECONDS: Final = 0.02
"""Turns of the event loop that compute for longer, on the average, are too long: with all that comes on top they must stay
under 50 ms."""
LAG_WEIGHT: Final = 1 / 8
"""Of the newest turn in that average (as RFC 6298 weighs round trips), in which none counts for more than twice the bound: the
collector's pauses are no matter of how many log in."""
LAG_COUNTS_EVERY_SECONDS: Final = 0.1
AT_ONCE: Final = 8
"""Admitted in one turn of the loop: so many begin to dial before others get theirs."""


class Outcome(Enum):
    """What a login says of the server."""

    OPENED = "opened"
    REFUSED = "refused"
    """It asks for less, or is not there."""
    NOTHING = "nothing"
    """Wrong credentials, bounds of our own, somebody who gave up."""


@dataclass(slots=True, eq=False)
class Ticket:
    """A place in a line, then a login under way. ``urgent``: somebody waits for an answer."""

    host: str
    urgent: bool
    begun_at: float | None = None


@dataclass(slots=True)
class _Host:
    urgent: deque[Ticket] = field(default_factory=deque)
    patient: deque[Ticket] = field(default_factory=deque)
    urgent_next: bool = True
    under_way: int = 0
    window: float = WINDOW_FIRST
    doubles_below: float = math.inf
    """Slow start below, congestion avoidance above (``ssthresh``)."""
    granted: bool = False
    """It let somebody in since it last refused: what it refuses now is the number. Else it is away, and that says nothing of
    how many it takes when it is back."""
    halved_at: float = -math.inf
    used_at: float = -math.inf

    @property
    def waiting(self) -> int:
        return len(self.urgent) + len(self.patient)

    def pop(self) -> Ticket:
        """Both lines in turn where both have somebody: who waits for an answer need not stand behind ten thousand, and ten
        thousand get on however many come with questions."""
        line = self.urgent if self.urgent and (self.urgent_next or not self.patient) else self.patient
        self.urgent_next = line is self.patient
        return line.popleft()


class Admission:
    def __init__(self, paces: Paces) -> None:
        self._paces = paces
        self._hosts: OrderedDict[str, _Host] = OrderedDict()
        self._turns: deque[str] = (
            deque()
        )  # servers where somebody stands in line, each once, in the order of their turns
        self._under_way = 0
        self._waiting = 0
        self._total = TOTAL_FIRST
        self._pressed = False  # somebody was held back by nothing but the total
        self._lag = 0.0
        self._lagged_at = -math.inf

    @property
    def waiting(self) -> int:
        return self._waiting

    @property
    def under_way(self) -> int:
        return self._under_way

    def window(self, host: str) -> int:
        found = self._hosts.get(host)
        return int(WINDOW_FIRST if found is None else found.window)

    def wait_seconds(self, host: str, now: float) -> float:
        """How long a newcomer of the urgent line waits at least, as far as paces tell; without one nobody knows."""
        found = self._hosts.get(host)
        before = 0 if found is None else len(found.urgent)
        rate = self._paces.rate(host, now)
        return self._paces.wait_seconds(host, now) + (before / rate if rate else 0.0)

    def join(self, host: str, now: float, *, urgent: bool) -> Ticket:
        ticket = Ticket(host, urgent)
        found = self._host(host, now)
        if not found.waiting:
            self._turns.append(host)
        (found.urgent if urgent else found.patient).append(ticket)
        self._waiting += 1
        return ticket

    def leave(self, ticket: Ticket, outcome: Outcome, now: float) -> None:
        """The login is over, or whoever stood in line has gone."""
        found = self._hosts[ticket.host]
        if ticket.begun_at is None:
            (found.urgent if ticket.urgent else found.patient).remove(ticket)
            self._waiting -= 1
            if not found.waiting:
                self._turns.remove(ticket.host)
            return
        found.under_way -= 1
        self._under_way -= 1
        found.used_at = now
        match outcome:
            case Outcome.OPENED:
                found.granted = True
                step = 1.0 if found.window < found.doubles_below else 1.0 / found.window
                found.window = min(WINDOW_MOST, found.window + step)
                self._paces.ease(ticket.host, now)
                if self._pressed and now - self._lagged_at >= LAG_COUNTS_EVERY_SECONDS:
                    self._total = min(TOTAL_MOST, self._total + 1.0)
            case Outcome.REFUSED:
                # Those that were under way together are one refusal.
                if ticket.begun_at >= found.halved_at:
                    found.window = max(WINDOW_LEAST, found.window / 2)
                    if found.granted:
                        found.doubles_below = found.window
                    found.granted = False
                    found.halved_at = now
                self._paces.slow(ticket.host, now)
            case Outcome.NOTHING:
                pass

    def lagged(self, seconds: float, now: float) -> None:
        """A turn of the loop computed for so long."""
        self._lag += (min(seconds, 2 * LAG_SECONDS) - self._lag) * LAG_WEIGHT
        if self._lag > LAG_SECONDS and now - self._lagged_at >= LAG_COUNTS_EVERY_SECONDS:
            self._lagged_at = now
            self._total = max(TOTAL_LEAST, self._total / 2)

    def admit(self, now: float) -> tuple[list[Ticket], float | None]:
        """Those whose turn it is, :data:`AT_ONCE` at most, and in how many seconds to ask again: 0 where there may be more at
        once, None where nobody can go before somebody leaves. One server after another, one login each."""
        admitted: list[Ticket] = []
        again: float | None = None
        self._pressed = False
        held = 0  # servers in a row that could not go
        while held < len(self._turns):
            if len(admitted) == AT_ONCE:
                return admitted, 0.0
            host = self._turns.popleft()
            found = self._hosts[host]
            wait = self._paces.wait_seconds(host, now)
            left = int(self._total) - self._under_way
            # As many as are left to others: a server where logins hang never holds all places, nor do several.
            if wait > 0 or found.under_way >= min(int(found.window), left):
                if wait > 0:
                    again = wait if again is None else min(again, wait)
                elif found.under_way < int(found.window):
                    self._pressed = True
                self._turns.append(host)
                held += 1
                continue
            held = 0
            self._paces.take(host, now)
            ticket = found.pop()
            ticket.begun_at = now
            found.under_way += 1
            self._waiting -= 1
            self._under_way += 1
            admitted.append(ticket)
            if found.waiting:
                self._turns.append(host)
        return admitted, again

    def _host(self, host: str, now: float) -> _Host:
        found = self._hosts.get(host)
        idle = found is not None and not found.waiting and not found.under_way
        if found is None or (idle and now - found.used_at >= QUIET_SECONDS):
            found = self._hosts[host] = _Host(used_at=now)
        self._hosts.move_to_end(host)
        for _ in range(min(2, len(self._hosts) - HOSTS)):  # two for one that came: some cannot go yet
            oldest = next(iter(self._hosts))
            if self._hosts[oldest].waiting or self._hosts[oldest].under_way:
                self._hosts.move_to_end(oldest)
            else:
                del self._hosts[oldest]
        return found
