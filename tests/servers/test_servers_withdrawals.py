"""A message that is read or removed elsewhere is withdrawn, on a real Dovecot: while it is watched, and after a kill."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from imapclient import IMAPClient

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer
from servers.mail_server import User


def by_another_client(dovecot: DovecotServer, user: User, uid: int, *, remove: bool) -> None:
    context = ssl.create_default_context(cafile=str(dovecot.ca_file))
    with IMAPClient("localhost", dovecot.ports.imaps, ssl_context=context) as client:
        client.login(user.name, user.password)
        client.select_folder("INBOX")
        if remove:
            client.delete_messages([uid])
            client.expunge()
        else:
            client.add_flags([uid], [b"\\Seen"])


async def test_what_is_read_or_removed_is_withdrawn(dovecot: DovecotServer, tmp_path: Path) -> None:
    user = dovecot.add_user()
    async with PushService() as service, GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        hook = {"new_mail": service.make_webhook()}
        request = subscription(dovecot.ports.imaps, user.name, user.password, hook, withdraw=True)
        status, made = await gateway.call("POST", "/v1/subscriptions", request)
        assert status == 201, made

        def withdrawn() -> list[int]:
            # What was accepted and not settled before the kill comes again, with the same version.
            told = {one.version: one.payload for one in service.of("hook") if one.type == "seen"}
            return [uid for payload in told.values() if payload is not None for uid in payload["uids"]]

        async def until_withdrawn(*uids: int) -> None:
            await service.wait_for(lambda _: withdrawn() == list(uids), 30, name="hook")

        async def until_accepted(messages: int) -> None:
            while True:
                _, view = await gateway.call("GET", f"/v1/subscriptions/{made['id']}", token=made["token"])
                if view["counts"]["accepted"] == messages:
                    return

        for number in range(3):
            await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject=f"Card {number}"))
        await until_accepted(3)
        await asyncio.to_thread(by_another_client, dovecot, user, 1, remove=False)
        await until_withdrawn(1)
        await asyncio.to_thread(by_another_client, dovecot, user, 2, remove=True)
        await until_withdrawn(1, 2)

        gateway.kill()
        await asyncio.to_thread(by_another_client, dovecot, user, 3, remove=False)
        await gateway.start()
        credentials = {"auth": request["imap"]["auth"]}
        path = f"/v1/subscriptions/{made['id']}/credentials"
        status, answer = await gateway.call("PUT", path, credentials, token=made["token"])
        assert status in (200, 202), answer
        await until_withdrawn(1, 2, 3)


@pytest.mark.long
async def test_what_is_unread_still_rings_again_once_whatever_dies(dovecot: DovecotServer, tmp_path: Path) -> None:
    user = dovecot.add_user()
    short = "from idlebell.gateway import preferences; preferences.REMIND_AFTER_SECONDS = range(1, 3601)\n"
    short += "from datetime import timedelta; from idlebell.store import owed; owed.TOGETHER = timedelta(seconds=1)\n"
    short += (
        "from idlebell.watch import reminders; reminders.EVERY_SECONDS = 0.05; reminders.AGAIN = timedelta(seconds=0.2)"
    )
    async with PushService() as service, GatewayProcess(tmp_path, dovecot.ca_file, before=short) as gateway:
        hooks = {"new_mail": service.make_webhook(), "reminder": service.make_webhook("again")}
        request = subscription(dovecot.ports.imaps, user.name, user.password, hooks, remind_after=3)
        status, made = await gateway.call("POST", "/v1/subscriptions", request)
        assert status == 201, made
        path, token = f"/v1/subscriptions/{made['id']}", made["token"]

        def reminded() -> list[int]:
            told = {one.version: one.payload for one in service.of("again") if one.type == "new_mail"}
            return [uid for payload in told.values() if payload is not None for uid in payload["uids"]]

        for number in range(3):
            await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject=f"Card {number}"))
        while (await gateway.call("GET", path, token=token))[1]["counts"]["accepted"] != 3:
            pass
        gateway.kill()
        await asyncio.to_thread(by_another_client, dovecot, user, 1, remove=False)
        await asyncio.to_thread(by_another_client, dovecot, user, 2, remove=True)
        await gateway.start()
        await gateway.call("PUT", f"{path}/credentials", {"auth": request["imap"]["auth"]}, token=token)
        await service.wait_for(lambda _: bool(reminded()), 30, name="again")
        gateway.kill()
        await gateway.start()
        await gateway.call("PUT", f"{path}/credentials", {"auth": request["imap"]["auth"]}, token=token)
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="The last"))
        await service.wait_for(lambda _: 4 in reminded(), 30, name="again")
        assert reminded() == [3, 4]
