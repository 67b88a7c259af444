"""What changes while a script runs: what it has done, its variables and flags, and how much work is left."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from idlebell.rules.evidence import Evidence
from idlebell.rules.sieve.errors import RunError
from idlebell.rules.sieve.limits import WORK


class Deed(Enum):
    """What an action does with the message (RFC 5228 section 4), as far as a bell asks."""

    KEPT = auto()
    """It stays where it is."""
    KEPT_READ = auto()
    """The same, and the script marks it as read or deleted."""
    MOVED = auto()
    """It goes elsewhere."""
    NOTIFIED = auto()


@dataclass(slots=True)
class Run:
    evidence: Evidence
    flags: list[str]
    """The internal variable of RFC 5232 section 2. It begins as the message has them, as where a script runs in a mailbox (RFC
    6785)."""
    variables: dict[str, str] = field(default_factory=dict)
    matched: tuple[str, ...] = ()
    """``${0}`` and on."""
    deeds: dict[Deed, str] = field(default_factory=dict)
    """Each with the sentence of the first action that did it."""
    implicit_keep: bool = True
    stopped: bool = False
    work: int = WORK

    def spend(self, work: int) -> None:
        """RunError: the script has done all that one may."""
        self.work -= work
        if self.work < 0:
            raise RunError("the script was ended, for this message takes it too much work; so it rings")

    def do(self, deed: Deed, because: str) -> None:
        self.deeds.setdefault(deed, because)
