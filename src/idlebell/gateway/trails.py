"""What became of messages and notifications, asked of the store."""

from __future__ import annotations

from typing import Final

from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import UID_MAX
from idlebell.gateway.trail_shapes import Deliveries, WhyView
from idlebell.gateway.why import Kept, delivery_view, explain, into, nothing_kept
from idlebell.model.subscription import Subscription
from idlebell.model.trail import KEPT_FOR, message_digest
from idlebell.net.clock import Clock
from idlebell.store.contract import Store

MESSAGE_ID_CHARACTERS: Final = 1_000


async def deliveries(store: Store, clock: Clock, subscription: Subscription) -> Deliveries:
    oldest = clock.now() - KEPT_FOR
    found = await store.deliveries(subscription.id)
    return Deliveries(items=tuple(delivery_view(one) for one in found if one.at >= oldest))


async def why(
    store: Store,
    clock: Clock,
    subscription: Subscription,
    *,
    message_id: str | None,
    mailbox: str | None,
    uid: str | None,
) -> WhyView:
    """By ``message_id``, or by ``uid`` in ``mailbox`` (None: the subscription's first). ProblemError ``invalid-request``."""
    number = _asked(message_id, uid)
    now = clock.now()
    verdicts = tuple(one for one in await store.verdicts(subscription.id) if one.at >= now - KEPT_FOR)
    waiting = {}
    delivered = await store.deliveries(subscription.id)
    for notification in {into(one.notification, delivered) for one in verdicts}:
        due_at = None if notification is None else await store.waits(notification)
        if notification is not None and due_at is not None:
            waiting[notification] = due_at
    kept = Kept(subscription, verdicts, delivered, waiting)
    name = mailbox if mailbox is not None else next(iter(subscription.mailboxes), "INBOX")
    if number is not None:
        found = tuple(one for one in verdicts if one.lies_in(name) and one.uid <= number <= one.last_uid)
    else:
        digest = message_digest((message_id or "").encode("utf-8", "surrogatepass"), store.fingerprint)
        found = tuple(one for one in verdicts if digest is not None and one.message == digest)
    if found:
        return explain(found, kept, now)
    return nothing_kept(await store.cursor(subscription.account_id, name), name, number, kept, now)


def _asked(message_id: str | None, uid: str | None) -> int | None:
    faults = Faults()
    if (message_id is None) == (uid is None):
        faults.add("", "asks for either message_id or uid")
    elif message_id is not None and not 0 < len(message_id) <= MESSAGE_ID_CHARACTERS:
        faults.add("/message_id", f"must have 1 to {MESSAGE_ID_CHARACTERS} characters")
    number = int(uid) if uid is not None and uid.isascii() and uid.isdigit() and len(uid) <= 10 else None
    if uid is not None and (number is None or not 0 < number <= UID_MAX):
        faults.add("/uid", f"must be 1 to {UID_MAX}")
    faults.raise_any()
    return number
