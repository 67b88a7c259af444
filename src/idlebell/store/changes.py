"""What becomes of a subscription when something happens to it. Pure: every store makes the same of it.

None as an answer means: nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from idlebell.model.endpoint import Endpoints, Provable, Role
from idlebell.model.notification import Content, Draft, Expiring, LossReason, NewMail, Reconnect, Reminder, Seen
from idlebell.model.problem import PROBLEMS, Blame
from idlebell.model.proof import PROVEN
from idlebell.model.selection import Selection
from idlebell.model.subscription import Floor, Loss, Payload, Phase, StandingProblem, Subscription
from idlebell.store.contract import Dropped, EndpointGone
from idlebell.store.routes import Route

RECONNECT_KEPT = timedelta(days=7)
"""How long a ``reconnect`` is worth sending (interface section 5)."""

_MENDED_BY_A_PUSH = frozenset({"endpoint-failing", "endpoint-refused", "endpoint-unverified"})


OF_MAIL = frozenset({NewMail.type, Reminder.type})
"""Types of what rings for mail: a pause drops it."""


def takes(phase: Phase, paused: bool, type_of_content: str) -> bool:
    """May a subscription that stands so be told of this? Of mail only an active one is."""
    return not paused and (phase is Phase.ACTIVE if type_of_content in OF_MAIL else not phase.over)


def lost(
    subscription: Subscription,
    reason: LossReason,
    at: datetime,
    reconnect_waits: bool,
    pending_only: bool,
    problem: StandingProblem | None,
) -> Subscription | None:
    told = (subscription.phase is Phase.ACTIVE and not pending_only) or (
        subscription.phase is Phase.PENDING and reason is LossReason.RESTART
    )
    if subscription.declared or subscription.source is not None or not told:
        return None
    if subscription.loss is not None and (reason is not LossReason.RESTART or reconnect_waits):
        return None
    known = subscription.problem
    entry = None if known is None else PROBLEMS.get(known.code)
    if entry is not None and entry.blame is Blame.CREDENTIALS:
        problem = known  # with its own credentials it would not be lost, whatever ended the session
    return replace(subscription, loss=Loss(reason, at), problem=problem or known)


def found(subscription: Subscription) -> Subscription | None:
    """A session serves those that have shown their right; whoever has not still has to."""
    if subscription.loss is None or subscription.phase is not Phase.ACTIVE:
        return None
    return replace(subscription, loss=None, problem=None)


def obsolete(subscription: Subscription, before: Subscription | None, type_of_content: str) -> bool:
    """Is what waits of this type of no use any more, ``before`` having become ``subscription``?"""
    if type_of_content in OF_MAIL:
        return subscription.paused
    if type_of_content == Reconnect.type:
        return before is not None and before.loss is not None and subscription.loss is None
    if type_of_content == Expiring.type:
        return before is not None and before.expiring_sent and not subscription.expiring_sent
    return False


def nowhere(type_of_content: str, to: Route | None) -> bool:
    """Has what waits of this type no place to go? To a kind that only knows versions a ``seen`` would be another ring."""
    return to is None or (to.collapses and type_of_content == Seen.type)


def said(subscription: Subscription, content: Content) -> Content:
    """``content`` with no more of its messages than is wanted to be said by now: it may have waited for a night."""
    if not isinstance(content, NewMail) or not content.messages or subscription.payload is Payload.CONTENT:
        return content
    if subscription.payload is Payload.ALERT:
        return replace(content, messages=())
    return replace(content, messages=tuple(replace(one, text=None, textless=None) for one in content.messages))


def closes(subscription: Subscription, before: Subscription | None) -> bool:
    """Has something that was asked of the app been done?"""
    return any(obsolete(subscription, before, content.type) for content in (Reconnect, Expiring))


def proven(subscription: Subscription, role: Role) -> bool:
    """Has the endpoint that takes notifications of this role shown that it is wanted?"""
    endpoint = subscription.endpoints.serving(role)
    return isinstance(endpoint, Provable) and endpoint.proof == PROVEN


def newly_proven(subscription: Subscription, before: Subscription | None) -> frozenset[Role]:
    """What waits for these need not wait any more."""
    if before is None:
        return frozenset()
    return frozenset(role for role in Role if proven(subscription, role) and not proven(before, role))


def asked(subscription: Subscription, at: datetime) -> Subscription | None:
    """The push service took a ``reconnect``."""
    if subscription.loss is None:
        return None
    return replace(subscription, loss=subscription.loss.accepted(at))


def reminded(subscription: Subscription, now: datetime) -> Subscription | None:
    loss = subscription.loss
    if subscription.phase.over or loss is None or loss.next_at is None or loss.next_at > now:
        return None
    return replace(subscription, loss=loss.reminded())


def reconnect(subscription: Subscription, at: datetime, due_at: datetime) -> Draft:
    assert subscription.loss is not None
    return Draft(
        subscription.id,
        Reconnect(subscription.loss.reason),
        at=at,
        due_at=due_at,
        expires_at=max(at, due_at) + RECONNECT_KEPT,
    )


def warned(subscription: Subscription, now: datetime) -> Subscription | None:
    at = subscription.expiring_at
    return None if at is None or at > now else replace(subscription, expiring_sent=True)


def expiring(subscription: Subscription, now: datetime) -> Draft:
    ends = subscription.expires_at
    return Draft(subscription.id, Expiring(ends), at=now, due_at=now, expires_at=ends)


def expired(subscription: Subscription, now: datetime) -> Subscription | None:
    if subscription.phase.over or subscription.declared or subscription.expires_at > now:
        return None
    return replace(subscription, phase=Phase.EXPIRED, over_since=now, loss=None)


def grounded(subscription: Subscription, floor: Floor) -> Subscription | None:
    if subscription.floor(floor.mailbox) is not None:
        return None
    return replace(subscription, floors=(*subscription.floors, floor))


def resolved(
    subscription: Subscription, mailboxes: tuple[str, ...], floors: Sequence[Floor], found_for: Selection | None
) -> Subscription | None:
    if subscription.selection is None or subscription.phase.over:
        return None
    if found_for not in (None, subscription.selection):
        return None
    kept = {floor.mailbox: floor for floor in subscription.floors if floor.mailbox in mailboxes}
    for floor in floors:
        if floor.mailbox in mailboxes:
            kept.setdefault(floor.mailbox, floor)
    changed = replace(subscription, mailboxes=mailboxes, floors=tuple(kept.values()), resolved=True)
    return None if changed == subscription else changed


def forgotten(cursors: Mapping[str, datetime | None], living: Iterable[Subscription], kept: int) -> tuple[str, ...]:
    """Mailboxes whose cursors are of no use any more. ``cursors``: when each mailbox of the account was last looked at."""
    wanted = {mailbox for one in living for mailbox in one.mailboxes}
    gone = [mailbox for mailbox in cursors if mailbox not in wanted]
    oldest = datetime.min.replace(tzinfo=UTC)
    return tuple(sorted(gone, key=lambda mailbox: cursors[mailbox] or oldest, reverse=True)[kept:])


def renamed(subscription: Subscription, old: str, new: str) -> Subscription | None:
    if subscription.selection is None or old not in subscription.mailboxes:
        return None
    mailboxes = dict.fromkeys(new if mailbox == old else mailbox for mailbox in subscription.mailboxes)
    floors = tuple(
        replace(floor, mailbox=new) if floor.mailbox == old else floor
        for floor in subscription.floors
        if floor.mailbox != old or subscription.floor(new) is None
    )
    return replace(subscription, mailboxes=tuple(mailboxes), floors=floors)


def next_heartbeat(subscription: Subscription, beaten_at: datetime | None) -> datetime | None:
    """When it is due, the latest having been sent at ``beaten_at``; the first one is due from the beginning."""
    if subscription.heartbeat_seconds is None or not subscription.rings:
        return None
    if beaten_at is None:
        return subscription.created_at
    return beaten_at + timedelta(seconds=subscription.heartbeat_seconds)


def troubled(subscription: Subscription, problem: StandingProblem | None) -> Subscription | None:
    standing = subscription.problem
    if problem is not None and standing is not None and standing.code == problem.code:
        problem = replace(problem, since=standing.since)
    if subscription.phase.over or standing == problem:
        return None
    return replace(subscription, problem=problem)


def failing(subscription: Subscription, problem: StandingProblem | None) -> Subscription | None:
    """Its endpoint has been tried for a while. What else is said of the subscription says more."""
    standing = subscription.problem
    if problem is None or (standing is not None and standing.code != problem.code):
        return None
    return troubled(subscription, problem)


def mended(subscription: Subscription) -> Subscription | None:
    """A push was accepted: what was said against the endpoint is no longer so. One that is gone stays gone."""
    problem = subscription.problem
    return None if problem is None or problem.code not in _MENDED_BY_A_PUSH else troubled(subscription, None)


def unreached(attempts: int, now: datetime) -> Dropped:
    """What became of a notification that was of no use any more before its turn came."""
    detail = "The push service did not take it while it was of use."
    failing = StandingProblem("endpoint-failing", detail, now) if attempts else None
    return Dropped(now, "expired", None, failing)


def deserted(subscription: Subscription, left: Endpoints, settlement: EndpointGone) -> Subscription:
    """Only the endpoints ``left`` will ever work again."""
    subscription = replace(subscription, endpoints=left, problem=settlement.problem)
    if left.new_mail is None:
        return replace(subscription, phase=Phase.ENDED, over_since=settlement.at, loss=None)
    return subscription


def fresh_mailboxes(subscription: Subscription) -> tuple[str, ...]:
    """Mailboxes that an active subscription has no floor in yet, where a session has to give it one."""
    if not subscription.wanted:
        return ()
    floored = {floor.mailbox for floor in subscription.floors}
    return tuple(mailbox for mailbox in subscription.mailboxes if mailbox not in floored)
