"""A push service on 127.0.0.1 for tests, the demo and the benchmarks. It takes SimplePush, Web Push and webhooks, is stricter
than the real ones (it decrypts, and checks every header and signature), and can be told to misbehave.

A resource is a path with its kind. What arrives is recorded as :class:`Received`; what is not as it should be is answered
with 400, or 403 where the key is another than the app subscribed with, and has ``fault`` say why.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import ec

from idlebell.push.encryption import EncryptionError, decrypt, point, private_key
from idlebell.push.webhook import verifies
from idlebell.testing.webpush_check import FaultError, check_webpush

if TYPE_CHECKING:
    from aiohttp import web

MAX_REQUEST_BYTES = 64 * 1024
MAX_RECEIVED = 100_000
"""The oldest are forgotten, so that the demo can run for days."""
CLOCK_TOLERANCE = timedelta(minutes=5)
_CHUNK = b"x" * 65_536


class Manner(StrEnum):
    """How an answer is given."""

    ORDERLY = "orderly"
    NEVER = "never"
    """The request is read, and nothing follows."""
    ENDLESS_BODY = "endless body"
    INTERIM_FLOOD = "interim flood"
    """``103 Early Hints`` for ever."""
    CUT = "cut"
    """The connection ends in the middle of the answer's head."""
    GARBAGE = "garbage"
    """Bytes that are not HTTP."""
    DRIP = "drip"
    """The head, a byte at a time."""
    VERBATIM = "verbatim"
    """``body`` is all that is sent, its head too."""


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """``status`` None: what the kind says when all is well (200, 201 or 202)."""

    status: int | None = None
    delay_seconds: float = 0.0
    retry_after: str | None = None
    location: str | None = None
    body: bytes | None = None
    manner: Manner = Manner.ORDERLY


ORDERLY = ScriptedAnswer()


@dataclass(frozen=True, slots=True)
class Received:
    """One request. ``payload``: the JSON, decrypted; None for SimplePush and for a resource of another form. ``body``: as it
    was sent, or decrypted. ``status``: what it was answered, None where it was not."""

    kind: str
    path: str
    at: datetime
    version: int | None
    payload: dict[str, Any] | None
    headers: dict[str, str]
    body: bytes
    status: int | None
    fault: str | None = None

    @property
    def type(self) -> str | None:
        return None if self.payload is None else self.payload.get("type")


@dataclass(slots=True)
class _Resource:
    kind: str
    key: ec.EllipticCurvePrivateKey | None = None
    auth: bytes = b""
    secret: bytes = b""
    application_server_key: str | None = None
    answers_challenges: bool = True
    has_json: bool = True
    """Of the interface; else whatever is inside is taken."""


