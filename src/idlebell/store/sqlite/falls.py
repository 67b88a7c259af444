"""What falls through to the next endpoint of ``new_mail``. Parts of somebody's transaction in the writer's thread."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Final, Protocol

from idlebell.model.subscription import Subscription
from idlebell.model.trail import PASSINGS_KEPT
from idlebell.store import codec, falling
from idlebell.store.delivered import passed_on
from idlebell.store.routes import Fingerprint, moment
from idlebell.store.sqlite import rows
from idlebell.store.sqlite.rings import Rings
from idlebell.store.sqlite.rows import Rows
from idlebell.store.sqlite.waiting import Waiting, found

# Counted from when it is first seen: what falls through waits for the next endpoint as long as for the one before.
_COUNTED: Final = "UPDATE outbox SET falls_us = ? + patience_us WHERE patience_us IS NOT NULL AND falls_us IS NULL"
_DUE: Final = "WHERE falls_us <= ? AND leased_us IS NULL ORDER BY falls_us, version LIMIT ?"
_NEWEST: Final = "WHERE subscription = ? AND endpoint = ? AND leased_us IS NULL ORDER BY version DESC"
_STAYS: Final = "UPDATE outbox SET patience_us = NULL, falls_us = NULL WHERE seq = ?"


class Save(Protocol):
    def __call__(self, connection: sqlite3.Connection, subscription: Subscription) -> Subscription: ...


class Falls:
    """``save``: what waits for a subscription follows it to where it is now wanted."""

    def __init__(self, rows: Rows, trails: Rings, fingerprint: Fingerprint, save: Save) -> None:
        self._rows = rows
        self._trails = trails
        self._fingerprint = fingerprint
        self._save = save

    def release(self, connection: sqlite3.Connection, now_us: int, limit: int) -> int:
        """How many notifications fell through, and how many subscriptions try an earlier endpoint again."""
        now = moment(now_us)
        connection.execute(_COUNTED, (now_us,))
        due = found(connection, _DUE, now_us, limit)
        for waiting in due:
            # One before it may have taken it along.
            for still in found(connection, "WHERE seq = ? AND falls_us <= ?", waiting.seq, now_us):
                if not self.fall(connection, still, now):
                    connection.execute(_STAYS, (still.seq,))
        probed = self._rows.select(connection, rows.PROBED, now_us, limit)
        for one in probed:
            changed = falling.probed(one, now)
            assert changed is not None
            self._save(connection, changed)
        return len(due) + len(probed)

    def fall(self, connection: sqlite3.Connection, waiting: Waiting, now: datetime) -> bool:
        """All that waits for its endpoint goes to the next. False: there is none."""
        one, place = self._standing(connection, waiting)
        return self._pass_on(connection, waiting, one, falling.fallen(one, place, now), now)

    def spent(self, connection: sqlite3.Connection, waiting: Waiting, now: datetime, until: datetime) -> bool:
        """As :meth:`fall`, until then."""
        one, place = self._standing(connection, waiting)
        return self._pass_on(connection, waiting, one, falling.spent(one, place, now, until), now)

    def _pass_on(
        self,
        connection: sqlite3.Connection,
        waiting: Waiting,
        one: Subscription,
        changed: Subscription | None,
        now: datetime,
    ) -> bool:
        if changed is None:
            return False
        endpoint = one.endpoints.serving(codec.ROLE_OF_TYPE[waiting.type])
        host = "" if endpoint is None else endpoint.url.host
        own = found(connection, _NEWEST, waiting.subscription, waiting.endpoint)
        going = [each for each in own if falling.goes_on(codec.ROLE_OF_TYPE[each.type])][:PASSINGS_KEPT]
        self._save(connection, changed)
        kept = [passed_on(each.id, each.version, each.type, moment(each.at_us), now, host) for each in going]
        if kept:
            self._trails.keep_deliveries(connection, one.id, kept)
        return True

    def failed(self, connection: sqlite3.Connection, waiting: Waiting, now: datetime) -> None:
        """An attempt: enough where the endpoint is being tried again."""
        if waiting.patience_us is not None and falling.probing(*self._standing(connection, waiting)):
            self.fall(connection, waiting, now)

    def worked(self, connection: sqlite3.Connection, waiting: Waiting) -> None:
        """It was accepted."""
        if waiting.patience_us is not None:
            changed = falling.works(*self._standing(connection, waiting))
            if changed is not None:
                self._save(connection, changed)

    def _standing(self, connection: sqlite3.Connection, waiting: Waiting) -> tuple[Subscription, int | None]:
        one = self._rows.one(connection, rows.BY_ID, waiting.subscription)
        assert one is not None, "foreign keys hold: what waits has a subscription"
        return one, falling.place_of(one.endpoints, self._fingerprint, waiting.endpoint)


def patience_us(seconds: int) -> int | None:
    return seconds * 1_000_000 or None
