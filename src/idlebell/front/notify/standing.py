"""What of another mailbox's state is told, by STATUS (RFC 5465 sections 3.1, 5.1 to 5.3): at the outset, and after a change.

STATUS tells a state, not an event. So however often one is compared with the next, a change is told once, and what came to
nothing in between is not told at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idlebell.front.notify.wanted import MESSAGE_EVENTS, Event
from idlebell.imap.responses import StatusData

_BOTH: Final = frozenset({Event.MESSAGE_NEW, Event.MESSAGE_EXPUNGE})


def items(events: frozenset[Event], *, mod_seq: bool) -> tuple[str, ...]:
    """What is asked of a mailbox. ``mod_seq``: the server has CONDSTORE (RFC 7162)."""
    asked = ["MESSAGES", "UIDNEXT", "UIDVALIDITY"]
    if Event.FLAG_CHANGE in events:
        asked.append("UNSEEN")
    if mod_seq:
        asked.append("HIGHESTMODSEQ")
    return tuple(asked)


def outset(status: StatusData, events: frozenset[Event], *, mod_seq: bool) -> StatusData:
    """How a mailbox stands, for NOTIFY SET STATUS. ``mod_seq``: the server has CONDSTORE, which is enough here for
    HIGHESTMODSEQ to be told with FlagChange; after a change only who has enabled it is told. No events: a snapshot."""
    told = StatusData(
        status.mailbox, messages=status.messages, uid_next=status.uid_next, uid_validity=status.uid_validity
    )
    if Event.FLAG_CHANGE in events:
        told = replace(told, unseen=status.unseen, highest_mod_seq=status.highest_mod_seq if mod_seq else None)
    return told


def change(before: StatusData, after: StatusData, events: frozenset[Event], *, mod_seq: bool) -> StatusData | None:
    """What is told after ``before`` has become ``after``; None: nothing that was asked for. ``mod_seq``: the client has enabled
    CONDSTORE or QRESYNC. UIDVALIDITY is told each time: it says of which messages the rest is."""
    if not events & MESSAGE_EVENTS:
        return None
    reset = _differs(before.uid_validity, after.uid_validity)
    counted = bool(events & _BOTH) and (
        _differs(before.messages, after.messages) or _differs(before.uid_next, after.uid_next)
    )
    flagged = Event.FLAG_CHANGE in events and (
        _differs(before.unseen, after.unseen) or (mod_seq and _differs(before.highest_mod_seq, after.highest_mod_seq))
    )
    if not (reset or counted or flagged):
        return None
    told = StatusData(after.mailbox, uid_validity=after.uid_validity)
    if reset or counted:
        told = replace(told, messages=after.messages, uid_next=after.uid_next)
    if Event.FLAG_CHANGE in events and _differs(before.unseen, after.unseen):
        told = replace(told, unseen=after.unseen)
    if mod_seq:
        told = replace(told, highest_mod_seq=after.highest_mod_seq)
    return told


def _differs(before: int | None, after: int | None) -> bool:
    """What a server leaves out once has not changed."""
    return before is not None and after is not None and before != after
