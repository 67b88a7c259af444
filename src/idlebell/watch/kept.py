"""What is kept of a look's verdicts, so that somebody can ask why a message did or did not ring. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from idlebell.imap.responses import FetchData
from idlebell.model.arrival import Arrival
from idlebell.model.cursor import Cursor
from idlebell.model.ids import SubscriptionId
from idlebell.model.notification import Draft, NewMail
from idlebell.model.subscription import Subscription
from idlebell.model.trail import VERDICTS_KEPT, KeptVerdict, message_digest
from idlebell.model.verdict import Outcome, Verdict
from idlebell.watch.detect import NOT_NEW
from idlebell.watch.identity import message_id

_COUNTED: Final = "{} came at once and were counted, not looked at one by one"
_NONE_COUNTED: Final = "of very many that came at once, none was found that it is told of"


@dataclass(frozen=True, slots=True)
class Look:
    """``uid_validity`` and ``first_uid`` as before it, ``took_ms`` from its beginning to the verdicts."""

    mailbox: str
    uid_validity: int
    first_uid: int
    at: datetime
    took_ms: float
    fingerprint: Callable[[bytes], bytes]

    def kept(self, verdicts: Sequence[Verdict], arrivals: Iterable[Arrival]) -> list[KeptVerdict]:
        """``verdicts`` on ``arrivals``, as :func:`idlebell.rules.match.match` gives them."""
        by_uid = {arrival.message.uid: arrival for arrival in arrivals}
        digests: dict[int, bytes | None] = {}
        found = []
        for verdict in _newest(verdicts):
            uid, arrival = verdict.uid, by_uid[verdict.uid]
            if uid not in digests:
                digests[uid] = message_digest(message_id(arrival.message), self.fingerprint)
            found.append(
                KeptVerdict(
                    verdict.subscription_id,
                    self.at,
                    self.mailbox,
                    self.uid_validity,
                    uid,
                    uid,
                    verdict.outcome,
                    verdict.because,
                    arrival.marks,
                    digests[uid],
                    arrival.message.internal_date,
                    self.took_ms,
                    vip=verdict.vip,
                )
            )
        return found

    def dismissed(
        self, fetched: Iterable[FetchData], moved: Cursor, subscriptions: Iterable[Subscription]
    ) -> list[KeptVerdict]:
        """What the cursor ``moved`` over that is nobody's new mail."""
        gone = {
            one.uid: one
            for one in fetched
            if one.uid is not None and self.first_uid <= one.uid < moved.uid_next and _not_new(one)
        }
        return [
            KeptVerdict(
                subscription.id,
                self.at,
                self.mailbox,
                self.uid_validity,
                uid,
                uid,
                Outcome.NOT_NEW,
                _not_new(gone[uid]),
                message=message_digest(message_id(gone[uid]), self.fingerprint),
                received_at=gone[uid].internal_date,
                took_ms=self.took_ms,
            )
            for subscription in subscriptions
            for uid in sorted(gone)[-VERDICTS_KEPT:]
        ]

    def counted(
        self, drafts: Iterable[Draft], moved: Cursor, subscriptions: Iterable[Subscription]
    ) -> list[KeptVerdict]:
        """Of a flood: one for all that came."""
        told = {one.subscription_id: one.content.count for one in drafts if isinstance(one.content, NewMail)}
        last = max(self.first_uid, moved.uid_next - 1)
        return [
            KeptVerdict(
                one.id,
                self.at,
                self.mailbox,
                self.uid_validity,
                self.first_uid,
                last,
                Outcome.RINGS if one.id in told else Outcome.MARKED,
                (_COUNTED.format(told[one.id]) if one.id in told else _NONE_COUNTED,),
                took_ms=self.took_ms,
            )
            for one in subscriptions
        ]


def _newest(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Of each subscription, as many as are kept, in their order."""
    if len(verdicts) <= VERDICTS_KEPT:
        return list(verdicts)
    left: dict[SubscriptionId, int] = {}
    found = []
    for verdict in reversed(verdicts):
        left[verdict.subscription_id] = left.get(verdict.subscription_id, VERDICTS_KEPT) - 1
        if left[verdict.subscription_id] >= 0:
            found.append(verdict)
    return found[::-1]


def _not_new(message: FetchData) -> tuple[str, ...]:
    return tuple(f"it was {flag} when it was found" for flag in NOT_NEW if message.has_flag(flag))
