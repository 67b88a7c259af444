"""The whole gateway, as its users run it, on real servers: subscribe by REST, deliver, and what arrives at the endpoints."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from standardwebhooks.webhooks import Webhook

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.connections import connections_to
from servers.courier_server import CourierServer
from servers.cyrus_server import CyrusServer
from servers.dovecot_server import DovecotServer
from servers.mail_server import MailServer, User


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


async def sessions_settle(port: int, pid: int, wanted: int) -> None:
    async with asyncio.timeout(15):
        while len(connections_to(port, pid)) != wanted:
            await asyncio.sleep(0.02)


def simple(service: PushService, name: str) -> dict[str, Any]:
    return {"new_mail": service.make_simplepush(name), "reconnect": service.make_simplepush(f"{name}-reconnect")}


async def deliver(server: MailServer, user: User, **parts: Any) -> None:
    await asyncio.to_thread(server.deliver, user.name, mail.make(**parts))


async def test_every_kind_of_endpoint_rings_once(dovecot: DovecotServer, service: PushService, tmp_path: Path) -> None:
    """SimplePush, Web Push (decrypted by an independent library) and a webhook (verified by one) for the same mail."""
    user = dovecot.add_user()
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        _, vapid = await gateway.call("GET", "/v1/vapid")
        browser = service.make_webpush_subscription(application_server_key=vapid["public_key"])
        hook = service.make_webhook()
        for endpoints, payload in (
            (simple(service, "simple"), "alert"),
            ({"new_mail": browser}, "summary"),
            ({"new_mail": hook}, "summary"),
        ):
            request = subscription(dovecot.ports.imaps, user.name, user.password, endpoints, payload=payload)
            status, answer = await gateway.call("POST", "/v1/subscriptions", request)
            assert (status, answer["state"]) == (201, "watching"), answer
        await sessions_settle(dovecot.ports.imaps, gateway.pid, 1)

        await deliver(dovecot, user, subject="Lunch?", sender="Boss <boss@example.org>")
        for name in ("simple", "web", "hook"):
            await service.wait_for(lambda one: one.kind == "simplepush" or one.type == "new_mail", name=name)
        # What comes next comes after: had one of them rung twice, it would be here by now.
        await deliver(dovecot, user, subject="Second")
        for name in ("simple", "web", "hook"):
            await service.wait_for(
                lambda one, name=name: sum(other.type in (None, "new_mail") for other in service.of(name)) == 2,
                name=name,
            )

    web = [one for one in service.of("web") if one.type == "new_mail"]
    payload = web[0].payload
    assert payload is not None
    assert payload["mailbox"] == "INBOX"
    assert payload["count"] == 1
    assert [(one["uid"], one["from"], one["subject"]) for one in payload["messages"]] == [
        (1, "Boss <boss@example.org>", "Lunch?")
    ]
    hook_bell = next(one for one in service.of("hook") if one.type == "new_mail")
    Webhook(hook["secret"]).verify(hook_bell.body, hook_bell.headers)


async def test_web_push_is_read_by_an_independent_library(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    browser = service.make_webpush_subscription()
    raw: list[bytes] = []
    resource = service._resources["/web"]
    check = service._check_webpush

    def spy(resource: Any, headers: dict[str, str], body: bytes) -> bytes:
        raw.append(body)
        return check(resource, headers, body)

    service._check_webpush = spy  # type: ignore[method-assign]
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        request = subscription(dovecot.ports.imaps, user.name, user.password, {"new_mail": browser})
        assert (await gateway.call("POST", "/v1/subscriptions", request))[0] == 201
        await deliver(dovecot, user)
        await service.wait_for(1, name="web")

    assert isinstance(resource.key, ec.EllipticCurvePrivateKey)
    plain = http_ece.decrypt(raw[0], private_key=resource.key, auth_secret=resource.auth, version="aes128gcm")
    assert json.loads(plain)["type"] == "new_mail"
    assert len(base64.urlsafe_b64decode(browser["keys"]["auth"] + "==")) == 16


async def test_second_app_shares_the_session_and_proves_itself(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    """Right password from another app: two subscriptions, one session. Wrong ones: 422, and the watch stays as it was."""
    user = dovecot.add_user()
    port = dovecot.ports.imaps
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        first = subscription(port, user.name, user.password, simple(service, "one"))
        status, made = await gateway.call("POST", "/v1/subscriptions", first)
        assert status == 201, made
        status, again = await gateway.call("POST", "/v1/subscriptions", first)
        assert (status, again["id"]) == (200, made["id"])
        assert again["token"] != made["token"]
        status, other = await gateway.call(
            "POST", "/v1/subscriptions", subscription(port, user.name, user.password, simple(service, "two"))
        )
        assert status == 201, other
        assert other["id"] != made["id"]
        await sessions_settle(port, gateway.pid, 1)

        stranger = subscription(port, user.name, "wrong", simple(service, "three"))
        status, refused = await gateway.call("POST", "/v1/subscriptions", stranger)
        assert (status, refused["type"]) == (422, "/problems/authentication-failed")
        same = subscription(port, user.name, "wrong too", simple(service, "one"))
        status, refused = await gateway.call("POST", "/v1/subscriptions", same)
        assert status == 422, refused
        status, refused = await gateway.call(
            "POST",
            "/register",
            {
                "username": user.name,
                "password": "wrong three",
                "onNewMessageURL": service.make_simplepush("four")["url"],
                "onReconnectURL": service.make_simplepush("four-reconnect")["url"],
                "IMAPServer": f"localhost:{port}",
            },
        )
        assert status == 422, refused

        for token in (made["token"], again["token"]):
            status, shown = await gateway.call("GET", f"/v1/subscriptions/{made['id']}", token=token)
            assert (status, shown["state"]) == (200, "watching")
        foreign = await gateway.call("GET", f"/v1/subscriptions/{made['id']}", token=other["token"])
        nobody = await gateway.call("GET", "/v1/subscriptions/sub_nobody", token=other["token"])
        assert foreign == nobody
        assert foreign[0] == 404
        await deliver(dovecot, user)
        await service.wait_for(1, name="one")
        await service.wait_for(1, name="two")

        for one in (made, other):
            assert (await gateway.call("DELETE", f"/v1/subscriptions/{one['id']}", token=one["token"]))[0] == 204
        await sessions_settle(port, gateway.pid, 0)
    assert [len(service.of(name)) for name in ("one", "two", "three", "four")] == [1, 1, 0, 0]


async def test_the_form_of_2013_registers_and_unregisters(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    form = {
        "username": user.name,
        "password": user.password,
        "onNewMessageURL": service.make_simplepush("new")["url"],
        "onReconnectURL": service.make_simplepush("reconnect")["url"],
        "IMAPServer": f"localhost:{dovecot.ports.imaps}",
    }
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        status, made = await gateway.call("POST", "/register", form)
        assert status == 201, made
        assert {"id", "token", "expires_at"} <= made.keys()
        await deliver(dovecot, user)
        await service.wait_for(1, name="new")
        status, _ = await gateway.call("POST", "/unregister", {k: v for k, v in form.items() if k != "onReconnectURL"})
        assert status == 204
        await sessions_settle(dovecot.ports.imaps, gateway.pid, 0)


async def test_several_mailboxes_each_ring_with_their_name(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    """Drafts is made by the server for everybody; mail is put there by IMAP, as another client would."""
    from imapclient import IMAPClient

    user = dovecot.add_user()

    def append() -> None:
        with IMAPClient("localhost", dovecot.ports.imaps, ssl_context=dovecot.client_context()) as client:
            client.login(user.name, user.password)
            client.append("Drafts", mail.make(subject="in a corner"))

    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        request = subscription(
            dovecot.ports.imaps,
            user.name,
            user.password,
            {"new_mail": service.make_webhook()},
            mailboxes=["INBOX", "Drafts"],
        )
        status, made = await gateway.call("POST", "/v1/subscriptions", request)
        assert (status, made["state"]) == (201, "watching"), made
        assert [(one["name"], one["mode"]) for one in made["mailboxes"]] == [("INBOX", "notify"), ("Drafts", "notify")]
        await sessions_settle(dovecot.ports.imaps, gateway.pid, 1)  # one connection covers them all (RFC 5465)
        await asyncio.to_thread(append)
        await service.wait_for(lambda one: one.type == "new_mail", name="hook")

    bells = [one.payload for one in service.of("hook") if one.type == "new_mail" and one.payload]
    assert [bell["mailbox"] for bell in bells] == ["Drafts"]


async def test_mailbox_that_does_not_exist_is_told_and_nothing_is_kept(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        request = subscription(
            dovecot.ports.imaps, user.name, user.password, simple(service, "x"), mailboxes=["Nowhere"]
        )
        status, answer = await gateway.call("POST", "/v1/subscriptions", request)
        assert (status, answer["type"]) == (422, "/problems/no-such-mailbox")
        await sessions_settle(dovecot.ports.imaps, gateway.pid, 0)


@pytest.mark.parametrize("retention", ["session", "memory"])
async def test_server_killed_and_started_again(
    retention: str, service: PushService, tmp_path: Path, dovecot: DovecotServer
) -> None:
    """What came while the session was down is announced once: after the app's answer, or by itself."""
    with DovecotServer() as server:
        user = server.add_user()
        async with GatewayProcess(tmp_path, server.ca_file) as gateway:
            hook = service.make_webhook()
            request = subscription(
                server.ports.imaps, user.name, user.password, {"new_mail": hook}, payload="summary", retention=retention
            )
            status, made = await gateway.call("POST", "/v1/subscriptions", request)
            assert status == 201, made
            path = f"/v1/subscriptions/{made['id']}"

            server.kill()
            await sessions_settle(server.ports.imaps, gateway.pid, 0)
            server.start()
            await deliver(server, user, subject="in between")
            if retention == "session":
                await service.wait_for(lambda one: one.type == "reconnect", name="hook")
                _, shown = await gateway.call("GET", path, token=made["token"])
                assert shown["state"] == "needs_credentials"
                body = {"auth": request["imap"]["auth"]}
                status, shown = await gateway.call("PUT", f"{path}/credentials", body, token=made["token"])
                assert (status, shown["state"]) == (200, "watching")
            await service.wait_for(lambda one: one.type == "new_mail", 30, name="hook")
            await deliver(server, user, subject="after")
            await service.wait_for(lambda _: len(subjects(service)) >= 2, 30, name="hook")

    assert subjects(service) == ["in between", "after"]
    reconnects = [one for one in service.of("hook") if one.type == "reconnect"]
    assert len(reconnects) == (1 if retention == "session" else 0)


