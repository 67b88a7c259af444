"""Messages that rang, as the store in memory keeps them."""

from __future__ import annotations

from collections.abc import Iterable

from idlebell.model.notification import TOLD_KEPT, Told


def rung_with(rung: frozenset[Told], told: Iterable[Told]) -> frozenset[Told]:
    """Of each mailbox the newest of one UIDVALIDITY."""
    told = tuple(told)
    found = rung.union(told)
    for mailbox, uid_validity in {one.mailbox: one.uid_validity for one in told}.items():
        own = sorted(one for one in found if one.mailbox == mailbox)
        kept = [one for one in own if one.uid_validity == uid_validity][-TOLD_KEPT:]
        found = found.difference(own).union(kept)
    return found
