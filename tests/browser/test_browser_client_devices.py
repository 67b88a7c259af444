"""In by an invitation, and on with a second device that never sees the password."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from browser.client_steps import deliver, kept, shown
from browser.firefox import Firefox
from browser.push_server import PushServer
from gateway_process import GatewayProcess
from idlebell.testing import mail
from servers.dovecot_server import DovecotServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


async def invite(gateway: GatewayProcess) -> str:
    """The fragment of an invitation's link, as the operator gets it."""
    command = ["-c", "from idlebell.cli import main; main()", "keys", "invite", "Ann", "--config", str(gateway.config)]
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, *command], capture_output=True, text=True, check=True
    )
    found = re.search(r"#invite=\S+", done.stdout)
    assert found, done.stdout
    return found[0]


async def test_an_invited_user_adds_a_second_device_by_a_link_of_one_use(
    firefox: Firefox, push_server: PushServer, dovecot: DovecotServer, tmp_path: Path
) -> None:
    user, page = dovecot.add_user(), firefox.page
    async with GatewayProcess(tmp_path, dovecot.ca_file, server='registration = "key"') as gateway:
        await page.open(f"{gateway.url}/{await invite(gateway)}")
        await page.fill("#address", user.name)
        assert await page.evaluate("location.hash") == "#/add", "the invitation stays in no address"
        await page.click("#continue")
        await page.fill("#host", dovecot.host)
        await page.fill("#port", str(dovecot.ports.imaps))
        await page.fill("#password", user.password)
        await page.click("#connect")
        await page.has("#state [data-tone=good]")

        await page.click("#second-device summary")
        await page.evaluate("document.querySelector('#make-link').click()")
        link = await page.until("document.querySelector('#link')?.value")
        assert await page.evaluate("document.querySelector('.qr path').getAttribute('d').length > 1000")
        async with PushServer() as another, Firefox(tmp_path / "phone", another.browser_url) as phone:
            other = phone.page
            await other.open(link)
            await other.click("#join")
            await other.has("#state [data-tone=good]")
            (record,) = await kept(other)
            assert (record["username"], record["box"]) == (user.name, None)
            assert user.password not in str(record)
            await deliver(dovecot, user, mail.make(subject="Rings twice"))
            await push_server.delivered(1)
            await another.delivered(1)
            await shown(page, "Rings twice")
            await shown(other, "Rings twice")

            await other.open("about:blank")
            await other.open(link)
            await other.click("#join")
            await other.until("document.querySelector('main [role=alert]')?.innerText.includes('was used already')")
            assert len(await kept(other)) == 1


async def test_without_an_invitation_one_is_asked_for_one(
    firefox: Firefox, dovecot: DovecotServer, tmp_path: Path
) -> None:
    page = firefox.page
    async with GatewayProcess(tmp_path, dovecot.ca_file, server='registration = "key"') as gateway:
        await page.open(f"{gateway.url}/#/add")
        await page.fill("#address", "alice@example.org")
        await page.click("#continue")
        await page.fill("#key", "not one")
        await page.click("main form [type=submit]")
        await page.until("document.querySelector('main [role=alert]')?.innerText.includes('not an invitation')")
        await page.fill("#key", f"{gateway.url}/{await invite(gateway)}")
        await page.click("main form [type=submit]")
        await page.has("#host")
