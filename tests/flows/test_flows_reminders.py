"""From REST to a push service: what is unread still rings again, elsewhere if so set, over a session that is awake, parked or
lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from faults.fault_scene import Answer, Scene, scene
from idlebell.gateway import preferences
from idlebell.store import owed
from idlebell.testing import mail
from idlebell.testing.push_service import Received
from idlebell.watch import reminders
from store_samples import DAY


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes minutes takes a second."""
    monkeypatch.setattr(preferences, "REMIND_AFTER_SECONDS", range(1, 3601))
    monkeypatch.setattr(owed, "TOGETHER", timedelta(seconds=1))
    monkeypatch.setattr(reminders, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(reminders, "AGAIN", timedelta(milliseconds=100))


async def subscribed(stage: Scene, **members: Any) -> tuple[dict[str, Any], Callable[..., Awaitable[Answer]]]:
    """What was made, and a call to change it."""
    endpoints = {"new_mail": stage.service.make_webhook("hook"), "reminder": stage.service.make_webhook("again")}
    made = await stage.subscribe(stage.wish(endpoints=endpoints, **members))
    assert made.status == 201, made
    path, token = f"/v1/subscriptions/{made.json['id']}", made.json["token"]

    async def patch(**changed: Any) -> Answer:
        answer = await stage.call("PATCH", path, changed, token=token)
        assert answer.status == 200, answer
        return answer

    return made.json, patch


async def told(stage: Scene, name: str, times: int = 1) -> list[dict[str, Any]]:
    def of_mail(one: Received) -> bool:
        return one.type == "new_mail"

    await stage.service.wait_for(lambda _: len(list(filter(of_mail, stage.service.of(name)))) >= times, 20, name=name)
    return [one.payload for one in stage.service.of(name) if of_mail(one) and one.payload is not None]


async def nothing_is_owed(stage: Scene) -> None:
    async def empty() -> bool:
        store = stage.running.engine.store
        return not await store.reminders_owed(datetime.now(UTC) + DAY, 10)

    await stage.until(empty)


@pytest.mark.parametrize("park_after_seconds", [0.0, 0.1])
async def test_what_is_unread_rings_again_elsewhere_and_once(tmp_path: Path, park_after_seconds: float) -> None:
    async with scene(tmp_path, park_after_seconds=park_after_seconds) as stage:
        made, _ = await subscribed(stage, remind_after=1)
        assert made["remind_after"] == 1
        unread, read, gone = (stage.server.deliver("alice", mail.make(subject=f"Mail {uid}")) for uid in range(3))
        await told(stage, "hook")
        inbox = stage.server.mailbox("alice")
        inbox.set_flags(read, frozenset({"\\Seen"}))
        inbox.expunge(gone)
        (payload,) = await told(stage, "again")
        assert {name: payload[name] for name in ("mailbox", "count", "reminder", "uids", "unseen")} == {
            "mailbox": "INBOX", "count": 1, "reminder": True, "uids": [unread], "unseen": None,
        }  # fmt: skip
        await nothing_is_owed(stage)
        assert len(await told(stage, "again")) == 1
        assert not [one for one in stage.service.of("hook") if one.payload is None or one.payload.get("reminder")]
        shown = await stage.call("GET", f"/v1/subscriptions/{made['id']}", token=made["token"])
        assert shown.json["counts"]["detected"] == shown.json["counts"]["accepted"] == 3
        stage.nobody_was_surprised()


async def test_a_mailbox_beside_the_open_one_is_asked_too(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        stage.server.create("alice", "Work")
        await subscribed(stage, remind_after=1, mailboxes=["INBOX", "Work"])
        uid = stage.server.deliver("alice", mail.make(subject="Report"), "Work")
        (payload,) = await told(stage, "again")
        assert (payload["mailbox"], payload["uids"]) == ("Work", [uid])
        stage.server.deliver("alice", mail.make(subject="Next"))
        await told(stage, "hook", 2)


async def test_switched_off_it_drops_what_was_to_ring(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        _, patch = await subscribed(stage, remind_after=3600)
        stage.server.deliver("alice", mail.make(subject="Off"))
        await told(stage, "hook")
        assert (await patch(remind_after=None)).json["remind_after"] is None
        await nothing_is_owed(stage)
        await patch(remind_after=3600)
        stage.server.deliver("alice", mail.make(subject="On"))
        await told(stage, "hook", 2)
        await patch(remind_after=1)
        (payload,) = await told(stage, "again")
        assert payload["uids"] == [2]


async def test_without_a_session_it_rings_after_a_grace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reminders, "GRACE", timedelta(seconds=1))
    async with scene(tmp_path) as stage:
        await subscribed(stage, remind_after=1)
        stage.server.deliver("alice", mail.make(subject="Lost"))
        await told(stage, "hook")
        for session in stage.server.of("alice"):
            session.drop()
        (payload,) = await told(stage, "again")
        assert (payload["reminder"], payload["count"]) == (True, 1)
