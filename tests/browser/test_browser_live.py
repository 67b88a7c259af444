"""What the client hears of the gateway while its page is open, and what a tap on a card does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from browser.chromium import Chromium
from browser.client_in_chromium import ClientPage
from browser.client_steps import add_account, deliver, kept, shown
from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

FOLLOW = """\
Promise.all([import("/web/page/events.js"), self.idlebell.records.subscriptions()]).then(([{follow}, [record]]) => {
  self.heard = [];
  self.leaving = new AbortController();
  self.left = follow(record, one => self.heard.push([one.event, JSON.parse(one.data)]), self.leaving.signal).then(() => "left");
})"""


@pytest.fixture
async def gateway(dovecot: DovecotServer, tmp_path: Path) -> AsyncIterator[GatewayProcess]:
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        yield gateway


async def tap(client: ClientPage, tag: str, action: str) -> None:
    """As the system tells the worker of it: no driver can press what the system draws. The browser lets only its own events
    prolong a worker's life, so this one's promise is waited for here."""
    await client.page.run_in_worker(
        f"""(async () => {{
          const [card] = (await registration.getNotifications()).filter(one => one.tag.startsWith({json.dumps(tag)}));
          if (!card.actions.some(one => one.action === {json.dumps(action)})) throw new Error("no such button");
          const tapped = new NotificationEvent("notificationclick", {{notification: card, action: {json.dumps(action)}}});
          const promises = [];
          Object.defineProperty(tapped, "waitUntil", {{value: one => promises.push(one)}});
          self.dispatchEvent(tapped);
          await Promise.all(promises);
        }})()"""
    )


async def hushed(client: ClientPage) -> list[dict[str, Any]]:
    """As the gateway has it."""
    found: list[dict[str, Any]] = await client.page.evaluate(
        "self.idlebell.records.subscriptions().then(([one]) => self.idlebell.api.show(one)).then(one => one.hushed)"
    )
    return found


async def test_less_of_this_hushes_the_sender_and_undo_lets_him_ring_again(
    chromium: Chromium, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    user = dovecot.add_user()
    async with PushService() as service:
        client = await ClientPage.make(chromium, gateway.url, service.make_webpush_subscription())
        await add_account(client.page, gateway, dovecot, user)
        (record,) = await kept(client.page)
        message = {"uid": 1, "from": "Shop <ads@shop.example>", "subject": "Only today"}
        about = {"type": "new_mail", "subscription": record["id"], "mailbox": "INBOX", "count": 1, "version": 1}
        await client.push({**about, "messages": [message]})
        await shown(client.page, "Only today")
        await tap(client, "mail/", "less")
        (card,) = await shown(client.page, "ads@shop.example")
        assert "rings no more" in card[0]
        assert [one["sender"] for one in await hushed(client)] == ["ads@shop.example"]
        await tap(client, "hushed/", "undo")
        assert await hushed(client) == []
        assert client.page.faults == []


async def test_an_open_page_hears_of_a_bell_from_the_gateway(
    chromium: Chromium, gateway: GatewayProcess, dovecot: DovecotServer
) -> None:
    user = dovecot.add_user()
    async with PushService() as service:
        page = (await ClientPage.make(chromium, gateway.url, service.make_webpush_subscription())).page
        await add_account(page, gateway, dovecot, user)
        await page.evaluate(FOLLOW)
        await page.until("self.heard.length")
        name, state = await page.evaluate("self.heard[0]")
        assert (name, state["state"]) == ("state", "watching")
        await deliver(dovecot, user, mail.make(subject="Heard live"))
        await page.until("self.heard.some(([name, {outcome}]) => name === 'notification' && outcome === 'accepted')")
        await page.evaluate("self.leaving.abort()")
        assert await page.evaluate("self.left") == "left"
        assert page.faults == []
