"""The table of holds: new mail that rings later. Each function is a part of somebody's transaction in the writer's thread."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Draft, NewMail, Told
from idlebell.model.preferences import NO_PREFERENCES
from idlebell.rules.merge import renamed, without
from idlebell.rules.pace import Pace
from idlebell.rules.schedule import Held, Silenced, Timing
from idlebell.store import codec
from idlebell.store.contract import StoreError
from idlebell.store.holds import Hold, after_coming, after_release, held, joined, placed
from idlebell.store.routes import microseconds, moment
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite import rungs, tallies

_SELECT: Final = "SELECT subscription, id, at_us, due_us, keep_us, content FROM holds "
_WRITE: Final = """
INSERT INTO holds (subscription, id, messages, at_us, due_us, keep_us, content) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (subscription) DO UPDATE
SET id = excluded.id, messages = excluded.messages, at_us = excluded.at_us, due_us = excluded.due_us,
    keep_us = excluded.keep_us, content = excluded.content
"""
_MICROSECOND: Final = timedelta(microseconds=1)


class Holdings:
    def __init__(self, sealer: Sealer, new_id: Callable[[], NotificationId], pace: Pace) -> None:
        self._new_id = new_id
        self._sealer = sealer
        self._pace = pace

    def holds(self, connection: sqlite3.Connection, draft: Draft, details: str | None) -> bool:
        """Is it held or silenced, so that it is no notification now? ``details`` None: its subscription has no schedule."""
        content, one = draft.content, draft.subscription_id
        if not isinstance(content, NewMail) or (details is None and not self._pace.limits):
            return False
        wish = NO_PREFERENCES if details is None else codec.decode_wish(details)
        lately = tallies.lately(connection, one)
        timing = placed(wish, content, draft.at, draft.at, lately, self._pace)
        if isinstance(timing, Silenced):
            tallies.detected(connection, one, content.count, draft.at)
            tallies.count(connection, one, content.count, "silenced")
            return True
        hold = held(self._get(connection, one), draft, content, timing, self._new_id)
        after = after_coming(wish, content, draft.at, lately, self._pace, rings=hold is None)
        if after != lately:
            tallies.paced(connection, one, after)
        if hold is None:
            return False
        tallies.detected(connection, one, content.count, draft.at)
        rungs.record(connection, one, content.told, None)
        self._write(connection, one, hold)
        return True

    def telling(
        self, connection: sqlite3.Connection, subscription: SubscriptionId, at: datetime
    ) -> tuple[NotificationId, datetime] | None:
        """What is to tell of mail that came ``at``, and when, where it is held."""
        query = "SELECT id, due_us FROM holds WHERE subscription = ? AND at_us >= ?"
        row = connection.execute(query, (subscription, microseconds(at))).fetchone()
        return None if row is None else (NotificationId(row[0]), moment(row[1]))

    def join(self, connection: sqlite3.Connection, subscription: SubscriptionId, hold: Hold) -> NotificationId:
        """``hold`` comes to what is held. As what it is held then."""
        before = self._get(connection, subscription)
        after = hold if before is None else joined(before, hold)
        self._write(connection, subscription, after)
        return after.id

    def withdraw(
        self, connection: sqlite3.Connection, subscription: SubscriptionId, gone: frozenset[Told]
    ) -> frozenset[Told]:
        """Those of ``gone`` that were held."""
        hold = self._get(connection, subscription)
        if hold is None or gone.isdisjoint(hold.content.told):
            return frozenset()
        left = without(hold.content, gone)
        if left is None:
            self.give_up(connection, subscription, "withdrawn")
        else:
            tallies.count(connection, subscription, hold.content.count - left.count, "withdrawn")
            self._write(connection, subscription, replace(hold, content=left))
        return gone.intersection(hold.content.told)

    def rename(self, connection: sqlite3.Connection, subscription: SubscriptionId, old: str, new: str) -> None:
        hold = self._get(connection, subscription)
        if hold is not None and (content := renamed(hold.content, old, new)) != hold.content:
            self._write(connection, subscription, replace(hold, content=content))

    def due(self, connection: sqlite3.Connection, now_us: int, limit: int) -> list[tuple[SubscriptionId, Hold]]:
        """What is damaged on disk can never be told: it is given up."""
        query = _SELECT + "WHERE due_us <= ? ORDER BY due_us, subscription LIMIT ?"
        found: list[tuple[SubscriptionId, Hold]] = []
        for row in connection.execute(query, (now_us, limit)).fetchall():
            hold = self._read(row)
            if hold is None:
                self.give_up(connection, row[0], "refused")
            else:
                found.append((SubscriptionId(row[0]), hold))
        return found

    def timing(
        self,
        connection: sqlite3.Connection,
        subscription: SubscriptionId,
        hold: Hold,
        details: str | None,
        now: datetime,
    ) -> Timing:
        """Does what is due ring now? Else it is held on, or silenced. ``details`` as of :meth:`holds`."""
        wish = NO_PREFERENCES if details is None else codec.decode_wish(details)
        lately = tallies.lately(connection, subscription)
        timing = placed(wish, hold.content, hold.at, now, lately, self._pace)
        if isinstance(timing, Held):
            self._write(connection, subscription, replace(hold, due_at=timing.until))
        elif isinstance(timing, Silenced):
            self.give_up(connection, subscription, "silenced")
        elif (after := after_release(wish, hold.content, now, lately, self._pace)) != lately:
            tallies.paced(connection, subscription, after)
        return timing

    def hurry(self, connection: sqlite3.Connection, subscription: SubscriptionId) -> None:
        """It is due, to be placed anew: also where it came while the clock was ahead."""
        connection.execute("UPDATE holds SET due_us = 0 WHERE subscription = ?", (subscription,))

    def give_up(self, connection: sqlite3.Connection, subscription: SubscriptionId, outcome: str) -> None:
        """What is held, if anything is, counted as ``outcome``."""
        tallies.count(connection, subscription, self.take(connection, subscription), outcome)

    def take(self, connection: sqlite3.Connection, subscription: SubscriptionId) -> int:
        """Held no more. How many messages were."""
        query = "DELETE FROM holds WHERE subscription = ? RETURNING messages"
        row = connection.execute(query, (subscription,)).fetchone()
        return 0 if row is None else int(row[0])

    def _get(self, connection: sqlite3.Connection, subscription: SubscriptionId) -> Hold | None:
        row = connection.execute(_SELECT + "WHERE subscription = ?", (subscription,)).fetchone()
        hold = None if row is None else self._read(row)
        if row is not None and hold is None:
            self.give_up(connection, subscription, "refused")
        return hold

    def _write(self, connection: sqlite3.Connection, subscription: SubscriptionId, hold: Hold) -> None:
        sealed = self._sealer.seal(codec.encode_content(hold.content), _context(subscription))
        times = (microseconds(hold.at), microseconds(hold.due_at), hold.keep // _MICROSECOND)
        connection.execute(_WRITE, (subscription, hold.id, hold.content.count, *times, sealed))

    def _read(self, row: tuple[Any, ...]) -> Hold | None:
        one, notification, at_us, due_us, keep_us, sealed = row
        try:
            content = codec.decode_content(self._sealer.open(sealed, _context(one)))
        except StoreError:
            return None
        assert isinstance(content, NewMail)
        return Hold(NotificationId(notification), content, moment(at_us), moment(due_us), keep_us * _MICROSECOND)


def _context(subscription: str) -> bytes:
    return b"holds\0content\0" + subscription.encode("ascii")
