"""The web client in a real Firefox: what its user does, and what its worker does while nobody looks."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from browser.client_steps import add_account, deliver, kept, shown
from browser.firefox import Firefox
from browser.push_server import DELIVERED, PushServer
from gateway_process import GatewayProcess
from idlebell.testing import mail
from servers.dovecot_server import DovecotServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


@pytest.fixture
async def gateway(dovecot: DovecotServer, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        yield gateway


async def test_the_client_rings_and_its_worker_signs_in_again_with_no_page_open(
    firefox: Firefox, push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    user = dovecot.add_user()
    page = firefox.page
    await add_account(page, gateway, dovecot, user)
    await deliver(dovecot, user, mail.make(subject="Zítra: žluťoučký kůň 🐎"))
    (card,) = await shown(page, "kůň 🐎")
    assert card == ["Boss", f"Zítra: žluťoučký kůň 🐎\nAt noon, in the usual place?\n{user.name}"]
    await push_server.delivered(1)

    await page.open("about:blank")
    for pid in dovecot.processes("imap"):
        os.kill(pid, signal.SIGKILL)
    await push_server.delivered(2)
    await deliver(dovecot, user, mail.make(subject="After the cut"))
    await push_server.delivered(3)
    await page.open(gateway.url)
    cards = await shown(page, "After the cut")
    assert [title for title, _ in cards if "Signed in" in title or "igned" in title], cards
    (record,) = await kept(page)
    assert record["view"]["state"] == "watching"
    assert user.password not in str(record)
    assert [push.code for push in push_server.pushes] == [DELIVERED] * 3
    assert not push_server.refused
    assert page.faults == []


async def test_a_browser_that_was_off_rings_when_it_is_on_again(
    push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer, tmp_path: Path
) -> None:
    """The push waits at the push service; the browser takes it with no page open. Then the push service forgets the browser,
    and the worker has the gateway ring the new place."""
    user = dovecot.add_user()
    folder = tmp_path / "firefox"
    async with Firefox(folder, push_server.browser_url) as firefox:
        await add_account(firefox.page, gateway, dovecot, user)
    await deliver(dovecot, user, mail.make(subject="While it was off"))
    await push_server.wait_for(lambda: len(push_server.pushes) == 1, "taken")
    async with Firefox(folder, push_server.browser_url) as firefox:
        await push_server.delivered(1)

        push_server.forget()
        await push_server.disconnect()
        await push_server.wait_for(lambda: bool(push_server.resources), "subscribed anew")
        page = firefox.page
        await page.open(gateway.url)
        (resource,) = push_server.resources
        (record,) = await page.until(
            f"self.idlebell.records.subscriptions().then(all => all[0]?.endpoint_url === {json.dumps(resource)} ? all : null)"
        )
        await deliver(dovecot, user, mail.make(subject="At the new place"))
        await shown(page, "At the new place")
        assert record["view"]["state"] == "watching"
