"""The VAPID keys and the API keys. Of the former the current one is the secret called ``vapid``; one that was retired has when
that was, in microseconds since the epoch, behind it in its name."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any, Final

from idlebell.model.ids import ApiKeyId
from idlebell.model.subscription import ApiKey
from idlebell.store import codec
from idlebell.store.keys import StoredVapidKey
from idlebell.store.routes import microseconds, moment
from idlebell.store.sealing import Sealer
from idlebell.store.sqlite.database import Database

_SELECT: Final = "SELECT id, name, token_hash, scopes, created_us, expires_us FROM api_keys "
_PUT: Final = """
INSERT INTO api_keys (id, name, token_hash, scopes, created_us, expires_us) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE
SET name = excluded.name, token_hash = excluded.token_hash, scopes = excluded.scopes, created_us = excluded.created_us,
    expires_us = excluded.expires_us
"""
_CURRENT: Final = "vapid"
_RETIRED: Final = "vapid "
_KEEP: Final = "INSERT INTO secrets (name, value) VALUES (?, ?)"


class KeysPart:
    """Keeps :class:`~idlebell.store.keys.Keys`."""

    _database: Database

    async def vapid_key(self) -> bytes | None:
        return self._database.read(lambda connection: _vapid(connection, self._database.sealer))

    async def put_vapid_key(self, der: bytes) -> bytes:
        sealer = self._database.sealer

        def job(connection: sqlite3.Connection) -> bytes:
            standing = _vapid(connection, sealer)
            if standing is not None:
                return standing
            connection.execute(_KEEP, (_CURRENT, sealer.seal(der, _context(_CURRENT))))
            return der

        return await self._database.write(job)

    async def vapid_keys(self) -> tuple[StoredVapidKey, ...]:
        sealer = self._database.sealer
        return tuple(
            StoredVapidKey(sealer.open(value, _context(name)), _retired_at(name))
            for name, value in self._database.read(_vapid_rows)
        )

    async def rotate_vapid_key(self, der: bytes, now: datetime) -> None:
        sealer = self._database.sealer

        def job(connection: sqlite3.Connection) -> None:
            standing = _vapid(connection, sealer)
            if standing is not None:
                retired = [_retired_at(name) for name, _ in _vapid_rows(connection)]
                latest = max((microseconds(at) for at in retired if at is not None), default=0)
                # Whatever the clock does: the one that was retired last has the greatest number, and no name comes twice.
                name = f"{_RETIRED}{max(microseconds(now), latest + 1)}"
                connection.execute(_KEEP, (name, sealer.seal(standing, _context(name))))
                connection.execute("DELETE FROM secrets WHERE name = ?", (_CURRENT,))
            connection.execute(_KEEP, (_CURRENT, sealer.seal(der, _context(_CURRENT))))

        await self._database.write(job)

    async def remove_vapid_key(self, der: bytes) -> bool:
        sealer = self._database.sealer

        def job(connection: sqlite3.Connection) -> bool:
            found = [
                (name,)
                for name, value in _vapid_rows(connection)
                if name != _CURRENT and sealer.open(value, _context(name)) == der
            ]
            connection.executemany("DELETE FROM secrets WHERE name = ?", found)
            return bool(found)

        return await self._database.write(job)

    async def api_key(self, token_hash: bytes) -> ApiKey | None:
        found = self._database.read(
            lambda connection: connection.execute(_SELECT + "WHERE token_hash = ?", (token_hash,)).fetchone()
        )
        return None if found is None else _api_key(found)

    async def api_keys(self) -> tuple[ApiKey, ...]:
        found = self._database.read(
            lambda connection: connection.execute(_SELECT + "ORDER BY created_us, id").fetchall()
        )
        return tuple(_api_key(row) for row in found)

    async def put_api_key(self, key: ApiKey) -> None:
        expires_us = None if key.expires_at is None else microseconds(key.expires_at)
        scopes = codec.encode_strings(tuple(sorted(key.scopes)))
        values = (key.id, key.name, key.token_hash, scopes, microseconds(key.created_at), expires_us)
        await self._database.write(lambda connection: connection.execute(_PUT, values).rowcount)

    async def remove_api_key(self, key: ApiKeyId) -> bool:
        def job(connection: sqlite3.Connection) -> bool:
            return connection.execute("DELETE FROM api_keys WHERE id = ?", (key,)).rowcount > 0

        return await self._database.write(job)


def _vapid(connection: sqlite3.Connection, sealer: Sealer) -> bytes | None:
    row = connection.execute("SELECT value FROM secrets WHERE name = ?", (_CURRENT,)).fetchone()
    return None if row is None else sealer.open(row[0], _context(_CURRENT))


def _vapid_rows(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
    """The current one first, then those that were retired, the last of them first."""
    found = connection.execute("SELECT name, value FROM secrets WHERE name GLOB 'vapid*'").fetchall()
    return sorted(found, key=lambda row: (row[0] != _CURRENT, -int(row[0].removeprefix(_CURRENT) or 0)))


def _retired_at(name: str) -> datetime | None:
    return None if name == _CURRENT else moment(int(name.removeprefix(_RETIRED)))


def _context(name: str) -> bytes:
    return b"secrets\0value\0" + name.encode("ascii")


def _api_key(row: tuple[Any, ...]) -> ApiKey:
    one, name, token_hash, scopes, created_us, expires_us = row
    expires_at = None if expires_us is None else moment(expires_us)
    return ApiKey(
        ApiKeyId(one), name, token_hash, frozenset(codec.decode_strings(scopes)), moment(created_us), expires_at
    )
