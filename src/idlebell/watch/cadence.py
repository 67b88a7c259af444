"""When a session is looked at next, and what the ends of sessions teach about it. Pure.

RFC 2177: a client is advised to end and restart IDLE at least every 29 minutes. Providers and the boxes on the way forget a
quiet connection much sooner, so the cycle starts at nine minutes and is learnt for each server, in both directions. Within it
a session has to show that it lives as often as a small part of a core allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STARTING_SECONDS: Final = 540.0
"""Under the shortest lifetime of an idle session that a large provider is known for (10 minutes)."""
SHORTEST_SECONDS: Final = 120.0
"""What is learnt never goes below: no box on the way forgets faster and is of use to anybody."""
SETTLE_SECONDS: Final = 30.0
"""After an arrival one look comes early: a message that came between the FETCH and IDLE gets no EXISTS of its own on some
servers."""
JITTER: Final = 0.1
"""Part of an interval by which it is shortened at random, so that sessions opened together do not cycle together."""

PROBE_SECONDS: Final = 0.0012
"""What a probe of an awake session costs of a core: DONE, NOOP, IDLE and their answers under TLS (``bench/probe.py``)."""
PROBE_SHARE: Final = 0.02
"""Part of a core that all probes together may take."""
PROBE_FOREIGN_SECONDS: Final = 120.0
"""Nobody's provider is to be hammered."""
PROBE_OWN_SECONDS: Final = 30.0
"""For servers on networks that the operator names as his own."""

LENGTHENED_AFTER_SECONDS: Final = 86_400.0
"""A day in which no session of a server was lost in its quiet."""
LENGTHENED_BY: Final = 1.25
SHORTENED_TO: Final = 0.8
"""Of the age at which quiet sessions were hung up on, twice alike."""
SILENTLY_SHORTENED_TO: Final = 0.5
"""Of the interval, where the connection was forgotten without a word: nobody knows how long ago."""
ALIKE: Final = 0.1
"""Two ages that differ by less than this part are one time-out of the server's."""
APART_SECONDS: Final = 60.0
"""Sessions that end together end for another reason: the server stopped, or the network."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """All in seconds. ``idle``: upper bound from IDLE to its restart; ``poll``: between looks where the server has no IDLE,
    and at mailboxes that are asked by STATUS; ``probe``: the operator's wish for how often a session shows that it lives,
    0: as the budget allows."""

    idle: float = 1_680.0
    poll: float = 60.0
    probe: float = 0.0
    settle: float = SETTLE_SECONDS
    shortest: float = SHORTEST_SECONDS

    def cycle(self, learnt: float | None, *, sessions: int, own: bool, settled: bool, entropy: float) -> float:
        """Seconds in IDLE before the next probe. ``learnt``: how long this server bears a quiet session; ``sessions``: how
        many are held in all; ``own``: it is on a network that the operator allows by name; ``settled``: nothing came at the
        last look. ``entropy`` is in [0, 1)."""
        wished = self.probe or max(sessions * PROBE_SECONDS / PROBE_SHARE, PROBE_OWN_SECONDS)
        interval = min(self.bears(learnt), wished if own else max(wished, PROBE_FOREIGN_SECONDS))
        if not settled:
            interval = min(interval, self.settle)
        return interval * (1.0 - JITTER * entropy)

    def bears(self, learnt: float | None) -> float:
        """For how long a session of the server may be quiet."""
        return min(learnt if learnt is not None else STARTING_SECONDS, self.idle)

    def polling(self, entropy: float) -> float:
        return self.poll * (1.0 - JITTER * entropy)

    def shortened(self, learnt: float | None, age: float, *, silently: bool) -> float:
        """What a server bears that let a session end after ``age`` quiet seconds."""
        wished = min(self.bears(learnt), max(age, self.shortest)) * (
            SILENTLY_SHORTENED_TO if silently else SHORTENED_TO
        )
        return max(self.shortest, wished)

    def lengthened(self, learnt: float | None) -> float:
        """After :data:`LENGTHENED_AFTER_SECONDS` without a loss."""
        return min(self.idle, self.bears(learnt) * LENGTHENED_BY)


def same_timeout(age: float, before: float | None, apart_seconds: float) -> bool:
    """Did two quiet sessions end at the same age, and not both for one event?"""
    return before is not None and apart_seconds >= APART_SECONDS and abs(age - before) <= ALIKE * max(age, before)
