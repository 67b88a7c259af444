"""Who is told: subscriptions and what was found in, drafts of notifications out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from idlebell.model.arrival import Arrival, Mark
from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, Draft, NewMail
from idlebell.model.selection import Personal, Subscribed, Subtree
from idlebell.model.subscription import Payload, Subscription
from idlebell.rules.describe import describe


def listening(subscriptions: Iterable[Subscription], mailbox: str) -> tuple[Subscription, ...]:
    """Those that are told of mail in ``mailbox`` now."""
    return tuple(one for one in subscriptions if one.rings and mailbox in one.mailboxes and _selects(one, mailbox))


def match(
    subscriptions: Iterable[Subscription],
    mailbox: str,
    uid_validity: int,
    arrivals: Sequence[Arrival],
    unseen: int | None,
    at: datetime,
    keep: timedelta,
) -> tuple[Draft, ...]:
    """One draft for each subscription that is told of at least one of the ``arrivals``.

    ``at`` is now, ``keep`` how long the ring is of use. A subscription is not told of what lies below its floor, of what is
    marked and it did not ask for, nor of what it has been told of before.
    """
    summaries: dict[int, MessageSummary] = {}
    drafts = []
    for one in listening(subscriptions, mailbox):
        floor = one.floor(mailbox)
        first = floor.uid_next if floor is not None and floor.uid_validity == uid_validity else 0
        told = [
            arrival.message
            for arrival in arrivals
            if arrival.message.uid is not None and arrival.message.uid >= first and _hears_of(one, arrival)
        ]
        if not told:
            continue
        shown: tuple[MessageSummary, ...] = ()
        if one.payload is not Payload.ALERT:
            for message in told[-MAX_MESSAGES:]:
                if message.uid is not None and message.uid not in summaries:
                    summaries[message.uid] = describe(message)
            shown = tuple(summaries[message.uid] for message in told[-MAX_MESSAGES:] if message.uid is not None)
        drafts.append(_draft(one, NewMail(mailbox, uid_validity, len(told), unseen, shown), at, keep))
    return tuple(drafts)


def match_flood(
    subscriptions: Iterable[Subscription],
    mailbox: str,
    uid_validity: int,
    counts: Mapping[frozenset[str], int],
    uid_next: int,
    unseen: int | None,
    at: datetime,
    keep: timedelta,
) -> tuple[Draft, ...]:
    """More at once than is described: a count and nothing else, of what each asked for. ``uid_next`` is where the mailbox ends
    now; who came when it ended there already is told nothing."""
    drafts = []
    for one in listening(subscriptions, mailbox):
        floor = one.floor(mailbox)
        count = counts.get(one.also, 0)
        if count and (floor is None or floor.uid_validity != uid_validity or floor.uid_next < uid_next):
            drafts.append(_draft(one, NewMail(mailbox, uid_validity, count, unseen), at, keep))
    return tuple(drafts)


def _selects(one: Subscription, mailbox: str) -> bool:
    """INBOX stands for a selection until what it selects is found, and where it selects nothing: something has to be open."""
    match one.selection:
        case None | Personal():
            return True
        case Subscribed():
            return one.resolved
        case Subtree(root):
            return one.resolved and mailbox.startswith(root)


def _hears_of(one: Subscription, arrival: Arrival) -> bool:
    return arrival.marks <= one.also and (one.id not in arrival.known_to or Mark.APPENDED in one.also)


def _draft(one: Subscription, content: NewMail, at: datetime, keep: timedelta) -> Draft:
    return Draft(one.id, content, at=at, due_at=at, expires_at=at + keep)
