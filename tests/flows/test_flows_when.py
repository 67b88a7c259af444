"""When mail rings, over REST, in the program as its users run it: quiet hours, mute and digest, patches and kills."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing.imap_server import ImapServer
from idlebell.testing.push_service import PushService, Received, ScriptedAnswer


class Scene:
    """One subscription of alice's, with a webhook."""

    def __init__(self, gateway: GatewayProcess, server: ImapServer, service: PushService) -> None:
        self.gateway, self.server, self.service = gateway, server, service
        self.path = self.token = ""

    async def subscribe(self, **members: Any) -> dict[str, Any]:
        hook = {"new_mail": self.service.make_webhook()}
        body = subscription(self.server.tls_port, "alice", "apass", hook, **members)
        status, made = await self.gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, made
        self.path, self.token = f"/v1/subscriptions/{made['id']}", made["token"]
        return made

    async def patch(self, **members: Any) -> dict[str, Any]:
        status, view = await self.gateway.call("PATCH", self.path, members, token=self.token)
        assert status == 200, view
        return view

    async def counts(self) -> dict[str, int]:
        _, view = await self.gateway.call("GET", self.path, token=self.token)
        counts: dict[str, int] = view["counts"]
        assert counts["detected"] == sum(counts[name] for name in counts if name != "detected")
        return counts

    async def counted(self, name: str, messages: int) -> dict[str, int]:
        """The counts, once so many messages are counted so: the watcher has seen what was delivered."""
        while (counts := await self.counts())[name] != messages:
            pass
        return counts

    def rung(self) -> list[Received]:
        return [one for one in self.service.of("hook") if one.type == "new_mail"]

    async def seen(self, messages: int) -> list[int]:
        """UIDs that were withdrawn, once so many were, in the order of the notifications."""

        def uids() -> list[int]:
            told = [one.payload for one in self.service.of("hook") if one.type == "seen"]
            return [uid for payload in told if payload is not None for uid in payload["uids"]]

        await self.service.wait_for(lambda _: len(uids()) >= messages, 20, name="hook")
        return uids()

    async def ring(self, times: int) -> list[dict[str, Any]]:
        await self.service.wait_for(lambda _: len(self.rung()) >= times, 20, name="hook")
        return [one.payload for one in self.rung() if one.payload is not None]


@pytest.fixture
async def scene(server: ImapServer, tmp_path: Path) -> AsyncIterator[Scene]:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(server.ca_pem)
    async with PushService() as service, GatewayProcess(tmp_path, ca_file) as gateway:
        yield Scene(gateway, server, service)


def quiet_now() -> dict[str, Any]:
    now = datetime.now(UTC)
    begin, end = now - timedelta(hours=2), now + timedelta(hours=2)
    return {"tz": "UTC", "from": begin.strftime("%H:%M"), "to": end.strftime("%H:%M"), "then": "count"}


async def test_the_night_is_told_once_and_survives_a_kill(scene: Scene) -> None:
    made = await scene.subscribe(quiet_hours=quiet_now())
    assert made["quiet_hours"]["days"] == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    for _ in range(3):
        scene.server.deliver("alice", b"Subject: Night\r\n\r\nx")
    await scene.counted("pending", 3)
    sessions = len(scene.server.of("alice"))

    scene.gateway.kill()
    await scene.gateway.start()
    assert (await scene.counts())["pending"] == 3
    assert scene.rung() == []

    await scene.patch(quiet_hours=None)
    (payload,) = await scene.ring(1)
    assert (payload["mailbox"], payload["count"]) == ("INBOX", 3)
    await scene.counted("accepted", 3)
    assert len(scene.server.of("alice")) <= sessions