def subjects(service: PushService) -> list[str]:
    bells = [one.payload for one in service.of("hook") if one.type == "new_mail" and one.payload]
    return [message["subject"] for bell in bells for message in bell["messages"]]


async def test_restart_asks_once_and_is_answered(dovecot: DovecotServer, service: PushService, tmp_path: Path) -> None:
    user = dovecot.add_user()
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        request = subscription(dovecot.ports.imaps, user.name, user.password, simple(service, "bell"))
        status, made = await gateway.call("POST", "/v1/subscriptions", request)
        assert status == 201, made
        assert gateway.stop() == 0
        await deliver(dovecot, user)
        await gateway.start()
        await service.wait_for(1, name="bell-reconnect")
        body = {"auth": request["imap"]["auth"]}
        path = f"/v1/subscriptions/{made['id']}"
        assert (await gateway.call("PUT", f"{path}/credentials", body, token=made["token"]))[0] == 200
        await service.wait_for(1, name="bell")
        _, shown = await gateway.call("GET", path, token=made["token"])
        assert shown["state"] == "watching"

    versions = [one.version for one in service.of("bell")]
    assert len(versions) == 1
    assert len(service.of("bell-reconnect")) == 1


async def rings(server: MailServer, service: PushService, folder: Path) -> None:
    user = server.add_user()
    async with GatewayProcess(folder, server.ca_file) as gateway:
        # Courier has no port of its own for TLS.
        tls = (
            {"port": server.ports.imaps, "tls": "implicit"}
            if server.ports.imaps
            else {"port": server.ports.imap, "tls": "starttls"}
        )
        request = subscription(server.ports.imaps, user.name, user.password, simple(service, "bell"))
        request["imap"] |= tls
        status, made = await gateway.call("POST", "/v1/subscriptions", request)
        assert (status, made["state"]) == (201, "watching"), made
        for number in (1, 2):
            await deliver(server, user, subject=f"mail {number}")
            await service.wait_for(number, 30, name="bell")
        wrong = subscription(server.ports.imaps, user.name, "wrong", simple(service, "other"), wait_seconds=20)
        wrong["imap"] |= tls
        status, refused = await gateway.call("POST", "/v1/subscriptions", wrong)
        assert (status, refused["type"]) == (422, "/problems/authentication-failed"), refused


async def test_cyrus_rings(cyrus: CyrusServer, service: PushService, tmp_path: Path) -> None:
    await rings(cyrus, service, tmp_path)


async def test_courier_rings_although_it_tells_no_uidnext(
    courier: CourierServer, service: PushService, tmp_path: Path
) -> None:
    await rings(courier, service, tmp_path)
