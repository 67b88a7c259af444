"""``scram-relay``: an app logs in by itself through the gateway, at a real server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.client import AsyncClient, Handle
from idlebell.imap.sasl import Scram, ScramSha1, ScramSha256
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer
from servers.mail_server import User

pytestmark = pytest.mark.needs("dovecot")

PASSWORD = "correct horse battery staple"


class App:
    """What an app's maker writes: its SCRAM library on the one side, two requests on the other."""

    def __init__(self, gateway: GatewayProcess, user: str, password: str, kind: type[Scram]) -> None:
        self.gateway = gateway
        self.scram = kind(user, password, os.urandom(18))
        self.auth = {"type": "scram-relay", "mechanism": kind.name, "client_first": self.scram.initial().decode()}

    async def answer(self, login: dict[str, str]) -> tuple[int, dict[str, Any]]:
        final = self.scram.step(login["server_first"].encode()).decode()
        status, answer = await self.gateway.call("POST", "/v1/logins", {"login": login["token"], "client_final": final})
        if status < 300:
            self.scram.step(answer["server_final"].encode())
            assert self.scram.satisfied, "the server has shown that it knows the password"
        return status, answer


def in_memory(pid: int, text: bytes) -> int:
    """How often it is in the memory of a process."""
    found = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            words = line.split()
            if "rw" not in words[1] or (len(words) > 5 and words[5].startswith("[v")):
                continue
            start, end = (int(one, 16) for one in words[0].split("-"))
            memory.seek(start)
            found += memory.read(end - start).count(text)
    return found


@pytest.mark.parametrize(("kind", "door"), [(ScramSha256, "inside"), (ScramSha1, "process")])
async def test_an_app_answers_the_challenge_and_the_gateway_never_has_the_password(
    dovecot: DovecotServer, tmp_path: Path, kind: type[Scram], door: str
) -> None:
    """It registers, is rung, brings a new session where the old one is lost. A wrong proof, another user's name, an answer that
    comes twice or to nothing get nowhere, and keep nothing."""
    user = dovecot.add_user(password=PASSWORD, scheme=kind.name)
    more = f'[credentials]\ndoor = "{door}"\n'
    async with PushService() as service, GatewayProcess(tmp_path, dovecot.ca_file, more=more) as gateway:

        def wish(user: User, auth: dict[str, str], **more: Any) -> dict[str, Any]:
            hooks = {name: service.make_webhook(f"{user.name}-{name}") for name in ("new_mail", "reconnect")}
            request = subscription(dovecot.ports.imaps, user.name, "", hooks, **more)
            request["imap"]["auth"] = auth
            return request

        app = App(gateway, user.name, PASSWORD, kind)
        status, begun = await gateway.call("POST", "/v1/subscriptions", wish(user, app.auth))
        assert (status, list(begun)) == (202, ["login"]), begun
        status, answer = await app.answer(begun["login"])
        assert (status, answer["state"], answer["retention"]) == (201, "watching", "session"), answer
        path, token = f"/v1/subscriptions/{answer['id']}", answer["token"]
        status, again = await gateway.call(
            "POST", "/v1/logins", {"login": begun["login"]["token"], "client_final": "c=biws,r=x,p=x"}
        )
        assert (status, again["type"]) == (404, "/problems/not-found")
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make())
        await service.wait_for(lambda one: one.type == "new_mail", name=f"{user.name}-new_mail")

        dovecot.kick(user.name)
        await service.wait_for(lambda one: one.type == "reconnect", name=f"{user.name}-reconnect")
        app = App(gateway, user.name, PASSWORD, kind)
        status, begun = await gateway.call("PUT", f"{path}/credentials", {"auth": app.auth}, token=token)
        assert (status, list(begun)) == (202, ["login"]), begun
        status, answer = await app.answer(begun["login"])
        assert (status, answer["state"], answer["id"]) == (200, "watching", path.rpartition("/")[2]), answer

        dovecot.kick(user.name)
        await service.wait_for(2, name=f"{user.name}-reconnect")
        async with AsyncClient(gateway.url) as client:  # the library does the same in one call
            scram = kind(user.name, PASSWORD, os.urandom(18))
            shown = await client.resupply_by_scram(Handle(answer["id"], token or ""), scram)
        assert shown.state == "watching"
        assert "token" not in answer

        other = wish(user, App(gateway, "alice", PASSWORD, kind).auth)
        status, answer = await gateway.call("POST", "/v1/subscriptions", other)
        assert (status, answer["errors"][0]["pointer"]) == (422, "/imap/auth/client_first")
        kept = wish(user, App(gateway, user.name, PASSWORD, kind).auth, retention="memory")
        status, answer = await gateway.call("POST", "/v1/subscriptions", kept)
        assert (status, answer["errors"][0]["pointer"]) == (422, "/retention")
        wrong = App(gateway, user.name, "wrong", kind)
        before = wish(user, wrong.auth)
        before["endpoints"]["new_mail"] = service.make_webhook("elsewhere")
        _, begun = await gateway.call("POST", "/v1/subscriptions", before)
        status, answer = await wrong.answer(begun["login"])
        assert (status, answer["type"]) == (422, "/problems/authentication-failed"), answer
        _, answer = await gateway.call("GET", path, token=token)
        assert answer["state"] == "watching"
        assert in_memory(gateway.pid, user.name.encode()) > 0
        assert in_memory(gateway.pid, PASSWORD.encode()) == 0
    assert PASSWORD.encode() not in b"".join(one.read_bytes() for one in tmp_path.iterdir() if one.is_file())
