"""An app shows that its Web Push endpoint is its own, through a real server process and a push service that decrypts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.client import ApiError, Client
from idlebell.client.shapes import Handle
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import Manner, PushService, ScriptedAnswer


async def test_code_and_mail_survive_sigkills_until_the_code_is_read_back(tmp_path: Path) -> None:
    """Killed before anybody has taken the code: the same one is sent at the next start, and not at the one after it."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context("localhost"))) as server,
        PushService() as service,
        GatewayProcess(tmp_path, tmp_path / "ca.pem", push="verify_webpush = true") as gateway,
    ):
        server.add_user("alice", "right")
        client = Client(gateway.url)
        endpoints = {"new_mail": service.make_webpush_subscription()}
        service.script("web", ScriptedAnswer(manner=Manner.NEVER))
        body = subscription(server.tls_port, "alice", "right", endpoints, wait_seconds=30)
        status, made = await gateway.call("POST", "/v1/subscriptions", body)
        assert (status, made["state"], made["unverified"]) == (201, "watching", ["new_mail"])
        assert made["problem"]["type"] == "/problems/endpoint-unverified"
        handle = Handle(made["id"], made["token"])
        await service.wait_for(1)
        gateway.kill()
        await gateway.start()
        codes = [one.payload["code"] for one in await service.wait_for(2) if one.payload is not None]
        code = codes[0]
        assert codes == [code] * 2
        auth = {"auth": body["imap"]["auth"]}
        path = f"/v1/subscriptions/{handle.id}/credentials"
        status, _ = await gateway.call("PUT", path, auth, token=handle.token)
        assert status == 200
        server.deliver("alice", mail.make())
        shown = {"counts": {"pending": 0}}
        while not shown["counts"]["pending"]:
            _, shown = await gateway.call("GET", f"/v1/subscriptions/{handle.id}", token=handle.token)
        with pytest.raises(ApiError, match="4 more may be tried"):
            await asyncio.to_thread(client.verify, handle, "wrong")
        with pytest.raises(ApiError) as refused:
            await asyncio.to_thread(client.verify, handle, None)
        assert refused.value.status == 429

        gateway.kill()
        await gateway.start()
        await asyncio.to_thread(client.verify, handle, code)
        await service.wait_for(lambda one: one.type == "new_mail")
        _, shown = await gateway.call("GET", f"/v1/subscriptions/{handle.id}", token=handle.token)
        assert shown["unverified"] == []
        assert [one.type for one in service.received].count("verification") == 2
        await asyncio.to_thread(client.verify, handle, code)  # its answer may have been lost: once more harms nothing
        assert code not in gateway.log.read_text()
