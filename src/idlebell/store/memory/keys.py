"""The VAPID keys and the API keys, in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from idlebell.model.ids import ApiKeyId
from idlebell.model.subscription import ApiKey
from idlebell.store.keys import StoredVapidKey


class MemoryKeys:
    """Keeps :class:`~idlebell.store.keys.Keys`."""

    def __init__(self) -> None:
        super().__init__()
        self._vapid_keys: list[StoredVapidKey] = []
        self._api_keys: dict[ApiKeyId, ApiKey] = {}

    async def vapid_key(self) -> bytes | None:
        return self._vapid_keys[0].der if self._vapid_keys else None

    async def put_vapid_key(self, der: bytes) -> bytes:
        if not self._vapid_keys:
            self._vapid_keys.append(StoredVapidKey(der))
        return self._vapid_keys[0].der

    async def vapid_keys(self) -> tuple[StoredVapidKey, ...]:
        return tuple(self._vapid_keys)

    async def rotate_vapid_key(self, der: bytes, now: datetime) -> None:
        before = [replace(one, retired_at=one.retired_at or now) for one in self._vapid_keys]
        self._vapid_keys = [StoredVapidKey(der), *before]

    async def remove_vapid_key(self, der: bytes) -> bool:
        kept = [one for one in self._vapid_keys if one.retired_at is None or one.der != der]
        found = len(kept) < len(self._vapid_keys)
        self._vapid_keys = kept
        return found

    async def api_key(self, token_hash: bytes) -> ApiKey | None:
        return next((key for key in self._api_keys.values() if key.token_hash == token_hash), None)

    async def api_keys(self) -> tuple[ApiKey, ...]:
        return tuple(sorted(self._api_keys.values(), key=lambda key: (key.created_at, key.id)))

    async def put_api_key(self, key: ApiKey) -> None:
        self._api_keys[key.id] = key

    async def remove_api_key(self, key: ApiKeyId) -> bool:
        return self._api_keys.pop(key, None) is not None