async def test_a_patch_takes_effect_at_once_and_leaves_the_session_alone(scene: Scene) -> None:
    await scene.subscribe()
    (session,) = scene.server.of("alice")
    until = datetime.now(UTC) + timedelta(hours=1)
    view = await scene.patch(muted_until=until.isoformat())
    assert datetime.fromisoformat(view["muted_until"]) == until
    scene.server.deliver("alice", b"Subject: Muted\r\n\r\nx")
    await scene.counted("silenced", 1)

    await scene.patch(muted_until=None)
    scene.server.deliver("alice", b"Subject: Loud\r\n\r\nx")
    (payload,) = await scene.ring(1)
    assert payload["count"] == 1
    await scene.counted("accepted", 1)
    assert scene.server.of("alice") == [session]


async def test_quiet_hours_are_changed_member_by_member(scene: Scene) -> None:
    wish = quiet_now()
    await scene.subscribe(quiet_hours=wish)
    scene.server.deliver("alice", b"Subject: Night\r\n\r\nx")
    await scene.counted("pending", 1)
    view = await scene.patch(quiet_hours={"then": "drop"})
    assert view["quiet_hours"] == {**wish, "then": "drop", "days": view["quiet_hours"]["days"]}
    await scene.counted("silenced", 1)
    assert scene.rung() == []


async def test_a_window_rings_once_for_what_came_in_it_and_survives_a_kill(scene: Scene) -> None:
    view = await scene.subscribe(coalesce_seconds=1.5)
    assert (view["coalesce_seconds"], view["flood_per_minute"]) == (1.5, None)
    scene.server.deliver("alice", b"Subject: First\r\n\r\nx")
    await scene.ring(1)
    await scene.patch(coalesce_seconds=3_600)
    for _ in range(3):
        scene.server.deliver("alice", b"Subject: Meanwhile\r\n\r\nx")
    await scene.counted("pending", 3)
    await scene.patch(coalesce_seconds=3)
    assert [one["count"] for one in await scene.ring(2)] == [1, 3], "the window closed by itself"

    await scene.patch(coalesce_seconds=None, flood_per_minute=1)
    for _ in range(2):
        scene.server.deliver("alice", b"Subject: Flood\r\n\r\nx")
    while (counts := await scene.counts())["detected"] < 6 or counts["pending"] == 0:
        pass
    scene.gateway.kill()
    await scene.gateway.start()
    await scene.patch(flood_per_minute=0)
    await scene.counted("accepted", 6)


async def test_what_comes_behind_a_retry_rings_as_one(scene: Scene) -> None:
    await scene.subscribe()
    scene.server.deliver("alice", b"Subject: The endpoint is verified\r\n\r\nx")
    await scene.counted("accepted", 1)
    scene.service.script("hook", then=ScriptedAnswer(status=503))
    for number in range(4):
        scene.server.deliver("alice", b"Subject: Away\r\n\r\nx")
        await scene.counted("pending", number + 1)
        await scene.ring(2)
    scene.service.script("hook")
    counts = await scene.counted("accepted", 3)
    assert (counts["coalesced"], counts["pending"]) == (2, 0)
    told = {one.version: one.payload and one.payload["count"] for one in scene.rung()}
    assert list(told.values()) == [1, 1, 3]


async def test_a_digest_rings_once_for_several_mailboxes(scene: Scene) -> None:
    scene.server.create("alice", "Work")
    await scene.subscribe(mailboxes=["INBOX", "Work"], digest_minutes=60)
    scene.server.deliver("alice", b"Subject: First\r\n\r\nx")
    await scene.ring(1)
    scene.server.deliver("alice", b"Subject: Second\r\n\r\nx")
    await scene.counted("pending", 1)
    scene.server.deliver("alice", b"Subject: Third\r\n\r\nx", mailbox="Work")
    await scene.counted("pending", 2)

    await scene.patch(digest_minutes=None)
    _, digest = await scene.ring(2)
    assert digest["mailbox"] is None
    assert digest["mailboxes"] == {"INBOX": 1, "Work": 1}
    assert digest["count"] == 2
    assert (await scene.counted("accepted", 3))["pending"] == 0


