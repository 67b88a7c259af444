"""Which session looks after which mailboxes. Pure.

A mailbox with a session of its own is watched in IDLE; one without is looked at by STATUS over a session that is there, every
``poll_seconds``. The sessions that are there are all that there may ever be: with retention ``session`` none can be opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one session does. ``primary`` is examined and idled on; ``polled`` are looked at in between."""

    primary: str
    polled: tuple[str, ...] = ()


def assign(wanted: Sequence[str], held: Sequence[str | None]) -> tuple[Assignment | None, ...]:
    """``wanted``: mailboxes, most wanted first. ``held``: for each session the mailbox it is on now, None for a new one.

    Answers in the order of ``held``; None: the session is not needed. A session stays where it is if it may: moving costs a
    round trip and a look.
    """
    primaries: list[str | None] = []
    taken: set[str] = set()
    for mailbox in held:
        keep = mailbox is not None and mailbox in wanted and mailbox not in taken
        primaries.append(mailbox if keep else None)
        if keep and mailbox is not None:
            taken.add(mailbox)
    open_mailboxes = [mailbox for mailbox in dict.fromkeys(wanted) if mailbox not in taken]
    for index, primary in enumerate(primaries):
        if primary is None and open_mailboxes:
            primaries[index] = open_mailboxes.pop(0)
    working = [index for index, primary in enumerate(primaries) if primary is not None]
    polled: dict[int, list[str]] = {index: [] for index in working}
    for turn, mailbox in enumerate(open_mailboxes):
        if working:
            polled[working[turn % len(working)]].append(mailbox)
    return tuple(
        None if primary is None else Assignment(primary, tuple(polled[index]))
        for index, primary in enumerate(primaries)
    )


def uncovered(wanted: Sequence[str], held: Sequence[str | None]) -> int:
    """How many more sessions it takes to give each wanted mailbox one of its own."""
    return len(set(wanted) - set(held))
