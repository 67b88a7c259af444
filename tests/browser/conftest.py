"""What a test in a browser may take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from browser.chromium import Chromium
from browser.firefox import Firefox
from browser.push_server import PushServer


@pytest.fixture
async def push_server() -> AsyncIterator[PushServer]:
    async with PushServer() as server:
        yield server


@pytest.fixture
async def firefox(push_server: PushServer, tmp_path: Path) -> AsyncIterator[Firefox]:
    """A new one, whose push service is ``push_server``."""
    async with Firefox(tmp_path / "firefox", push_server.browser_url) as browser:
        yield browser


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Chromium]:
    async with Chromium(tmp_path / "chromium") as browser:
        yield browser
