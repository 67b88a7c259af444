"""The page that describes the API, as a browser shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from browser.axe import violations
from browser.chromium import Chromium
from gateway_process import GatewayProcess
from servers.dovecot_server import DovecotServer


@pytest.mark.needs("axe")
@pytest.mark.timeout(300)  # the page is long, and axe looks at every letter of it
@pytest.mark.parametrize(("width", "dark"), [(390, False), (1280, True)])
async def test_the_page_of_the_api_keeps_nobody_out(
    width: int, dark: bool, chromium: Chromium, dovecot: DovecotServer, tmp_path: Path
) -> None:
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        page = await chromium.new_page()
        await page.show_as(width, 900, dark=dark)
        await page.open(f"{gateway.url}/docs")
        await page.until("document.querySelectorAll('h2').length > 3")
        assert await violations(page) == []
        assert page.faults == []
