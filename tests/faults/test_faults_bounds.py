"""Every bound on a mail server is crossed: its session ends, the fault names the bound, memory does not grow, and somebody
else's mail rings all the while. A bound that nothing here crosses fails a test of its own."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from faults.fault_scene import Answer, Scene, scene, without
from gateway_process import GatewayProcess, subscription
from idlebell.imap import commands
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.net import deadlines as bounds
from idlebell.net.clock import Clock
from idlebell.net.deadlines import BURST_BYTES, CHALLENGES, REPLY_BYTES, Deadlines
from idlebell.telemetry.facts import SessionLost
from idlebell.testing import mail
from idlebell.testing.certificate import Authority
from idlebell.testing.faults import Say, Silence
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.push_service import PushService
from idlebell.watch.patience import FORGOTTEN_PER_SECOND, TURNS_FREE

OURS: Final = {"READ_BYTES"}
"""How much we take at once; no peer can cross it."""


@dataclass(frozen=True)
class Crossing:
    """``raw`` is said in IDLE, or in place of the answer to UID FETCH."""

    reason: str
    raw: bytes
    moment: Literal["idle", "fetch"] = "idle"


def over(name: str) -> int:
    value = getattr(DEFAULT_LIMITS, name)
    assert isinstance(value, int)
    return value + 1


LONG: Final = b"* OK " + b"x" * 60_000 + b"\r\n"
BIG: Final = b" {65000}\r\n" + b"x" * 65_000

CROSSINGS: Final[dict[str, Crossing]] = {
    "line_bytes": Crossing("line-too-long", b"* OK " + b"x" * over("line_bytes")),
    "literal_bytes": Crossing("literal-too-large", b'* LIST () "/" {%d}\r\n' % over("literal_bytes")),
    "passed_over_bytes": Crossing("literal-too-large", b"* 1 FETCH (BODY[] {%d}\r\n" % over("passed_over_bytes")),
    "response_bytes": Crossing("response-too-long", b"* X" + BIG * (over("response_bytes") // 65_000 + 1)),
    "literals": Crossing("too-many-literals", b"* LIST () " + b"{1}\r\nx " * over("literals")),
    "depth": Crossing("too-deep", b"* STATUS x (X " + b"(" * over("depth") + b"\r\n"),
    "items": Crossing("too-many-items", b"* SEARCH" + b" 1" * over("items") + b"\r\n"),
    "number_digits": Crossing("number-too-long", b"* " + b"9" * over("number_digits") + b" EXISTS\r\n"),
    "set_ranges": Crossing("too-many-ranges", b"* VANISHED 1" + b",1" * over("set_ranges") + b"\r\n"),
    "capability_bytes": Crossing(
        "too-many-capabilities",
        b"* CAPABILITY " + b" ".join(b"X%04d" % n for n in range(over("capability_bytes") // 6 + 1)) + b"\r\n",
    ),
    "untagged_per_command": Crossing("too-many-responses", b"* 1 EXISTS\r\n" * over("untagged_per_command"), "fetch"),
    "elements_per_command": Crossing(
        "too-many-elements",
        (b"* FLAGS (" + b"ab " * 4_000 + b")\r\n") * (over("elements_per_command") // 4_000 + 1),
        "fetch",
    ),
    "REPLY_BYTES": Crossing("reply-too-large", LONG * (REPLY_BYTES // 60_000 + 1), "fetch"),
    "BURST_BYTES AVERAGE_BYTES_PER_SECOND RESPONSE_BYTES": Crossing("too-fast", LONG * (BURST_BYTES // 50_000)),
}
"""Bound, or bounds that are one: what crosses it."""

ELSEWHERE: Final = {"CHALLENGES"}
"""Crossed by an exchange rather than by bytes, in a test of its own."""

MEBIBYTE: Final = 1_048_576
PEAK_BYTES: Final = 48 * MEBIBYTE
"""What the worst of them may cost while it lasts: the largest reply as bytes and once more as what was read, and what malloc
loses between. 29 were seen; before elements were counted one reply alone cost 230."""
KEPT_BYTES: Final = 8 * MEBIBYTE
"""What a second round of all of them may need on top; 1 was seen. One reply that is held anywhere is more."""


def test_every_bound_of_the_protocol_and_of_the_connection_is_crossed_here() -> None:
    named = {name for key in CROSSINGS for name in key.split()} | ELSEWHERE
    of_the_connection = {name for name, value in vars(bounds).items() if name.isupper() and isinstance(value, int)}
    assert named == {field.name for field in fields(Limits)} | (of_the_connection - OURS)
    assert set(DEADLINES) == {field.name for field in fields(Deadlines)}


# --- sizes and counts, against the gateway as its users run it ---


@dataclass
class Street:
    """The gateway, somebody who has nothing to do with it all, and a hostile server for whoever wants one."""

    gateway: GatewayProcess
    service: PushService
    healthy: ImapServer
    authority: Authority

    async def subscribe(self, server: ImapServer, name: str) -> None:
        server.add_user(name, "right")
        endpoints = {
            "new_mail": self.service.make_simplepush(name),
            "reconnect": self.service.make_simplepush(f"{name}-lost"),
        }
        status, told = await self.gateway.call(
            "POST", "/v1/subscriptions", subscription(server.tls_port, name, "right", endpoints, wait_seconds=30)
        )
        assert status == 201, told

    async def rings(self) -> None:
        before = len(self.service.of("healthy"))
        self.healthy.deliver("healthy", mail.make(subject="ring"))
        await self.service.wait_for(lambda _: len(self.service.of("healthy")) > before, 30, name="healthy")

    async def crossed(self, name: str, crossing: Crossing) -> None:
        """The session of ``name`` at a server of its own meets ``crossing``, and ends by it."""
        async with ImapServer(habits=Habits(tls_context=self.authority.server_context())) as server:
            await self.subscribe(server, name)
            await server.until(lambda: server.idling(name) == 1, 30)
            if crossing.moment == "idle":
                server.of(name)[0].say(crossing.raw)
            else:
                server.plan(commands.UidFetch, Say(crossing.raw, instead=True))
                server.deliver(name, mail.make())
            await self.rings()
            await self.service.wait_for(1, 30, name=f"{name}-lost")
            await server.until(lambda: not server.of(name), 30)
        assert len(self.service.of(f"{name}-lost")) == 1
        assert self.service.of(name) == []

    def losses(self) -> list[str]:
        """Reasons in the log, in order: the user's sentence and the operator's begin with the same word."""
        told = re.findall(
            r'session_lost .* code=protocol-error detail="The mail server broke the protocol: ([a-z-]+)\."'
            r' private="([a-z-]+): ',
            self.gateway.log.read_text(),
        )
        assert all(detail == private for detail, private in told)
        return [detail for detail, _ in told]

    def peak_bytes(self) -> int:
        """Resident memory of the gateway at its most so far."""
        found = re.search(r"VmHWM:\s+([0-9]+) kB", Path(f"/proc/{self.gateway.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.ca_pem)
    async with (
        ImapServer(habits=Habits(tls_context=authority.server_context())) as healthy,
        PushService() as service,
        GatewayProcess(tmp_path, tmp_path / "ca.pem", level="info", more="names = true") as gateway,
    ):
        made = Street(gateway, service, healthy, authority)
        await made.subscribe(healthy, "healthy")
        await made.rings()
        yield made
        await made.rings()
        assert healthy.connections <= 2, "its session was lost, too"
        assert "supervisor_caught" not in gateway.log.read_text()


@pytest.mark.serial
@pytest.mark.timeout(300)
async def test_every_bound_ends_its_session_by_name_and_costs_no_memory_that_stays(street: Street) -> None:
    """Two rounds: what malloc keeps of the first one is there for the second, so what that one needs on top was not given
    back."""
    peaks = [street.peak_bytes()]
    for turn in ("first", "second"):
        for number, crossing in enumerate(CROSSINGS.values()):
            await street.crossed(f"{turn}{number}", crossing)
        peaks.append(street.peak_bytes())
    assert street.losses() == [crossing.reason for crossing in CROSSINGS.values()] * 2
    before, first, second = peaks
    assert first - before <= PEAK_BYTES, f"{(first - before) / MEBIBYTE:.1f} MiB"
    assert second - first <= KEPT_BYTES, f"{(second - first) / MEBIBYTE:.1f} MiB"


# --- things without end ---


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.healthy()
        yield made
        await made.rings()
        made.nobody_was_surprised()


async def test_a_storm_of_exists_is_looked_at_once_a_second_and_mail_in_it_rings(stage: Scene) -> None:
    """I2: whenever IDLE begins the server says that something came, and nothing did."""
    clock = Clock()
    async with hostile(stage) as server:
        began = clock.monotonic()
        plan = server.plan(commands.Idle, Say(b"* 7 EXISTS\r\n* 8 EXISTS\r\n"), times=None)
        await stage.subscribe(at(stage, server.tls_port))
        await server.until(lambda: plan.hits > TURNS_FREE + 10, 60)
        await stage.rings()
        server.deliver("mallory", mail.make(subject="in the storm"))
        await stage.service.wait_for(1, 20, name="mallory")
        lasted = clock.monotonic() - began
        # Twice: the mail has cleared the first account of them.
        assert plan.hits <= 2 * (TURNS_FREE + 20) + lasted * FORGOTTEN_PER_SECOND


async def test_a_login_of_endless_challenges_ends_at_the_bound(stage: Scene) -> None:
    """A bearer mechanism answers every challenge; a server that asks on and on is left, and hears the token once."""
    answers: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi\r\n")
        while line := await reader.readline():
            answers.append(line)
            writer.write(b"+ e30=\r\n")
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        wish = without(stage.wish(wait_seconds=10), "/imap/port", listener.sockets[0].getsockname()[1])
        wish = without(wish, "/imap/tls", "none")
        answer = await stage.subscribe(without(wish, "/imap/auth", {"type": "oauth2", "access_token": "t0ken"}))
    assert answer.is_problem("protocol-error"), answer
    assert len(answers) == 1 + CHALLENGES
    assert [one.private for one in stage.login_failures()] == [
        "too-many-challenges: more SASL messages than any mechanism has"
    ]


# --- deadlines: a server that falls silent, at each moment that has one ---


def told(stage: Scene) -> list[tuple[str, str]]:
    """What the operator's log says of sessions that ended and of those that never came to be."""
    lost = [(one.code, one.detail) for one in stage.facts if isinstance(one, SessionLost)]
    return [*lost, *((one.code, one.private) for one in stage.login_failures())]


