"""The gateway with its door in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from faults.fault_scene import Scene, scene
from idlebell.compose.processes import configure_of, taking_over
from idlebell.config import Settings
from idlebell.door import neighbour, side
from idlebell.door.neighbour import Neighbour
from idlebell.imap.commands import Authenticate
from idlebell.login.opener import LoginFailed
from idlebell.login.password_source import NoPassword
from idlebell.login.token_endpoint import Granted
from idlebell.login.vault import NotOpened
from idlebell.model.account import Account, ImapTarget, PasswordCredentials, Tls
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.problem import Fault
from idlebell.net.clock import Clock
from idlebell.net.descriptors import descriptors
from idlebell.net.secret_arena import SecretArena
from idlebell.net.wheel import Wheel
from idlebell.telemetry.facts import Complained, Noted, ReconnectAsked
from idlebell.testing.faults import Hold

TARGET = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)


def neighbour_of(stage: Scene) -> Neighbour:
    found = stage.running.engine.neighbour
    assert found is not None
    return found


async def test_a_door_that_dies_takes_what_it_kept_with_it_and_no_session_that_it_handed_over(tmp_path: Path) -> None:
    async with scene(tmp_path, door="process") as stage:
        door = neighbour_of(stage)
        for user in ("session", "memory", "old"):
            stage.server.add_user(user, "right")
            if user == "old":
                # No parked record can be made of it: it stays OpenSSL's, in the door.
                assert stage.server.habits.tls_context is not None
                stage.server.habits.tls_context.maximum_version = ssl.TLSVersion.TLSv1_2
            answer = await stage.subscribe(stage.wish(user, retention="memory" if user == "memory" else "session"))
            assert answer.status == 201, answer
        for user in ("session", "memory", "old"):
            await stage.rings(user)
        first = door.pid
        os.kill(first, signal.SIGTERM)  # meant for the gateway
        await stage.rings("old")
        assert door.pid == first

        logins = len(stage.server.logins)
        os.kill(first, signal.SIGKILL)
        await stage.service.wait_for(1, name="old-lost")  # nobody could log in again

        async def is_there() -> bool:
            return door.pid not in (0, first)

        await stage.until(is_there)
        for user in ("session", "memory"):
            await stage.rings(user)
        assert len(stage.server.logins) == logins
        assert [fact.text for fact in stage.facts if isinstance(fact, Complained)] == [
            "the door process has ended; it is started anew in 0 s"
        ]
        for session in stage.server.of("memory"):
            session.drop()
        await stage.service.wait_for(1, name="memory-lost")  # its password was in that door
        assert {type(fact) for fact in stage.facts if isinstance(fact, ReconnectAsked)} == {ReconnectAsked}
        answer = await stage.subscribe(stage.wish("memory", retention="memory"))
        assert answer.status in (200, 201), answer
        for session in stage.server.of("memory"):
            session.drop()
        await stage.server.until(lambda: stage.server.idling("memory") == 1)  # by what the new one keeps
        await asyncio.to_thread(door.release, b"held:nobody's")  # as the collector may
        stage.nobody_was_surprised()
    assert door.pid == 0


async def test_a_door_that_is_stopped_is_started_anew_and_opens_the_vault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under TLS 1.2 the session is lost with the door that relayed it; no app is asked."""
    monkeypatch.setattr(side, "PING_SECONDS", 0.3)
    async with scene(tmp_path, door="process", vault=True) as stage:
        door = neighbour_of(stage)
        assert stage.server.habits.tls_context is not None
        stage.server.habits.tls_context.maximum_version = ssl.TLSVersion.TLSv1_2
        answer = await stage.subscribe(stage.wish("alice", retention="vault"))
        assert (answer.status, answer.json["retention"]) == (201, "vault"), answer
        stage.server.habits.tls_context.maximum_version = ssl.TLSVersion.TLSv1_3
        stage.server.add_user("bob", "right")
        assert (await stage.subscribe(stage.wish("bob"))).status == 201
        stopped = door.pid
        os.kill(stopped, signal.SIGSTOP)

        async def is_there() -> bool:
            return door.pid not in (0, stopped)

        await stage.until(is_there)
        await stage.rings("bob")
        await stage.server.until(lambda: stage.server.idling("alice") == 1)
        await stage.rings("alice")
        assert not [fact for fact in stage.facts if isinstance(fact, ReconnectAsked)]
        answer = await stage.call(
            "PUT",
            f"/v1/subscriptions/{answer.json['id']}/credentials",
            {"auth": {"type": "password", "password": "right"}},
            token=answer.json["token"],
        )
        assert answer.status == 200, answer
        stage.nobody_was_surprised()


