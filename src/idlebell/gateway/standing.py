"""How a subscription stands, as it is shown. Pure.

In: the subscription, what is being done about its account's mailboxes, and what became of its notifications. Out: the view
that every face shows, and the first verdict that a waiting request is answered with.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Literal

from idlebell.gateway.endpoints import endpoints_view
from idlebell.gateway.preferences import shown
from idlebell.gateway.shapes import (
    AlertView,
    CountsView,
    EndpointsView,
    LastPushView,
    MailboxStateView,
    ProblemView,
    State,
    SubscriptionView,
    SubtreeView,
)
from idlebell.model.endpoint import unproven
from idlebell.model.notification import LossReason
from idlebell.model.preferences import NO_PREFERENCES
from idlebell.model.problem import Fault
from idlebell.model.proof import Demands
from idlebell.model.selection import Personal, Selection, Subscribed, Subtree
from idlebell.model.subscription import Activity, Phase, Subscription
from idlebell.telemetry.status import AccountStatus, MailboxStatus, Watch

_NOTHING_COUNTED: Final = CountsView(
    detected=0, accepted=0, coalesced=0, expired=0, refused=0, pending=0, silenced=0, withdrawn=0
)
REPORTED: Final = "ingest"
"""``mode`` where a mail server reports deliveries and no session is held."""
_NOT_BY_SERVER: Final = frozenset({"token-refused", "keys-not-usable"})
"""Where what is kept is of no use any more, but no mail server has rejected it."""


def state_of(subscription: Subscription, status: AccountStatus | None) -> State:
    match subscription.phase:
        case Phase.EXPIRED:
            return "expired"
        case Phase.ENDED:
            return "ended"
        case Phase.REJECTED:
            return "rejected"
        case Phase.PENDING | Phase.ACTIVE:
            pass
    if subscription.loss is not None:
        code = None if subscription.problem is None else subscription.problem.code
        rejected = subscription.loss.reason is LossReason.REJECTED and code not in _NOT_BY_SERVER
        return "rejected" if rejected else "needs_credentials"
    if subscription.phase is Phase.PENDING:
        return "connecting"
    if subscription.paused:
        return "paused"
    if subscription.source is not None:
        return "watching"
    watches = {one.watch for one in _own(subscription.mailboxes, status)}
    if Watch.RECONNECTING in watches:
        return "reconnecting"
    if Watch.WATCHING in watches and Watch.CONNECTING not in watches:
        return "watching"
    return "reconnecting" if watches == {Watch.FAILED} else "connecting"


def verdict(subscription: Subscription, status: AccountStatus | None) -> Fault | bool:
    """Of a first watch: True when every mailbox is watched, a Fault when one cannot be, False while that is open. A mailbox
    that was not named but found fails for itself alone."""
    if subscription.selection is not None and not subscription.resolved:
        return False  # which mailboxes it means is still to be found
    own = _own(subscription.mailboxes, status)
    failed = [one for one in own if one.watch is Watch.FAILED]
    if failed and subscription.selection is None:
        return failed[0].fault or Fault("no-such-mailbox", "The mail server does not open this mailbox.")
    watching = sum(one.watch is Watch.WATCHING for one in own)
    return watching + len(failed) == len(subscription.mailboxes)


def view(
    subscription: Subscription, status: AccountStatus | None, activity: Activity, demands: Demands
) -> SubscriptionView:
    live = subscription.phase is Phase.ACTIVE and subscription.loss is None
    own = _own(subscription.mailboxes, status) if live else ()
    by_name = {one.mailbox: one for one in own}
    modes = [one.mode for one in own if one.mode is not None]
    counts, push = activity.counts, activity.last_push
    return SubscriptionView(
        id=subscription.id,
        state=state_of(subscription, status),
        mode=modes[0].value if modes else REPORTED if live and subscription.source is not None else None,
        mode_reason=next((one.mode_reason for one in own if one.mode_reason is not None), None),
        mailboxes=tuple(_mailbox(name, by_name.get(name)) for name in subscription.mailboxes),
        selection=_selection(subscription.selection),
        source=subscription.source,
        also=tuple(sorted(subscription.also)),
        payload=subscription.payload.value,
        retention=subscription.retention.value,
        lease_seconds=subscription.lease_seconds,
        heartbeat_seconds=subscription.heartbeat_seconds,
        **shown(subscription.preferences),
        created_at=subscription.created_at,
        expires_at=subscription.expires_at,
        # The one heard of longest ago: a session that lives hides no other that is gone.
        last_seen_alive_at=_earliest(one.last_seen_alive_at for one in own),
        next_check_at=_earliest(one.next_check_at for one in own),
        last_event_at=activity.last_event_at,
        last_push=None
        if push is None
        else LastPushView(at=push.at, version=push.version, status=push.status, outcome=push.outcome),
        counts=CountsView(
            detected=counts.detected,
            accepted=counts.accepted,
            coalesced=counts.coalesced,
            expired=counts.expired,
            refused=counts.refused,
            pending=counts.pending,
            silenced=counts.silenced,
            withdrawn=counts.withdrawn,
        ),
        allowance=None,
        alert=None
        if not live or status is None or status.alert is None
        else AlertView(text=status.alert.text, at=status.alert.at),
        unverified=tuple(
            dict.fromkeys(role.value for role, own in subscription.endpoints if unproven(own, demands) is not None)
        ),
        endpoints=endpoints_view(subscription),
        tls_pin_sha256=None,
        certificate=None,
        problem=_problem(subscription, own, status if live else None),
    )


def unproven_view(subscription: Subscription, mailboxes: Iterable[str], now: datetime) -> SubscriptionView:
    """For a repeat that has not shown its right yet: it learns nothing of what the subscription has been doing."""
    return SubscriptionView(
        id=subscription.id,
        state="connecting",
        mode=None,
        mode_reason=None,
        mailboxes=tuple(_mailbox(name, None) for name in mailboxes),
        selection=None,
        source=None,
        also=(),
        payload="alert",
        retention="session",
        lease_seconds=subscription.lease_seconds,
        heartbeat_seconds=None,
        **shown(NO_PREFERENCES),
        created_at=now,
        expires_at=now + timedelta(seconds=subscription.lease_seconds),
        last_seen_alive_at=None,
        next_check_at=None,
        last_event_at=None,
        last_push=None,
        counts=_NOTHING_COUNTED,
        allowance=None,
        alert=None,
        unverified=(),
        endpoints=EndpointsView(new_mail=()),
        tls_pin_sha256=None,
        certificate=None,
        problem=None,
    )


def _own(mailboxes: Iterable[str], status: AccountStatus | None) -> tuple[MailboxStatus, ...]:
    if status is None:
        return ()
    return tuple(found for name in mailboxes if (found := status.mailboxes.get(name)) is not None)


def _mailbox(name: str, status: MailboxStatus | None) -> MailboxStateView:
    if status is None:
        return MailboxStateView(name=name, uid_validity=None, uid_next=None, mode=None)
    mode = None if status.mode is None else status.mode.value
    return MailboxStateView(name=name, uid_validity=status.uid_validity, uid_next=status.uid_next, mode=mode)


def _selection(selection: Selection | None) -> Literal["personal", "subscribed"] | SubtreeView | None:
    match selection:
        case None:
            return None
        case Personal():
            return "personal"
        case Subscribed():
            return "subscribed"
        case Subtree(root):
            return SubtreeView(subtree=root)


def _problem(
    subscription: Subscription, own: Iterable[MailboxStatus], status: AccountStatus | None
) -> ProblemView | None:
    standing = subscription.problem
    if standing is not None:
        return ProblemView(type=f"/problems/{standing.code}", detail=standing.detail, since=standing.since)
    for one in own:
        if one.fault is not None and one.watch is not Watch.WATCHING:
            since = one.last_seen_alive_at or subscription.created_at
            return ProblemView(type=f"/problems/{one.fault.code}", detail=one.fault.detail, since=since)
    if subscription.selection is not None and status is not None and status.unlisted is not None:
        fault = status.unlisted.fault
        return ProblemView(type=f"/problems/{fault.code}", detail=fault.detail, since=status.unlisted.since)
    return None


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((one for one in times if one is not None), default=None)
