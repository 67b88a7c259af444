"""Whose is an endpoint? What a kind needs as proof before it is used, and how far that has come."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from idlebell.model.secret import Secret

CODE_LIVES: Final = timedelta(minutes=10)
"""How long a code can be read back (interface section 4)."""
TRIES_MAX: Final = 5
"""Wrong codes; after as many this one is void. Of the hundred million that a person may be sent, five are no guess."""


class Audience(StrEnum):
    """Who receives what is sent to an endpoint of a kind."""

    OWN = "own"
    """Somebody who need not show anything: a process of the operator's, a network that the operator allows, or one that is
    told nothing."""
    SERVER = "server"
    APP = "app"
    PERSON = "person"
    """It may cost money, or ring at somebody's who never asked for it."""


class Demand(StrEnum):
    NONE = "none"
    CHALLENGE = "challenge"
    """It answers a request with the code that the request holds."""
    CODE = "code"
    """It is sent a code, and whoever registered it reads the code back."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of each audience; the defaults are the configuration's."""

    server: Demand = Demand.CHALLENGE
    app: Demand = Demand.NONE
    person: Demand = Demand.CODE

    def of(self, audience: Audience) -> Demand:
        match audience:
            case Audience.OWN:
                return Demand.NONE
            case Audience.SERVER:
                return self.server
            case Audience.APP:
                return self.app
            case Audience.PERSON:
                return self.person


USUAL_DEMANDS: Final = Demands()


@dataclass(frozen=True, slots=True)
class Unproven:
    """Nothing was asked of it yet."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A code was sent, or is being sent. ``tries``: wrong ones that were read back. ``sent``: the service has taken it; else it
    may have died with the process that was to send it."""

    code: Secret
    until: datetime
    tries: int = field(default=0)
    sent: bool = False

    def stands(self, now: datetime) -> bool:
        """Can it still be read back?"""
        return now < self.until and self.tries < TRIES_MAX


@dataclass(frozen=True, slots=True)
class Proven:
    pass


Proof: TypeAlias = Unproven | Asked | Proven
UNPROVEN: Final = Unproven()
PROVEN: Final = Proven()
