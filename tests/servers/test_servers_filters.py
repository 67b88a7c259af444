"""Filters on a real Dovecot, as their users have them: by REST, on mail that people send and on mail that is sent to harm."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway_process import GatewayProcess, subscription
from hostile_mail import every
from idlebell.testing import mail
from idlebell.testing.push_service import PushService
from servers.connections import connections_to
from servers.dovecot_server import DovecotServer

FILTER = {
    "operator": "AND",
    "conditions": [
        {"operator": "OR", "conditions": [{"from": "boss@example.org"}, {"subject": "grüße"}, {"body": "at noon"}]},
        {"operator": "NOT", "conditions": [{"isBulk": True}, {"hasAttachment": True}]},
    ],
}


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


def told(service: PushService) -> list[str]:
    found = []
    for bell in service.of("hook"):
        if bell.type == "new_mail" and bell.payload is not None:
            found += [one.get("subject", "") for one in bell.payload["messages"]]
    return found


async def test_only_what_the_filter_lets_through_rings_and_a_trial_says_why(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    port = dovecot.ports.imaps

    async def deliver(**parts: Any) -> None:
        await asyncio.to_thread(dovecot.deliver, user.name, mail.make(**parts))

    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        request = subscription(
            port, user.name, user.password, {"new_mail": service.make_webhook("hook")}, payload="summary", filter=FILTER
        )
        status, answer = await gateway.call("POST", "/v1/subscriptions", request)
        assert (status, answer["filter"]) == (201, FILTER)
        await deliver(sender="shop@example.com", subject="nothing for us", text="never")
        await deliver(sender="shop@example.com", subject="Viele GRÜSSE", text="never")
        await deliver(sender="x@example.com", subject="by its text", html="<b>At</b> &#110;oon", text="At\nnoon\n")
        await deliver(subject="to a list", headers={"List-Id": "<l.example.org>"})
        await deliver(subject="with a file", attachment=b"\0" * 100)
        await deliver(subject="from the boss")
        await service.wait_for(lambda one: "from the boss" in told(service), name="hook")

        path = f"/v1/subscriptions/{answer['id']}/filters/test"
        status, tried = await gateway.call("POST", path, {"filter": FILTER}, token=answer["token"])
        assert status == 200
        assert [(one["subject"], one["rings"]) for one in tried["results"]] == [
            ("from the boss", True),
            ("with a file", False),
            ("to a list", False),
            ("by its text", True),
            ("Viele GRÜSSE", True),
            ("nothing for us", False),
        ]
        assert tried["results"][2]["because"] == ["it went to many or was sent by a program"]
        assert len(connections_to(port, gateway.pid)) == 1

    assert told(service) == ["Viele GRÜSSE", "by its text", "from the boss"]


async def test_no_mail_ends_the_session_or_keeps_others_from_ringing(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    port = dovecot.ports.imaps
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        request = subscription(
            port, user.name, user.password, {"new_mail": service.make_webhook("hook")}, payload="summary", filter=FILTER
        )
        status, _ = await gateway.call("POST", "/v1/subscriptions", request)
        assert status == 201
        before = connections_to(port, gateway.pid)
        for name, message in every():
            await asyncio.to_thread(dovecot.deliver, user.name, message)
            await asyncio.to_thread(dovecot.deliver, user.name, mail.make(subject=f"after {name}"))
            await service.wait_for(lambda one, name=name: f"after {name}" in told(service), name="hook")
            assert connections_to(port, gateway.pid) == before, name

    assert not any(bell.type == "reconnect" for bell in service.of("hook"))
