"""The VAPID key and the API keys, in memory."""

from __future__ import annotations

from idlebell.model.ids import ApiKeyId
from idlebell.model.subscription import ApiKey


class MemoryKeys:
    """Keeps :class:`~idlebell.store.contract.Keys`."""

    def __init__(self) -> None:
        super().__init__()
        self._vapid_key: bytes | None = None
        self._api_keys: dict[ApiKeyId, ApiKey] = {}

    async def vapid_key(self) -> bytes | None:
        return self._vapid_key

    async def put_vapid_key(self, der: bytes) -> bytes:
        if self._vapid_key is None:
            self._vapid_key = der
        return self._vapid_key

    async def api_key(self, token_hash: bytes) -> ApiKey | None:
        return next((key for key in self._api_keys.values() if key.token_hash == token_hash), None)

    async def api_keys(self) -> tuple[ApiKey, ...]:
        return tuple(sorted(self._api_keys.values(), key=lambda key: (key.created_at, key.id)))

    async def put_api_key(self, key: ApiKey) -> None:
        self._api_keys[key.id] = key

    async def remove_api_key(self, key: ApiKeyId) -> bool:
        return self._api_keys.pop(key, None) is not None
