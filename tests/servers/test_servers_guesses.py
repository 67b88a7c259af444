"""Somebody tries passwords at others' mail server through the gateway; what reaches the server is counted in its log."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing.push_service import PushService
from servers.dovecot_server import DovecotServer

pytestmark = pytest.mark.needs("dovecot")

PAUSED = {"authentication-failed", "throttled", "too-many-requests"}


async def test_however_one_guesses_a_server_sees_a_handful_and_nobody_else_is_held_up(
    dovecot: DovecotServer, tmp_path: Path
) -> None:
    """Threats O1, O2, O3, over the API, against a real server: at once, under other ways to write the name, at both ports,
    without waiting for the answer, by the form of 2013, by ``PUT`` with the token of a registration that never got anywhere, by
    ``/unregister``; then one password at many names. Whoever watches the account is not disturbed, and may bring another
    password at once."""
    owner = dovecot.add_user("guessed").name
    before = dovecot.refused()
    async with PushService() as service, GatewayProcess(tmp_path, dovecot.ca_file) as gateway:
        numbers = iter(range(1_000_000))

        def wish(user: str, password: str, **more: Any) -> dict[str, Any]:
            bell = service.make_webhook(f"bell{next(numbers)}")
            return subscription(dovecot.ports.imaps, user, password, {"new_mail": bell, "reconnect": bell}, **more)

        async def call(method: str, path: str, body: dict[str, Any], token: str | None = None) -> str:
            _, answer = await gateway.call(method, path, body, token=token)
            return str(answer.get("type", answer.get("state", ""))).rpartition("/")[2]

        async def subscribe(user: str, password: str, **more: Any) -> str:
            return await call("POST", "/v1/subscriptions", wish(user, password, **more))

        status, watched = await gateway.call("POST", "/v1/subscriptions", wish(owner, "apass"))
        assert status == 201, watched
        guess = [f"guess {number}" for number in range(60)]
        _, pending = await gateway.call("POST", "/v1/subscriptions", wish(owner, guess.pop(), wait_seconds=0))
        answers = set(await asyncio.gather(*(subscribe(owner, guess.pop()) for _ in range(10))))
        answers |= set(await asyncio.gather(*(subscribe(owner.upper(), guess.pop()) for _ in range(3))))
        starttls = wish(owner.lower(), guess.pop())
        starttls["imap"].update(port=dovecot.ports.imap, tls="starttls")
        answers.add(await call("POST", "/v1/subscriptions", starttls))
        for kind in ("register", "unregister"):
            form = {"username": owner, "password": guess.pop(), "onNewMessageURL": service.make_webhook("x")["url"]}
            more = {"onReconnectURL": service.make_webhook("y")["url"]} if kind == "register" else {}
            form |= {"IMAPServer": f"localhost:{dovecot.ports.imaps}", **more}
            answers.add(await call("POST", f"/{kind}", form))
        for _ in range(3):
            auth = {"auth": {"type": "password", "password": guess.pop()}, "wait_seconds": 5}
            answers.add(await call("PUT", f"/v1/subscriptions/{pending['id']}/credentials", auth, pending["token"]))
        assert answers <= {*PAUSED, "not-found"}, answers
        assert "throttled" in answers

        path, token = f"/v1/subscriptions/{watched['id']}", watched["token"]
        _, shown = await gateway.call("GET", path, token=token)
        assert (shown["state"], shown["problem"]) == ("watching", None)
        auth = {"auth": {"type": "password", "password": "apass"}}
        status, shown = await gateway.call("PUT", f"{path}/credentials", auth, token=token)
        assert (status, shown["state"]) == (200, "watching"), shown

        sprayed = set(await asyncio.gather(*(subscribe(f"sprayed{number}", "winter") for number in range(60))))
        assert sprayed == {"authentication-failed", "throttled"}
        _, shown = await gateway.call("GET", path, token=token)
        assert shown["state"] == "watching"

    async with asyncio.timeout(10):
        while not (refused := dovecot.refused() - before):
            await asyncio.sleep(0.05)
    # For a user whom it does not know Dovecot refuses SCRAM before its challenge, and PLAIN is tried: two for one.
    assert sum(count for user, count in refused.items() if user.casefold() == owner.casefold()) <= 3, refused
    assert len([user for user in refused if user.startswith("sprayed")]) <= 19, refused
    assert sum(refused.values()) <= 3 + 2 * 19, refused
