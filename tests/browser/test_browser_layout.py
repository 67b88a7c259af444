"""Every view of the web client on a phone, on a wide screen and in the dark: nothing runs over, nothing keeps anybody out, and
the browser's console has nothing to say. With ``--write-pictures`` the manual's pictures are made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from browser.axe import violations
from browser.chromium import Chromium, ChromiumPage
from browser.client_in_chromium import ClientPage
from browser.client_steps import add_account
from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

pytestmark = [pytest.mark.long, pytest.mark.needs("axe"), pytest.mark.timeout(300)]

CLIENT = """\
[oauth.corp]
client_id = "layout"
authorization_url = "https://login.example.org/authorize"
token_url = "https://login.example.org/token"
hosts = ["{host}"]
"""
IMAGES = Path(__file__).resolve().parents[2] / "docs" / "images"
SCREENS = {"narrow": (390, 844, False), "wide": (1280, 800, False), "dark": (1280, 800, True)}
"""Name: width, height, dark."""
PICTURES = {
    ("welcome", "narrow"),
    ("account", "narrow"),
    ("account", "wide"),
    ("account", "dark"),
    ("filter", "narrow"),
    ("second-device", "narrow"),
}
"""Those that the manual shows: view and screen."""
OVER = """[...document.querySelectorAll("body *")].filter(one => one.checkVisibility()
  && !one.closest(".skip") && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 120))"""
"""What sticks out on the right."""


class Look:
    """Looks at the view that is shown, on every screen; what is not as it should be is kept for the end."""

    def __init__(self, page: ChromiumPage, write: bool) -> None:
        self._page = page
        self._write = write
        self.faults: list[str] = []

    async def at(self, view: str, top: str = "body") -> None:
        """``top``: what the screen begins with."""
        for screen, (width, height, dark) in SCREENS.items():
            await self._page.show_as(width, height, dark=dark)
            await self._page.evaluate(
                f"document.fonts.ready.then(() => document.querySelector('{top}').scrollIntoView())"
            )
            for line in (*await self._page.evaluate(OVER), *await violations(self._page)):
                self.faults.append(f"{view}, {screen}: {line}")
            if self._write and (view, screen) in PICTURES:
                (IMAGES / f"client-{view}-{screen}.png").write_bytes(await self._page.picture())


@pytest.fixture
async def gateway(dovecot: DovecotServer, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(tmp_path, dovecot.ca_file, more=CLIENT.format(host=dovecot.host)) as gateway:
        yield gateway


async def test_every_view_fits_and_keeps_nobody_out(
    chromium: Chromium, gateway: GatewayProcess, dovecot: DovecotServer, request: pytest.FixtureRequest
) -> None:
    user = dovecot.add_user("alice@example.org")
    async with PushService() as service:
        page = (await ClientPage.make(chromium, gateway.url, service.make_webpush_subscription())).page
        look = Look(page, request.config.getoption("--write-pictures"))
        await page.open(gateway.url)
        await page.has("#add-account")
        await look.at("welcome")
        await page.open("about:blank")
        await page.open(f"{gateway.url}/#invite=cut%20off")
        await page.until("document.querySelector('main .problem')?.innerText.includes('not whole')")
        await look.at("broken link")
        await page.open("about:blank")
        await page.open(f"{gateway.url}/#invite=ibi_{'A' * 43}")
        await page.has("#address")
        await look.at("add")
        await page.fill("#address", "alice")
        await page.click("#continue")
        await page.has("#host")
        assert await page.evaluate("self.idlebell.records.setting('key').then(key => key ?? 'none')") == "none"
        await look.at("server")
        await page.fill("#host", dovecot.host)
        await page.click("#sign-in-instead")
        await page.has("#sign-in")
        await look.at("sign in at a provider")
        await page.open(f"{gateway.url}/#/settings")
        await page.has("main h1")
        await look.at("settings")
        for number in range(4):
            await asyncio.to_thread(dovecot.deliver, user.name, mail.plausible(number))
        await add_account(page, gateway, dovecot, user)
        await page.evaluate(
            """self.idlebell.records.subscriptions().then(async ([{id}]) => {
              const delays = [412, 380, 520, 610, 350, 402, 1840, 455, 390, 430, 371, 515, 640, 420];
              for (const [index, delay] of delays.entries()) {
                const at = Date.now() - (delays.length - index) * 5_400_000;
                await self.idlebell.records.addRing(
                  {subscription: id, mailbox: "INBOX", sent_at: at, received_at: at + delay, count: 1});
              }
            })"""
        )
        await page.open("about:blank")
        await page.open(gateway.url)
        await page.has("#accounts [data-tone=good]")
        await look.at("home")
        await page.click("#accounts a")
        await page.has("#delays svg")
        await look.at("account")
        await page.evaluate("document.querySelectorAll('details').forEach(one => (one.open = true))")
        await page.click("#filter-only-add")
        await page.fill(".filter-row input", "boss@example.org")
        await page.has("#filter-preview:not([aria-busy]) li[data-rings=no]")
        await look.at("filter", "#filter")
        await page.click("#filter-preview .why-box button")
        await page.until("document.querySelector('#filter-preview .why')?.innerText.length > 20")
        await page.evaluate("document.querySelector('#filter-swap').click()")
        await page.fill("#filter-script", 'if header :is "subject" "Lunch?" { keep; }\nfileinto "Rest";')
        await page.click("#filter-save")
        await page.until("document.querySelector('#filter .script-faults')?.innerText.includes('Line 2')")
        await look.at("script", "#filter")
        await page.evaluate("document.querySelector('#filter-swap').click()")
        await page.evaluate("document.querySelector('#vip-only-add').click()")
        await page.fill("#vip .filter-row input", "boss@example.org")
        await page.has("#vip-preview:not([aria-busy]) li")
        await look.at("vip", "#vip")
        await page.click("#vip-save")
        await page.until(
            "self.idlebell.records.subscriptions().then(all => all[0].view.vip?.from === 'boss@example.org')"
        )
        await page.click("#test-bell")
        await page.has("#bells-list [data-outcome=accepted]")
        await look.at("bells", "#bells")
        await page.evaluate("document.querySelector('#ledger').open = true")
        await page.until("document.querySelector('#ledger-days')?.innerText.includes('IDLE')")
        await look.at("ledger", "#ledger")
        await page.click("#make-link")
        await page.has("#second-device svg")
        await look.at("second-device", "#second-device")
        await page.evaluate("location.hash += '/sign-in'")
        await page.has("form #password")
        await page.fill("#password", "wrong")
        await page.click("#connect")
        await page.has("[role=alert]")
        await look.at("refused")
        assert look.faults == []
        # The refusals that were asked for: Chromium notes every answer that is no success.
        assert [fault for fault in page.faults if "422" not in fault and "401" not in fault] == []
