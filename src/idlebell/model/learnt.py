"""What was learnt of one server (by host) while its mailboxes were watched. None: nothing yet."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

HOSTS_KEPT: Final = 10_000
"""The one written longest ago goes: what is forgotten is learnt again, at the price of a few sessions that are hung up on."""


@dataclass(frozen=True, slots=True)
class Learnt:
    idle_seconds: float | None = None
    """The DONE/IDLE cycle that it bears."""
    sessions: int | None = None
    """How many of one account it bears at a time."""
    clock_lag_seconds: float | None = None
    """How far its clock may lag behind ours."""
    quiet_since: datetime | None = None
    """Since when the cycle has not been cut short by a hang-up."""
