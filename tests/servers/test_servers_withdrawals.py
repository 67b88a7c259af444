"""A message that is read or removed elsewhere is withdrawn, on a real Dovecot: while it is watched, and after a kill."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

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
