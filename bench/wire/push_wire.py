"""The last leg of a push: from a push service to the browser on the phone, over a far line, counted.

Mozilla's autopush and Firefox speak JSON over one WebSocket under TLS. Both ends are played here, frame by frame as Firefox
was seen to speak (``hello``, ``notification``, ``ack``, ``{}`` as ping), with what a notification has in it: the message as
Idlebell encrypts it, and a message id as long as autopush makes it for a message with a Topic: Fernet over
``01:<user agent>:<channel>:<topic>``, 228 characters. What Google's and Apple's own services move is not known here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import trustme
from aiohttp import ClientSession, TCPConnector, WSMsgType, web

from idlebell.cost.exchange import Exchange
from idlebell.model.endpoint import PushUrl, WebPushEndpoint
from idlebell.model.ids import NotificationId, SubscriptionId
from idlebell.model.message import MessageSummary
from idlebell.model.notification import NewMail, Notification
from idlebell.model.secret import Secret
from idlebell.push import registry
from idlebell.push.attempt import Attempt
from idlebell.push.encryption import point, private_key
from idlebell.push.exchange import HttpRequest

from .counted import Capture, Meter, may_capture
from .far_line import FarLine, phone_socket
from .phone import TIMEOUT_SECONDS, middle

MESSAGE_ID_CHARACTERS: Final = 228
CAPABILITY_CHARACTERS: Final = 184
"""About what autopush puts into the URL of a push resource with a VAPID key."""
FIREFOX: Final = {
    "User-Agent": "Mozilla/5.0 (Android 14; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0",
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Origin": "wss://push.services.mozilla.com/",
    "Pragma": "no-cache",
    "Cache-Control": "no-cache",
}
"""What Firefox sends besides the WebSocket's own headers."""
TIMES: Final = 5


URL: Final = PushUrl("https://updates.push.services.mozilla.com/wpush/v2/capability")


def somebody() -> WebPushEndpoint:
    return WebPushEndpoint(URL, point(private_key(os.urandom)), Secret(os.urandom(16)))


def bodies(endpoint: WebPushEndpoint) -> dict[str, bytes]:
    """The messages as Idlebell encrypts them, by what they tell."""
    now = datetime.now(UTC)
    summary = MessageSummary(
        4_711, "<20261125.101500.4711@example.org>", "Ada Lovelace <ada@example.org>", "Lunch on Thursday?", 18_342,
        "Shall we meet at noon? The place at the corner has a table for four, and I have something to show you. Ada", now,
    )  # fmt: skip

    def built(*messages: MessageSummary) -> bytes:
        content = NewMail("INBOX", 1_764_000_000, 1, 4, messages)
        one = Notification(
            NotificationId("ntf_aaaaaaaaaaaaaaaaaaaaaaaa"), SubscriptionId("sub_aaaaaaaaaaaaaaaaaaaaaaaa"), content,
            1_795_310_554_853, now, now + timedelta(days=1), 0,
        )  # fmt: skip
        request = registry.build(one, endpoint, Attempt(now, os.urandom))
        assert isinstance(request, HttpRequest)
        return request.body

    return {"Web Push, alert": built(), "Web Push, summary": built(summary)}


