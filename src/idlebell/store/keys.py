"""The part of the store's contract that holds keys: those that sign Web Pushes, and those that callers show."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from idlebell.model.ids import ApiKeyId
from idlebell.model.subscription import ApiKey


@dataclass(frozen=True, slots=True)
class StoredVapidKey:
    """An application server's private key (PKCS 8, DER), unsealed. ``retired_at``: since when another is the current one; None:
    it is."""

    der: bytes = field(repr=False)
    retired_at: datetime | None = None


class Keys(Protocol):
    async def vapid_key(self) -> bytes | None:
        """The current one, as of :class:`StoredVapidKey`."""
        ...

    async def put_vapid_key(self, der: bytes) -> bytes:
        """Stores it as the current one unless there is one; returns the one that stands."""
        ...

    async def vapid_keys(self) -> tuple[StoredVapidKey, ...]:
        """All that are kept: the current one, and after it the others, the one that was retired last first."""
        ...

    async def rotate_vapid_key(self, der: bytes, now: datetime) -> None:
        """It is the current one from now on; the one that was is kept as retired."""
        ...

    async def remove_vapid_key(self, der: bytes) -> bool:
        """False: it is the current one, or not there."""
        ...

    async def api_key(self, token_hash: bytes) -> ApiKey | None: ...

    async def api_keys(self) -> tuple[ApiKey, ...]: ...

    async def put_api_key(self, key: ApiKey) -> None: ...

    async def remove_api_key(self, key: ApiKeyId) -> bool: ...