async def test_a_vip_rings_through_the_night(scene: Scene) -> None:
    await scene.subscribe(quiet_hours=quiet_now(), vip={"from": "boss@example.org"}, payload="summary")
    scene.server.deliver("alice", b"From: friend@example.org\r\nSubject: Later\r\n\r\nx")
    await scene.counted("pending", 1)
    scene.server.deliver("alice", b"From: Boss <boss@example.org>\r\nSubject: Now\r\n\r\nx")
    (payload,) = await scene.ring(1)
    assert payload["vip"] is True
    assert [one["subject"] for one in payload["messages"]] == ["Now"]
    assert (await scene.counted("accepted", 1))["pending"] == 1


async def test_whoever_is_hushed_rings_no_more_until_it_is_undone(scene: Scene) -> None:
    await scene.subscribe(payload="summary")
    scene.server.deliver("alice", b"From: News <News@example.org>\r\nSubject: One\r\n\r\nx")
    (payload,) = await scene.ring(1)
    hush = {"sender": payload["messages"][0]["from"]}
    status, view = await scene.gateway.call("POST", f"{scene.path}/hush", hush, token=scene.token)
    assert status == 200
    assert view["hushed"][-1]["sender"] == "news@example.org"

    scene.server.deliver("alice", b"From: news@example.org\r\nSubject: Two\r\n\r\nx")
    scene.server.deliver("alice", b"From: friend@example.org\r\nSubject: Three\r\n\r\nx")
    await scene.ring(2)
    await scene.patch(hushed=None)
    scene.server.deliver("alice", b"From: news@example.org\r\nSubject: Four\r\n\r\nx")
    payloads = await scene.ring(3)
    assert [one["subject"] for payload in payloads for one in payload["messages"]] == ["One", "Three", "Four"]
    assert (await scene.counted("accepted", 3))["detected"] == 3, "who is hushed is nobody's new mail"

    many = [{"sender": f"news{number}@example.org"} for number in range(20)]
    calls = [scene.gateway.call("POST", f"{scene.path}/hush", one, token=scene.token) for one in many]
    assert {status for status, _ in await asyncio.gather(*calls)} == {200}, "many changes at once take turns"
    assert len((await scene.patch())["hushed"]) == 20


async def test_a_message_names_whom_to_hush(scene: Scene) -> None:
    await scene.subscribe()
    inbox = scene.server.mailbox("alice")
    listed = b"From: Ann <ann@example.org>\r\nList-Id: News <news.example.org>\r\nSubject: One\r\n\r\nx"
    uids = [scene.server.deliver("alice", one) for one in (listed, b"From: Bob <Bob@example.org>\r\n\r\nx", b"\r\nx")]
    await scene.counted("accepted", 3)

    async def hush(**members: Any) -> tuple[int, dict[str, Any]]:
        named = {"mailbox": "INBOX", "uid_validity": inbox.uid_validity, "uid": uids[0]} | members
        answer: tuple[int, dict[str, Any]] = await scene.gateway.call(
            "POST", f"{scene.path}/hush", named, token=scene.token
        )
        return answer

    for uid in uids[:2]:
        status, view = await hush(uid=uid)
        assert status == 200, view
    assert [one.get("list_id") or one["sender"] for one in view["hushed"]] == ["news.example.org", "bob@example.org"]
    for wrong in ({"uid": uids[2]}, {"uid": 999}, {"uid_validity": inbox.uid_validity + 1}):
        status, problem = await hush(**wrong)
        assert (status, problem["errors"][0]["pointer"]) == (422, "/uid"), problem
    scene.server.deliver("alice", listed)
    scene.server.deliver("alice", b"From: carol@example.org\r\n\r\nx")
    assert (await scene.counted("accepted", 4))["detected"] == 4