def notification(channel: str, body: bytes) -> dict[str, Any]:
    return {
        "messageType": "notification",
        "channelID": channel,
        "version": base64.urlsafe_b64encode(os.urandom(MESSAGE_ID_CHARACTERS * 3 // 4)).decode(),
        "data": encoded(body),
        "headers": {"encoding": "aes128gcm"},
    }


def simple_push(channel: str) -> dict[str, Any]:
    return {"messageType": "notification", "updates": [{"channelID": channel, "version": 1_795_310_554_853}]}


class Service:
    """The push service's half: one user agent."""

    def __init__(self) -> None:
        self._sockets: asyncio.Queue[web.WebSocketResponse] = asyncio.Queue()
        self.acks: asyncio.Queue[int] = asyncio.Queue()
        self.pings: asyncio.Queue[None] = asyncio.Queue()
        self.channel = ""
        """The last one that was registered."""

    async def socket(self, request: web.Request) -> web.WebSocketResponse:
        one = web.WebSocketResponse(protocols=["push-notification"], compress=False)
        await one.prepare(request)
        async for message in one:
            said = json.loads(message.data)
            match said.get("messageType"):
                case None:
                    await one.send_str("{}")
                    self.pings.put_nowait(None)
                case "hello":
                    answer: dict[str, Any]
                    uaid = said.get("uaid") or uuid.uuid4().hex
                    answer = {
                        "messageType": "hello",
                        "uaid": uaid,
                        "status": 200,
                        "use_webpush": True,
                        "broadcasts": {},
                    }
                    await one.send_str(compact(answer))
                    self._sockets.put_nowait(one)
                case "register":
                    self.channel = said["channelID"]
                    answer = {"messageType": "register", "channelID": self.channel, "status": 200}
                    await one.send_str(
                        compact(answer | {"pushEndpoint": f"{URL.origin}/wpush/v2/{'x' * CAPABILITY_CHARACTERS}"})
                    )
                case "ack":
                    self.acks.put_nowait(said["updates"][0].get("code", 100))
        return one

    async def connected(self) -> web.WebSocketResponse:
        return await self._sockets.get()


async def steps() -> tuple[dict[str, Exchange], float]:
    """What each step moves, and how many seconds half of the notifications take from the service to the phone."""
    async with served() as (service, port, context):
        with ExitStack() as stack:
            line = stack.enter_context(FarLine(port))
            capture = None
            if may_capture():
                capture = Capture(line.port)
                stack.callback(capture.close)
            return await _counted(service, line, capture, context)


async def _counted(
    service: Service, line: FarLine, capture: Capture | None, context: ssl.SSLContext
) -> tuple[dict[str, Exchange], float]:
    sockets: list[socket.socket] = []

    def dialled(_: Any) -> Any:
        sock = phone_socket()
        sock.setblocking(False)
        sockets.append(sock)
        return sock

    channel, taken, delays = str(uuid.uuid4()), dict[str, Exchange](), list[float]()
    connector = TCPConnector(ssl=context, socket_factory=dialled)
    async with (
        ClientSession(connector=connector) as http,
        http.ws_connect(
            f"wss://127.0.0.1:{line.port}/",
            protocols=["push-notification"],
            headers=FIREFOX,
            compress=0,
            autoping=False,
        ) as phone,
    ):
        hello = {"messageType": "hello", "broadcasts": {}, "use_webpush": True, "uaid": uuid.uuid4().hex}
        await phone.send_str(compact(hello))
        await phone.receive()
        at_service = await service.connected()
        (sock,) = sockets
        meter = Meter(sock, capture)

        async def take() -> Exchange:
            return await asyncio.to_thread(meter.take)

        taken["push connection"] = await take()

        async def pinged() -> Exchange:
            await phone.send_str("{}")
            await phone.receive()
            return await take()

        async def rung(made: Callable[[], dict[str, Any]]) -> Exchange:
            sent = time.monotonic()
            await at_service.send_str(compact(made()))
            got = await phone.receive()
            delays.append(time.monotonic() - sent)
            assert got.type is WSMsgType.TEXT
            said = json.loads(got.data)
            updates = said.get("updates") or [{"channelID": channel, "version": said["version"], "code": 100}]
            await phone.send_str(compact({"messageType": "ack", "updates": updates}))
            await asyncio.wait_for(service.acks.get(), TIMEOUT_SECONDS)
            return await take()

        taken["push ping"] = await _middle(pinged)
        for name, body in bodies(somebody()).items():
            taken[name] = await _middle(lambda body=body: rung(lambda: notification(channel, body)))  # type: ignore[misc]
        taken["SimplePush"] = await _middle(lambda: rung(lambda: simple_push(channel)))
    return taken, statistics.median(delays)


async def _middle(step: Callable[[], Any]) -> Exchange:
    return middle([await step() for _ in range(TIMES)])


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Service, int, ssl.SSLContext]]:
    root = trustme.CA(key_type=trustme.KeyType.RSA)
    leaf = root.create_child_ca(key_type=trustme.KeyType.RSA).issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    leaf.configure_cert(context)
    phone_context = ssl.create_default_context()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ca.pem")
        root.cert_pem.write_to_path(str(path))
        phone_context.load_verify_locations(path)
    service = Service()
    app = web.Application()
    app.router.add_get("/", service.socket)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        yield service, runner.addresses[0][1], phone_context
    finally:
        await runner.cleanup()


def compact(said: dict[str, Any]) -> str:
    return json.dumps(said, separators=(",", ":"))


def encoded(raw: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
