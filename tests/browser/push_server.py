"""A push service on 127.0.0.1 that a stock Firefox takes for Mozilla's: a WebSocket to the browser, as autopush speaks it, and
push resources (RFC 8030) for the application server. It cannot read what passes: the browser decrypts.

What the application server sends is held to more than real services hold it to (:mod:`idlebell.testing.webpush_check`).
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from browser.page import WAIT_SECONDS
from idlebell.testing.webpush_check import FaultError, check_webpush

DELIVERED = 100
"""What Firefox says in its ``ack`` when the worker's ``push`` event went well; 101: it could not decrypt, 102: not delivered (a
repeat, or nobody to take it)."""


@dataclass(slots=True)
class Push:
    """One message. ``code``: the browser's, None before it has said anything."""

    channel: str
    version: str
    headers: dict[str, str]
    body: bytes
    expires_at: float
    code: int | None = None


@dataclass(slots=True)
class _Channel:
    key: str
    """The application server key it was subscribed with, without padding."""
    waiting: list[Push] = field(default_factory=list)


class PushServer:
    """``async with``. :attr:`pushes`: what was taken; :attr:`refused`: what was not, each with its reason."""

    def __init__(self) -> None:
        self.pushes: list[Push] = []
        self.refused: list[str] = []
        self.greetings = 0
        """How often a browser said hello."""
        self._channels: dict[str, _Channel] = {}
        self._browser: web.WebSocketResponse | None = None
        self._user_agent = uuid.uuid4().hex
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def browser_url(self) -> str:
        """For the browser's preference ``dom.push.serverURL``."""
        return f"ws://127.0.0.1:{self._port}/autopush/"

    @property
    def resources(self) -> list[str]:
        """The push resources that there are now."""
        return [self._resource(name) for name in self._channels]

    def _resource(self, name: str) -> str:
        return f"{self.origin}/wpush/v2/{name}"

    async def __aenter__(self) -> PushServer:
        application = web.Application()
        application.router.add_get("/autopush/", self._serve_browser)
        application.router.add_post("/wpush/v2/{channel}", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, holds: Callable[[], bool], what: str) -> None:
        """Until it holds; asked after everything that happens here."""
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._changed:
                await self._changed.wait_for(holds)
        except TimeoutError:
            codes = [push.code for push in self.pushes]
            raise AssertionError(
                f"not {what}: codes {codes}, refused {self.refused}, hellos {self.greetings}"
            ) from None

    async def delivered(self, count: int) -> None:
        """Until the browser has said of ``count`` messages that its worker took them."""
        await self.wait_for(lambda: sum(push.code == DELIVERED for push in self.pushes) >= count, f"{count} delivered")

    async def disconnect(self) -> None:
        """The browser's connection is gone; it will call again."""
        if self._browser is not None:
            await self._browser.close()

    def forget(self) -> None:
        """As a service that lost its data: every subscription is gone, and the browser learns it at its next hello."""
        self._channels.clear()
        self._user_agent = uuid.uuid4().hex

    # The application server's side

    async def _take(self, request: web.Request) -> web.Response:
        """RFC 8030 section 5; answers as autopush gives them."""
        name = request.match_info["channel"]
        channel = self._channels.get(name)
        if channel is None:
            return web.json_response({"code": 410, "errno": 106, "error": "Gone"}, status=410)
        headers = {key.lower(): value for key, value in request.headers.items()}
        body = await request.read()
        try:
            check_webpush(headers, body, origin=self.origin, application_server_key=channel.key)
        except FaultError as fault:
            self.refused.append(str(fault))
            await self._tell()
            return web.json_response({"code": fault.status, "errno": 110, "message": str(fault)}, status=fault.status)
        push = Push(name, uuid.uuid4().hex, headers, body, time.monotonic() + int(headers["ttl"]))
        self.pushes.append(push)
        # Section 5.4: what still waits with the same topic is replaced.
        topic = headers.get("topic")
        channel.waiting = [one for one in channel.waiting if topic is None or one.headers.get("topic") != topic]
        channel.waiting.append(push)
        await self._hand_over(push)
        await self._tell()
        location = f"{self.origin}/m/{push.version}"
        return web.Response(status=201, headers={"Location": location, "TTL": headers["ttl"]})

    # The browser's side

    async def _serve_browser(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=["push-notification"])
        await socket.prepare(request)
        async for frame in socket:
            await self._answer(socket, json.loads(frame.data))
            await self._tell()
        if self._browser is socket:
            self._browser = None
        return socket

    async def _answer(self, socket: web.WebSocketResponse, said: dict[str, Any]) -> None:
        match said.get("messageType"):
            case None:  # a ping
                await socket.send_json({})
            case "hello":
                self._browser = socket
                self.greetings += 1
                # With another id than it had, the browser drops its subscriptions and tells their workers.
                identity = {"uaid": self._user_agent, "status": 200, "use_webpush": True, "broadcasts": {}}
                await socket.send_json({"messageType": "hello", **identity})
                for push in [push for channel in self._channels.values() for push in channel.waiting]:
                    await self._hand_over(push)
            case "register":
                name = said["channelID"]
                self._channels[name] = _Channel(said.get("key", "").rstrip("="))
                await socket.send_json(
                    {"messageType": "register", "channelID": name, "status": 200, "pushEndpoint": self._resource(name)}
                )
            case "unregister":
                self._channels.pop(said["channelID"], None)
                await socket.send_json({"messageType": "unregister", "channelID": said["channelID"], "status": 200})
            case "ack":
                for update in said["updates"]:
                    self._acknowledge(update["version"], update["code"])
            case "nack":
                self._acknowledge(said["version"], said["code"])

    async def _hand_over(self, push: Push) -> None:
        if self._browser is None or self._browser.closed or push.expires_at < time.monotonic():
            return
        data = base64.urlsafe_b64encode(push.body).rstrip(b"=").decode("ascii")
        await self._browser.send_json(
            {
                "messageType": "notification",
                "channelID": push.channel,
                "version": push.version,
                "data": data,
                "headers": {"encoding": push.headers["content-encoding"]},
            }
        )

    def _acknowledge(self, version: str, code: int) -> None:
        for push in self.pushes:
            if push.version == version and push.code is None:
                push.code = code
        for channel in self._channels.values():
            channel.waiting = [push for push in channel.waiting if push.version != version]

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
