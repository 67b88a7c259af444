"""A row of the outbox, and the seal of what it says."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.notification import Content
from idlebell.store import codec
from idlebell.store.contract import StoreError
from idlebell.store.sealing import Sealer


class Waiting(NamedTuple):
    seq: int
    id: NotificationId
    subscription: SubscriptionId
    type: str
    messages: int
    joined: int
    endpoint: bytes
    lane: bytes
    collapses: int
    version: int
    at_us: int
    due_us: int
    expires_us: int
    attempts: int
    leased_us: int | None
    patience_us: int | None
    content: bytes

    @property
    def tried(self) -> bool:
        """It was sent, or may have been."""
        return self.attempts > 0 or self.leased_us is not None


_SELECT: Final = f"SELECT {', '.join(Waiting._fields)} FROM outbox "  # noqa: S608 (constant columns)


def found(connection: sqlite3.Connection, query: str, *values: object) -> list[Waiting]:
    """``query``: what stands behind ``SELECT`` and ``FROM``."""
    return [Waiting._make(row) for row in connection.execute(_SELECT + query, values)]


def sealed(sealer: Sealer, notification: NotificationId, content: Content) -> bytes:
    return sealer.seal(codec.encode_content(content), _context(notification))


def opened(sealer: Sealer, waiting: Waiting) -> Content | None:
    """None: it is damaged on disk."""
    try:
        return codec.decode_content(sealer.open(waiting.content, _context(waiting.id)))
    except StoreError:
        return None


def _context(notification: NotificationId) -> bytes:
    return b"outbox\0content\0" + notification.encode("ascii")
