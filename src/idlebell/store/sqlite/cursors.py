"""The cursors, what was seen where, and the one durable step that moves them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from idlebell.model.cursor import Cursor
from idlebell.model.ids import AccountId
from idlebell.model.notification import Draft, Notification
from idlebell.model.sighting import SIGHTINGS_KEPT, Sighting
from idlebell.model.trail import KeptVerdict
from idlebell.store import changes
from idlebell.store.ahead import Ahead, Taker
from idlebell.store.contract import NONE_KNOWN, ConflictError
from idlebell.store.delivered import told_of
from idlebell.store.gaps_codec import decode_gaps, encode_gaps
from idlebell.store.routes import microseconds, moment
from idlebell.store.sqlite import rows, withdrawals
from idlebell.store.sqlite.database import Database

_READ: Final = (
    "SELECT uid_validity, uid_next, highest_mod_seq, count, looked_us, gaps "
    "FROM cursors WHERE account = ? AND mailbox = ?"
)
_BEGIN: Final = """
INSERT INTO cursors (account, mailbox, uid_validity, uid_next, highest_mod_seq, count, looked_us, gaps)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM accounts WHERE id = ?1)
ON CONFLICT (account, mailbox) DO NOTHING
"""
_MOVE: Final = """
UPDATE cursors SET uid_validity = ?, uid_next = ?, highest_mod_seq = ?, count = ?, looked_us = ?, gaps = ?
WHERE account = ? AND mailbox = ?
AND uid_validity = ? AND uid_next = ? AND highest_mod_seq IS ? AND count IS ? AND looked_us IS ? AND gaps IS ?
"""
_SIGHTING: Final = "SELECT mailbox, uid_validity, uid FROM sightings WHERE account = ? AND digest = ?"
# What is replaced gets a new seq: it is among the newest again.
_SIGHTED: Final = (
    "INSERT OR REPLACE INTO sightings (account, digest, mailbox, uid_validity, uid) VALUES (?, ?, ?, ?, ?)"
)
_PRUNE: Final = """
DELETE FROM sightings WHERE account = ?1 AND seq <= (
    SELECT seq FROM sightings WHERE account = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2
)
"""


class CursorsPart:
    """Keeps :class:`~idlebell.store.contract.Cursors` and :class:`~idlebell.store.ahead.LeasesAhead`."""

    _database: Database

    async def cursor(self, account: AccountId, mailbox: str) -> Cursor | None:
        return self._database.read(lambda connection: _cursor(connection, account, mailbox))

    async def commit(
        self,
        account: AccountId,
        mailbox: str,
        expected: Cursor | None,
        new: Cursor,
        drafts: Sequence[Draft],
        *,
        sighted: Sequence[Sighting] = (),
        known: Mapping[bytes, Sighting] = NONE_KNOWN,
        verdicts: Sequence[KeptVerdict] = (),
    ) -> tuple[Notification, ...]:
        ahead = Ahead(self._database.taker)
        ahead.ask(drafts)

        def job(connection: sqlite3.Connection) -> tuple[Notification, ...]:
            ahead.begin_again()
            place = (account, rows.text(mailbox))
            if expected is None:
                moved = connection.execute(_BEGIN, (*place, *_values(new))).rowcount
            else:
                moved = connection.execute(_MOVE, (*_values(new), *place, *_values(expected))).rowcount
            if not moved:
                raise ConflictError("The cursor was moved meanwhile, or the account is gone.")
            if sighted:
                _record(connection, account, sighted, known)
            queues = self._database.queues
            committed = queues.enqueue_all(connection, drafts, ahead)
            if verdicts:
                told = told_of(verdicts, drafts, committed, partial(queues.unsent, connection))
                self._database.rings.keep_verdicts(connection, told)
            return committed

        def ended(committed: tuple[Notification, ...] | None) -> None:
            ahead.end(drafts, committed=committed is not None)

        return await self._database.write(job, ended=ended)

    def hand_to(self, taker: Taker | None) -> None:
        self._database.taker = taker

    async def sightings(self, account: AccountId, digests: Sequence[bytes]) -> dict[bytes, Sighting]:
        def query(connection: sqlite3.Connection) -> dict[bytes, Sighting]:
            found = ((digest, _sighting(connection, account, digest)) for digest in digests)
            return {digest: one for digest, one in found if one is not None}

        return self._database.read(query)

    async def renamed(self, account: AccountId, old: str, new: str) -> None:
        queues = self._database.queues
        names = (rows.text(new), account, rows.text(old))

        def job(connection: sqlite3.Connection) -> None:
            if old == new:
                return
            connection.execute("UPDATE OR IGNORE cursors SET mailbox = ? WHERE account = ? AND mailbox = ?", names)
            connection.execute("DELETE FROM cursors WHERE account = ? AND mailbox = ?", names[1:])
            connection.execute("UPDATE sightings SET mailbox = ? WHERE account = ? AND mailbox = ?", names)
            for one in self._database.rows.select(connection, rows.LIVING, account):
                changed = changes.renamed(one, old, new)
                if changed is not None:
                    queues.save(connection, changed)
                    withdrawals.rename(self._database, connection, one.id, old, new)

        await self._database.write(job)


def _cursor(connection: sqlite3.Connection, account: AccountId, mailbox: str) -> Cursor | None:
    row = connection.execute(_READ, (account, rows.text(mailbox))).fetchone()
    if row is None:
        return None
    uid_validity, uid_next, highest_mod_seq, count, looked_us, gaps = row
    looked_at = None if looked_us is None else moment(looked_us)
    return Cursor(uid_validity, uid_next, highest_mod_seq, count, looked_at, decode_gaps(gaps))


def _values(cursor: Cursor) -> tuple[int | str | None, ...]:
    looked_us = None if cursor.looked_at is None else microseconds(cursor.looked_at)
    gaps = encode_gaps(cursor.gaps)
    return cursor.uid_validity, cursor.uid_next, cursor.highest_mod_seq, cursor.count, looked_us, gaps


def _sighting(connection: sqlite3.Connection, account: AccountId, digest: bytes) -> Sighting | None:
    row = connection.execute(_SIGHTING, (account, digest)).fetchone()
    return None if row is None else Sighting(digest, row[0].decode("utf-8", "surrogatepass"), row[1], row[2])


def _record(
    connection: sqlite3.Connection, account: AccountId, sighted: Sequence[Sighting], known: Mapping[bytes, Sighting]
) -> None:
    if any(_sighting(connection, account, one.digest) != known.get(one.digest) for one in sighted):
        raise ConflictError("One of these mails was seen elsewhere meanwhile.")
    for one in sighted:
        values = (account, one.digest, rows.text(one.mailbox), one.uid_validity, one.uid)
        connection.execute(_SIGHTED, values)
    connection.execute(_PRUNE, (account, SIGHTINGS_KEPT))
