"""In by an invitation, and on to a second device without the password: the first is Firefox, the second a Chromium."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from browser.chromium import Chromium
from browser.client_in_chromium import ClientPage
from browser.client_steps import add_account, kept, shown
from browser.firefox import Firefox
from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


def invitation(gateway: GatewayProcess) -> str:
    """As the operator makes it, beside the gateway that serves; the link's fragment."""
    command = [sys.executable, "-m", "idlebell", "keys", "invite", "Ann", "--config", str(gateway.config)]
    link = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    assert link.startswith(f"{gateway.url}/#invite=ibi_"), link
    return link.partition("#")[2]


async def test_the_invited_registers_and_the_second_device_rings_without_the_password(
    firefox: Firefox, chromium: Chromium, dovecot: DovecotServer, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    async with (
        GatewayProcess(tmp_path, dovecot.ca_file, server='registration = "key"') as gateway,
        PushService() as service,
    ):
        first = firefox.page
        fragment = await asyncio.to_thread(invitation, gateway)
        await first.open(f"{gateway.url}/#{fragment}")
        await first.until("location.hash === '#/add'")  # what it was is in no history
        await add_account(first, gateway, dovecot, user)
        await first.click("#second-device summary")
        await first.click("#make-link")
        link = await first.until("document.querySelector('#link')?.value")
        assert link.startswith(f"{gateway.url}/#link=ibl_")

        phone = (await ClientPage.make(chromium, gateway.url, service.make_webpush_subscription())).page
        await phone.open(link)
        await phone.click("#join")
        await phone.has("#state [data-tone=good]")
        (record,) = await kept(phone)
        assert user.password not in str(record)

        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="For both"))
        await shown(first, "For both")
        await service.wait_for(lambda one: one.type == "new_mail")
        (told,) = [one.payload for one in service.received if one.type == "new_mail"]
        assert told is not None
        assert told["messages"][0]["subject"] == "For both"

        # The link was good once, and so was the invitation.
        stranger = (await ClientPage.make(chromium, gateway.url, service.make_webpush_subscription("other"))).page
        await stranger.open(link)
        await stranger.click("#join")
        await stranger.has("main [role=alert]")
        await stranger.open("about:blank")
        await stranger.open(f"{gateway.url}/#{fragment}")
        await stranger.until("location.hash === '#/add'")
        await stranger.fill("#address", "eve@example.net")
        await stranger.click("#continue")
        await stranger.has("#key")
        assert await kept(stranger) == []
        assert first.faults == phone.faults == []
