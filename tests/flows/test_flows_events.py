"""Events of a subscription as they happen, from a real server process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import PushService


class Street:
    def __init__(self, server: ImapServer, service: PushService, gateway: GatewayProcess) -> None:
        self.server, self.service, self.gateway = server, service, gateway
        self.path = self.token = ""

    async def subscribe(self) -> None:
        endpoints = {"new_mail": self.service.make_webhook()}
        body = subscription(self.server.tls_port, "alice", "right", endpoints, wait_seconds=30)
        status, made = await self.gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, made
        self.path, self.token = f"/v1/subscriptions/{made['id']}", made["token"]

    @asynccontextmanager
    async def listening(self, last: int | None = None) -> AsyncIterator[Stream]:
        headers = {"Authorization": f"Bearer {self.token}"} | ({} if last is None else {"Last-Event-ID": str(last)})
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{self.gateway.url}{self.path}/events", headers=headers) as response,
        ):
            yield Stream(response)


class Stream:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def next(self, *wanted: str) -> tuple[int, str, dict[str, Any]]:
        """The next event (of type ``wanted``)."""
        async with asyncio.timeout(30):
            fields: dict[str, str] = {}
            async for line in self.response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name in ("id", "event", "data"):
                    fields[name] = value
                if not name and "event" in fields:
                    if not wanted or fields["event"] in wanted:
                        return int(fields["id"]), fields["event"], json.loads(fields["data"])
                    fields = {}
        raise EOFError("the stream has ended")


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context("localhost"))) as server,
        PushService() as service,
        GatewayProcess(tmp_path, tmp_path / "ca.pem", push="verify_endpoints = false") as gateway,
    ):
        server.add_user("alice", "right")
        made = Street(server, service, gateway)
        await made.subscribe()
        yield made


async def test_a_listener_hears_how_it_stands_then_each_notification_and_change(street: Street) -> None:
    async with street.listening() as stream:
        assert stream.response.headers["Content-Type"] == "text/event-stream"
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        _, kind, data = await stream.next()
        assert (kind, data["state"], data["mode"]) == ("state", "watching", "idle")
        street.server.deliver("alice", mail.make())
        first, kind, data = await stream.next("notification")
        assert (data["type"], data["outcome"], data["status"]) == ("new_mail", "accepted", 200)
        assert 0 < data["took_ms"] <= data["since_ms"] + 1
        assert data["version"] > 0
        await street.gateway.call("PATCH", street.path, {"paused": True}, token=street.token)
        second, kind, data = await stream.next("state")
        assert data["state"] == "paused"
        assert second > first


async def test_one_who_comes_back_misses_nothing(street: Street) -> None:
    async with street.listening() as stream:
        last, _, _ = await stream.next()
    await street.gateway.call("POST", f"{street.path}/test", token=street.token)
    async with street.listening(last) as stream:
        number, kind, data = await stream.next()
        assert (number, kind, data["type"]) == (last + 1, "notification", "test")
    async with street.listening(1) as stream:
        assert (await stream.next())[1] == "overrun"
        assert (await stream.next())[1] == "state"


async def test_the_stream_ends_with_the_subscription(street: Street) -> None:
    async with street.listening() as stream:
        await stream.next()
        await street.gateway.call("DELETE", street.path, token=street.token)
        assert (await stream.next("state"))[2]["state"] == "ended"
        with pytest.raises(EOFError):
            await stream.next()


async def test_listeners_are_bounded_and_need_the_token(street: Street) -> None:
    async with (
        street.listening() as one,
        street.listening() as two,
        street.listening() as three,
        street.listening() as four,
    ):
        for stream in (one, two, three, four):
            await stream.next()
        status, told = await street.gateway.call("GET", f"{street.path}/events", token=street.token)
        assert (status, told["type"]) == (429, "/problems/too-many-requests")
        status, _ = await street.gateway.call("GET", f"{street.path}/events")
        assert status == 401
    # Their places are free again once the gateway has seen that they are gone; HEAD takes none.
    async with asyncio.timeout(20):
        while (await street.gateway.call("HEAD", f"{street.path}/events", token=street.token))[0] != 200:
            await asyncio.sleep(0.02)


async def test_a_listener_does_not_keep_the_gateway_from_stopping(street: Street) -> None:
    async with street.listening() as stream:
        await stream.next()
        began = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(street.gateway.stop))
        with pytest.raises(EOFError):
            await stream.next("nothing of the kind")
        assert await stopping == 0
        assert time.monotonic() - began < 20
