"""How an account is watched, and which session looks after which mailboxes. Pure.

NOTIFY (RFC 5465) covers all mailboxes over one session. Without it a session idles on one mailbox and asks STATUS of those
that have no session of their own; without IDLE it polls. The sessions that are there may be all that there will ever be: with
retention ``session`` none can be opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from idlebell.imap.commands import EventGroup
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.watch.lapses import Lapses, Promise

NAMES_AT_ONCE: Final = 100
"""Dovecot answers NOTIFICATIONOVERFLOW to more names in one NOTIFY."""
NO_MAILBOXES: Final[frozenset[str]] = frozenset()
"""One for all: an empty set of its own costs a session 216 bytes."""
_MESSAGES: Final = ("MessageNew", "MessageExpunge")
"""Only together: RFC 5465 section 5.2."""


class Way(Enum):
    """How one session watches."""

    NOTIFY = "notify"
    """IDLE on one mailbox, and NOTIFY for the others: Dovecot 2.3 says nothing of the selected mailbox unless one idles."""
    IDLE = "idle"
    IDLE_STATUS = "idle and status"
    POLL = "poll"


@dataclass(frozen=True, slots=True)
class Chosen:
    way: Way
    reason: str | None = None
    """Why it is not the best way there is; shown as ``mode_reason``."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """What one session does. ``primary`` is examined and idled on; ``others`` are looked after beside it."""

    primary: str
    others: tuple[str, ...] = ()


def choose(has: Callable[[str], bool], lapses: Lapses, now: float, *, several: bool) -> Chosen:
    """``has``: the server's capabilities. ``several``: mailboxes beside the open one are to be looked after."""
    if not has("IDLE"):
        return Chosen(Way.POLL, "the server has no IDLE")
    if not lapses.trusts(Promise.IDLE, now):
        return Chosen(Way.POLL, lapses.reason(Promise.IDLE))
    if not several:
        return Chosen(Way.IDLE)
    if not has("NOTIFY"):
        return Chosen(Way.IDLE_STATUS, "the server has no NOTIFY")
    if not lapses.trusts(Promise.NOTIFY, now):
        return Chosen(Way.IDLE_STATUS, lapses.reason(Promise.NOTIFY))
    return Chosen(Way.NOTIFY)


def sessions_worth(mailboxes: int, way: Way | None, budget: int, *, found_by_list: bool) -> int:
    """How many sessions an account is worth: one where NOTIFY serves or nothing idles, else one for each mailbox within the
    ``budget`` that its server bears. ``way`` None: not known yet. ``found_by_list``: the mailboxes are those of a selection,
    of which INBOX idles and the others are asked by STATUS: nobody's mailboxes are all worth a session."""
    if not mailboxes:
        return 0
    if found_by_list or way in (Way.NOTIFY, Way.POLL):
        return 1
    return max(1, min(mailboxes, budget))


def assign(wanted: Sequence[str], held: Sequence[str | None], most: int | None = None) -> tuple[Assignment | None, ...]:
    """``wanted``: mailboxes, most wanted first. ``held``: for each session the mailbox it is on now, None for a new one.
    ``most``: how many sessions are to be used; None: all that find something to do.

    Answers in the order of ``held``; None: the session is not needed. A session stays where it is if it may: moving costs a
    round trip and a look.
    """
    wanted = list(dict.fromkeys(wanted))
    most = len(held) if most is None else most
    primaries: list[str | None] = [None] * len(held)
    for index, mailbox in enumerate(held):
        if mailbox in wanted and mailbox not in primaries and len(held) - primaries.count(None) < most:
            primaries[index] = mailbox
    alone = [mailbox for mailbox in wanted if mailbox not in primaries]
    for index, primary in enumerate(primaries):
        if primary is None and alone and len(held) - primaries.count(None) < most:
            primaries[index] = alone.pop(0)
    working = [index for index, primary in enumerate(primaries) if primary is not None]
    others: dict[int, list[str]] = {index: [] for index in working}
    for turn, mailbox in enumerate(alone):
        if working:
            others[working[turn % len(working)]].append(mailbox)
    return tuple(
        None if primary is None else Assignment(primary, tuple(others[index]))
        for index, primary in enumerate(primaries)
    )


def instead(assignment: Assignment, shut: Collection[str]) -> Assignment | None:
    """``shut``: mailboxes that do not open. Another gets the IDLE of its own, and they are asked by STATUS like all others.
    None: there is no other."""
    primary = next((one for one in assignment.others if one not in shut), None)
    if primary is None:
        return None
    everything = (assignment.primary, *assignment.others)
    return Assignment(primary, tuple(one for one in everything if one != primary))


def by_want(mailboxes: Sequence[str]) -> tuple[str, ...]:
    """INBOX first: it is what most wait for, and where an IDLE of its own pays."""
    return tuple(sorted(mailboxes, key=lambda name: name != "INBOX"))


def event_groups(
    mailboxes: Sequence[str], selections: Sequence[Selection], selected: Collection[str], *, with_subscriptions: bool
) -> tuple[EventGroup, ...]:
    """What NOTIFY is to tell of. ``mailboxes``: all that are looked after; ``selected``: those of them that the ``selections``
    mean. ``with_subscriptions``: also of mailboxes that are subscribed to, which not every server can.

    The open mailbox has a group of its own (RFC 5465 section 6.1): without it Dovecot says nothing of it, at NOOP neither.

    MailboxName is never asked for. A session of Dovecot that was promised it loses its list of mailboxes at a rename that
    comes within half a second of another change: from then on NOTIFY is silent, LIST leaves mailboxes out, and the session may
    crash (quirk ``notify-names-break-list``). MessageNew tells of the first mail in a mailbox that is made or renamed, which is
    what rings (RFC 5465 section 6: filters mean the mailboxes of the moment).
    """
    groups = [EventGroup("selected", _MESSAGES)]
    for selection in dict.fromkeys(selections):
        match selection:
            case Personal():
                groups.append(EventGroup("personal", _MESSAGES))
            case Subscribed():
                changes = ("SubscriptionChange",) if with_subscriptions else ()
                groups.append(EventGroup("subscribed", _MESSAGES + changes))
            case Subtree(root):
                groups.append(EventGroup("subtree", _MESSAGES, (root,)))
    fixed = tuple(mailbox for mailbox in mailboxes if mailbox not in selected)
    if len(fixed) > NAMES_AT_ONCE:
        groups.append(EventGroup("personal", _MESSAGES))
    elif fixed:
        groups.append(EventGroup("mailboxes", _MESSAGES, fixed))
    return tuple(groups)