async def test_a_door_that_has_made_many_logins_is_replaced_and_nobody_notices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept credentials are used by the next one; a session that the old one relays goes on, and it ends with it."""
    monkeypatch.setattr(neighbour, "LOGINS_OF_ONE", 4)
    async with scene(tmp_path, door="process", vault=True) as stage:
        door = neighbour_of(stage)
        first = door.pid
        tls = stage.server.habits.tls_context
        assert tls is not None
        for user, retention in (("old", "session"), ("memory", "memory"), ("vault", "vault")):
            stage.server.add_user(user, "right")
            tls.maximum_version = ssl.TLSVersion.TLSv1_2 if user == "old" else ssl.TLSVersion.TLSv1_3
            answer = await stage.subscribe(stage.wish(user, retention=retention))
            assert answer.status == 201, answer
        hold = Hold()
        plan = stage.server.plan(Authenticate, hold)
        entering = asyncio.create_task(stage.subscribe(stage.wish("alice")))
        await plan.hit()

        async def is_replaced() -> bool:
            return any(isinstance(fact, Noted) and "replaced after 4 logins" in fact.text for fact in stage.facts)

        await stage.until(is_replaced)
        monkeypatch.setattr(
            neighbour, "LOGINS_OF_ONE", 5_000
        )  # once is enough: what comes in that moment is told to come again
        assert door.pid not in (0, first)
        hold.release()
        answer = await entering
        assert answer.status == 201, answer
        for user in ("old", "memory", "vault", "alice"):
            await stage.rings(user)
        for user in ("memory", "vault"):
            for session in stage.server.of(user):
                session.drop()
            await stage.server.until(lambda user=user: stage.server.idling(user) == 1)
        refused = await stage.subscribe(stage.wish("memory", password="wrong", retention="memory"))
        assert refused.is_problem("authentication-failed"), refused.json
        assert Path(f"/proc/{first}").exists()
        for session in stage.server.of("old"):
            session.drop()

        async def has_ended() -> bool:
            return not Path(f"/proc/{first}").exists()

        await stage.until(has_ended)
        asked = [fact for fact in stage.facts if isinstance(fact, ReconnectAsked)]
        assert len(asked) <= 1, "none but who has lost a session of retention session"
        stage.nobody_was_surprised()


async def test_a_ticket_is_of_no_use_elsewhere(tmp_path: Path) -> None:
    """What a gateway that somebody else has taken over could ask its door for."""
    (tmp_path / "password").write_text("right\n")
    async with scene(tmp_path, door="process", vault=True) as stage:
        door = neighbour_of(stage)
        stage.server.add_user("mallory", "right")
        target = ImapTarget("127.0.0.1", stage.server.tls_port, Tls.IMPLICIT)
        account, own = Account(AccountId("acc_1"), target, "alice"), SubscriptionId("sub_1")
        kept = PasswordCredentials(await door.password_of(target, "alice", str(tmp_path / "password"), ""))
        await (await door.open(account, kept)).logout()
        row = await door.seal(own, account, kept)
        assert row is not None
        elsewhere = replace(account, target=replace(target, host="localhost"))
        for other in (elsewhere, replace(account, username="mallory")):
            with pytest.raises(LoginFailed, match="not at hand"):
                await door.open(other, kept)
            assert await door.seal(own, other, kept) is None
            with pytest.raises(NotOpened, match="changed"):
                await door.unseal(row, other)
        same = PasswordCredentials(await door.password_of(target, "mallory", str(tmp_path / "password"), ""))
        await (await door.open(replace(account, username="mallory"), same)).logout()  # by a password that is the same
        opened = await door.unseal(row, account)
        await (await door.open(account, opened)).logout()
        with pytest.raises(LoginFailed, match="not at hand"):
            await door.open(elsewhere, opened)
        assert {fact.text.partition(";")[0] for fact in stage.facts if isinstance(fact, Complained)} == {
            "credentials were to be used for something else than they were given for"
        }


async def test_requests_are_answered_through_the_door_as_without_it(tmp_path: Path) -> None:
    async with scene(tmp_path, door="process") as stage:
        url = stage.url
        assert (await stage.call("GET", "/healthz")).status == 200
        page = await stage.call("GET", "/openapi.json")
        assert page.status == 200
        assert len(page.body) > 65_536  # several packets
        head = await stage.http.head(f"{url}/openapi.json")
        assert (head.status, await head.read()) == (200, b"")
        for raw, kind, code in (
            (b'{"imap": {"auth": {"password": "hunter2"', "application/json", "malformed-json"),
            (b'{"a": 1, "a": 2}', "application/json", "malformed-json"),
            (b"password=hunter2", "text/plain", "unsupported-media-type"),
            (b"x" * 70_000, "application/json", "body-too-large"),
        ):
            refused = await stage.call("POST", "/v1/subscriptions", raw=raw, Content_Type=kind)
            assert refused.is_problem(code), refused
        wish = stage.wish()
        wish["imap"]["auth"]["password"] = "two\nlines"
        refused = await stage.subscribe(wish)
        assert refused.json["errors"] == [
            {"pointer": "/imap/auth/password", "detail": "must hold no control characters"}
        ]
        wrong, right = await stage.subscribe(stage.wish(password="wrong")), await stage.subscribe(stage.wish())
        assert wrong.is_problem("authentication-failed")
        assert right.status == 201, right
        headers = {"Authorization": f"Bearer {right.json['token']}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.get(f"{url}/v1/subscriptions/{right.json['id']}/events") as stream,
        ):
            await stage.rings("alice")
            async for line in stream.content:
                if line.startswith(b"event: notification"):
                    break
        refreshed = await stage.call(
            "PUT",
            f"/v1/subscriptions/{right.json['id']}/credentials",
            {"auth": {"type": "password", "password": "right"}},
            token=right.json["token"],
        )
        assert refreshed.status == 200, refreshed
        assert (
            await stage.call("DELETE", f"/v1/subscriptions/{right.json['id']}", token=right.json["token"])
        ).status == 204
        stage.nobody_was_surprised()


async def test_a_door_that_dies_while_the_one_before_is_made_good_for_is_started_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Passwords of the configuration are asked of it just then."""
    monkeypatch.setattr(neighbour, "PAUSES_SECONDS", (0.0,))
    outcomes: asyncio.Queue[str] = asyncio.Queue()
    commands = iter(("sleep 60", "echo right"))

    async def on_lost() -> None:
        outcomes.put_nowait("asked")
        try:
            await door.password_of(TARGET, "alice", "", next(commands))
        except NoPassword as error:
            outcomes.put_nowait(str(error))
        else:
            outcomes.put_nowait("read")

    configure = configure_of(Settings(), descriptors())
    door = Neighbour(configure, taking_over(SecretArena(), Clock(), Wheel()), lambda fact: None, lambda: None, on_lost)
    await door.start()
    try:
        async with asyncio.timeout(60):
            os.kill(door.pid, signal.SIGKILL)
            assert await outcomes.get() == "asked"
            os.kill(door.pid, signal.SIGKILL)
            found = [await outcomes.get() for _ in range(3)]
            printed = await door.printed_by("echo t0ken")
            assert isinstance(printed, Granted)
            assert b"t0ken" not in printed.access_token.reveal(), "a ticket"
            assert isinstance(await door.printed_by("false"), Fault)
    finally:
        await door.close()
    assert found == ["the door process is being started anew", "asked", "read"]
