"""The VAPID key and the API keys."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from idlebell.model.ids import ApiKeyId
from idlebell.model.subscription import ApiKey
from idlebell.store import codec
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
_VAPID_CONTEXT: Final = b"secrets\0value\0vapid"


class KeysPart:
    """Keeps :class:`~idlebell.store.contract.Keys`."""

    _database: Database

    async def vapid_key(self) -> bytes | None:
        return self._database.read(lambda connection: _vapid(connection, self._database.sealer))

    async def put_vapid_key(self, der: bytes) -> bytes:
        sealer = self._database.sealer

        def job(connection: sqlite3.Connection) -> bytes:
            standing = _vapid(connection, sealer)
            if standing is not None:
                return standing
            sealed = sealer.seal(der, _VAPID_CONTEXT)
            connection.execute("INSERT INTO secrets (name, value) VALUES ('vapid', ?)", (sealed,))
            return der

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
    row = connection.execute("SELECT value FROM secrets WHERE name = 'vapid'").fetchone()
    return None if row is None else sealer.open(row[0], _VAPID_CONTEXT)


def _api_key(row: tuple[Any, ...]) -> ApiKey:
    one, name, token_hash, scopes, created_us, expires_us = row
    expires_at = None if expires_us is None else moment(expires_us)
    return ApiKey(
        ApiKeyId(one), name, token_hash, frozenset(codec.decode_strings(scopes)), moment(created_us), expires_at
    )
