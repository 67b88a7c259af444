"""Why a message did or did not ring, from what is kept of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from idlebell.gateway.trail_shapes import DeliveryView, FateView, StepView, WhyView
from idlebell.model.arrival import Mark
from idlebell.model.cursor import Cursor
from idlebell.model.ids import NotificationId
from idlebell.model.subscription import Subscription
from idlebell.model.trail import KEPT_FOR, PASSED_ON, Delivery, KeptVerdict, told_at
from idlebell.model.verdict import Outcome
from idlebell.push.answers import SILENCES, UNREACHABLE
from idlebell.store.trail_codec import SURELY_KEPT

_MARKS: Final = {
    Mark.APPENDED.value: "by its date it was filed here rather than delivered: a copy, a move or an upload",
    Mark.SEEN.value: "it was read already when it was found",
}
_VERDICTS: Final = {
    Outcome.NOT_NEW: "It did not ring: it is nobody's new mail",
    Outcome.BELOW_FLOOR: "It did not ring: it was there before the subscription came, or came while it was paused",
    Outcome.MARKED: "It did not ring: the subscription did not ask for such mail",
    Outcome.ALREADY_TOLD: "It did not ring: the same mail was seen before, in another mailbox or under another UID",
    Outcome.FILTERED: "It did not ring: the filter holds it back",
    Outcome.HUSHED: "It did not ring: its sender or its list was hushed",
    Outcome.MUTED: "It did not ring: the subscription was silent",
    Outcome.HELD: "It is held, to ring later with what else comes",
    Outcome.WITHDRAWN: "It did not ring: it was read or deleted elsewhere before its turn came",
    Outcome.RINGS: "It was to ring",
}
_ENDS: Final = {
    "accepted": "It rang: the push service took it",
    "retry": "It has not rung yet: the push service did not take it, and it is tried again",
    "gone": "It did not ring: the push service says that the endpoint is gone",
    "refused": "It did not ring: the push service refused it",
    "expired": "It did not ring: it could not be delivered while it was of use",
    "coalesced": "It rang with a newer one, which stood for it",
    "unverified": "It has not rung yet: the endpoint has not shown that it is wanted",
    "held": "It has not rung yet: it is held, to ring with what else comes",
    "silenced": "It did not ring: when its turn came, the subscription was silent",
    "pending": "It has not rung yet: it waits for its turn",
    "dropped": "It did not ring: it was dropped unsent, for the subscription was paused, changed or ended meanwhile",
    "unknown": "It was to ring; of so many pushes since, nothing is kept of this one any more",
    "nowhere": "It did not ring: the subscription had no endpoint for it",
}
_UNDER_WAY: Final = ("retry", "unverified")
"""After which there are more attempts, as long as it waits."""
_RANG: Final = ("accepted", "coalesced")


@dataclass(frozen=True, slots=True)
class Kept:
    """All that is kept of a subscription. ``waiting``: what waits to be sent or is held, and when its turn comes."""

    subscription: Subscription
    verdicts: Sequence[KeptVerdict]
    deliveries: Sequence[Delivery]
    waiting: Mapping[NotificationId, datetime]

    def since(self, now: datetime) -> datetime:
        """From when on nothing is missing."""
        oldest = max(self.subscription.created_at, now - KEPT_FOR)
        return max(oldest, self.verdicts[-1].at) if self.verdicts else oldest


def delivery_view(one: Delivery) -> DeliveryView:
    return DeliveryView(
        notification=one.notification,
        version=one.version,
        type=one.type,
        at=one.at,
        outcome=one.outcome,
        status=one.status,
        took_ms=one.took_ms,
        since_ms=max(0.0, round((one.at - one.came_at).total_seconds() * 1000, 1)),
        host=one.host,
        next_at=one.next_at,
        detail=_silence(one),
    )


def explain(found: Sequence[KeptVerdict], kept: Kept, now: datetime) -> WhyView:
    """``found``: verdicts on the message, the newest first; at least one."""
    fates = tuple(_fate(one, kept) for one in found)
    first = next((one for one in fates if one.rang), fates[0])
    return WhyView(
        rang=first.rang, outcome=first.outcome, answer=first.answer, messages=fates, kept_since=kept.since(now)
    )


def nothing_kept(cursor: Cursor | None, mailbox: str, uid: int | None, kept: Kept, now: datetime) -> WhyView:
    """No verdict on it is kept. ``uid`` None: it was asked for by its Message-ID. ``cursor``: of its ``mailbox``."""
    floor = kept.subscription.floor(mailbox)
    since = kept.since(now)
    if uid is None:
        outcome = "not-known"
        answer = (
            "Nothing is kept of a message with this Message-ID. Some servers tell another name of a mail instead "
            "(EMAILID, X-GM-MSGID): ask by mailbox and UID there."
        )
    elif cursor is None or uid >= cursor.uid_next:
        outcome = "not-seen"
        answer = "It has not been seen: " + _looked(cursor, kept.subscription)
    elif floor is not None and floor.uid_validity == cursor.uid_validity and uid < floor.uid_next:
        outcome = Outcome.BELOW_FLOOR.value
        answer = _VERDICTS[Outcome.BELOW_FLOOR] + "."
    else:
        outcome = "not-kept"
        answer = f"It was dealt with before {told_at(since)}; of what was before then nothing is kept."
    return WhyView(rang=False, outcome=outcome, answer=answer, messages=(), kept_since=since)


def _looked(cursor: Cursor | None, subscription: Subscription) -> str:
    if subscription.loss is not None:
        return f"the session is lost since {told_at(subscription.loss.since)}, and the app was asked for credentials."
    if subscription.phase.over:
        return "the subscription is over."
    if cursor is None or cursor.looked_at is None:
        return "the mailbox has not been looked at yet, or is none of the subscription's."
    return f"nothing with this UID was there when the mailbox was last looked at, {told_at(cursor.looked_at)}."


def _fate(one: KeptVerdict, kept: Kept) -> FateView:
    notification = _telling(one, kept)
    found = tuple(each for each in reversed(kept.deliveries) if each.notification == notification)
    attempts = tuple(each for each in found if each.outcome != PASSED_ON)
    steps = [
        StepView(step="seen", at=one.at, outcome="seen", detail=_seen(one)),
        StepView(step="verdict", at=one.at, outcome=one.outcome.value, detail=_judged(one)),
    ]
    outcome, answer = one.outcome.value, _judged(one)
    if one.outcome in (Outcome.RINGS, Outcome.HELD):
        outcome, at = _end(one, notification, attempts, kept)
        steps += [_attempt(each) for each in found]
        until = f", at {told_at(at)}" if outcome == "held" and at is not None and at > one.at else ""
        answer = _ENDS[outcome] + _how_long(attempts) + until + "."
        if outcome in ("held", "pending", "dropped", "unknown", "nowhere"):
            steps.append(StepView(step="notification", at=at or one.at, outcome=outcome, detail=answer))
    return FateView(
        mailbox=one.mailbox,
        uid_validity=one.uid_validity,
        uid=one.uid,
        last_uid=one.last_uid,
        rang=outcome in _RANG,
        outcome=outcome,
        answer=answer,
        because=_because(one),
        notification=notification,
        steps=tuple(steps),
        attempts=tuple(map(delivery_view, found)),
    )


def _telling(one: KeptVerdict, kept: Kept) -> NotificationId | None:
    """Which tells of it: the one that it was to ring with, or that this came to."""
    return into(one.notification, kept.deliveries)


def into(notification: NotificationId | None, deliveries: Sequence[Delivery]) -> NotificationId | None:
    """Which tells what this was to tell: it may have come to another, and that to one more."""
    came_to = {each.notification: each.into for each in deliveries if each.into is not None}
    for _ in range(len(came_to)):
        notification = came_to.get(notification, notification) if notification is not None else None
    return notification


def _end(
    one: KeptVerdict, notification: NotificationId | None, attempts: Sequence[Delivery], kept: Kept
) -> tuple[str, datetime | None]:
    if notification is None:
        return "nowhere", None
    last = attempts[-1].outcome if attempts else None
    if notification in kept.waiting and last not in _RANG:
        # What one endpoint of a list refused may wait for the next.
        waits = "held" if one.outcome is Outcome.HELD and last is None else "pending"
        return (last if last in _UNDER_WAY else waits), kept.waiting[notification]
    if last is not None and last not in _UNDER_WAY:
        return last, attempts[-1].at
    # Where older ones are kept, or few, this one's would be too.
    begins = kept.deliveries[-1].at if kept.deliveries else one.at
    return ("dropped" if begins <= one.at or len(kept.deliveries) <= SURELY_KEPT else "unknown"), None


def _attempt(one: Delivery) -> StepView:
    if one.outcome == PASSED_ON:
        said = f"{one.host or 'the endpoint'} has not taken it, so it goes to the next endpoint"
        return StepView(step="notification", at=one.at, outcome=one.outcome, detail=said)
    said = "nothing was sent" if one.took_ms is None else f"{_answered(one)} after {one.took_ms:.0f} ms"
    if (silence := _silence(one)) is not None:
        said += f" ({silence.rstrip('.')})"
    if one.next_at is not None:
        said += f"; tried again at {told_at(one.next_at)}"
    return StepView(step="attempt", at=one.at, outcome=one.outcome, detail=said)


def _answered(one: Delivery) -> str:
    where = one.host or "the endpoint"
    if one.status:
        return f"{where} answered {one.status}"
    if one.silence is not None:
        return f"no answer from {where}"
    # A command and a terminal have no status of HTTP's, and an answer of Apprise's may have none.
    return "done" if one.outcome == "accepted" else f"not taken by {where}"


def _silence(one: Delivery) -> str | None:
    return None if one.silence is None else SILENCES.get(one.silence, SILENCES[UNREACHABLE])


def _seen(one: KeptVerdict) -> str:
    what = f"UID {one.uid}" if one.uid == one.last_uid else f"UIDs {one.uid} to {one.last_uid}"
    said = f"{what} in {one.mailbox}"
    if one.received_at is not None:
        said += f", dated {told_at(one.received_at)} by the mail server"
    if one.took_ms is not None:
        said += f"; decided {one.took_ms:.0f} ms after its word"
    return said


def _judged(one: KeptVerdict) -> str:
    because = _because(one)
    return _VERDICTS[one.outcome] + (f": {'; '.join(because)}." if because else ".")


def _because(one: KeptVerdict) -> tuple[str, ...]:
    return tuple(_MARKS.get(said, said) for said in one.because)


def _how_long(attempts: Sequence[Delivery]) -> str:
    if not attempts or attempts[-1].outcome != "accepted":
        return ""
    last = attempts[-1]
    tried = f", at the attempt number {len(attempts)}" if len(attempts) > 1 else ""
    return f" {max(0.0, (last.at - last.came_at).total_seconds() * 1000):.0f} ms after the mail server's word{tried}"
