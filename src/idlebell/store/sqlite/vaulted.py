"""Sealed credentials. What is replaced or removed is overwritten with zeros (``secure_delete``, see
:mod:`.opening`), and :meth:`.scrubbing.ScrubbingPart.scrub` empties the journal of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.vaulted import Vaulted
from idlebell.store.sqlite.database import Database

_KEEP: Final = """
INSERT INTO vault (subscription, account, key, content)
SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM subscriptions WHERE id = ?1 AND phase NOT IN ('expired', 'ended'))
ON CONFLICT (subscription) DO UPDATE SET account = excluded.account, key = excluded.key, content = excluded.content
"""


class VaultedSetsPart:
    """Keeps :class:`~idlebell.store.vaulted.VaultedSets`."""

    _database: Database

    async def vaulted(self) -> tuple[Vaulted, ...]:
        query = "SELECT subscription, account, key, content FROM vault ORDER BY subscription"
        found = await self._database.scan(lambda connection: connection.execute(query).fetchall())
        return tuple(
            Vaulted(SubscriptionId(subscription), AccountId(account), key, content)
            for subscription, account, key, content in found
        )

    async def keep_vaulted(self, one: Vaulted) -> None:
        await self.reseal_vaulted([one], ())

    async def forget_vaulted(self, subscriptions: Collection[SubscriptionId]) -> None:
        await self.reseal_vaulted((), subscriptions)

    async def reseal_vaulted(self, sets: Sequence[Vaulted], forget: Collection[SubscriptionId]) -> None:
        kept = [(one.subscription, one.account, one.key, one.content) for one in sets]
        gone = [(one,) for one in forget]

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_KEEP, kept)
            connection.executemany("DELETE FROM vault WHERE subscription = ?", gone)
            self._database.queues.forgotten += len(kept) + len(gone)  # also by the step that ended the subscription

        await self._database.write(job)
