"""Retention ``vault`` on a real server: the gateway is killed, and logs in again without the app."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

VAULT = '[credentials]\nretention = ["session", "vault"]\nvault_key_file = "{key}"\n'


def asked(service: PushService) -> int:
    return sum(one.type == "reconnect" for one in service.of("reconnect"))


async def test_a_killed_gateway_logs_in_again_and_with_a_lost_key_asks_the_app_once(
    dovecot: DovecotServer, tmp_path: Path
) -> None:
    user, key = dovecot.add_user(), tmp_path / "vault.key"
    async with (
        PushService() as service,
        GatewayProcess(tmp_path, dovecot.ca_file, more=VAULT.format(key=key)) as gateway,
    ):
        endpoints = {"new_mail": service.make_webhook("bell"), "reconnect": service.make_webhook("reconnect")}
        request = subscription(
            dovecot.ports.imaps, user.name, user.password, endpoints, retention="vault", wait_seconds=20
        )
        status, made = await gateway.call("POST", "/v1/subscriptions", request)
        assert (status, made["state"], made["retention"]) == (201, "watching", "vault"), made
        assert key.stat().st_mode & 0o777 == 0o600
        path = f"/v1/subscriptions/{made['id']}"

        gateway.kill()
        gateway.add_to_config('door = "process"\n')  # what the one has sealed, the other opens
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject="meanwhile"))
        await gateway.start()
        await service.wait_for(lambda one: one.type == "new_mail", 30, name="bell")
        assert asked(service) == 0, "no app was asked"

        gateway.kill()
        key.unlink()
        await gateway.start()
        await service.wait_for(lambda one: one.type == "reconnect", 30, name="reconnect")
        assert (await gateway.call("GET", path, token=made["token"]))[1]["state"] == "needs_credentials"
        log = gateway.log.read_text()
        assert "The vault is closed: credentials.vault_key_file" in log
        assert "1 set of credentials is not to be opened" in log
        request["retention"] = "vault"
        assert (await gateway.call("POST", "/v1/subscriptions", request))[0] == 422, "nothing can be sealed now"

        status, _ = await gateway.call("DELETE", path, token=made["token"])
        assert status == 204
    files = [one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()]
    assert asked(service) == 1
    assert not any(user.password.encode() in content for content in files)
