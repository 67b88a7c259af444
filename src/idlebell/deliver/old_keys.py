"""Keys of the application server that were retired: who still needs one, and which may go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

from idlebell.model.endpoint import WebPushEndpoint
from idlebell.model.subscription import Phase
from idlebell.push.vapid import VapidKey
from idlebell.store.contract import Subscriptions
from idlebell.store.keys import Keys, StoredVapidKey

KEPT_AT_LEAST: Final = timedelta(days=7)
"""Whoever subscribed with a key just before it was retired registers within days, and what is over is shown as long."""
KEYS_KEPT_MAX: Final = 5
"""The current one among them: an endpoint whose key is not known may be tried with each."""
_PAGE: Final = 200


class KeyedStore(Subscriptions, Keys, Protocol):
    """Keys, and those who need them."""


def public(key: StoredVapidKey) -> str:
    return VapidKey.load(key.der).public_key


async def needed(store: KeyedStore, keys: Sequence[StoredVapidKey]) -> Counter[str]:
    """How many subscriptions need each of ``keys`` (as :meth:`Keys.vapid_keys` gives them), by its public half."""
    oldest = public(keys[-1])
    found: Counter[str] = Counter()
    after = None
    while page := await store.page(None, after, _PAGE):
        for subscription in page:
            if subscription.phase is not Phase.ENDED:
                own = (one for _, one in subscription.endpoints if isinstance(one, WebPushEndpoint))
                found.update({one.application_server_key or oldest for one in own})
        after = page[-1].id
    return found


async def drop_needless(store: KeyedStore, now: datetime) -> tuple[str, ...]:
    """Removes what was retired long enough ago and nobody needs. Returns the public halves."""
    keys = await store.vapid_keys()
    late = [one for one in keys if one.retired_at is not None and one.retired_at <= now - KEPT_AT_LEAST]
    if not late:
        return ()
    users = await needed(store, keys)
    needless = [one for one in late if not users[public(one)]]
    return tuple([public(one) for one in needless if await store.remove_vapid_key(one.der)])
