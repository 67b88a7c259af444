"""A malicious mail, wherever the client shows mail: it does nothing, it stays within its place, and what is honest beside it
can still be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from browser.chromium import Chromium
from browser.client_in_chromium import ClientPage
from browser.client_steps import CARDS, add_account, shown
from browser.firefox import Firefox
from browser.harmful_mail import HOSTILE, MARK
from browser.push_server import DELIVERED, PushServer
from browser.test_browser_layout import OVER
from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

CARD_CHARACTERS = 1_000
"""Of a notification's text at most: four lines and a little."""
ALIVE = "typeof window.pwned === 'undefined' && document.querySelector('main') !== null"


@pytest.fixture
async def gateway(dovecot: DovecotServer, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        yield gateway


async def test_in_a_notification_it_is_text_and_short(
    firefox: Firefox, push_server: PushServer, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    user = dovecot.add_user()
    page = firefox.page
    await add_account(page, gateway, dovecot, user)
    for count, (name, message) in enumerate(HOSTILE.items(), 1):
        await asyncio.to_thread(dovecot.deliver, user.name, message)
        await push_server.delivered(count)
        for card in await page.evaluate(CARDS):
            assert sum(map(len, card)) < CARD_CHARACTERS, name
            assert not set("\u202e\u2066\u200f\u061c\x1b\x01") & set("".join(card)), name
    await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="An honest one"))
    await shown(page, "An honest one", "Boss")
    assert {push.code for push in push_server.pushes} == {DELIVERED}
    assert await page.evaluate(ALIVE)
    assert page.faults == []


async def test_in_the_preview_of_a_filter_it_is_text_and_stays_in_its_place(
    chromium: Chromium, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    user = dovecot.add_user()
    for message in HOSTILE.values():
        await asyncio.to_thread(dovecot.deliver, user.name, message)
    async with PushService() as service:
        page = (await ClientPage.make(chromium, gateway.url, service.make_webpush_subscription())).page
        await page.show_as(390, 844)
        await add_account(page, gateway, dovecot, user)
        await page.click("#filter summary")
        lines = await page.until(
            f"""(() => {{
              const all = [...document.querySelectorAll("#filter-preview li")];
              return all.length === {len(HOSTILE)} ? all.map(one => [one.innerText, one.offsetHeight]) : null;
            }})()"""
        )
        assert sum(MARK in text for text, _ in lines) == len(HOSTILE) - 1
        assert max(len(text) for text, _ in lines) < CARD_CHARACTERS
        assert max(height for _, height in lines) < 844 / 2
        assert await page.evaluate(OVER) == []
        assert await page.evaluate("document.querySelectorAll('main script, main img[src=x], main iframe').length") == 0
        assert await page.evaluate(ALIVE)
        assert page.faults == []


async def test_a_body_that_is_no_notification_of_ours_is_shown_as_something_and_does_nothing(
    chromium: Chromium, gateway: GatewayProcess
) -> None:
    """Whoever has the push URL and its keys can send anything. Each push shows a card; none breaks the worker."""
    async with PushService() as service:
        client = await ClientPage.make(chromium, gateway.url, service.make_webpush_subscription())
        await client.page.open(gateway.url)
        deep = "[" * 2_000 + "]" * 2_000
        bodies = [
            "", "null", "[]", "7", "no JSON", deep, '{"type": "new_mail"}', '{"type": "__proto__"}', '{"type": ["new_mail"]}',
            '{"type": "new_mail", "messages": 7, "count": "many"}', '{"type": "new_mail", "messages": [null, 1, []]}',
            f'{{"type": "new_mail", "messages": [{deep}]}}', '{"type": "seen", "uids": {}}', '{"type": "reconnect"}',
            '{"type": "expiring", "subscription": 7}', '{"type": "test", "subscription": "<b>"}', "x" * 4_000,
        ]  # fmt: skip
        for body in bodies:
            await client.push(body)
        honest = {"uid": 1, "from": "Boss <boss@example.org>", "subject": "An honest one"}
        about = {"type": "new_mail", "subscription": "sub_1", "mailbox": "INBOX", "count": 1, "version": 1}
        await client.push({**about, "messages": [honest]})
        await shown(client.page, "An honest one")
        assert await client.page.evaluate(ALIVE)
        assert client.page.faults == []
