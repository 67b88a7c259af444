"""SRV records of a mail domain (RFC 2782, 6186; 8314 section 5.1): who serves IMAP, in the order in which to try. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from idlebell.model.account import ImapTarget, Tls

SERVICES: Final = (("_imaps._tcp", Tls.IMPLICIT), ("_imap._tcp", Tls.STARTTLS))
"""Implicit TLS first, whatever the priorities across the two say (RFC 8314 section 5.1). ``_imap`` without TLS is not used."""
RECORDS: Final = 16
"""Of one answer; the rest is not looked at."""


@dataclass(frozen=True, slots=True)
class SrvRecord:
    """``target`` as DNS gives it; ``.`` means that the service is decidedly not to be had (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str

    @property
    def offers(self) -> bool:
        return self.target.rstrip(".") != "" and 0 < self.port < 65_536


def targets(imaps: Sequence[SrvRecord], imap: Sequence[SrvRecord], draw: Callable[[], float]) -> tuple[ImapTarget, ...]:
    """``draw`` gives numbers in [0, 1). The hosts are as DNS spells them, in lower case: whoever dials checks them."""
    found: dict[ImapTarget, None] = {}
    for records, (_, tls) in zip((imaps, imap), SERVICES, strict=True):
        for record in ranked([one for one in records[:RECORDS] if one.offers], draw):
            found[ImapTarget(record.target.rstrip(".").lower(), record.port, tls)] = None
    return tuple(found)


def declined(imaps: Sequence[SrvRecord], imap: Sequence[SrvRecord]) -> bool:
    """The domain says by a target of ``.`` that it has no IMAP (RFC 6186 section 3.4), and nothing that it says otherwise."""
    said = [*imaps, *imap]
    return bool(said) and not any(one.offers for one in said)


def ranked(records: Sequence[SrvRecord], draw: Callable[[], float]) -> list[SrvRecord]:
    """Lowest priority first; among equals drawn by weight, those of weight 0 with a small chance (RFC 2782, page 3)."""
    order: list[SrvRecord] = []
    for priority in sorted({one.priority for one in records}):
        # Those of weight 0 come first, which is what gives them their small chance.
        left = sorted((one for one in records if one.priority == priority), key=lambda one: one.weight)
        while left:
            mark = draw() * (sum(one.weight for one in left) + 1)
            reached = 0
            for chosen in left:
                reached += chosen.weight
                if reached + 1 > mark:
                    break
            left.remove(chosen)
            order.append(chosen)
    return order
