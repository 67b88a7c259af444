"""What a relay asks of whoever answers for us, and what it tells him. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from idlebell.front.own import Asked, OwnCommand


@dataclass(frozen=True, slots=True)
class Spoken:
    """The line that was awaited."""

    line: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """The upstream's answer to a command of ours; None: it could not be read."""

    asked: Asked | None


Event: TypeAlias = OwnCommand | Spoken | Told


class Desk(Protocol):
    """Who says what is ours."""

    @property
    def added(self) -> frozenset[str]:
        """Capabilities that families add."""

    def claims(self, name: str, opening: bytes) -> bool:
        """As :meth:`idlebell.front.own.Own.claims`."""

    def heard(self, line: bytes) -> bool:
        """As :meth:`idlebell.front.own.Own.heard`."""

    def ended(self, name: str, ok: bool) -> None:
        """As :meth:`idlebell.front.own.Own.ended`."""
