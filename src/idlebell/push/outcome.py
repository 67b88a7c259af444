"""What a push service's answer means, as a value and not an exception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Accepted:
    status: int


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again; ``after_seconds`` is what the service asked for, clamped, or None. ``slow_down``: it is the whole service
    that asks (429, 503), not this one endpoint."""

    detail: str
    status: int | None = None
    after_seconds: float | None = None
    slow_down: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """The endpoint will never work again (404, 410)."""

    status: int


@dataclass(frozen=True, slots=True)
class TooLarge:
    """413: send less of it. ``limit_bytes`` where the service says how much it takes."""

    status: int
    limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """This notification will never be taken; the endpoint may take others."""

    detail: str
    status: int | None = None


Outcome: TypeAlias = Accepted | Retry | Gone | TooLarge | Refused
