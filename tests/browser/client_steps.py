"""What a person does in the web client, in either browser."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlencode

from browser.page import Page
from gateway_process import GatewayProcess
from servers.mail_server import MailServer, User

CARDS = "navigator.serviceWorker.ready.then(one => one.getNotifications()).then(all => all.map(one => [one.title, one.body]))"
"""Of the notifications that are shown: title and text."""


async def add_account(
    page: Page, gateway: GatewayProcess, server: MailServer, user: User, *, keep: str = "browser"
) -> None:
    """By the form. The address names a server outside of any domain, so the address of the page brings it along."""
    known = {"user": user.name, "host": server.host, "port": server.ports.imaps}
    await page.open(f"{gateway.url}/#/add?{urlencode(known)}")
    await page.fill("#password", user.password)
    await page.click(f"input[name=keep][value={keep}]")
    await page.click("#connect")
    await page.has("#state [data-tone=good]")


async def shown(page: Page, *words: str) -> list[list[str]]:
    """The cards, once there is one with all these words in it."""
    wanted = " && ".join(f"text.includes({word!r})" for word in words)
    found: list[list[str]] = await page.until(
        f"{CARDS}.then(all => all.some(one => {{ const text = one.join('\\n'); return {wanted}; }}) ? all : null)"
    )
    return found


async def deliver(server: MailServer, user: User, message: bytes) -> None:
    await asyncio.to_thread(server.deliver, user.name, message)


async def kept(page: Page) -> list[dict[str, Any]]:
    """What the client keeps of each account."""
    records: list[dict[str, Any]] = await page.evaluate("self.idlebell.records.subscriptions()")
    return records
