"""Payload ``content`` from a real server to the endpoints, of honest mail and of hostile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway_process import GatewayProcess, subscription
from hostile_mail import every
from idlebell.testing import mail
from idlebell.testing.push_service import PushService, Received
from servers.connections import connections_to
from servers.dovecot_server import DovecotServer

TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\x1b\x07\x00\x9b")


@pytest.fixture
async def service() -> AsyncIterator[PushService]:
    async with PushService() as service:
        yield service


def bells(service: PushService, name: str) -> list[Received]:
    return [one for one in service.of(name) if one.type == "new_mail"]


async def test_small_mail_is_told_whole_and_large_mail_by_its_size(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        for endpoint, limit in ((service.make_webhook(), 2_000), (service.make_webpush_subscription(), None)):
            request = subscription(
                dovecot.ports.imaps,
                user.name,
                user.password,
                {"new_mail": endpoint},
                payload="content",
                content_limit_bytes=limit,
            )
            status, answer = await gateway.call("POST", "/v1/subscriptions", request)
            assert (status, answer["payload"], answer["content_limit_bytes"]) == (201, "content", limit), answer
        letters = [
            mail.make(text="At noon?\n\nBoss\n", subject="one"),
            mail.make(text="\n", html="<p>At <b>noon</b>?<p>Boss", subject="two"),
            mail.make(text="At noon. " * 600, subject="three"),
        ]
        for raw in letters:
            await asyncio.to_thread(dovecot.deliver, user.name, raw)
            for name in ("hook", "web"):
                count = letters.index(raw) + 1
                await service.wait_for(lambda _, name=name, count=count: len(bells(service, name)) >= count, name=name)

    told = {
        name: [one.payload["messages"][0] for one in bells(service, name) if one.payload] for name in ("hook", "web")
    }
    for name in ("hook", "web"):
        assert [one.get("text") for one in told[name][:2]] == ["At noon?\n\nBoss"] * 2
        assert not any(one["truncated"] for one in told[name][:2])
    large = told["hook"][2]
    assert ("text" in large, large["truncated"], large["subject"]) == (False, True, "three")
    assert large["size"] > 5_000
    cut = told["web"][2]  # small enough by the default, and more than a Web Push takes
    assert cut["truncated"]
    assert 3_000 < len(cut["text"]) < 3_993
    assert ("At noon. " * 600).startswith(cut["text"])


@pytest.mark.long
async def test_hostile_mail_rings_in_bounds_and_ends_no_session(
    dovecot: DovecotServer, service: PushService, tmp_path: Path
) -> None:
    user = dovecot.add_user()
    port = dovecot.ports.imaps
    async with GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        for endpoint, limit in ((service.make_webhook(), 1_048_576), (service.make_webpush_subscription(), 60_000)):
            request = subscription(
                port, user.name, user.password, {"new_mail": endpoint}, payload="content", content_limit_bytes=limit
            )
            status, answer = await gateway.call("POST", "/v1/subscriptions", request)
            assert status == 201, answer
        held: set[object] | None = None
        for number, (name, raw) in enumerate(every(), 1):
            await asyncio.to_thread(dovecot.deliver, user.name, raw)
            for endpoint in ("hook", "web"):
                async with asyncio.timeout(30):
                    await service.wait_for(
                        lambda _, endpoint=endpoint, number=number: len(bells(service, endpoint)) >= number,
                        name=endpoint,
                    )
            sessions = set(map(str, connections_to(port, gateway.pid)))
            held = held or sessions
            assert sessions == held, f"{name}: the session was lost"

    for (name, _), hook, web in zip(every(), bells(service, "hook"), bells(service, "web"), strict=True):
        assert len(hook.body) <= 20_000, name
        assert len(web.body) <= 3_993, name
        for one in (hook, web):
            assert one.payload is not None
            (message,) = one.payload["messages"]
            shown = " ".join(message[member] or "" for member in ("from", "subject", "message_id", "preview"))
            assert not set(shown + message.get("text", "")) & TURNING, name
            assert len(shown) < 1_000, name
        message = hook.payload["messages"][0] if hook.payload else {}
        if message["size"] > 1_048_576 or name == "charset that expands":
            continue
        assert "BEL" in message.get("text", "") or message["no_text"] == "other", name
