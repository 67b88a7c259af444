"""Who is at a client's end, and its connection once it is at rest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from idlebell.model.account import ImapTarget
from idlebell.net.tls_engine import Channel, TlsChannel


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the client's end."""

    target: ImapTarget
    username: str
    address: str
    secure: bool


def shed(channel: Channel, writing: asyncio.Lock | None = None) -> Channel:
    """Without what OpenSSL holds for it, where that is possible now. Nobody may be reading."""
    if isinstance(channel, TlsChannel) and (writing is None or not writing.locked()):
        return channel.park() or channel
    return channel
