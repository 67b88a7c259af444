"""Somebody whose mailbox is watched by a whole gateway through an unruly network, and what is seen of it from outside: the
state over REST, the pushes, and how long it took."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from faults.fault_scene import Scene, scene
from faults.unruly_proxy import UnrulyProxy
from gateway_process import subscription
from idlebell.login import refusal
from idlebell.net.deadlines import Deadlines
from idlebell.testing import mail
from idlebell.testing.push_service import Received
from idlebell.watch import recovery
from idlebell.watch.cadence import Cadence
from servers.dovecot_server import DovecotServer

BOUND_SECONDS = 60.0
"""Of every wait here: what no run comes near to, so that a slow machine fails nothing."""
QUICK = Deadlines(
    connect_seconds=2.0, tls_seconds=2.0, greeting_seconds=2.0, command_seconds=2.0, idle_ack_seconds=1.0,
    logout_seconds=0.5,
)  # fmt: skip
"""A server that does not answer is given up after these; in life it is 30 and 60 seconds."""
PATIENT = Deadlines(greeting_seconds=20.0, command_seconds=20.0, idle_ack_seconds=20.0, logout_seconds=0.5)
"""For what must not be lost on a machine that has much else to do."""
CYCLE = Cadence(idle=1.0, poll=1.0)
"""Nine minutes and one minute in life."""
LONG = Cadence(idle=600.0, poll=600.0, probe=600.0)
"""No test waits for it: what is noticed is noticed by something else."""

Noticed: TypeAlias = Callable[[str, str, float], None]
"""Fault, what came of it, seconds until it did: a line of the table at the end of a run."""


@dataclass
class Watched:
    scene: Scene
    proxy: UnrulyProxy
    dovecot: DovecotServer | None
    user: str
    password: str
    body: dict[str, Any]
    id: str
    token: str
    sent: int = 0

    async def mail(self, mailbox: str | None = None) -> None:
        """One arrives, in INBOX or at the scripted server elsewhere."""
        message = mail.make(subject=f"mail {self.sent}")
        if self.dovecot is not None:
            await asyncio.to_thread(self.dovecot.deliver, self.user, message)
        else:
            self.scene.server.deliver(self.user, message, mailbox or "INBOX")
        self.sent += 1

    async def shown(self) -> dict[str, Any]:
        answer = await self.scene.call("GET", f"/v1/subscriptions/{self.id}", token=self.token)
        assert answer.status == 200, answer
        assert isinstance(answer.json, dict)
        return answer.json

    async def state(self) -> str:
        return str((await self.shown())["state"])

    async def has_problem(self, problem: str) -> bool:
        told = (await self.shown())["problem"]
        return told is not None and told["type"] == f"/problems/{problem}"

    async def until_state(self, *states: str) -> dict[str, Any]:
        """The subscription as it is shown once it is in one of the states."""
        end = time.monotonic() + BOUND_SECONDS
        while (found := await self.shown())["state"] not in states:
            assert time.monotonic() < end, found
            await asyncio.sleep(0.02)
        return found

    def bells(self) -> list[Received]:
        return [one for one in self.scene.service.of(self.user) if one.type == "new_mail"]

    def calls(self) -> list[Received]:
        """For credentials."""
        return [one for one in self.scene.service.of(self.user) if one.type == "reconnect"]

    def announced(self) -> int:
        return sum(one.payload["count"] for one in self.bells() if one.payload)

    async def rung(self) -> None:
        """All that was sent is announced, each once."""
        await self.scene.service.wait_for(lambda _: self.announced() >= self.sent, BOUND_SECONDS, name=self.user)
        assert self.announced() == self.sent

    async def called(self, times: int = 1) -> None:
        await self.scene.service.wait_for(lambda _: len(self.calls()) >= times, BOUND_SECONDS, name=self.user)
        assert len(self.calls()) == times

    async def still_there(self) -> None:
        """One more mail rings, and nothing was said twice or asked for meanwhile."""
        calls = len(self.calls())
        await self.mail()
        await self.rung()
        assert len(self.calls()) == calls

    async def resupply(self, password: str) -> None:
        """The app answers the call for credentials."""
        body = {"auth": {"type": "password", "password": password}, "wait_seconds": 30}
        path = f"/v1/subscriptions/{self.id}/credentials"
        answer = await self.scene.call("PUT", path, body, token=self.token)
        assert answer.status == 200, answer

    async def reconnected(self, before: int) -> None:
        """A connection was accepted that is not one of the first ``before``, and the mailbox is watched."""
        await self.proxy.until(lambda: self.proxy.accepted > before, BOUND_SECONDS)
        await self.until_state("watching")


@contextmanager
def hurried() -> Iterator[None]:
    """The pauses before a session is opened again are tenths of a second, not minutes; what decides between them is as ever."""
    with pytest.MonkeyPatch.context() as patch:
        for kind in ("LIMITED", "REFUSED", "BROKEN", "DOUBTED"):
            patch.setattr(recovery, kind, recovery.Backoff(0.1, 0.2, 0.5))
        for name in ("DOUBT_SECONDS", "NOT_CONNECTED_PAUSE_SECONDS"):
            patch.setattr(refusal, name, 1)
        patch.setattr(refusal, "_PAUSES", dict.fromkeys(refusal._PAUSES, 1))
        yield


async def timed(waiting: Coroutine[Any, Any, Any]) -> float:
    """How long it took, in seconds."""
    began = time.monotonic()
    await waiting
    return time.monotonic() - began


@asynccontextmanager
async def watched(
    folder: Path,
    dovecot: DovecotServer | None = None,
    *,
    retention: str = "memory",
    cadence: Cadence = LONG,
    deadlines: Deadlines = PATIENT,
    habits: dict[str, Any] | None = None,
    mailboxes: tuple[str, ...] = ("INBOX",),
    host: str = "localhost",
    listener: socket.socket | None = None,
    door: Literal["process", "inside"] = "inside",
    **more: Any,
) -> AsyncIterator[Watched]:
    """Before ``dovecot``, or the scripted server. ``more``: members of the subscription; ``habits``: the scripted server's,
    which has the ``mailboxes``. The proxy takes its connections by ``listener``, which is at ``host``."""
    ca_pem = dovecot.ca_file.read_bytes() if dovecot is not None else b""
    async with scene(folder, deadlines=deadlines, cadence=cadence, more_ca_pem=ca_pem, door=door) as made:
        made.server.behave(**(habits or {}))
        for mailbox in mailboxes[1:]:
            made.server.create("alice", mailbox)
        if dovecot is None:
            user, password, port = "alice", "right", made.server.tls_port
        else:
            account = await asyncio.to_thread(dovecot.add_user)
            user, password, port = account.name, account.password, dovecot.ports.imaps
        async with UnrulyProxy(port, listener=listener) as proxy:
            endpoints = {"new_mail": made.service.make_webhook(user)}
            more.setdefault("mailboxes", list(mailboxes))
            body = subscription(
                proxy.port, user, password, endpoints, host=host, retention=retention, payload="summary",
                wait_seconds=30, **more,
            )  # fmt: skip
            answer = await made.subscribe(body)
            assert answer.status == 201, answer
            one = Watched(made, proxy, dovecot, user, password, body, answer.json["id"], answer.json["token"])
            await one.still_there()
            yield one
            made.nobody_was_surprised()
