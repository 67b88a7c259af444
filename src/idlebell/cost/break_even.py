"""Where two ways cost the same."""

from __future__ import annotations

from dataclasses import dataclass

from idlebell.cost.ways import DAY_SECONDS, Way


@dataclass(frozen=True, slots=True)
class BreakEven:
    """``few`` moves fewer bytes while mail is rare, ``many`` from ``mails_a_day`` on; None: ``few`` is cheaper always."""

    few: Way
    many: Way
    mails_a_day: float | None

    @property
    def seconds_between_mails(self) -> float | None:
        """``few`` is cheaper where mails come further apart than this."""
        return DAY_SECONDS / self.mails_a_day if self.mails_a_day else None


def break_even(one: Way, other: Way) -> BreakEven:
    """In bytes. Of two that begin alike the one that costs less a mail is the cheaper always."""
    few, many = sorted((one, other), key=lambda way: (way.bytes_a_day, way.bytes_a_mail))
    if few.bytes_a_mail <= many.bytes_a_mail:
        return BreakEven(few, many, None)
    return BreakEven(few, many, (many.bytes_a_day - few.bytes_a_day) / (few.bytes_a_mail - many.bytes_a_mail))
