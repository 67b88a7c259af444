"""A real Firefox at the end of the line: what the push service's leg moves, seen by a packet socket.

Debian's Firefox, without a screen, is led by WebDriver BiDi, registers at the played push service through the far line, over
TLS, and decrypts what Idlebell encrypted for it; its service worker tells that it did.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from aiohttp import ClientSession, ClientWebSocketResponse, web

from idlebell.cost.exchange import Exchange
from idlebell.model.endpoint import WebPushEndpoint
from idlebell.model.secret import Secret
from idlebell.push.vapid import VapidKey

from .counted import NOTHING, QUIET_SECONDS, Capture, may_capture
from .far_line import FarLine
from .phone import middle
from .push_wire import TIMES, URL, Service, bodies, compact, decoded, notification, served

PROGRAM: Final = "firefox-esr"
WAIT_SECONDS: Final = 30.0
PING_MILLISECONDS: Final = 6_000
"""Half an hour in life."""
_PAGE: Final = """<!doctype html><title>push</title><script>
async function subscribe(key) {
  const registration = await navigator.serviceWorker.register('/worker.js');
  await navigator.serviceWorker.ready;
  const made = await registration.pushManager.subscribe({userVisibleOnly: true, applicationServerKey: key});
  return JSON.stringify(made.toJSON());
}
</script>"""
_WORKER: Final = """self.addEventListener('install', e => self.skipWaiting());
self.addEventListener('activate', e => e.waitUntil(clients.claim()));
self.addEventListener('push', e => e.waitUntil((async () => {
  await self.registration.showNotification('mail', {body: e.data.text(), tag: 'mail'});
  await fetch('/seen', {method: 'POST', body: e.data.text()});
})()));"""


def why_not_firefox() -> str | None:
    if not may_capture():
        return "only root sees what another program sends"
    return None if shutil.which(PROGRAM) else f"{PROGRAM} is not installed"


class Page:
    def __init__(self) -> None:
        self.seen: asyncio.Queue[str] = asyncio.Queue()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/", lambda _: _text(_PAGE, "text/html"))
        app.router.add_get("/worker.js", lambda _: _text(_WORKER, "text/javascript"))
        app.router.add_post("/seen", self._note)
        return app

    async def _note(self, request: web.Request) -> web.Response:
        self.seen.put_nowait(await request.text())
        return web.Response()


async def _text(text: str, kind: str) -> web.Response:
    return web.Response(text=text, content_type=kind)


async def steps() -> dict[str, Exchange]:
    page = Page()
    runner = web.AppRunner(page.app())
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with served() as (service, port, _):
            with FarLine(port) as line:
                capture = Capture(line.port)
                try:
                    async with _browser(line.port) as ask:
                        return await _counted(ask, runner.addresses[0][1], page, service, line, capture)
                finally:
                    capture.close()
    finally:
        await runner.cleanup()


Ask = Callable[..., Awaitable[dict[str, Any]]]


async def _counted(
    ask: Ask, page_port: int, page: Page, service: Service, line: FarLine, capture: Capture
) -> dict[str, Exchange]:
    at_service = await asyncio.wait_for(service.connected(), WAIT_SECONDS)
    near, before = line.near_ports[-1], NOTHING
    taken: dict[str, Exchange] = {}

    async def take() -> Exchange:
        nonlocal before
        total = capture.of(near)
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            if (now := capture.of(near)) == total:
                break
            total = now
        one, before = total - before, total
        return one

    taken["push connection"] = await take()
    context = (await ask("browsingContext.getTree"))["contexts"][0]["context"]
    await ask("browsingContext.navigate", context=context, url=f"http://127.0.0.1:{page_port}/", wait="complete")
    key = VapidKey.generate(os.urandom).public_key
    found = await ask(
        "script.evaluate", expression=f"subscribe('{key}')", target={"context": context}, awaitPromise=True
    )
    keys = json.loads(found["result"]["value"])["keys"]
    endpoint = WebPushEndpoint(URL, decoded(keys["p256dh"]), Secret(decoded(keys["auth"])))
    taken["push registration"] = await take()

    async def rung(body: bytes) -> Exchange:
        await at_service.send_str(compact(notification(service.channel, body)))
        assert await asyncio.wait_for(service.acks.get(), WAIT_SECONDS) == 100, "Firefox could not decrypt"
        assert json.loads(await asyncio.wait_for(page.seen.get(), WAIT_SECONDS))["type"] == "new_mail"
        return await take()

    async def pinged() -> Exchange:
        while not service.pings.empty():
            service.pings.get_nowait()
        await take()
        await asyncio.wait_for(service.pings.get(), WAIT_SECONDS)
        return await take()

    for name, body in bodies(endpoint).items():
        taken[name] = middle([await rung(body) for _ in range(TIMES)])
    taken["push ping"] = middle([await pinged() for _ in range(3)])
    return taken


@asynccontextmanager
async def _browser(push_port: int) -> AsyncIterator[Ask]:
    profile = Path(tempfile.mkdtemp(prefix="idlebell-firefox-"))
    prefs = {
        "dom.push.serverURL": f"wss://127.0.0.1:{push_port}/",
        "dom.push.connection.enabled": True,
        "dom.push.retryBaseInterval": 200,
        "dom.push.pingInterval": PING_MILLISECONDS,
        "permissions.default.desktop-notification": 1,
        "alerts.useSystemBackend": False,
        "app.update.enabled": False,
    }
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in prefs.items())
    profile.joinpath("user.js").write_text("".join(lines))
    process = await asyncio.create_subprocess_exec(
        PROGRAM, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "MOZ_HEADLESS": "1", "HOME": str(profile)},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        url = await asyncio.wait_for(_address(process.stderr), WAIT_SECONDS)
        drained = asyncio.create_task(_drain(process.stderr))
        async with ClientSession() as http, http.ws_connect(url + "/session", max_msg_size=0) as bidi:
            numbers = count(1)

            async def ask(method: str, **params: Any) -> dict[str, Any]:
                return await asyncio.wait_for(_asked(bidi, next(numbers), method, params), WAIT_SECONDS)

            # The certificate of the played service is nobody's.
            await ask("session.new", capabilities={"alwaysMatch": {"acceptInsecureCerts": True}})
            yield ask
        drained.cancel()
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        shutil.rmtree(profile, ignore_errors=True)


async def _address(errors: asyncio.StreamReader) -> str:
    async for line in errors:
        if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", line.decode(errors="replace")):
            return found[1]
    raise RuntimeError("Firefox ended before it listened")


async def _drain(errors: asyncio.StreamReader) -> None:
    async for _ in errors:
        pass


async def _asked(bidi: ClientWebSocketResponse, number: int, method: str, params: dict[str, Any]) -> dict[str, Any]:
    await bidi.send_json({"id": number, "method": method, "params": params})
    while True:
        answer: dict[str, Any] = json.loads((await bidi.receive()).data)
        if answer.get("id") == number:
            if answer.get("type") == "error":
                raise RuntimeError(f"{method}: {answer}")
            result: dict[str, Any] = answer["result"]
            return result