@asynccontextmanager
async def hostile(stage: Scene) -> AsyncIterator[ImapServer]:
    async with ImapServer(habits=Habits(tls_context=stage.authority.server_context())) as server:
        server.add_user("mallory", "right")
        yield server


def at(stage: Scene, port: int) -> dict[str, Any]:
    return without(stage.wish("mallory", wait_seconds=20), "/imap/port", port)


async def watched(stage: Scene, server: ImapServer) -> Answer:
    answer = await stage.subscribe(at(stage, server.tls_port))
    assert answer.status == 201, answer
    await server.until(lambda: server.idling("mallory") == 1)
    return answer


async def never_accepts(stage: Scene) -> None:
    """The queue of a listener is full, so SYN after SYN goes unanswered."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        answer = await stage.subscribe(at(stage, listener.getsockname()[1]))
    assert answer.is_problem("unreachable"), answer
    [(_, private)] = told(stage)
    assert private.startswith("timeout"), private


async def never_shakes_hands(stage: Scene) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4_096):
            pass
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        answer = await stage.subscribe(at(stage, listener.sockets[0].getsockname()[1]))
    assert answer.is_problem("unreachable"), answer
    assert told(stage) == [("unreachable", "timed out: tls")]


async def never_greets(stage: Scene) -> None:
    async with hostile(stage) as server:
        server.plan("connect", Silence())
        answer = await stage.subscribe(at(stage, server.tls_port))
        assert answer.is_problem("unreachable"), answer
        await server.until(lambda: not server.sessions)
    assert told(stage) == [("unreachable", "timed out: greeting")]


async def never_answers(stage: Scene) -> None:
    async with hostile(stage) as server:
        await watched(stage, server)
        server.plan(commands.UidFetch, Silence())
        server.deliver("mallory", mail.make())
        await server.until(lambda: not server.of("mallory"))
    assert told(stage) == [("session-lost", "The mail server did not answer in time (UID FETCH).")]


async def never_idles(stage: Scene) -> None:
    async with hostile(stage) as server:
        await watched(stage, server)
        server.plan(commands.Idle, Silence())
        server.deliver("mallory", mail.make())
        await server.until(lambda: not server.of("mallory"))
    assert told(stage) == [("session-lost", "The mail server did not answer in time (IDLE).")]


async def never_lets_go(stage: Scene) -> None:
    async with hostile(stage) as server:
        answer = await watched(stage, server)
        plan = server.plan(commands.Logout, Silence())
        path = f"/v1/subscriptions/{answer.json['id']}"
        ended = await stage.call("DELETE", path, token=answer.json["token"])
        assert ended.status == 204
        await server.until(lambda: not server.of("mallory"))
        assert plan.hits == 1
    assert told(stage) == []


DEADLINES: Final[dict[str, Callable[[Scene], Awaitable[None]]]] = {
    "connect_seconds": never_accepts,
    "tls_seconds": never_shakes_hands,
    "greeting_seconds": never_greets,
    "command_seconds": never_answers,
    "idle_ack_seconds": never_idles,
    "logout_seconds": never_lets_go,
}
"""Deadline: a server that lets it pass."""


@pytest.mark.parametrize("deadline", DEADLINES)
async def test_every_deadline_ends_its_connection_by_name(stage: Scene, deadline: str) -> None:
    await DEADLINES[deadline](stage)
