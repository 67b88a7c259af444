"""Chromium, headless, driven by the Chrome DevTools Protocol: layout, pictures, keys and accessibility."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from browser import programs
from browser.page import Page
from browser.remote import Remote, RemoteError

_LISTENS = re.compile(r"DevTools listening on (ws://\S+)")
_ARGUMENTS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # a container has 64 MB there
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-sync",
    "--password-store=basic",
    "--use-mock-keychain",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--lang=en",
)
_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowUp": 38, "ArrowDown": 40}


class Chromium:
    """``async with`` starts it and surely ends it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program: programs.Program | None = None
        self._http: aiohttp.ClientSession | None = None
        self._remote: Remote | None = None
        self._pages: dict[str, ChromiumPage] = {}

    async def __aenter__(self) -> Self:
        arguments = [*_ARGUMENTS, f"--user-data-dir={self._folder / 'profile'}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # root has none
        self._program = await programs.start("chromium", self._folder / "home", arguments, _LISTENS)
        try:
            self._http = aiohttp.ClientSession()
            self._remote = Remote(await self._http.ws_connect(self._program.address, max_msg_size=0), self._heard)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if self._program is not None:
            await self._program.stop()
        if self._remote is not None:
            await self._remote.close()
        if self._http is not None:
            await self._http.close()

    async def new_page(self) -> ChromiumPage:
        """In a context of its own: no cookie, no worker, no database of another page."""
        assert self._remote is not None
        context = await self._remote.call("Target.createBrowserContext")
        target = await self._remote.call(
            "Target.createTarget", {"url": "about:blank", "browserContextId": context["browserContextId"]}
        )
        attached = await self._remote.call("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        page = ChromiumPage(self._remote, attached["sessionId"], context["browserContextId"])
        self._pages[page.session] = page
        for domain in ("Page", "Runtime", "Log"):
            await page.call(f"{domain}.enable")
        await page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        return page

    async def permit(self, page: ChromiumPage, origin: str, *permissions: str) -> None:
        """As if its user had said yes."""
        assert self._remote is not None
        grant = {"origin": origin, "permissions": list(permissions), "browserContextId": page.context}
        await self._remote.call("Browser.grantPermissions", grant)

    def _heard(self, event: dict[str, Any]) -> None:
        page = self._pages.get(event.get("sessionId", ""))
        if page is None:
            return
        said = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                details = said["exceptionDetails"]
                page.faults.append(details.get("exception", {}).get("description") or details["text"])
            case "Log.entryAdded" if said["entry"]["level"] == "error":
                page.faults.append(f"{said['entry']['text']} ({said['entry'].get('url', '')})")
            case "ServiceWorker.workerRegistrationUpdated":
                for one in said["registrations"]:
                    page.registration = one["registrationId"]
            case "Runtime.consoleAPICalled" if said["type"] in ("error", "assert"):
                page.faults.append(" ".join(str(one.get("value", one.get("description"))) for one in said["args"]))


class ChromiumPage(Page):
    """``registration``: the id of its service worker's registration, where that domain is enabled."""

    def __init__(self, remote: Remote, session: str, context: str) -> None:
        super().__init__()
        self._remote = remote
        self.session = session
        self.context = context
        self.registration = ""

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        return await self._remote.call(method, params, sessionId=self.session)

    async def open(self, url: str) -> None:
        answer = await self.call("Page.navigate", url=url)
        if answer.get("errorText"):
            raise RemoteError(f"{url}: {answer['errorText']}")
        await self.until("document.readyState === 'complete'")

    async def run(self, expression: str) -> str:
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RemoteError(details.get("exception", {}).get("description") or details["text"])
        return str(answer["result"].get("value"))

    async def run_in_worker(self, expression: str) -> None:
        """What it promises is waited for, in the service worker of this page. RemoteError: it threw."""
        targets = (await self._remote.call("Target.getTargets", {"filter": [{"type": "service_worker"}]}))[
            "targetInfos"
        ]
        (worker,) = [one for one in targets if one["browserContextId"] == self.context]
        attached = await self._remote.call("Target.attachToTarget", {"targetId": worker["targetId"], "flatten": True})
        session = attached["sessionId"]
        try:
            asked = {"expression": expression, "awaitPromise": True, "returnByValue": True}
            answer = await self._remote.call("Runtime.evaluate", asked, sessionId=session)
        finally:
            await self._remote.call("Target.detachFromTarget", {"sessionId": session})
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RemoteError(details.get("exception", {}).get("description") or details["text"])

    async def click_at(self, x: float, y: float) -> None:
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    async def press(self, key: str, *, shift: bool = False) -> None:
        """One key, by its name in the UI Events specification."""
        common = {"key": key, "windowsVirtualKeyCode": _KEYS[key], "modifiers": 8 if shift else 0}
        text = {"Enter": "\r", " ": " "}.get(key, "")
        await self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **common)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    async def show_as(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """As a screen of this size shows it; up to 600 pixels it is a phone's."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=scale, mobile=width <= 600,
        )  # fmt: skip
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        await self.call("Emulation.setEmulatedMedia", features=features)

    async def picture(self) -> bytes:
        """PNG of what is on the screen."""
        answer = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])
