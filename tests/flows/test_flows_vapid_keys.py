"""The application server key is rotated beside a gateway that serves, and no subscription notices."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from gateway_process import GatewayProcess, subscription
from idlebell.cli import main
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import PushService


async def operator(gateway: GatewayProcess, *words: str) -> str:
    found = await asyncio.to_thread(CliRunner().invoke, main, ["keys", *words, "--config", str(gateway.config)])
    assert found.exit_code == 0, found.output
    return found.stdout.strip()


async def test_old_keys_go_on_to_sign_for_those_who_subscribed_with_them(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context())) as server,
        PushService() as service,
        GatewayProcess(tmp_path, tmp_path / "ca.pem") as gateway,
    ):
        server.add_user("alice", "secret")

        def browser(name: str, subscribed_with: str) -> dict[str, Any]:
            return service.make_webpush_subscription(name, application_server_key=subscribed_with)

        async def register(endpoint: dict[str, Any], expected: int = 201) -> dict[str, Any]:
            wish = subscription(server.tls_port, "alice", "secret", {"new_mail": endpoint})
            status, answer = await gateway.call("POST", "/v1/subscriptions", wish)
            assert status == expected, answer
            return answer

        async def key_of(answer: dict[str, Any]) -> str:
            _, shown = await gateway.call("GET", f"/v1/subscriptions/{answer['id']}", token=answer["token"])
            key: str = shown["endpoints"]["new_mail"][0]["application_server_key"]
            return key

        async def current() -> str:
            _, answer = await gateway.call("GET", "/v1/vapid")
            key: str = answer["public_key"]
            return key

        old = await current()
        phone = browser("before", old)
        before = await register(phone)
        new = await operator(gateway, "rotate-vapid")
        assert await current() == new != old
        after = await register(browser("after", new))
        named = await register(browser("named", old) | {"application_server_key": old})
        late = await register(browser("late", old))  # it had asked for the key before, and does not say so
        assert [await key_of(one) for one in (before, after, named, late)] == [old, new, old, new]

        server.deliver("alice", mail.make(subject="Rotated"))
        for name in ("before", "after", "named", "late"):
            await service.wait_for(lambda one: one.type == "new_mail" and one.status == 201, name=name)
        faults = {one.path: one.status for one in service.received if one.fault}
        assert faults == {"/late": 403}, "nobody else was ever signed for with another key"
        while await key_of(late) != old:
            await asyncio.sleep(0.01)

        # Renewed as ever, without a word of keys; then moved over to another subscription of the browser.
        await register(phone, 200)
        assert await key_of(before) == old
        for endpoint, key in ((phone, old), (browser("moved", new), new)):
            patch = {"endpoints": {"new_mail": endpoint}}
            path = f"/v1/subscriptions/{before['id']}"
            status, answer = await gateway.call("PATCH", path, patch, token=before["token"])
            assert (status, await key_of(before)) == (200, key), answer
        listed = (await operator(gateway, "list")).splitlines()
        assert [line.partition("  ")[0] for line in listed] == [new, old]
        assert [line.rpartition(", ")[2] for line in listed] == ["subscriptions: 2"] * 2

        # One that leaked is revoked: what needs it rings no more, and nobody can register with it.
        await operator(gateway, "revoke", old)
        answer = await register(browser("again", old) | {"application_server_key": old}, 422)
        assert answer["errors"][0]["pointer"] == "/endpoints/new_mail/application_server_key"
