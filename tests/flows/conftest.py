"""What most flows stand before; whoever needs another server makes it in its own file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from idlebell.testing.imap_server import ImapServer


@pytest.fixture
async def server() -> AsyncIterator[ImapServer]:
    async with ImapServer() as server:
        server.add_user("alice", "apass")
        yield server
