"""Apps that begin a login and do not answer its challenge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from faults.fault_scene import Scene, scene
from idlebell.login import relay

PATH = "/v1/logins"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        yield made
        made.nobody_was_surprised()


def wish(stage: Scene, user: str, nonce: str) -> dict[str, Any]:
    found = stage.wish(user, endpoints=stage.simple(f"{user}{nonce}"))
    first = f"n,,n={user},r={nonce}"
    found["imap"]["auth"] = {"type": "scram-relay", "mechanism": "SCRAM-SHA-256", "client_first": first}
    return found


async def test_logins_that_nobody_answers_keep_nothing_and_count_as_guesses(
    stage: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "ANSWER_SECONDS", 0.05)
    for number in range(4):
        begun = await stage.subscribe(wish(stage, "alice", f"nonce-of-{number}"))
        assert (begun.status, list(begun.json)) == (202, ["login"]), begun
        unanswered = {"login": begun.json["login"]["token"], "client_final": "?"}
        async with asyncio.timeout(10):
            while (answer := await stage.call("POST", PATH, unanswered)).status != 404:
                assert answer.is_problem("invalid-request"), answer
        await stage.nothing_is_kept()
    assert (await stage.subscribe(wish(stage, "alice", "nonce-another"))).is_problem("throttled")
    await stage.server.until(lambda: not stage.server.sessions)


async def test_only_so_many_wait_at_once(stage: Scene) -> None:
    begun = [await stage.subscribe(wish(stage, f"user{number}", "nonce-of-it")) for number in range(4)]
    assert {one.status for one in begun} == {202}
    assert (await stage.subscribe(wish(stage, "user4", "nonce-of-it"))).is_problem("too-many-requests")
    assert len(stage.server.logins) == 4