class PushService:
    """``tls`` is an ``ssl.SSLContext`` of a server, None for plain http. An async context manager, or :meth:`start` and
    :meth:`stop`."""

    def __init__(self, tls: Any = None, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self._tls = tls
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None
        self._resources: dict[str, _Resource] = {}
        self._scripts: dict[str, tuple[deque[ScriptedAnswer], ScriptedAnswer]] = {}
        self._changed = asyncio.Condition()
        self.received: deque[Received] = deque(maxlen=MAX_RECEIVED)
        self.mood: Callable[[], ScriptedAnswer] = lambda: ORDERLY
        """How the next request is answered whose resource has no script."""

    async def start(self) -> None:
        from aiohttp import web

        application = web.Application(client_max_size=MAX_REQUEST_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, ssl_context=self._tls)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> PushService:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def origin(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://{self._host}:{self._port}"

    # Resources, each as an app gives it to the gateway

    def make_simplepush(self, name: str = "simple") -> dict[str, Any]:
        return {"type": "simplepush", "url": self._make(name, _Resource("simplepush"))}

    def make_webpush_subscription(
        self, name: str = "web", *, application_server_key: str | None = None, has_json: bool = True
    ) -> dict[str, Any]:
        """What a browser's ``PushSubscription.toJSON()`` gives, with ``type``. With ``application_server_key`` (87 characters,
        as ``GET /v1/vapid`` shows it) pushes of another key are refused, as real services do. ``has_json``: it is to be sent
        the JSON of the interface."""
        key, auth = private_key(os.urandom), os.urandom(16)
        resource = _Resource("webpush", key, auth, application_server_key=application_server_key, has_json=has_json)
        url = self._make(name, resource)
        return {
            "type": "webpush",
            "url": url,
            "keys": {"p256dh": _base64url(point(key)), "auth": _base64url(auth)},
        }

    def make_webhook(
        self, name: str = "hook", *, secret: bytes | None = None, answers_challenges: bool = True
    ) -> dict[str, Any]:
        secret = os.urandom(32) if secret is None else secret
        resource = _Resource("webhook", secret=secret, answers_challenges=answers_challenges)
        return {
            "type": "webhook",
            "url": self._make(name, resource),
            "secret": "whsec_" + base64.b64encode(secret).decode("ascii"),
        }

    def remove(self, name: str) -> None:
        """From now on 404."""
        del self._resources[f"/{name}"]

    def script(self, name: str, *answers: ScriptedAnswer, then: ScriptedAnswer = ORDERLY) -> None:
        """The next requests of a resource are answered so, one after another, and all after them with ``then``."""
        self._scripts[f"/{name}"] = (deque(answers), then)

    # What came

    def of(self, name: str) -> list[Received]:
        """What a resource got, without what was at fault."""
        return [one for one in self.received if one.path == f"/{name}" and one.fault is None]

    async def wait_for(
        self, wanted: int | Callable[[Received], bool], timeout: float = 10.0, *, name: str | None = None
    ) -> list[Received]:
        """Until ``wanted`` requests (of one resource, where ``name`` is given) have come, or one for which it holds. Returns
        all of them. TimeoutError tells what came instead."""

        def found() -> list[Received]:
            matching = [one for one in self.received if name is None or one.path == f"/{name}"]
            if callable(wanted):
                return [one for one in matching if wanted(one)]
            return matching if len(matching) >= wanted else []

        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(found)
        except TimeoutError:
            came = [(one.path, one.type, one.version, one.status, one.fault) for one in self.received]
            raise TimeoutError(f"not received within {timeout} s; what came: {came}") from None
        return found()

    # The server

    def _make(self, name: str, resource: _Resource) -> str:
        self._resources[f"/{name}"] = resource
        return f"{self.origin}/{name}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        from aiohttp import web

        path = request.path
        body = await request.read()
        resource = self._resources.get(path)
        if resource is None:
            return web.json_response({"errno": 102, "message": "no such resource"}, status=404)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            plain, version, payload = self._check(resource, request.method, path, headers, body)
        except FaultError as fault:
            await self._record(
                Received(resource.kind, path, datetime.now(UTC), None, None, headers, body, fault.status, str(fault))
            )
            return web.json_response({"errno": 110, "message": str(fault)}, status=fault.status)
        answer, status = self._next_answer(resource, path)
        recorded = None if answer.manner is not Manner.ORDERLY else status
        await self._record(Received(resource.kind, path, datetime.now(UTC), version, payload, headers, plain, recorded))
        if answer.delay_seconds:
            await asyncio.sleep(answer.delay_seconds)
        if answer.manner is not Manner.ORDERLY:
            await _misbehave(request, answer)
            return web.Response()
        return web.Response(
            status=status,
            body=answer.body if answer.body is not None else _ordinary_body(resource, payload),
            headers={
                name: value
                for name, value in (("Retry-After", answer.retry_after), ("Location", answer.location))
                if value is not None
            },
        )

    def _next_answer(self, resource: _Resource, path: str) -> tuple[ScriptedAnswer, int]:
        if path in self._scripts:
            answers, then = self._scripts[path]
            answer = answers.popleft() if answers else then
        else:
            answer = self.mood()
        ordinary = 201 if resource.kind == "webpush" else 200
        return answer, ordinary if answer.status is None else answer.status

    async def _record(self, received: Received) -> None:
        async with self._changed:
            self.received.append(received)
            self._changed.notify_all()

    def _check(
        self, resource: _Resource, method: str, path: str, headers: dict[str, str], body: bytes
    ) -> tuple[bytes, int | None, dict[str, Any] | None]:
        if resource.kind == "simplepush":
            return body, _check_simplepush(method, headers, body), None
        if method != "POST":
            raise FaultError(f"{method} instead of POST")
        if resource.kind == "webpush":
            plain = self._check_webpush(resource, headers, body)
            if not resource.has_json:
                return plain, None, None
        else:
            plain = _check_webhook(resource, headers, body)
        try:
            payload = json.loads(plain)
        except ValueError:
            raise FaultError("the payload is not JSON") from None
        if not (isinstance(payload, dict) and {"type", "subscription", "version", "at"} <= payload.keys()):
            raise FaultError("the payload lacks type, subscription, version or at")
        return plain, payload["version"], payload

    def _check_webpush(self, resource: _Resource, headers: dict[str, str], body: bytes) -> bytes:
        check_webpush(headers, body, origin=self.origin, application_server_key=resource.application_server_key)
        assert resource.key is not None
        try:
            return decrypt(body, key=resource.key, auth=resource.auth)
        except EncryptionError as error:
            raise FaultError(str(error)) from None


def _check_simplepush(method: str, headers: dict[str, str], body: bytes) -> int:
    if method != "PUT":
        raise FaultError(f"{method} instead of PUT")
    if headers.get("content-type") != "application/x-www-form-urlencoded":
        raise FaultError("Content-Type is not application/x-www-form-urlencoded")
    version = parse_qs(body.decode("ascii", "replace")).get("version", [""])[0]
    if not (version.isascii() and version.isdigit()):
        raise FaultError("Invalid Version")
    return int(version)


def _check_webhook(resource: _Resource, headers: dict[str, str], body: bytes) -> bytes:
    if headers.get("content-type") != "application/json":
        raise FaultError("Content-Type is not application/json")
    identity, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not identity or "." in identity or not stamp.isdigit():
        raise FaultError("webhook-id or webhook-timestamp is missing or malformed")
    if abs(datetime.now(UTC).timestamp() - int(stamp)) > CLOCK_TOLERANCE.total_seconds():
        raise FaultError("webhook-timestamp is too far from now")
    if not verifies(identity, int(stamp), body, headers.get("webhook-signature", ""), resource.secret):
        raise FaultError("webhook-signature is wrong")
    return body


def _ordinary_body(resource: _Resource, payload: dict[str, Any] | None) -> bytes:
    if payload is not None and payload["type"] == "verification" and resource.kind == "webhook":
        return json.dumps({"code": payload["code"]} if resource.answers_challenges else {}).encode("utf-8")
    return b"" if resource.kind == "webpush" else b"{}"


async def _misbehave(request: web.Request, answer: ScriptedAnswer) -> None:
    """Until the other side has had enough."""
    transport = request.transport
    if transport is None:
        return
    match answer.manner:
        case Manner.NEVER:
            await asyncio.Event().wait()
        case Manner.CUT:
            transport.write(b"HTTP/1.1 200 OK\r\nContent-Le")
        case Manner.GARBAGE:
            transport.write(b"* OK IMAP4rev1 ready\r\n\x00\xff\r\n\r\n")
        case Manner.VERBATIM:
            transport.write(answer.body or b"")
        case flood:
            await _flood(transport, flood)
    transport.close()


async def _flood(transport: asyncio.Transport, manner: Manner) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n"
    if manner is Manner.ENDLESS_BODY:
        transport.write(head)
    position = 0
    while not transport.is_closing():
        if manner is Manner.ENDLESS_BODY:
            transport.write(_CHUNK)
        elif manner is Manner.INTERIM_FLOOD:
            transport.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        else:
            transport.write(head[position : position + 1] or b"x")
            position += 1
        # A pause keeps the buffer small where the other side has stopped to read.
        while transport.get_write_buffer_size() > 4 * len(_CHUNK) and not transport.is_closing():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2 if manner is Manner.DRIP else 0)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
