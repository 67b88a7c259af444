"""Every bound of delivery, with its number."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.model.proof import USUAL_DEMANDS, Demands


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """Counts of pushes in flight, and seconds."""

    in_flight: int = 64
    """In all. A push in flight is a connection and some 20 KiB."""
    in_flight_per_lane: int = 4
    """To one push service, to begin with (:mod:`idlebell.deliver.window`)."""
    in_flight_per_lane_max: int = 32
    """However well it bears them: half of all. As many connections to one origin has the HTTP client."""
    in_flight_per_unproven_lane: int = 2
    """To one that has not answered yet. These and the slow ones together have at most half of ``in_flight``, so that services
    which hang never hold up those which work."""
    timeout_seconds: float = 15.0
    """Of one request, connecting and answer included."""
    lease_seconds: float = 120.0
    """Longer than the requests that one lease may take: a body cut twice, a signature made anew."""
    idle_seconds: float = 5.0
    """The longest pause between two looks at the outbox: what a lost nudge costs."""
    blocked_seconds: float = 1.0
    """The same while something due waits for a lane that is full or was asked to pause."""
    drain_seconds: float = 15.0
    """At stop: how long pushes in flight may take to end."""
    demands: Demands = USUAL_DEMANDS
    """What an endpoint has to show before it is sent anything else."""
    max_per_day: int = 50
    """To an endpoint that reaches a person; 0: any number."""
    max_per_day_of_key: int = 500
    """To all such endpoints of an API key together; 0: any number."""
    verification_timeout_seconds: float = 10.0
    verification_every_seconds: float = 3_600.0
    """One challenge to one endpoint in this time, until it answers."""
    verifications_waited_for: int = 5
    """So many in that time where somebody registers it and waits: who mistyped the secret, or started the receiver too late,
    shall not have to wait an hour to mend it. Each source has its own: a stranger who registers the same URL takes nobody's."""
    verifications_of_url: int = 20
    """The same of all sources together, so that many of them cannot make us a nuisance to whoever has that URL."""
    direct: int = 32
    """Tests at once. They are not counted in ``in_flight``: whoever asks for one waits for its answer."""


LANES_KEPT = 1_024
"""Push services whose behaviour is remembered; the one used longest ago is forgotten."""
LANES_AT_ONCE = 4_096
"""Lanes looked at in one round, beside those that can take nothing now. Where so many hang that they have all the places that
they may have, the good ones are behind them."""
ENDPOINTS_KEPT = 4_096
"""Endpoints whose refusals, and whose challenges, are remembered."""
STORE_PAUSE_SECONDS_MIN = 0.2
STORE_PAUSE_SECONDS_MAX = 5.0
"""After a failure of the store; doubled from the first to the second."""
