"""The whole gateway in this process, between a mail server, a push service and whoever attacks it."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
import msgspec
import pytest

from gateway_process import subscription
from idlebell import compose
from idlebell.compose import engine, parts
from idlebell.config import Settings
from idlebell.config import settings as sections
from idlebell.config.values import Address
from idlebell.model.account import Retention
from idlebell.model.problem import PROBLEMS
from idlebell.net.clock import Clock
from idlebell.net.deadlines import Deadlines
from idlebell.net.open_connection import open_connection
from idlebell.telemetry.facts import Fact, LoginFailed, SupervisorCaught
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import PushService
from idlebell.watch import mailbox_session, parked
from idlebell.watch.cadence import Cadence

SHORT: Final = Deadlines(
    connect_seconds=1.0, tls_seconds=2.0, greeting_seconds=1.0, command_seconds=2.0, idle_ack_seconds=2.0,
    logout_seconds=0.2,
)  # fmt: skip
"""So that a server that says nothing does not make a test long."""
HOME: Final = (ip_network("127.0.0.0/8"), ip_network("::1/128"), ip_network("10.77.0.0/24"))
NAMES: Final = ("localhost", "127.0.0.1", "10.77.0.2")
"""Of the mail server; the last is the far end of a :class:`~faults.cable.Cable`."""


@dataclass(frozen=True)
class Answer:
    status: int
    type: str | None
    """Of the problem, without ``/problems/``."""
    json: Any
    body: bytes
    headers: dict[str, str]

    def is_problem(self, *codes: str) -> bool:
        """One of these, as the interface says: its status, one sentence, a mend."""
        if self.type not in codes:
            return False
        entry = PROBLEMS[self.type]
        told = self.json
        return (
            self.status == told["status"] == entry.http_status < 500
            and self.headers["Content-Type"] == "application/problem+json"
            and told["title"] == entry.title
            and told["mend"] == entry.mend
            and bool(told["detail"])
            and "\n" not in told["detail"]
        )


@dataclass
class Scene:
    server: ImapServer
    service: PushService
    authority: Authority
    running: compose.Running
    http: aiohttp.ClientSession
    facts: list[Fact] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.running.url

    async def call(
        self, method: str, path: str, body: Any = None, *, raw: Any = None, token: str | None = None, **headers: str
    ) -> Answer:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            given["Authorization"] = f"Bearer {token}"
        if raw is not None:
            given.setdefault("Content-Type", "application/json")
            sent: dict[str, Any] = {"data": raw}
        else:
            sent = {} if body is None else {"json": body}
        async with self.http.request(method, self.url + path, headers=given, allow_redirects=False, **sent) as response:
            data = await response.read()
            told = json.loads(data) if "json" in response.content_type and data else None
            kind = told.get("type") if isinstance(told, dict) else None
            code = kind.removeprefix("/problems/") if isinstance(kind, str) else None
            return Answer(response.status, code, told, data, dict(response.headers))

    async def subscribe(self, body: dict[str, Any]) -> Answer:
        return await self.call("POST", "/v1/subscriptions", body)

    def simple(self, name: str) -> dict[str, Any]:
        return {
            "new_mail": self.service.make_simplepush(name),
            "reconnect": self.service.make_simplepush(f"{name}-lost"),
        }

    def wish(self, user: str = "alice", password: str = "right", **more: Any) -> dict[str, Any]:
        """A registration that would succeed, for a user of the mail server."""
        more.setdefault("endpoints", self.simple(user))
        return subscription(self.server.tls_port, user, password, more.pop("endpoints"), **more)

    async def healthy(self, user: str = "healthy") -> None:
        """Somebody who has nothing to do with it, watched over a session that works."""
        if self.server.store.find(user) is None:
            self.server.add_user(user, "right")
        answer = await self.subscribe(self.wish(user))
        assert answer.status == 201, answer

    async def rings(self, user: str = "healthy", *, timeout: float = 10.0) -> None:
        """A mail for ``user`` is announced."""
        before = len(self.service.of(user))
        self.server.deliver(user, mail.make(subject="ring"))
        await self.service.wait_for(lambda _: len(self.service.of(user)) > before, timeout, name=user)

    async def nothing_is_kept(self, server: ImapServer | None = None) -> None:
        """No account, no subscription, nothing to send, no connection to the mail server."""
        counts = await self.running.engine.store.counts()
        assert not any(counts.values()), counts
        await (server or self.server).until(lambda: not (server or self.server).sessions)
        await self.until(self._watches_nothing)

    async def _watches_nothing(self) -> bool:
        return self.running.engine.fleet.sessions() == 0

    def login_failures(self) -> list[LoginFailed]:
        return [one for one in self.facts if isinstance(one, LoginFailed)]

    def nobody_was_surprised(self) -> None:
        """No supervisor had to catch what nobody expected."""
        caught = [one for one in self.facts if isinstance(one, SupervisorCaught)]
        assert not caught, caught

    async def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        clock = Clock()
        for _ in range(1_000):
            if await holds():
                return
            await clock.sleep(0.01)
        raise AssertionError(f"it never came to be; the last facts: {self.facts[-10:]}")


def settings(
    folder: Path,
    authority: Authority,
    *,
    allow: tuple[Any, ...] = HOME,
    plaintext: bool = True,
    more_ca_pem: bytes = b"",
    park_after_seconds: float = 5.0,
    door: Literal["inside", "process"] | None = None,
    vault: bool = False,
) -> Settings:
    """``more_ca_pem``: authorities of further servers. ``door`` None: as the environment says, which gateways of a process of
    their own follow anyway: all tests can be run with either."""
    if door is None:
        door = "process" if os.environ.get("IDLEBELL_CREDENTIALS__DOOR") == "process" else "inside"
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(authority.ca_pem + more_ca_pem)
    return Settings(
        server=sections.Server(listen=Address("127.0.0.1", 0)),
        store=sections.Store(url=f"sqlite:{folder}/idlebell.db"),
        imap=sections.Imap(ca_file=ca_file, park_after_seconds=park_after_seconds, trust_first_use=True),
        push=sections.Push(vapid_subject="mailto:operator@example.org", max_endpoints_per_account=100),
        limits=sections.Limits(registrations_per_minute=0, requests_per_minute=0, connections_per_address=0),
        network=sections.NetworkAccess(allow=allow, allow_plaintext=plaintext),
        credentials=sections.CredentialsKept(door=door, retention=tuple(Retention), vault_key_file=folder / "vault.key")
        if vault
        else sections.CredentialsKept(door=door),
    )


@asynccontextmanager
async def scene(
    folder: Path, *, deadlines: Deadlines = SHORT, cadence: Cadence | None = None, **given: Any
) -> AsyncIterator[Scene]:
    """``cadence`` stands in for what the settings would make, which has lower bounds. ``given``: for :func:`settings`."""
    authority = Authority()
    facts: list[Fact] = []
    with pytest.MonkeyPatch.context() as patch:
        for module in (mailbox_session, parked):  # awake, and once its mail is told
            patch.setattr(module, "COMMAND_SECONDS", deadlines.command_seconds)
            patch.setattr(module, "IDLE_ACK_SECONDS", deadlines.idle_ack_seconds)
        if cadence is not None:
            patch.setattr(engine, "Cadence", lambda *_, **__: cadence)
        patch.setattr(parts, "open_connection", functools.partial(open_connection, deadlines=deadlines))
        async with (
            ImapServer(habits=Habits(tls_context=authority.server_context(*NAMES))) as server,
            PushService() as service,
            compose.running(settings(folder, authority, **given), emit_also=facts.append) as running,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http,
        ):
            server.add_user("alice", "right")
            yield Scene(server, service, authority, running, http, facts)


def without(body: dict[str, Any], pointer: str, value: Any) -> dict[str, Any]:
    """A copy of ``body`` in which ``value`` stands at a JSON pointer."""
    copy = msgspec.json.decode(msgspec.json.encode(body))
    *parents, last = pointer.strip("/").split("/")
    place = copy
    for name in parents:
        place = place[name]
    place[last] = value
    assert isinstance(copy, dict)
    return copy
