"""When one mail took which step. Filled from what the mail server, the gateway and the app's endpoint report; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from idlebell.telemetry.facts import Fact, MailDetected, PushAttempted
from idlebell.testing.imap_server import Note


class Step(StrEnum):
    """In the order in which they happen; the value is what the terminal says."""

    DELIVERED = "the mail server has it"
    EXISTS = "the server says so in IDLE"
    FETCHED = "the gateway has asked what it is"
    COMMITTED = "cursor and notification are on disk, in one transaction"
    PUSHED = "the encrypted request leaves for the push service"
    RECEIVED = "the app's endpoint has it, decrypted"


_NOTES = {"delivered": Step.DELIVERED, "exists": Step.EXISTS, "fetched": Step.FETCHED}


@dataclass(slots=True)
class Timeline:
    """Of one mail, from its delivery on. Moments are seconds of one monotonic clock; the first of a kind counts."""

    moments: dict[Step, float] = field(default_factory=dict)

    def note(self, note: Note) -> None:
        """What the mail server reports."""
        step = _NOTES.get(note.what)
        if step is not None:
            self._mark(step, note.at)

    def fact(self, fact: Fact, now: float) -> None:
        """What the gateway reports, at once."""
        match fact:
            case MailDetected():
                self._mark(Step.COMMITTED, now)
            case PushAttempted(type="new_mail"):
                self._mark(Step.PUSHED, now - fact.took_ms / 1000)

    def received(self, now: float) -> None:
        self._mark(Step.RECEIVED, now)

    @property
    def complete(self) -> bool:
        return len(self.moments) == len(Step)

    @property
    def total_ms(self) -> float:
        """From the delivery to the bell; what was not seen counts as nothing."""
        start = self.moments.get(Step.DELIVERED)
        end = self.moments.get(Step.RECEIVED)
        return 0.0 if start is None or end is None else 1000 * (end - start)

    def steps(self) -> Iterator[tuple[Step, float]]:
        """Each step that was seen, and its milliseconds since the delivery."""
        start = self.moments.get(Step.DELIVERED, 0.0)
        for step in Step:
            if step in self.moments:
                yield step, 1000 * (self.moments[step] - start)

    def _mark(self, step: Step, now: float) -> None:
        if step is Step.DELIVERED or Step.DELIVERED in self.moments:
            self.moments.setdefault(step, now)
