"""From REST to a webhook: an app can tell a quiet mailbox from a dead chain, and is told that its lease ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from faults.fault_scene import scene
from idlebell.deliver import heartbeats, pruning


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds is looked at more often."""
    monkeypatch.setattr(heartbeats, "EVERY_SECONDS", 0.02)
    monkeypatch.setattr(pruning, "EVERY_SECONDS", 0.02)


async def test_a_webhook_is_told_while_its_mailbox_is_watched(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        endpoints = {"new_mail": stage.service.make_webhook("hook")}
        made = await stage.subscribe(stage.wish(endpoints=endpoints, heartbeat_seconds=60))
        assert (made.status, made.json["heartbeat_seconds"]) == (201, 60)
        await stage.service.wait_for(lambda one: one.type == "heartbeat", 10, name="hook")
        shown = await stage.call("GET", f"/v1/subscriptions/{made.json['id']}", token=made.json["token"])
        assert shown.json["counts"]["detected"] == 0, "it tells of no mail"


async def test_an_endpoint_of_its_own_is_told_from_when_it_is_asked_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        made = await stage.subscribe(stage.wish())
        path, token = f"/v1/subscriptions/{made.json['id']}", made.json["token"]
        refused = await stage.call("PATCH", path, {"heartbeat_seconds": 60}, token=token)
        assert refused.is_problem("invalid-request")
        own = {"heartbeat": stage.service.make_simplepush("heart")}
        changed = await stage.call("PATCH", path, {"heartbeat_seconds": 60, "endpoints": own}, token=token)
        assert changed.status == 200, changed
        await stage.service.wait_for(1, 10, name="heart")


async def test_the_end_of_a_lease_is_told_before_it_comes(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        endpoints = {"new_mail": stage.service.make_webhook("hook")}
        made = await stage.subscribe(stage.wish(endpoints=endpoints, lease_seconds=60))
        assert made.status == 201
        store = stage.running.engine.store
        stored = await store.get(made.json["id"])
        assert stored is not None
        # More than half of it is over.
        await store.put(replace(stored, expires_at=datetime.now(UTC) + timedelta(seconds=29)))
        (told,) = await stage.service.wait_for(lambda one: one.type == "expiring", 10, name="hook")
        assert told.payload is not None
        assert told.payload["subscription"] == made.json["id"]
