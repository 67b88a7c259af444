"""Who is told: subscriptions and what was found in, drafts of notifications out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from idlebell.imap.responses import FetchData
from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, Draft, NewMail
from idlebell.model.subscription import Payload, Subscription
from idlebell.rules.describe import describe


def listening(subscriptions: Iterable[Subscription], mailbox: str) -> tuple[Subscription, ...]:
    """Those that are told of mail in ``mailbox`` now."""
    return tuple(one for one in subscriptions if one.rings and mailbox in one.mailboxes)


def match(
    subscriptions: Iterable[Subscription],
    mailbox: str,
    uid_validity: int,
    messages: Sequence[FetchData],
    unseen: int | None,
    at: datetime,
    keep: timedelta,
) -> tuple[Draft, ...]:
    """One draft for each subscription that is told of at least one of the new ``messages``.

    ``at`` is now, ``keep`` how long the ring is of use. A subscription is not told of what lies below its floor.
    """
    summaries: dict[int, MessageSummary] = {}
    drafts = []
    for one in listening(subscriptions, mailbox):
        floor = one.floor(mailbox)
        first = floor.uid_next if floor is not None and floor.uid_validity == uid_validity else 0
        told = [message for message in messages if message.uid is not None and message.uid >= first]
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
    count: int,
    uid_next: int,
    unseen: int | None,
    at: datetime,
    keep: timedelta,
) -> tuple[Draft, ...]:
    """More at once than is described: a count and nothing else. ``uid_next`` is where the mailbox ends now; who came when it
    ended there already is told nothing."""
    content = NewMail(mailbox, uid_validity, count, unseen)
    drafts = []
    for one in listening(subscriptions, mailbox):
        floor = one.floor(mailbox)
        if floor is None or floor.uid_validity != uid_validity or floor.uid_next < uid_next:
            drafts.append(_draft(one, content, at, keep))
    return tuple(drafts)


def _draft(one: Subscription, content: NewMail, at: datetime, keep: timedelta) -> Draft:
    return Draft(one.id, content, at=at, due_at=at, expires_at=at + keep)
