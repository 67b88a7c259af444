"""Retention ``keys``: SCRAM's keys in place of the password, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer
from servers.mail_server import User


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


async def test_keys_open_the_next_session_until_the_password_is_set_anew(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    """Where the server keeps one salt for the password, its keys log in again and the password is nowhere. Where each login has
    another salt, as Dovecot makes it for passwords in plain, that is found out before the answer. A password that is set anew
    has other keys: nothing is sent that could be taken for a guess, and the app is asked."""
    plain, user = dovecot.users["alice"], dovecot.add_user(scheme="SCRAM-SHA-256")
    older, hashed = dovecot.add_user(scheme="SCRAM-SHA-1"), dovecot.add_user(scheme="SSHA256")
    port = dovecot.ports.imaps

    def wish(user: User) -> dict[str, Any]:
        hooks = {kind: service.make_webhook(f"{user.name}-{kind}") for kind in ("new_mail", "reconnect")}
        return subscription(port, user.name, user.password, hooks, retention="keys")

    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        status, answer = await gateway.call("POST", "/v1/subscriptions", wish(plain))
        assert (status, answer["type"]) == (422, "/problems/keys-not-usable"), answer
        status, answer = await gateway.call("POST", "/v1/subscriptions", wish(user))
        assert (status, answer["state"], answer["retention"]) == (201, "watching", "keys"), answer
        path, token = f"/v1/subscriptions/{answer['id']}", answer["token"]
        dovecot.kick(user.name)
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make())
        await service.wait_for(lambda one: one.type == "new_mail", name=f"{user.name}-new_mail")
        # Both are listed to everybody; of this user there are keys of the one only.
        status, answer = await gateway.call("POST", "/v1/subscriptions", wish(older))
        assert (status, answer["state"], answer["retention"]) == (201, "watching", "keys"), answer
        # And of this one of neither: the password itself has to be sent, under TLS, which only another retention does.
        status, answer = await gateway.call("POST", "/v1/subscriptions", wish(hashed))
        assert (status, answer["type"]) == (422, "/problems/authentication-failed"), answer
        status, answer = await gateway.call("POST", "/v1/subscriptions", {**wish(hashed), "retention": "session"})
        assert (status, answer["state"]) == (201, "watching"), answer
        assert "reconnect" not in {one.type for one in service.of(f"{user.name}-reconnect")}

        await asyncio.to_thread(dovecot.set_password, user.name, "another", scheme="SCRAM-SHA-256")
        dovecot.kick(user.name)
        (asked,) = await service.wait_for(lambda one: one.type == "reconnect", name=f"{user.name}-reconnect")
        assert asked.payload is not None
        _, view = await gateway.call("GET", path, token=token)
        assert (view["state"], view["problem"]["type"]) == ("needs_credentials", "/problems/keys-not-usable")
        auth = {"auth": {"type": "password", "password": "another"}}
        status, view = await gateway.call("PUT", f"{path}/credentials", auth, token=token)
        assert (status, view["state"], view["problem"]) == (200, "watching", None), view
        said = gateway.log.read_text()
    assert said.count("session_lost") == 2
    refused = dovecot.refused()
    assert not {user.name, older.name} & set(refused), refused
    logins = dovecot.logins()
    assert {logins[user.name], logins[older.name], logins[hashed.name]} == {"SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"}
