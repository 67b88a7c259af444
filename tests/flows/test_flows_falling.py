"""A list of endpoints over REST, in the program as its users run it."""

from __future__ import annotations

from pathlib import Path

from gateway_process import GatewayProcess, subscription
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.push_service import PushService, Received, ScriptedAnswer


def told(service: PushService, name: str) -> list[Received]:
    return [one for one in service.of(name) if one.type == "new_mail"]


async def test_what_one_endpoint_does_not_take_the_next_one_gets(server: ImapServer, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(server.ca_pem)
    async with PushService() as service, PushService() as other, GatewayProcess(tmp_path, ca_file) as gateway:
        bells = [service.make_webhook("gone"), service.make_webhook("away"), other.make_webhook("here")]
        body = subscription(server.tls_port, "alice", "apass", {"new_mail": bells}, fall_through_seconds=5)
        status, made = await gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, made
        assert [one["used"] for one in made["endpoints"]["new_mail"]] == [True, False, False]
        path, token = f"/v1/subscriptions/{made['id']}", made["token"]

        service.script("gone", then=ScriptedAnswer(status=410))
        server.deliver("alice", b"Subject: One\r\n\r\nx")
        await service.wait_for(lambda one: one.type == "new_mail", 20, name="away")
        service.script("away", then=ScriptedAnswer(status=503))
        server.deliver("alice", b"Subject: Two\r\n\r\nx")
        await other.wait_for(lambda one: one.type == "new_mail", 30, name="here")
        tried = len(told(service, "away"))
        server.deliver("alice", b"Subject: Three\r\n\r\nx")
        while len(told(other, "here")) < 2:
            await other.wait_for(len(other.of("here")) + 1, 30, name="here")
        assert len(told(service, "away")) == tried, "it is passed over meanwhile"

        while (await gateway.call("GET", path, token=token))[1]["counts"]["accepted"] < 3:
            pass
        gateway.kill()
        await gateway.start()
        _, view = await gateway.call("GET", path, token=token)
        away, here = view["endpoints"]["new_mail"]
        assert (away["used"], here["used"], here["problem"]) == (False, True, None)
        assert away["problem"]["type"] == "/problems/endpoint-failing"
        assert view["problem"]["type"] == "/problems/endpoint-gone"
        assert (view["counts"]["accepted"], view["counts"]["pending"]) == (3, 0)
        _, view = await gateway.call("PATCH", path, {"endpoints": {"new_mail": bells[2]}}, token=token)
        assert [one["problem"] for one in view["endpoints"]["new_mail"]] == [None]
