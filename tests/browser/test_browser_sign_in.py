"""Signing in at a real OpenID provider from the web client in a real Firefox, for a mailbox whose server asks that provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from browser.client_steps import deliver, kept, shown
from browser.firefox import Firefox
from browser.page import Page
from browser.push_server import PushServer
from gateway_process import GatewayProcess
from idlebell.testing import mail
from servers.dovecot_server import DovecotServer
from servers.openid_provider import OpenIdProvider

pytestmark = [pytest.mark.long, pytest.mark.timeout(300), pytest.mark.needs("npm-packages", "dovecot")]

STORED = """\
(async () => JSON.stringify([
  await self.idlebell.records.subscriptions(), await self.idlebell.records.setting("sign-in"),
  {...localStorage}, {...sessionStorage},
]))()"""
"""All that the page keeps besides rings and settings; what is sealed has no letters here."""
ADDRESSES = "document.URL + performance.getEntriesByType('resource').map(one => one.name)"


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with OpenIdProvider() as provider:
        yield provider


@pytest.fixture
def mail_server(provider: OpenIdProvider) -> Iterator[DovecotServer]:
    with DovecotServer(introspection_url=provider.introspection_url) as server:
        yield server


async def agree(page: Page, user: str) -> None:
    """At the provider: name and password, then consent."""
    await page.fill("input[name=login]", user)
    await page.fill("input[name=password]", "only the provider's")
    await page.click("button[type=submit]")
    await page.until("document.querySelector('input[name=prompt]')?.value === 'consent'")
    await page.click("button[type=submit]")


async def test_a_sign_in_rings_and_no_token_or_code_stays_in_the_browser(
    firefox: Firefox, push_server: PushServer, provider: OpenIdProvider, mail_server: DovecotServer, tmp_path: Path
) -> None:
    page, user = firefox.page, mail_server.add_user()
    client = provider.as_client(tmp_path, mail_server.host)
    async with GatewayProcess(tmp_path, mail_server.ca_file, more=client) as gateway:
        # Where an address has no domain that could be asked, its server is typed, and the provider offered with it.
        known = {"user": user.name, "host": mail_server.host, "port": mail_server.ports.imaps}
        await page.open(f"{gateway.url}/#/add?{urlencode(known)}")
        await page.click("#sign-in-instead")
        await page.click("input[name=keep][value=server]")
        await page.click("#sign-in")
        await agree(page, user.name)
        await page.has("#state [data-tone=good]")
        assert "code=" not in await page.evaluate(ADDRESSES)
        await deliver(mail_server, user, mail.make(subject="By sign-in"))
        await shown(page, "By sign-in")

        # The gateway signs in by itself, for it has a refresh token.
        mail_server.kick(user.name)
        await deliver(mail_server, user, mail.make(subject="After the cut"))
        await shown(page, "After the cut")
        (record,) = await kept(page)
        assert (record["keep"], record["signs_in"], record["box"]) == ("server", True, None)

        # By hand once more: the provider knows this browser, so that one press is enough.
        await page.open(f"{gateway.url}/#/account/{record['id']}/sign-in")
        await page.click("#sign-in")
        await agree_again(page)
        await page.has("#state [data-tone=good]")
        stored = await page.run(STORED)
        assert '"sign_in"' not in stored
        assert "ibo_" not in stored
        assert "refresh_token" not in stored

        # Somebody leads this browser to an answer of a sign-in that it did not begin (RFC 9700 section 4.7).
        asked = await provider.renewals()
        await page.open(f"{gateway.url}/signed-in/corp?code=of-the-attacker&state=guessed")
        await page.until("document.querySelector('main .problem')?.innerText.includes('not begun here')")
        assert await page.evaluate("document.URL") == f"{gateway.url}/#/signed-in"
        assert await provider.renewals() == asked
        assert len(await kept(page)) == 1
        said = gateway.log.read_text()
        assert "of-the-attacker" not in said
        assert provider.SECRET not in said
    assert not push_server.refused
    assert page.faults == []


async def agree_again(page: Page) -> None:
    """Consent alone: who is asked for a right that lasts is asked each time."""
    await page.until("document.querySelector('input[name=prompt]')?.value === 'consent'")
    await page.click("button[type=submit]")
