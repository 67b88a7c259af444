"""Sends FCM's messages with an access token of a service account, which is got when it is needed and kept while it is good."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol

from idlebell.model.endpoint import PushUrl
from idlebell.push.exchange import Answer, FcmMessage, HttpRequest, NoResponse
from idlebell.push.google_account import AccessToken, ServiceAccount


class Send(Protocol):
    def __call__(self, request: HttpRequest, /, *, timeout_seconds: float) -> Awaitable[Answer]: ...


class Now(Protocol):
    def now(self) -> datetime: ...


class FcmSender:
    """One for the process. ``url``: the service, ``https://fcm.googleapis.com``."""

    def __init__(self, send: Send, clock: Now, account: ServiceAccount, url: str) -> None:
        self._send = send
        self._clock = clock
        self._account = account
        self._url = PushUrl(f"{url}/v1/projects/{account.project}/messages:send")
        self._token: AccessToken | None = None
        self._turn = asyncio.Lock()

    async def carry(self, exchange: FcmMessage, /, *, timeout_seconds: float) -> Answer:
        """A token that is refused (401) is followed by another one, once."""
        token = await self._current(timeout_seconds)
        if isinstance(token, NoResponse):
            return token
        answer = await self._post(exchange, token, timeout_seconds)
        if isinstance(answer, NoResponse) or answer.status != 401:
            return answer
        if self._token is token:
            self._token = None
        another = await self._current(timeout_seconds)
        return another if isinstance(another, NoResponse) else await self._post(exchange, another, timeout_seconds)

    async def _current(self, timeout_seconds: float) -> AccessToken | NoResponse:
        """Many pushes at once ask for one."""
        async with self._turn:
            now = self._clock.now()
            if self._token is not None and now < self._token.until:
                return self._token
            request = self._account.token_request(now)
            found = self._account.read_token(await self._send(request, timeout_seconds=timeout_seconds), now)
            self._token = None if isinstance(found, NoResponse) else found
            return found

    async def _post(self, exchange: FcmMessage, token: AccessToken, timeout_seconds: float) -> Answer:
        headers = (
            ("Authorization", f"Bearer {token.value}"),
            ("Content-Type", "application/json; charset=utf-8"),
        )
        return await self._send(HttpRequest("POST", self._url, headers, exchange.body), timeout_seconds=timeout_seconds)
