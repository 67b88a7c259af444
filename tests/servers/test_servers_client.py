"""The page "Add push to your mail app in an hour": its app, run against a gateway and a Dovecot that are real."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from gateway_process import GatewayProcess
from how_to import module_of
from idlebell.client import AsyncClient, Client, GoneError, Password, SimplePush, Step, next_step, renew_at
from idlebell.client.shapes import MailServer
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from idlebell.testing.webpush_check import check_webpush
from servers.dovecot_server import DovecotServer
from servers.mail_server import User

PAGE = module_of("add-push-to-your-mail-app.md")


class Distributor:
    """Of UnifiedPush: gives URLs that take pushes of one VAPID key, and hands what comes to the app."""

    def __init__(self) -> None:
        self.keys: dict[str, str] = {}
        self.app: Any = None
        self.taken = 0
        self.changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self.origin = ""

    def register(self, vapid_key: str) -> str:
        path = f"/up{len(self.keys)}"
        self.keys[path] = vapid_key
        return self.origin + path

    async def __aenter__(self) -> Distributor:
        application = web.Application()
        application.router.add_post("/{path}", self._take)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.origin = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        check_webpush(headers, body, origin=self.origin, application_server_key=self.keys[request.path])
        await asyncio.to_thread(self.app.on_push, body)
        async with self.changed:
            self.taken += 1
            self.changed.notify_all()
        return web.Response(status=201)

    async def until(self, holds: Any) -> None:
        async with asyncio.timeout(20), self.changed:
            await self.changed.wait_for(holds)


@pytest.fixture
async def distributor() -> AsyncIterator[Distributor]:
    async with Distributor() as distributor:
        yield distributor


def make_app(gateway: GatewayProcess, dovecot: DovecotServer, user: User, distributor: Distributor, file: Path) -> Any:
    app = PAGE.MailApp(
        Client(gateway.url),
        "localhost",
        dovecot.ports.imaps,
        user.name,
        lambda: user.password,
        distributor.register,
        file,
        ssl.create_default_context(cafile=str(dovecot.ca_file)),
    )
    distributor.app = app
    return app


async def test_the_app_of_the_page_rings_and_keeps_itself_going(
    dovecot: DovecotServer, distributor: Distributor, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    file = tmp_path / "app.json"
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        app = make_app(gateway, dovecot, user, distributor, file)
        await asyncio.to_thread(app.start)
        first = app.handle

        # Small messages come by themselves, of large ones the header until somebody asks.
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="small", text="At noon?\n"))
        await distributor.until(lambda: 1 in app.messages)
        assert b"At noon?" in app.messages[1]
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="large", attachment=b"x" * 60_000))
        await distributor.until(lambda: 2 in app.messages)
        assert b"large" in app.messages[2]
        assert len(app.messages[2]) < 500
        assert len((await asyncio.to_thread(app.open, 2)).as_bytes()) > 60_000

        # It renews at every start, and from half of the lease on.
        before = await asyncio.to_thread(app.client.get, app.handle)
        app = make_app(gateway, dovecot, user, distributor, file)
        await asyncio.to_thread(app.start)
        assert app.handle == first
        started = await asyncio.to_thread(app.client.get, app.handle)
        assert started.expires_at > before.expires_at
        await asyncio.to_thread(app.wake, renew_at(started) - timedelta(seconds=1))
        assert (await asyncio.to_thread(app.client.get, app.handle)).expires_at == started.expires_at
        await asyncio.to_thread(app.wake, renew_at(started))
        assert (await asyncio.to_thread(app.client.get, app.handle)).expires_at > started.expires_at

        # The gateway falls over, and asks for the password: the app resupplies by itself.
        gateway.kill()
        taken = distributor.taken
        await gateway.start()
        await distributor.until(lambda: distributor.taken > taken)
        resumed = await asyncio.to_thread(app.client.get, app.handle)
        assert resumed.state in ("watching", "connecting")
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="after"))
        await distributor.until(lambda: 3 in app.messages)

        # Somebody ended the subscription: 404, and it registers anew.
        await asyncio.to_thread(app.client.end, app.handle)
        await asyncio.to_thread(app.wake)
        assert app.handle is not None
        assert app.handle != first
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="anew"))
        await distributor.until(lambda: 4 in app.messages)

        # The gateway lost its database: another VAPID key, so another URL and other keys.
        gateway.stop()
        for lost in list(tmp_path.glob("idlebell.db*")):
            lost.unlink()
        await gateway.start()
        keys = app.kept["keys"]
        await asyncio.to_thread(app.start)
        assert len(set(distributor.keys.values())) == 2
        assert app.kept["keys"] != keys
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="other key"))
        await distributor.until(lambda: 5 in app.messages)

        # A push that is not for these keys changes nothing.
        await asyncio.to_thread(app.on_push, b"\0" * 200)
        assert not app.asks_for_password


async def test_a_wrong_password_is_asked_for_and_not_sent_again(
    dovecot: DovecotServer, distributor: Distributor, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        app = make_app(gateway, dovecot, user, distributor, tmp_path / "app.json")
        app.password = lambda: "wrong"
        app.catch_up = lambda: None
        await asyncio.to_thread(app.start)
        assert app.asks_for_password
        assert app.handle is None


async def test_every_call_of_the_client_for_asyncio(dovecot: DovecotServer, tmp_path: Path) -> None:
    user = dovecot.add_user()
    async with (
        PushService() as service,
        GatewayProcess(tmp_path, dovecot.ca_file) as gateway,
        AsyncClient(gateway.url + "/") as client,
    ):
        endpoints = {
            "new_mail": SimplePush(service.make_simplepush("new")["url"]),
            "reconnect": SimplePush(service.make_simplepush("again")["url"]),
        }
        server = MailServer("localhost", dovecot.ports.imaps)
        handle, made = await client.subscribe(user.name, Password(user.password), endpoints, server=server)
        assert (made.state, made.mailboxes[0].name) == ("watching", "INBOX")
        again, _ = await client.subscribe(user.name, None, endpoints, server=server, handle=handle, lease_seconds=600)
        assert again == handle
        shown = await client.get(handle)
        assert shown.lease_seconds == 600
        assert next_step(shown, datetime.now(UTC)) is Step.NOTHING
        assert (await client.renew(handle)).lease_seconds == 30 * 86_400
        assert (await client.patch(handle, paused=True)).state == "paused"
        assert (await client.patch(handle, paused=None)).state == "watching"
        assert (await client.resupply(handle, Password(user.password))).state == "watching"
        assert (await client.test(handle)).outcome == "accepted"
        assert len(await client.vapid_key()) == 87
        await client.end(handle)
        with pytest.raises(GoneError):
            await client.get(handle)