async def test_what_is_read_or_removed_elsewhere_is_withdrawn(scene: Scene) -> None:
    await scene.subscribe(withdraw=True)
    uids = [scene.server.deliver("alice", b"Subject: Card\r\n\r\nx") for _ in range(3)]
    await scene.counted("accepted", 3)
    inbox = scene.server.mailbox("alice")
    inbox.set_flags(uids[0], frozenset({"\\Seen"}))
    assert await scene.seen(1) == [uids[0]]
    inbox.expunge(uids[1])
    assert await scene.seen(2) == uids[:2]
    inbox.set_flags(uids[2], frozenset({"\\Flagged"}))
    inbox.set_flags(uids[2], frozenset({"\\Flagged", "\\Seen"}))
    assert await scene.seen(3) == uids
    (*_, last) = [one.payload for one in scene.service.of("hook") if one.type == "seen"]
    assert last is not None
    assert (last["mailbox"], last["uid_validity"], last["unseen"]) == ("INBOX", inbox.uid_validity, 0)


async def test_a_session_that_is_parked_wakes_for_what_is_read(server: ImapServer, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(server.ca_pem)
    async with PushService() as service, GatewayProcess(tmp_path, ca_file, imap="park_after_seconds = 0.2") as gateway:
        scene = Scene(gateway, server, service)
        await scene.subscribe(withdraw=True)
        uid = server.deliver("alice", b"Subject: Card\r\n\r\nx")
        await scene.counted("accepted", 1)
        while await gateway.parked() == 0:
            pass
        server.mailbox("alice").set_flags(uid, frozenset({"\\Seen"}))
        assert await scene.seen(1) == [uid]


async def test_what_is_read_in_the_night_is_not_told_in_the_morning(scene: Scene) -> None:
    await scene.subscribe(withdraw=True, quiet_hours=quiet_now())
    uids = [scene.server.deliver("alice", b"Subject: Night\r\n\r\nx") for _ in range(3)]
    await scene.counted("pending", 3)
    scene.server.mailbox("alice").set_flags(uids[0], frozenset({"\\Seen"}))
    await scene.counted("withdrawn", 1)
    await scene.patch(quiet_hours=None)
    (payload,) = await scene.ring(1)
    assert payload["count"] == 2
    assert [one for one in scene.service.of("hook") if one.type == "seen"] == []


async def test_nobody_who_did_not_ask_is_told_what_is_read(scene: Scene) -> None:
    await scene.subscribe()
    uid = scene.server.deliver("alice", b"Subject: Card\r\n\r\nx")
    await scene.counted("accepted", 1)
    scene.server.mailbox("alice").set_flags(uid, frozenset({"\\Seen"}))
    scene.server.deliver("alice", b"Subject: Next\r\n\r\nx")
    await scene.counted("accepted", 2)
    assert {one.type for one in scene.service.of("hook")} <= {"new_mail", "verification"}


async def test_simplepush_cannot_be_told_what_is_read(scene: Scene) -> None:
    simple = {"new_mail": scene.service.make_simplepush("a"), "reconnect": scene.service.make_simplepush("b")}
    body = subscription(scene.server.tls_port, "alice", "apass", simple, withdraw=True)
    status, problem = await scene.gateway.call("POST", "/v1/subscriptions", body)
    assert status == 422
    assert [error["pointer"] for error in problem["errors"]] == ["/withdraw"]


async def test_a_wish_that_is_not_valid_changes_nothing(scene: Scene) -> None:
    await scene.subscribe()
    status, problem = await scene.gateway.call(
        "PATCH", scene.path, {"quiet_hours": {"tz": "Europe/Berlyn"}, "digest_minutes": 0}, token=scene.token
    )
    assert status == 422
    assert {error["pointer"] for error in problem["errors"]} == {
        "/quiet_hours/tz",
        "/quiet_hours/from",
        "/quiet_hours/to",
        "/digest_minutes",
    }
    assert "the nearest is Europe/Berlin" in str(problem["errors"])
