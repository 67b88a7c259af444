"""A client's login becomes the watch, on real servers: what its session becomes, and that nothing is lost or told twice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_process import GatewayProcess
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.connections import connections_to
from servers.dovecot_server import DovecotServer
from servers.front_client import FrontClient
from servers.mail_server import MailServer, User
from servers.sandbox import free_port


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


def fronted(folder: Path, server: DovecotServer, port: int, *, tls: bool = True, more: str = "") -> GatewayProcess:
    upstream = server.ports.imaps if tls else server.ports.imap
    front = (
        f'[front]\nlisten = "127.0.0.1:{port}"\nupstream = "127.0.0.1:{upstream}"\n'
        f'upstream_tls = "{"implicit" if tls else "none"}"\n{more}'
    )
    return GatewayProcess(folder, server.ca_file, more=front, imap="park_after_seconds = 1")


def simple(service: PushService, name: str) -> dict[str, Any]:
    return {"new_mail": service.make_simplepush(name), "reconnect": service.make_simplepush(f"{name}-reconnect")}


async def deliver(server: MailServer, user: User, subject: str) -> None:
    await asyncio.to_thread(server.deliver, user.name, mail.make(subject=subject))


async def rings(service: PushService, name: str, times: int) -> None:
    """So often by now, and not more often."""
    await service.wait_for(lambda _: len(service.of(name)) >= times, name=name)
    assert len(service.of(name)) == times


async def holds(gateway: GatewayProcess, port: int, sessions: int) -> None:
    async with asyncio.timeout(15):
        while len(connections_to(port, gateway.pid)) != sessions:
            await asyncio.sleep(0.02)


def logins(server: DovecotServer, user: User) -> int:
    said = (server.sandbox.folder / "dovecot.log").read_text("utf-8", "replace")
    return len(re.findall(rf"Login: user=<{re.escape(user.name)}>", said))


async def test_one_login_rings_before_at_and_after_every_end_of_its_client(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user, port = dovecot.add_user(), free_port()
    await deliver(dovecot, user, "was there before")
    async with fronted(tmp_path, dovecot, port) as gateway:
        async with FrontClient(port) as client:
            await client.login(user)
            assert await gateway.metric("idlebell_front_clients") == 1
            await client.register("phone", simple(service, "phone"))
            await client.run("ENABLE QRESYNC")  # from now on the session says VANISHED
            await client.run("SELECT INBOX")
            await client.idle()
            await deliver(dovecot, user, "while it idles")
            await client.line(b"* 2 EXISTS")
            await rings(service, "phone", 1)
            client.send(b"DONE\r\n")
            await client.line(b"c5 OK")  # what the front asked between is not its to see
            await client.run("UID STORE 1 +FLAGS.SILENT (\\Deleted)")
            client.begin("UID FETCH 1:* (UID BODY.PEEK[])")  # its answer is nobody's any more
            await client.logout()
        await deliver(dovecot, user, "after it has gone")
        await rings(service, "phone", 2)
        assert logins(dovecot, user) == 1
        await holds(gateway, dovecot.ports.imaps, 1)
        for number in range(2):
            async with FrontClient(port) as client:
                await client.login(user)
                seen = await client.run("SELECT INBOX")
                assert b"* 3 EXISTS\r\n" in seen  # keeping a session expunges nothing
                if number == 0:
                    await client.run("UID EXPUNGE 1")
                await client.idle()
                client.cut()
            await deliver(dovecot, user, f"after cut {number}")
            await rings(service, "phone", 3 + number)
        await holds(gateway, dovecot.ports.imaps, 1)
        async with asyncio.timeout(15):
            while await gateway.parked() != 1:
                await asyncio.sleep(0.02)
        assert logins(dovecot, user) == 3
        assert service.of("phone-reconnect") == []


async def test_a_gateway_that_is_killed_asks_and_the_next_login_mends_it(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user, port = dovecot.add_user(), free_port()
    async with fronted(tmp_path, dovecot, port) as gateway:
        async with FrontClient(port) as client:
            await client.login(user)
            await client.run("SELECT INBOX")
            await client.register("app", simple(service, "app"))
            client.cut()
        await deliver(dovecot, user, "watched")
        await rings(service, "app", 1)
        gateway.kill()
        await deliver(dovecot, user, "nobody is there")
        await gateway.start()
        await service.wait_for(1, name="app-reconnect")
        async with FrontClient(port) as client:
            await client.login(user)
            await client.logout()
        await rings(service, "app", 2)
        await deliver(dovecot, user, "watched again")
        await rings(service, "app", 3)
        assert logins(dovecot, user) == 2
        assert len(service.of("app-reconnect")) == 1
