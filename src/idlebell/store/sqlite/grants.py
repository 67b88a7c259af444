"""Invitations and links for a second device."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, Final

from idlebell.model.ids import SubscriptionId
from idlebell.model.invitation import (
    INVITATIONS_KEPT_AFTER_END,
    LINKS_OPEN_MAX,
    DeviceLink,
    Invitation,
    InvitationId,
)
from idlebell.store.routes import microseconds, moment
from idlebell.store.sqlite.database import Database

_INVITATION: Final = "SELECT id, name, token_hash, uses, used, created_us, expires_us FROM invitations "
_LINK: Final = "SELECT token_hash, subscription, expires_us FROM links WHERE token_hash = ? AND expires_us > ?"
_PUT_INVITATION: Final = """
INSERT INTO invitations (id, name, token_hash, uses, used, created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, token_hash = excluded.token_hash, uses = excluded.uses, used = excluded.used,
    created_us = excluded.created_us, expires_us = excluded.expires_us
"""
# One statement, so that no two can both see that there is room for one.
_USE: Final = "UPDATE invitations SET used = used + 1 WHERE token_hash = ? AND expires_us > ? AND used < uses"
_PUT_LINK: Final = """
INSERT INTO links (token_hash, subscription, expires_us)
SELECT ?1, ?2, ?3
WHERE (SELECT count(*) FROM links WHERE subscription = ?2) < ?4 AND EXISTS (SELECT 1 FROM subscriptions WHERE id = ?2)
"""


class GrantsPart:
    """Keeps :class:`~idlebell.store.grants.Grants`."""

    _database: Database

    async def put_invitation(self, invitation: Invitation) -> None:
        over_us = microseconds(invitation.created_at - INVITATIONS_KEPT_AFTER_END)
        values = (
            invitation.id,
            invitation.name,
            invitation.token_hash,
            invitation.uses,
            invitation.used,
            microseconds(invitation.created_at),
            microseconds(invitation.expires_at),
        )

        def job(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM invitations WHERE expires_us <= ?", (over_us,))
            connection.execute(_PUT_INVITATION, values)

        await self._database.write(job)

    async def invitation(self, token_hash: bytes, now: datetime) -> Invitation | None:
        query = _INVITATION + "WHERE token_hash = ? AND expires_us > ?"
        asked = (token_hash, microseconds(now))
        found = self._database.read(lambda connection: connection.execute(query, asked).fetchone())
        return None if found is None else _invitation(found)

    async def invitations(self) -> tuple[Invitation, ...]:
        query = _INVITATION + "ORDER BY created_us, id"
        found = self._database.read(lambda connection: connection.execute(query).fetchall())
        return tuple(_invitation(row) for row in found)

    async def use_invitation(self, token_hash: bytes, now: datetime) -> bool:
        asked = (token_hash, microseconds(now))
        return await self._database.write(lambda connection: connection.execute(_USE, asked).rowcount > 0)

    async def remove_invitation(self, invitation: InvitationId) -> bool:
        def job(connection: sqlite3.Connection) -> bool:
            return connection.execute("DELETE FROM invitations WHERE id = ?", (invitation,)).rowcount > 0

        return await self._database.write(job)

    async def put_link(self, link: DeviceLink, now: datetime) -> bool:
        now_us = microseconds(now)
        values = (link.token_hash, link.subscription, microseconds(link.expires_at), LINKS_OPEN_MAX)

        def job(connection: sqlite3.Connection) -> bool:
            connection.execute("DELETE FROM links WHERE expires_us <= ?", (now_us,))
            return connection.execute(_PUT_LINK, values).rowcount > 0

        return await self._database.write(job)

    async def link(self, token_hash: bytes, now: datetime) -> DeviceLink | None:
        asked = (token_hash, microseconds(now))
        found = self._database.read(lambda connection: connection.execute(_LINK, asked).fetchone())
        return None if found is None else _link(found)

    async def take_link(self, token_hash: bytes, now: datetime) -> DeviceLink | None:
        asked = (token_hash, microseconds(now))

        def job(connection: sqlite3.Connection) -> DeviceLink | None:
            found = connection.execute(_LINK, asked).fetchone()
            connection.execute("DELETE FROM links WHERE token_hash = ?", (token_hash,))
            return None if found is None else _link(found)

        return await self._database.write(job)


def _invitation(row: tuple[Any, ...]) -> Invitation:
    one, name, token_hash, uses, used, created_us, expires_us = row
    return Invitation(InvitationId(one), name, token_hash, uses, used, moment(created_us), moment(expires_us))


def _link(row: tuple[Any, ...]) -> DeviceLink:
    token_hash, subscription, expires_us = row
    return DeviceLink(token_hash, SubscriptionId(subscription), moment(expires_us))
