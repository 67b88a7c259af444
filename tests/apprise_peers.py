"""Servers that Apprise's plugins speak to: one like ntfy, one like SMSEagle's gateway. They check what they are sent."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

TOKEN = "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2"
"""As ntfy spells an access token."""
SMS_TOKEN = "sms-access-token"


@dataclass
class ApprisePeer:
    """``notes``: what was published, as ntfy's JSON has it; ``messages``: SMS. ``answer``: another status than 200, with
    headers; ``hangs``: no answer."""

    tls: ssl.SSLContext | None = None
    notes: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    answer: tuple[int, dict[str, str]] = (200, {})
    body: bytes | None = None
    hangs: bool = False
    port: int = 0
    requests: int = 0
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def ntfy(self) -> str:
        return f"{'ntfys' if self.tls else 'ntfy'}://{TOKEN}@localhost:{self.port}/alice"

    @property
    def sms(self) -> str:
        return f"{'smseagles' if self.tls else 'smseagle'}://{SMS_TOKEN}@localhost:{self.port}/15551234567"

    async def until(self, many: int, of: list[dict[str, Any]]) -> list[dict[str, Any]]:
        async with asyncio.timeout(60):
            while len(of) < many:
                self._moved.clear()
                await self._moved.wait()
        return of

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self.hangs:
            await asyncio.sleep(3600)
        status, headers = self.answer
        if status != 200:
            return web.Response(status=status, headers=headers)
        if self.body is not None:
            return web.Response(body=self.body)
        given = await request.json()
        self._moved.set()
        if request.path == "/jsonrpc/sms":
            return self._sms(given["params"])
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.faults.append("no token")
            return web.json_response({"code": 40101, "http": 401, "error": "unauthorized"}, status=401)
        if given.get("topic") != "alice" or not isinstance(given.get("message"), str):
            self.faults.append(f"not ntfy's JSON: {sorted(given)}")
        if "X-Icon" in request.headers or "icon" in given:
            self.faults.append("a picture that a stranger serves")
        self.notes.append(given)
        return web.json_response({"id": "hwQ2YpKdmg", "event": "message", "topic": given["topic"]})

    def _sms(self, params: dict[str, Any]) -> web.Response:
        if params.get("access_token") != SMS_TOKEN or params.get("to") != "15551234567":
            self.faults.append(f"not an SMS of ours: {sorted(params)}")
            return web.json_response({"result": [{"status": "error"}]})
        self.messages.append(params)
        return web.json_response({"result": [{"message_id": len(self.messages), "status": "ok"}]})
