"""Firefox ESR, headless, driven by WebDriver BiDi, with a push service of ours.

Each preference was tried by leaving it out; what happens then stands beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import aiohttp

from browser import programs
from browser.page import Page
from browser.remote import Remote, RemoteError

_LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_ALERT = "chrome://global/content/alerts/alert.xhtml"
"""Where Firefox shows a notification of its own drawing."""
_PREFERENCES: dict[str, bool | int | str] = {
    # Else only wss: is taken, and subscribe() rejects with AbortError.
    "dom.push.testing.allowInsecureServerURL": True,
    # Under remote control it is false unless it is set.
    "dom.push.connection.enabled": True,
    # Without a desktop there is nobody to show a notification, and showNotification() rejects; false: Firefox draws it itself.
    "alerts.useSystemBackend": False,
    # Else permission is "default", and a prompt waits for somebody.
    "permissions.default.desktop-notification": 1,
    # Milliseconds; else it waits 5 s before it calls the push service again.
    "dom.push.retryBaseInterval": 200,
    # Nothing but loopback is asked.
    "network.proxy.type": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "intl.accept_languages": "en",
}


class Firefox:
    """``async with`` starts it and surely ends it. ``folder`` keeps its profile: a second one on the same folder is the same
    browser, started again. ``preferences``: more of them."""

    def __init__(
        self, folder: Path, push_url: str, preferences: Mapping[str, bool | int | str] = MappingProxyType({})
    ) -> None:
        self._folder = folder
        self._preferences = {**_PREFERENCES, "dom.push.serverURL": push_url, **preferences}
        self._program: programs.Program | None = None
        self._http: aiohttp.ClientSession | None = None
        self._remote: Remote | None = None
        self.page: FirefoxPage

    async def __aenter__(self) -> Self:
        profile = self._folder / "profile"
        profile.mkdir(parents=True, exist_ok=True)
        profile.joinpath("user.js").write_text(
            "".join(
                f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in self._preferences.items()
            )
        )
        arguments = ["--headless", "--no-remote", "--profile", str(profile)]
        # The port is free at that time and said by itself; the second lets us see the browser's own windows.
        arguments += ["--remote-debugging-port", "0", "--remote-allow-system-access"]
        self._program = await programs.start("firefox", self._folder / "home", arguments, _LISTENS)
        try:
            self._http = aiohttp.ClientSession()
            # In the middle of a picture a frame has many megabytes.
            socket = await self._http.ws_connect(f"{self._program.address}/session", max_msg_size=0)
            self._remote = Remote(socket, self._heard)
            await self._remote.call("session.new", {"capabilities": {}})
            tree = await self._remote.call("browsingContext.getTree")
            self.page = FirefoxPage(self._remote, tree["contexts"][0]["context"])
            await self._remote.call("session.subscribe", {"events": ["log.entryAdded"]})
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

    def _heard(self, event: dict[str, Any]) -> None:
        said = event.get("params", {})
        if event.get("method") == "log.entryAdded" and said.get("level") == "error":
            self.page.faults.append(str(said.get("text")))

    async def alerts(self) -> list[FirefoxPage]:
        """The notifications that are on the screen, each as a page of the browser's own."""
        assert self._remote is not None
        tree = await self._remote.call("browsingContext.getTree", {"moz:scope": "chrome"})
        return [FirefoxPage(self._remote, one["context"]) for one in tree["contexts"] if one["url"] == _ALERT]


class FirefoxPage(Page):
    def __init__(self, remote: Remote, context: str) -> None:
        super().__init__()
        self._remote = remote
        self._context = context

    async def open(self, url: str) -> None:
        await self._remote.call("browsingContext.navigate", {"context": self._context, "url": url, "wait": "complete"})

    async def run(self, expression: str) -> str:
        target = {"context": self._context}
        answer = await self._remote.call(
            "script.evaluate", {"expression": expression, "target": target, "awaitPromise": True}
        )
        if answer["type"] == "exception":
            raise RemoteError(answer["exceptionDetails"]["text"])
        return str(answer["result"].get("value"))

    async def click_at(self, x: float, y: float) -> None:
        steps = [
            {"type": "pointerMove", "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._remote.call(
            "input.performActions",
            {"context": self._context, "actions": [{"type": "pointer", "id": "hand", "actions": steps}]},
        )
