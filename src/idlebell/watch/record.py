"""A session that idles, or has just asked to, as a record that needs no coroutine."""

from __future__ import annotations

from datetime import datetime

from idlebell.model.account import Account
from idlebell.telemetry.status import MailboxStatus
from idlebell.watch.canned import Turn
from idlebell.watch.mailbox_session import MailboxSession
from idlebell.watch.parked import Parked, SessionTerms
from idlebell.watch.strategy import Chosen


def record(
    account: Account,
    session: MailboxSession,
    chosen: Chosen,
    known: MailboxStatus | None,
    looked_at: datetime | None,
    due_at: float,
    turn: Turn,
    *,
    near: bool,
) -> Parked | None:
    """Strips ``session``, which can do nothing any more. ``known``: what is shown of its mailbox, which was looked at to the
    end at ``looked_at``. None: there is more to it than a record holds, and nothing has changed."""
    if known is None or looked_at is None or known.uid_validity is None or known.uid_next is None:
        return None
    if known.uid_validity != session.uid_validity or (detached := session.detach()) is None:
        return None
    return Parked(
        account,
        SessionTerms(detached.terms, known.mailbox, chosen, session.notified, near),
        detached.descriptor,
        detached.tls.slot,
        detached.tags,
        detached.heard_at,
        due_at,
        looked_at,
        session.quiet_since or detached.heard_at,
        known.uid_validity,
        known.uid_next,
        session.exists,
        session.mod_seq,
        detached.heard_at,  # until the fleet says when it was opened
        detached.debt_bytes,
        turn,
        moved_bytes=detached.moved_bytes,
    )
