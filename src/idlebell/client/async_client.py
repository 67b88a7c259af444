"""The same client for asyncio, on aiohttp."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from idlebell.client import calls
from idlebell.client.calls import ANSWER_BYTES, TIMEOUT_SECONDS, Answer, Call
from idlebell.client.client import ANY_SERVER
from idlebell.client.events import Event, EventReader
from idlebell.client.logins import (
    Challenged,
    ScramClient,
    ScramRelay,
    ServerFinal,
    SignIn,
    SignIns,
    check_server,
)
from idlebell.client.problems import GatewayUnreachableError
from idlebell.client.shapes import Auth, Endpoint, Handle, MailServer, Subscription, TestResult


class AsyncClient:
    """As :class:`~idlebell.client.client.Client`, whose methods it has. An async context manager, with which its connections
    end."""

    def __init__(self, url: str, *, key: str | None = None, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        if URL(url).scheme not in ("http", "https") or not URL(url).host:
            raise ValueError("the gateway's address is a URL with http or https")
        self._url = url.rstrip("/")
        self._key = key
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def subscribe(
        self,
        username: str,
        auth: Auth | None,
        endpoints: Mapping[str, Endpoint | Sequence[Endpoint]],
        *,
        server: MailServer = ANY_SERVER,
        handle: Handle | None = None,
        **wishes: Any,
    ) -> tuple[Handle, Subscription]:
        token = handle.token if handle is not None else self._key
        call = calls.subscribe(username, auth, server, endpoints, wishes, token)
        return calls.registered(call, await self._send(call), token)

    async def get(self, handle: Handle) -> Subscription:
        return await self._subscription(calls.get(handle))

    async def patch(self, handle: Handle, **members: Any) -> Subscription:
        return await self._subscription(calls.patch(handle, members))

    async def renew(self, handle: Handle, lease_seconds: int | None = None) -> Subscription:
        return await self._subscription(calls.patch(handle, {"lease_seconds": lease_seconds}))

    async def resupply(self, handle: Handle, auth: Auth, *, wait_seconds: float = 10) -> Subscription:
        return await self._subscription(calls.resupply(handle, auth, wait_seconds))

    async def subscribe_by_scram(
        self,
        username: str,
        scram: ScramClient,
        endpoints: Mapping[str, Endpoint | Sequence[Endpoint]],
        *,
        server: MailServer = ANY_SERVER,
        handle: Handle | None = None,
        wait_seconds: float = 10,
        **wishes: Any,
    ) -> tuple[Handle, Subscription]:
        token = handle.token if handle is not None else self._key
        asked = {"wait_seconds": wait_seconds, **wishes}
        call = calls.subscribe(username, ScramRelay(scram), server, endpoints, asked, token)
        challenged = calls.read(call, await self._send(call), Challenged)
        call = calls.answer_login(challenged.login, scram, wait_seconds)
        answer = await self._send(call)
        found = calls.registered(call, answer, token)
        try:
            check_server(scram, calls.read(call, answer, ServerFinal))
        finally:
            if not scram.satisfied:
                await self.end(found[0])
        return found

    async def resupply_by_scram(self, handle: Handle, scram: ScramClient, *, wait_seconds: float = 10) -> Subscription:
        call = calls.resupply(handle, ScramRelay(scram), wait_seconds)
        challenged = calls.read(call, await self._send(call), Challenged)
        call = calls.answer_login(challenged.login, scram, wait_seconds)
        answer = await self._send(call)
        shown = calls.read(call, answer, Subscription)
        try:
            check_server(scram, calls.read(call, answer, ServerFinal))
        finally:
            if not scram.satisfied:
                await self.end(handle)
        return shown

    async def sign_ins(self) -> SignIns:
        call = calls.sign_ins()
        return calls.read(call, await self._send(call), SignIns)

    async def begin_sign_in(
        self, host: str, username: str, *, retention: str = "session", handle: Handle | None = None
    ) -> SignIn:
        token = handle.token if handle is not None else self._key
        call = calls.begin_sign_in(host, username, retention, token)
        return calls.read(call, await self._send(call), SignIn)

    async def test(self, handle: Handle) -> TestResult:
        call = calls.test(handle)
        return calls.tested(call, await self._send(call))

    async def verify(self, handle: Handle, code: str | None) -> None:
        call = calls.verify(handle, code)
        calls.check(call, await self._send(call))

    async def end(self, handle: Handle) -> None:
        call = calls.end(handle)
        calls.check(call, await self._send(call))

    async def vapid_key(self) -> str:
        call = calls.vapid()
        return calls.vapid_key(call, await self._send(call))

    async def events(self, handle: Handle, *, after: str | None = None) -> AsyncIterator[Event]:
        call = calls.events(handle)
        headers = {**call.headers("text/event-stream"), **({"Last-Event-ID": after} if after else {})}
        endless = aiohttp.ClientTimeout(sock_connect=self._timeout.total)
        try:
            async with self._http().get(
                self._url + call.path, headers=headers, timeout=endless, allow_redirects=False
            ) as response:
                if response.status != 200:
                    calls.check(call, await _answer(response))
                reader = EventReader()
                async for data in response.content.iter_any():
                    for event in reader.receive(data):
                        yield event
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GatewayUnreachableError(f"The gateway cannot be reached: {error}") from error

    async def _subscription(self, call: Call) -> Subscription:
        return calls.read(call, await self._send(call), Subscription)

    async def _send(self, call: Call) -> Answer:
        url = self._url + call.path
        try:
            async with self._http().request(
                call.method, url, data=call.body, headers=call.headers(), allow_redirects=False
            ) as response:
                return await _answer(response)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise GatewayUnreachableError(f"The gateway cannot be reached: {error}") from error

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session


async def _answer(response: aiohttp.ClientResponse) -> Answer:
    body = b""
    async for data in response.content.iter_any():
        body += data
        if len(body) > ANSWER_BYTES:
            raise GatewayUnreachableError("The answer is longer than any of Idlebell's.")
    return Answer(response.status, {name.lower(): value for name, value in response.headers.items()}, body)
