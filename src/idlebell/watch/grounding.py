"""From where on somebody who joins is told of a mailbox that is being watched already."""

from __future__ import annotations

from idlebell.model.ids import AccountId
from idlebell.model.subscription import Floor
from idlebell.store.contract import WantedAccount
from idlebell.watch.look import Means


async def ground_newcomers(means: Means, account: AccountId, wanted: WantedAccount) -> None:
    """Who joined a mailbox that is being watched is told of what comes after what has been announced."""
    status = means.status.of(account)
    watched = status.watching() if status else frozenset()
    for subscription, mailbox in wanted.fresh:
        if mailbox in watched:
            cursor = await means.store.cursor(account, mailbox)
            if cursor is not None:
                await means.store.ground(subscription, Floor(mailbox, cursor.uid_validity, cursor.uid_next))
