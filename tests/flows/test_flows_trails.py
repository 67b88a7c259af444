"""Why did it (not) ring? Asked of a real server process, over REST and by the command line beside it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway_process import GatewayProcess, subscription
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import PushService, ScriptedAnswer

SECRET = "Sphinx of black quartz"


@dataclass
class Street:
    server: ImapServer
    service: PushService
    gateway: GatewayProcess
    path: str = ""
    token: str = ""

    async def subscribe(self, **more: Any) -> None:
        endpoints = {"new_mail": self.service.make_webhook()}
        body = subscription(
            self.server.tls_port, "alice", "right", endpoints, wait_seconds=30, retention="memory", **more
        )
        status, made = await self.gateway.call("POST", "/v1/subscriptions", body)
        assert status == 201, made
        self.path, self.token = f"/v1/subscriptions/{made['id']}", made["token"]

    async def ask(self, what: str) -> dict[str, Any]:
        status, told = await self.gateway.call("GET", f"{self.path}/{what}", token=self.token)
        assert status == 200, told
        return told

    async def until(self, what: str, outcome: str) -> dict[str, Any]:
        for _ in range(1_000):
            if (told := await self.ask(what))["outcome"] == outcome:
                return told
            await asyncio.sleep(0.02)
        raise AssertionError(told)

    async def command(self, *words: str) -> str:
        command = [sys.executable, "-m", "idlebell", "why", *words, "--config", str(self.gateway.config)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def account(self) -> str:
        return f"imaps://alice@localhost:{self.server.tls_port}"


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context("localhost"))) as server,
        PushService() as service,
        GatewayProcess(tmp_path, tmp_path / "ca.pem", push="verify_endpoints = false") as gateway,
    ):
        server.add_user("alice", "right")
        yield Street(server, service, gateway)


def message(**given: Any) -> tuple[bytes, str]:
    """And its Message-ID."""
    raw = mail.make(**given)
    return raw, next(line for line in raw.decode().splitlines() if line.startswith("Message-ID: "))[12:]


@pytest.mark.needs("door-inside")  # whose commands of a login would be no commands of the ledger's
async def test_a_mail_that_rang_is_told_from_seen_to_what_the_push_service_said(street: Street) -> None:
    await street.subscribe()
    raw, message_id = message(subject=SECRET)
    street.server.deliver("alice", raw)
    told = await street.until(f"why?message_id={quote(message_id)}", "accepted")
    assert told["rang"] is True
    (fate,) = told["messages"]
    assert [step["step"] for step in fate["steps"]] == ["seen", "verdict", "attempt"]
    (attempt,) = fate["attempts"]
    assert (attempt["outcome"], attempt["status"], attempt["host"]) == ("accepted", 200, "127.0.0.1")
    assert attempt["notification"] == fate["notification"]
    assert attempt["took_ms"] > 0
    assert (await street.ask("deliveries"))["items"] == [attempt]
    assert (await street.ask("why?uid=1"))["messages"] == [fate]
    line = json.loads(await street.command(street.account, message_id.strip("<>"), "--json"))
    assert line["messages"] == [fate]
    ledger = await street.ask("ledger")
    assert (ledger["sessions"], ledger["polling"]["every_seconds"]) == (1, 120)
    assert 3 <= ledger["commands"] < 30
    assert 1_000 < ledger["moved_bytes"] < 30_000
    (today,) = ledger["days"]
    assert (today["logins"], today["refused"], today["pushes"]) == (1, 0, {"accepted": 1})
    assert sum(today["commands"].values()) == ledger["commands"]
    assert {"AUTHENTICATE", "EXAMINE", "IDLE"} <= today["commands"].keys()
    again = (await street.ask("ledger"))["days"][0]["commands"]
    assert all(again[name] >= count for name, count in today["commands"].items())  # counted once
    text = await street.command(street.path.rpartition("/")[2], "--uid", "1")
    assert "It rang: the push service took it" in text
    assert "attempt" in text


async def test_a_mail_that_did_not_ring_is_told_why(street: Street) -> None:
    await street.subscribe(filter={"subject": "invoice"})
    raw, message_id = message(subject=SECRET)
    street.server.deliver("alice", raw)
    told = await street.until(f"why?message_id={quote(message_id)}", "filtered")
    assert (told["rang"], told["messages"][0]["attempts"]) == (False, [])
    assert "invoice" in told["answer"]
    old = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)
    street.server.deliver("alice", mail.make(subject="invoice"), internal_date=old)
    told = await street.until("why?uid=2", "marked")
    assert "filed here rather than delivered" in told["answer"]
    street.server.deliver("alice", mail.make(subject="invoice 3"), flags=frozenset({"\\Deleted"}))
    told = await street.until("why?uid=3", "not-new")
    assert "\\Deleted" in told["answer"]
    assert (await street.ask("why?uid=99"))["outcome"] == "not-seen"
    assert (await street.ask("why?message_id=nobody@example.org"))["outcome"] == "not-known"


async def test_attempts_are_told_while_they_go_on(street: Street) -> None:
    await street.subscribe()
    street.service.script("hook", ScriptedAnswer(503))
    street.server.deliver("alice", mail.make())
    told = await street.until("why?uid=1", "accepted")
    assert [one["outcome"] for one in told["messages"][0]["attempts"]] == ["retry", "accepted"]
    assert told["messages"][0]["attempts"][0]["next_at"]


async def test_nothing_of_a_message_lies_in_the_database(street: Street) -> None:
    await street.subscribe(filter={"subject": "invoice"})
    raw, message_id = message(subject=SECRET)
    street.server.deliver("alice", raw)
    await street.until("why?uid=1", "filtered")
    street.gateway.kill()
    for part in ("", "-wal"):
        lies = Path(f"{street.gateway.folder}/idlebell.db{part}").read_bytes()
        for said in (SECRET, message_id.strip("<>"), "boss@example.org"):
            assert said.encode() not in lies


async def test_a_kill_keeps_verdicts_with_their_arrivals(street: Street) -> None:
    """What the cursor has passed has its verdict, whenever the process is killed."""
    await street.subscribe()
    count = 0
    for _ in range(3):
        for _ in range(8):
            count += 1
            street.server.deliver("alice", mail.make(subject=f"mail {count}"))
            await asyncio.sleep(0.005)
        street.gateway.kill()
        with sqlite3.connect(street.gateway.folder / "idlebell.db") as database:
            ((uid_next,),) = database.execute("SELECT uid_next FROM cursors").fetchall()
        await street.gateway.start()
        for uid in range(1, uid_next):
            assert (await street.ask(f"why?uid={uid}"))["outcome"] not in ("not-kept", "not-seen", "not-known"), uid
        body = {"auth": {"type": "password", "password": "right"}, "wait_seconds": 30}
        status, told = await street.gateway.call("PUT", f"{street.path}/credentials", body, token=street.token)
        assert status == 200, told


@pytest.mark.parametrize("query", ["", "?uid=0", "?uid=x", "?uid=1&message_id=a", "?message_id="])
async def test_a_question_that_is_none_is_refused(street: Street, query: str) -> None:
    await street.subscribe()
    status, told = await street.gateway.call("GET", f"{street.path}/why{query}", token=street.token)
    assert (status, told["type"]) == (422, "/problems/invalid-request")
    status, _ = await street.gateway.call("GET", f"{street.path}/why?uid=1")
    assert status == 401
