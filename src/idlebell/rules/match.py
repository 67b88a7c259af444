"""Who is told: subscriptions and what was found in, drafts of notifications and a verdict for each message out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from idlebell.imap.responses import FetchData
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, Draft, NewMail
from idlebell.model.selection import Personal, Subscribed, Subtree
from idlebell.model.subscription import Payload, Subscription
from idlebell.model.verdict import Outcome, Verdict
from idlebell.rules.compiled import NO_FILTER, rule_of
from idlebell.rules.describe import describe
from idlebell.rules.evidence import Evidence

TEXT_MISSED: Final = "its text could not be read, so it is not held back"


@dataclass(frozen=True, slots=True)
class Hearing:
    """What decides of which messages a subscription hears, whichever subscription it is: a flood is counted once for each."""

    also: frozenset[str] = frozenset()
    filter: str | None = None

    @classmethod
    def of(cls, one: Subscription) -> Hearing:
        return cls(one.also, one.preferences.filter)


@dataclass(frozen=True, slots=True)
class Matched:
    """``verdicts``: one for each arrival and each subscription that listens, by subscription and then in the order of the
    arrivals. Of a flood nobody looks at single messages: then there are none."""

    drafts: tuple[Draft, ...]
    verdicts: tuple[Verdict, ...] = ()


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
) -> Matched:
    """One draft for each subscription that is told of at least one of the ``arrivals``.

    ``at`` is now, ``keep`` how long the ring is of use. A subscription is not told of what lies below its floor, of what is
    marked and it did not ask for, of what it has been told of before, nor of what its filter holds back.
    """
    read: dict[int, Evidence] = {}
    summaries: dict[int, MessageSummary] = {}
    drafts: list[Draft] = []
    verdicts: list[Verdict] = []
    for one in listening(subscriptions, mailbox):
        floor = one.floor(mailbox)
        first = floor.uid_next if floor is not None and floor.uid_validity == uid_validity else 0
        told: list[FetchData] = []
        for arrival in arrivals:
            uid = arrival.message.uid
            if uid is None:
                continue
            verdict = _judge(one, arrival, uid, first) or _filtered(one, arrival, uid, mailbox, read)
            verdicts.append(verdict)
            if verdict.outcome is Outcome.RINGS:
                told.append(arrival.message)
        if not told:
            continue
        shown: tuple[MessageSummary, ...] = ()
        if one.payload is not Payload.ALERT:
            for message in told[-MAX_MESSAGES:]:
                if message.uid is not None and message.uid not in summaries:
                    summaries[message.uid] = describe(message)
            shown = tuple(summaries[message.uid] for message in told[-MAX_MESSAGES:] if message.uid is not None)
        drafts.append(_draft(one, NewMail(mailbox, uid_validity, len(told), unseen, shown), at, keep))
    return Matched(tuple(drafts), tuple(verdicts))


def match_flood(
    subscriptions: Iterable[Subscription],
    mailbox: str,
    uid_validity: int,
    counts: Mapping[Hearing, int],
    uid_next: int,
    unseen: int | None,
    at: datetime,
    keep: timedelta,
) -> Matched:
    """More at once than is described: a count and nothing else, of what each asked for. ``uid_next`` is where the mailbox ends
    now; who came when it ended there already is told nothing."""
    drafts = []
    for one in listening(subscriptions, mailbox):
        floor = one.floor(mailbox)
        count = counts.get(Hearing.of(one), 0)
        if count and (floor is None or floor.uid_validity != uid_validity or floor.uid_next < uid_next):
            drafts.append(_draft(one, NewMail(mailbox, uid_validity, count, unseen), at, keep))
    return Matched(tuple(drafts))


def _selects(one: Subscription, mailbox: str) -> bool:
    """INBOX stands for a selection until what it selects is found, and where it selects nothing: something has to be open."""
    match one.selection:
        case None | Personal():
            return True
        case Subscribed():
            return one.resolved
        case Subtree(root):
            return one.resolved and mailbox.startswith(root)


def _judge(one: Subscription, arrival: Arrival, uid: int, first: int) -> Verdict | None:
    """What is said without a look at the message itself. ``first``: the lowest UID that it is told of."""
    if uid < first:
        return Verdict(one.id, uid, Outcome.BELOW_FLOOR)
    if not arrival.marks <= one.also:
        return Verdict(one.id, uid, Outcome.MARKED, tuple(sorted(arrival.marks - one.also)))
    if one.id in arrival.known_to and Mark.APPENDED not in one.also:
        return Verdict(one.id, uid, Outcome.ALREADY_TOLD)
    return None


def _filtered(one: Subscription, arrival: Arrival, uid: int, mailbox: str, read: dict[int, Evidence]) -> Verdict:
    """``read``: what has been read of the messages, for one that several filters look at is read once."""
    rule = rule_of(one.preferences.filter)
    if rule is NO_FILTER:
        return Verdict(one.id, uid, Outcome.RINGS)
    evidence = read.get(uid)
    if evidence is None:
        evidence = read[uid] = Evidence(arrival.message, mailbox)
    judgement = rule.decide(evidence)
    if judgement.rings:
        return Verdict(one.id, uid, Outcome.RINGS, judgement.because)
    if evidence.text_missed:
        return Verdict(one.id, uid, Outcome.RINGS, (TEXT_MISSED,))
    return Verdict(one.id, uid, Outcome.FILTERED, judgement.because)


def _draft(one: Subscription, content: NewMail, at: datetime, keep: timedelta) -> Draft:
    return Draft(one.id, content, at=at, due_at=at, expires_at=at + keep)
