"""Who is told: subscriptions and what was found in, drafts of notifications and a verdict for each message out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from idlebell.imap.responses import FetchData
from idlebell.model.arrival import Arrival, Mark
from idlebell.model.endpoint import form_of
from idlebell.model.form import Dialect
from idlebell.model.message import MessageSummary
from idlebell.model.notification import MAX_MESSAGES, TOLD_KEPT, Draft, NewMail, Told
from idlebell.model.preferences import Hushed, HushedBy
from idlebell.model.selection import Personal, Subscribed, Subtree
from idlebell.model.shown_text import shown as shown_text
from idlebell.model.subscription import Payload, Subscription
from idlebell.model.verdict import Outcome, Verdict
from idlebell.rules.compiled import NO_FILTER, Everything, rule_of
from idlebell.rules.content import content_limit_bytes, with_text
from idlebell.rules.describe import describe
from idlebell.rules.evidence import Evidence
from idlebell.rules.hush import hush_needs, hushed_by
from idlebell.rules.rule import Needs
from idlebell.rules.schedule import Held, Rings, Silenced, Timing, place

VIP: Final = "it is a VIP's"
TEXT_MISSED: Final = "its text could not be read, so it is not held back"
_HUSHED: Final = {HushedBy.SENDER: "the sender", HushedBy.LIST_ID: "the list"}


@dataclass(frozen=True, slots=True)
class Hearing:
    """What decides of which messages a subscription hears, whichever subscription it is: a flood is counted once for each."""

    also: frozenset[str] = frozenset()
    filter: str | None = None
    hushed: tuple[Hushed, ...] = ()

    @classmethod
    def of(cls, one: Subscription) -> Hearing:
        return cls(one.also, one.preferences.filter, one.preferences.hushed)

    @property
    def looks(self) -> bool:
        """Does it take a look at the messages themselves?"""
        return self.filter is not None or bool(self.hushed)

    @property
    def needs(self) -> Needs:
        return rule_of(self.filter).needs | hush_needs(self.hushed)

    def hears(self, evidence: Evidence) -> bool:
        """What cannot be told is not held back."""
        evidence.text_missed = False
        rings = rule_of(self.filter).decide(evidence).rings or evidence.text_missed
        return rings and hushed_by(self.hushed, evidence) is None


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
    """A draft for each subscription that is told of at least one of the ``arrivals``, and one of its own for what rings
    through its schedule.

    ``at`` is now, ``keep`` how long the ring is of use. A subscription is not told of what lies below its floor, of what is
    marked and it did not ask for, of what it has been told of before, of what its filter holds back, nor of whom it hushed.
    What may not ring now is drafted all the same: it is the store that holds and counts it.
    """
    read = _Read(mailbox)
    summaries: dict[tuple[int, int | None], MessageSummary] = {}
    drafts: list[Draft] = []
    verdicts: list[Verdict] = []
    for one in listening(subscriptions, mailbox):
        floor = one.floor(mailbox)
        first = floor.uid_next if floor is not None and floor.uid_validity == uid_validity else 0
        wish = one.preferences
        timing = place(wish, at, at)
        told: list[FetchData] = []
        vips: list[FetchData] = []
        for arrival in arrivals:
            message = arrival.message
            if message.uid is None:
                continue
            verdict = _judge(one, arrival, message.uid, first) or _decided(one, message, message.uid, read)
            if verdict.outcome is Outcome.RINGS:
                if read.decides(wish.vip, message, message.uid):
                    vips.append(message)
                    verdict = replace(verdict, because=(VIP, *verdict.because), vip=True)
                else:
                    told.append(message)
                    verdict = _timed(verdict, timing)
            verdicts.append(verdict)
        for messages, vip in ((vips, True), (told, False)):
            if messages:
                shown = _described(one, messages[-MAX_MESSAGES:], summaries)
                kept = messages[-TOLD_KEPT:] if wish.told else ()
                told_of = tuple(Told(mailbox, uid_validity, one.uid) for one in kept if one.uid is not None)
                content = NewMail(mailbox, uid_validity, len(messages), unseen, shown, vip=vip, told=told_of)
                drafts.append(_draft(one, content, at, keep))
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


class _Read:
    """What has been read of the messages: one that several rules look at is read once."""

    def __init__(self, mailbox: str) -> None:
        self._mailbox = mailbox
        self._evidence: dict[int, Evidence] = {}

    def evidence(self, message: FetchData, uid: int) -> Evidence:
        found = self._evidence.get(uid)
        if found is None:
            found = self._evidence[uid] = Evidence(message, self._mailbox)
        return found

    def decides(self, vip: str | None, message: FetchData, uid: int) -> bool:
        """Is it a VIP's? Where there is no rule, or it cannot be read, nobody is one; nor by a text that could not be: a
        server that gives none would have every mail ring at night."""
        if vip is None:
            return False
        rule = rule_of(vip)
        return not isinstance(rule, Everything) and rule.decide(self.evidence(message, uid)).rings


def _decided(one: Subscription, message: FetchData, uid: int, read: _Read) -> Verdict:
    """What the message itself says."""
    rule, hushed = rule_of(one.preferences.filter), one.preferences.hushed
    if rule is NO_FILTER and not hushed:
        return Verdict(one.id, uid, Outcome.RINGS)
    evidence = read.evidence(message, uid)
    evidence.text_missed = False  # by another rule
    judgement = rule.decide(evidence)
    because = judgement.because
    if not judgement.rings:
        if not evidence.text_missed:
            return Verdict(one.id, uid, Outcome.FILTERED, because)
        because = (TEXT_MISSED,)
    by = hushed_by(hushed, evidence)
    if by is not None:
        return Verdict(one.id, uid, Outcome.HUSHED, (f"{_HUSHED[by.by]} {shown_text(by.value)} is hushed",))
    return Verdict(one.id, uid, Outcome.RINGS, because)


def _timed(verdict: Verdict, timing: Timing) -> Verdict:
    """As far as it can be told without knowing when the subscription rang last."""
    match timing:
        case Rings():
            return verdict
        case Held(until, why):
            return replace(verdict, outcome=Outcome.HELD, because=(f"{why}, until {until:%Y-%m-%dT%H:%M:%SZ}",))
        case Silenced(why):
            return replace(verdict, outcome=Outcome.MUTED, because=(str(why),))


def _described(
    one: Subscription, told: Sequence[FetchData], known: dict[tuple[int, int | None], MessageSummary]
) -> tuple[MessageSummary, ...]:
    """As much of each as the subscription asked for. ``known``: by UID and largest size that is told whole; what several are
    told is read once."""
    if one.payload is Payload.ALERT:
        return ()
    limit_bytes = content_limit_bytes(one.preferences) if one.payload is Payload.CONTENT else None
    form = form_of(one.endpoints.new_mail)
    numbered = form is not None and form.dialect is Dialect.DRAFT  # it is told FETCH responses
    shown: list[MessageSummary] = []
    for message in told:
        if message.uid is None:
            continue
        summary = known.get((message.uid, limit_bytes))
        if summary is None:
            summary = describe(message)
            if limit_bytes is not None:
                summary = with_text(summary, message, limit_bytes)
            known[message.uid, limit_bytes] = summary
        shown.append(replace(summary, number=message.number) if numbered else summary)
    return tuple(shown)


def _draft(one: Subscription, content: NewMail, at: datetime, keep: timedelta) -> Draft:
    return Draft(one.id, content, at=at, due_at=at, expires_at=at + keep)
