"""The web client in Chromium, which cannot be given another push service than its maker's: its push subscription is one of ours
(:mod:`idlebell.testing.push_service`, which reads what it gets), and what the worker is to hear is handed to it by hand."""

from __future__ import annotations

import json
from typing import Any

from browser.chromium import Chromium, ChromiumPage

_SUBSCRIPTION = """\
PushManager.prototype.subscribe = async (options) => ({{
  options, endpoint: {url}, unsubscribe: async () => true,
  toJSON: () => ({{endpoint: {url}, expirationTime: null, keys: {keys}}}),
}});
PushManager.prototype.getSubscription = async () => null;
"""


class ClientPage:
    """``page`` with the client's origin, allowed to notify, subscribed with what
    :meth:`~idlebell.testing.push_service.PushService.make_webpush_subscription` gives."""

    def __init__(self, page: ChromiumPage, origin: str) -> None:
        self.page = page
        self._origin = origin

    @classmethod
    async def make(cls, chromium: Chromium, origin: str, subscription: dict[str, Any]) -> ClientPage:
        page = await chromium.new_page()
        await chromium.permit(page, origin, "notifications")
        source = _SUBSCRIPTION.format(url=json.dumps(subscription["url"]), keys=json.dumps(subscription["keys"]))
        await page.call("Page.addScriptToEvaluateOnNewDocument", source=source)
        await page.call("ServiceWorker.enable")
        return cls(page, origin)

    async def push(self, body: dict[str, Any] | str) -> None:
        """The worker gets a push with this text."""
        await self.page.until("navigator.serviceWorker.controller !== null")
        data = body if isinstance(body, str) else json.dumps(body)
        await self.page.call(
            "ServiceWorker.deliverPushMessage", origin=self._origin, registrationId=self.page.registration, data=data
        )
