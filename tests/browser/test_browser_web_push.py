"""Real Web Push in a real Firefox: our gateway encrypts and signs, a push service that cannot read it passes it on, the browser
decrypts, and a worker shows it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from browser.firefox import Firefox
from browser.push_server import DELIVERED, PushServer
from browser.smallest_app_server import SmallestApp
from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from servers.dovecot_server import DovecotServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
async def app() -> AsyncIterator[SmallestApp]:
    async with SmallestApp() as app:
        yield app


@pytest.fixture
async def gateway(app: SmallestApp, dovecot: DovecotServer, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(tmp_path, dovecot.ca_file, server=f'cors = ["{app.origin}"]') as gateway:
        yield gateway


async def test_a_mail_rings_in_firefox_also_after_the_session_was_cut(
    firefox: Firefox, push_server: PushServer, app: SmallestApp, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    """Subscribed by a page, shown by its worker. The session is cut, the worker gets the reconnect push and sends the
    credentials again, and the next mail rings."""
    user = dovecot.add_user()
    page = firefox.page
    await page.open(app.url)
    request = subscription(dovecot.ports.imaps, user.name, user.password, {}, payload="summary")
    made = await page.evaluate(f"subscribe({json.dumps(gateway.url)}, {json.dumps(request)})")
    assert (made["status"], made.get("state")) == (201, "watching"), json.dumps(made)

    subject = "Zítra v poledne: žluťoučký kůň 🐎"
    await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject=subject))
    seen = await app.seen()
    assert seen["payload"]["type"] == "new_mail"
    assert seen["shown"] == [["Boss <boss@example.org>", subject]]
    await push_server.delivered(1)

    for pid in dovecot.processes("imap"):
        os.kill(pid, signal.SIGKILL)
    seen = await app.seen()
    assert (seen["payload"]["type"], seen["resupplied"]) == ("reconnect", 200)
    await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="After the cut"))
    seen = await app.seen()
    assert ["Boss <boss@example.org>", "After the cut"] in seen["shown"]
    await push_server.delivered(3)

    assert [push.code for push in push_server.pushes] == [DELIVERED] * 3
    assert not push_server.refused
    assert not page.faults
