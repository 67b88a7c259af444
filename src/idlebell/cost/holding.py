"""What a mailbox costs the processors of a mail server and of the gateway in an hour, by the way it is looked after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from idlebell.cost import measured
from idlebell.cost.exchange import Spent

HOUR_SECONDS: Final = 3_600
IDLE_RESTART_SECONDS: Final = 1_680
"""Of the gateway (``[imap] idle_restart_seconds``)."""
POLL_SECONDS: Final = 60
"""Of the gateway (``[imap] poll_seconds``)."""


@dataclass(frozen=True, slots=True)
class Held:
    title: str
    spent: Spent
    """In an hour."""


def an_hour(server: str) -> tuple[Held, ...]:
    steps = measured.CPU[server]
    restarts, polls = HOUR_SECONDS / IDLE_RESTART_SECONDS, HOUR_SECONDS / POLL_SECONDS
    idle = _times(steps["idle"], restarts)
    return (
        Held("IDLE", Spent(idle.server_ms + steps["hold"].server_ms, idle.gateway_ms + steps["hold"].gateway_ms)),
        Held("NOOP every minute", _times(steps["noop"], polls)),
        Held("STATUS every minute", _times(steps["status"], polls)),
        Held("a login every minute", _times(steps["login"], polls)),
    )


def _times(spent: Spent, times: float) -> Spent:
    return Spent(spent.server_ms * times, spent.gateway_ms * times)
