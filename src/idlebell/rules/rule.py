"""What a rule is: it says which messages ring, and what must be fetched of a message for it to say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from idlebell.rules.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Needs:
    """What FETCH must bring beside UID, FLAGS and INTERNALDATE, which every look asks for."""

    headers: frozenset[str] = frozenset()
    """Names of header fields, in lower case."""
    size: bool = False
    structure: bool = False
    text: bool = False
    """The beginning of the text, and the structure that says where it is."""
    flags: bool = False
    """Other than \\Deleted, \\Draft and \\Seen. A look asks for them anyway; who is not a session may not have them."""

    def __or__(self, other: Needs) -> Needs:
        return Needs(
            self.headers | other.headers,
            self.size or other.size,
            self.structure or other.structure,
            self.text or other.text,
            self.flags or other.flags,
        )


NO_NEEDS = Needs()


@dataclass(frozen=True, slots=True)
class Judgement:
    """``because``: one sentence or more for the user, the deciding one first."""

    rings: bool
    because: tuple[str, ...] = ()


class Rule(Protocol):
    """Two stand behind it: the JMAP filter and the Sieve script. Immutable; :meth:`decide` is total and its time bounded."""

    @property
    def needs(self) -> Needs: ...

    def decide(self, evidence: Evidence) -> Judgement: ...
