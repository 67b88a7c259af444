"""A mail server that means harm ends its own session and nothing else: somebody else's mail rings all the while."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from faults.fault_scene import Scene, scene, without
from idlebell.imap import commands
from idlebell.testing import mail
from idlebell.testing.faults import Bye, Drop, Fault, Refuse, Say, Silence
from idlebell.testing.imap_server import Habits, ImapServer
from idlebell.testing.imap_session import ImapSession
from idlebell.testing.push_service import Received

NOISE = random.Random(4).randbytes(50_000)

BYTES = {
    "an endless line": b"* OK " + b"x" * 200_000,
    "a huge literal": b"* 1 FETCH (BODY[] {4294967295}\r\n",
    "a literal beyond any number": b"* 1 FETCH (BODY[] {99999999999999999999}\r\n",
    "literals without end": b"* LIST () " + b"{1}\r\nx " * 20_000,
    "nesting": b"* STATUS x (X " + b"(" * 60_000 + b"\r\n",
    "4,000 parentheses": b"* STATUS x (X " + b"(" * 4_000 + b")" * 4_000 + b")\r\n",
    "a list without end": b"* SEARCH " + b"1 " * 30_000 + b"\r\n",
    "garbage": NOISE,
    "NUL": b"* 1 FETCH (FLAGS (\x00))\r\n",
    "a response to a command that was never sent": b"A9999 OK done\r\n",
    "an OK for a tag of another shape": b"x OK done\r\n",
    "a number beyond 64 bits": b"* 99999999999999999999999 EXISTS\r\n",
    "HTTP": b"HTTP/1.1 200 OK\r\n\r\n",
}
"""Each breaks a rule or a bound, whenever it comes."""

ODD = {
    "a storm of EXISTS": b"".join(b"* %d EXISTS\r\n" % (number % 100) for number in range(20_000)),
    "parts within parts": b"* 1 FETCH (BODYSTRUCTURE " + b"(" * 60_000 + b"\r\n",
    "an envelope of 4,000 parentheses": b"* 1 FETCH (ENVELOPE " + b"(" * 4_000 + b")" * 4_000 + b")\r\n",
    "a header of 300 KB": b"* 1 FETCH (BODY[] {300000}\r\n" + b"x" * 300_000 + b")\r\n",
    "a flood of alerts": b"* OK [ALERT] wolf\r\n" * 20_000,
    "expunges of what is not there": b"* 99 EXPUNGE\r\n" * 1_000 + b"* 0 EXPUNGE\r\n",
    "flags of nobody": b"* 4294967295 FETCH (FLAGS (\\Seen) UID 4294967295)\r\n",
    "dates of no calendar": b'* 1 FETCH (UID 1 INTERNALDATE "99-Foo-0000 99:99:99 +9999")\r\n',
    "a size below nothing": b"* 1 FETCH (RFC822.SIZE -1)\r\n",
    "another UIDVALIDITY": b"* OK [UIDVALIDITY 7] new\r\n* OK [UIDNEXT 1] low\r\n",
    "UIDNEXT 0": b"* OK [UIDNEXT 0] none\r\n",
    "unknown responses": b"* X-COW moo (moo [moo])\r\n" * 1_000,
    "bare line feeds": b"* OK a\n* OK b\n",
    "8-bit text": b"* OK \xff\xfe\x80\r\n",
    "capabilities that change": b"* CAPABILITY IMAP4rev1 LOGINDISABLED\r\n" * 1_000,
    "a referral": b"* OK [REFERRAL imap://evil.example/] go there\r\n",
    "a continuation that nobody asked for": b"+ go on\r\n",
    "a literal below nothing": b"* 1 FETCH (BODY[] {-1}\r\n",
    "EXISTS below nothing": b"* -1 EXISTS\r\n",
    "an unfinished quoted string": b'* 1 FETCH (ENVELOPE ("x\r\n',
    "a parenthesis that was never opened": b"* 1 FETCH UID 1)\r\n",
    "an empty line": b"\r\n",
    "control characters": b"* OK \x1b[2J\x07\r\n",
}
"""Allowed or not, these are taken as they come: the session may go on or end."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        await made.healthy()
        yield made
        await made.rings()
        made.nobody_was_surprised()


@contextlib.asynccontextmanager
async def hostile(stage: Scene) -> AsyncIterator[ImapServer]:
    """A mail server of its own, for those who are attacked."""
    async with ImapServer(habits=Habits(tls_context=stage.authority.server_context())) as server:
        yield server


def at(stage: Scene, server: ImapServer, name: str, **more: Any) -> dict[str, Any]:
    server.add_user(name, "right")
    return without(stage.wish(name, **more), "/imap/port", server.tls_port)


def lost(stage: Scene, name: str) -> list[Received]:
    return [one for one in stage.service.of(f"{name}-lost") if one.fault is None]


ANSWERS = ("protocol-error", "not-imap", "server-error", "unreachable", "authentication-failed", "throttled")
FAULTS: tuple[Fault, ...] = (
    *(Say(raw, instead=True) for raw in BYTES.values()),
    Drop(),
    Drop(reset=True),
    Bye("busy"),
    Bye("busy", linger=True),
    Silence(),
)


@pytest.mark.parametrize("moment", ["connect", commands.Authenticate], ids=["greeting", "login"])
async def test_whatever_a_server_says_in_place_of_an_answer_ends_that_registration(stage: Scene, moment: Any) -> None:
    """All at the same time, at a server each; nothing is kept of any, and the password of none is sent again."""

    async def attack(number: int, fault: Fault) -> None:
        async with hostile(stage) as server:
            plan = server.plan(moment, fault, times=None)
            answer = await stage.subscribe(at(stage, server, f"user{number}", wait_seconds=10))
            assert answer.is_problem(*ANSWERS), (fault, answer)
            assert plan.hits >= 1
            assert len(server.logins) <= 1
            await server.until(lambda: not server.sessions)

    await asyncio.gather(*(attack(number, fault) for number, fault in enumerate(FAULTS)), stage.rings())
    counts = await stage.running.engine.store.counts()
    assert counts["accounts"] == 1, counts


async def test_whatever_a_server_says_to_its_first_examine_ends_that_session(stage: Scene) -> None:
    """The right to the account has been shown by then: the app is asked for credentials again, once."""

    async def attack(number: int, fault: Fault) -> None:
        name = f"user{number}"
        async with hostile(stage) as server:
            server.plan(commands.Examine, fault, times=None)
            answer = await stage.subscribe(at(stage, server, name, wait_seconds=0.5))
            assert answer.status == 202, (fault, answer)
            await stage.service.wait_for(lambda _: bool(lost(stage, name)), 20, name=f"{name}-lost")
            await server.until(lambda: not server.of(name))
            assert server.logins in ([name], [])
            path = f"/v1/subscriptions/{answer.json['id']}"
            shown = await stage.call("GET", path, token=answer.json["token"])
            assert shown.json["state"] == "needs_credentials"
            assert shown.json["problem"]["type"] in ("/problems/protocol-error", "/problems/session-lost"), fault

    await asyncio.gather(*(attack(number, fault) for number, fault in enumerate(FAULTS)), stage.rings())


async def attacked(stage: Scene, server: ImapServer, name: str) -> ImapSession:
    """The session of ``name``, in IDLE."""
    answer = await stage.subscribe(at(stage, server, name))
    assert answer.status == 201, answer
    await server.until(lambda: server.idling(name) == 1)
    return server.of(name)[0]


async def test_what_breaks_the_protocol_in_idle_ends_that_session_with_one_reconnect(stage: Scene) -> None:
    """All victims are at the same time watched, each at a server of its own; each is told once."""
    watched = asyncio.Barrier(len(BYTES))

    async def attack(number: int, raw: bytes) -> None:
        name = f"user{number}"
        async with hostile(stage) as server:
            session = await attacked(stage, server, name)
            await watched.wait()
            session.say(raw)
            session.say(b"* OK more\r\n")
            await server.until(lambda: not server.of(name))
            await stage.service.wait_for(lambda _: bool(lost(stage, name)), 20, name=f"{name}-lost")

    await asyncio.gather(*(attack(number, raw) for number, raw in enumerate(BYTES.values())), stage.rings())
    for number in range(len(BYTES)):
        assert len(lost(stage, f"user{number}")) == 1
        assert stage.service.of(f"user{number}") == []


async def test_what_is_only_odd_disturbs_nobody_else(stage: Scene) -> None:
    watched = asyncio.Barrier(len(ODD))

    async def attack(number: int, raw: bytes) -> None:
        name = f"user{number}"
        async with hostile(stage) as server:
            session = await attacked(stage, server, name)
            await watched.wait()
            session.say(raw)
            server.deliver(name, mail.make(subject="still"))
            await stage.service.wait_for(
                lambda one: one.path in (f"/{name}", f"/{name}-lost") and one.fault is None, 10
            )

    await asyncio.gather(*(attack(number, raw) for number, raw in enumerate(ODD.values())), stage.rings())


FETCHED = {
    "garbage": NOISE,
    "a huge literal": b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (FROM)] {999999999}\r\n",
    "an endless answer": b"* 1 FETCH (UID 1 FLAGS ())\r\n" * 400_000,
    "UIDs that go backwards": b"".join(b"* %d FETCH (UID %d FLAGS ())\r\n" % (n, 500 - n) for n in range(1, 400)),
    "UID 0": b"* 1 FETCH (UID 0 FLAGS ())\r\n",
    "UID 2^32": b"* 1 FETCH (UID 4294967296 FLAGS ())\r\n",
    "the same UID over and over": b"* 1 FETCH (UID 1 FLAGS ())\r\n" * 1_000,
    "a subject of commands": b'* 1 FETCH (UID 1 FLAGS () ENVELOPE (NIL "\x1b]0;x\x07<script>"'
    + b" NIL" * 8
    + b"))\r\n",
}


async def test_whatever_a_server_fetches_disturbs_nobody_else(stage: Scene) -> None:
    """The bytes come before the server's own answer to UID FETCH, so the session may live; it ends, or the mail rings."""

    watched = asyncio.Barrier(len(FETCHED))

    async def attack(number: int, raw: bytes) -> None:
        name = f"user{number}"
        async with hostile(stage) as server:
            await attacked(stage, server, name)
            await watched.wait()
            server.plan(commands.UidFetch, Say(raw))
            server.deliver(name, mail.make(subject="real"))
            await stage.service.wait_for(
                lambda one: one.path in (f"/{name}", f"/{name}-lost") and one.fault is None, 20
            )

    await asyncio.gather(*(attack(number, raw) for number, raw in enumerate(FETCHED.values())), stage.rings())


async def test_a_server_that_drips_or_falls_silent_is_given_up(stage: Scene) -> None:
    """Deadlines are for a whole answer: a byte now and then gains nothing. After IDLE, silence is found out by DONE."""
    async with hostile(stage) as dripping, hostile(stage) as silent:
        drip = await attacked(stage, dripping, "drip")
        dripping.plan(commands.UidFetch, Silence())

        async def drops() -> None:
            while drip in dripping.sessions:
                drip.say(b"*")
                await asyncio.sleep(0.05)

        silent.plan(commands.Idle, Silence())
        answer = await stage.subscribe(at(stage, silent, "silent"))
        assert answer.status in (201, 202, 422), answer
        dropping = asyncio.create_task(drops())
        dripping.deliver("drip", mail.make())
        await stage.service.wait_for(lambda _: bool(lost(stage, "drip")), 10, name="drip-lost")
        await dropping
        await silent.until(lambda: not silent.sessions)


@pytest.mark.parametrize("command", [commands.Authenticate, commands.Examine, commands.UidFetch, commands.Idle])
async def test_bye_may_come_anywhere(stage: Scene, command: Any) -> None:
    async with hostile(stage) as server:
        plan = server.plan(command, Bye("no more"), times=1)
        answer = await stage.subscribe(at(stage, server, "mallory", wait_seconds=1))
        if plan.hits == 0:
            server.deliver("mallory", mail.make())
        if answer.status < 300:
            await stage.service.wait_for(lambda _: bool(lost(stage, "mallory")), 10, name="mallory-lost")
        else:
            assert answer.is_problem("server-error", "session-lost", "unreachable"), answer
        await plan.hit()


async def test_a_server_that_refuses_everything_gets_no_second_password(stage: Scene) -> None:
    async with hostile(stage) as server:
        server.plan(commands.Authenticate, Refuse("wrong"), times=None)
        server.plan(commands.Login, Refuse("wrong"), times=None)
        answers = [await stage.subscribe(at(stage, server, "mallory")) for _ in range(3)]
        assert all(one.is_problem("authentication-failed") for one in answers)
        assert server.connections == 1


@pytest.mark.parametrize(
    "echo",
    [
        Refuse("no user alice with hunter2-Kp"),
        Refuse("AGFsaWNlAGh1bnRlcjItS3A= is no login", "ALERT"),
        Bye("hunter2-Kp, indeed"),
        Say(b"* NO [ALERT] change hunter2-Kp soon\r\n"),
        Say(b"* OK \0 hunter2-Kp AGFsaWNlAGh1bnRlcjItS3A=\r\n", instead=True),
    ],
    ids=["NO", "NO with base64", "BYE", "ALERT", "a broken line"],
)
async def test_a_password_that_the_server_repeats_is_not_repeated(stage: Scene, echo: Fault) -> None:
    """Neither to the app nor in the log."""
    async with hostile(stage) as server:
        server.add_user("alice", "hunter2-Kp")
        server.plan(commands.Authenticate, echo)
        wish = without(stage.wish("alice", "hunter2-Kp", wait_seconds=10), "/imap/port", server.tls_port)
        answer = await stage.subscribe(wish)
    told = repr(stage.facts) + repr(answer)
    assert len(stage.facts) >= 2, "the healthy one's login and this one's end"
    assert "hunter2" not in told
    assert "h1bnRlcjItS3" not in told


async def test_a_flood_that_does_not_end_starves_nobody(stage: Scene) -> None:
    """I2: lines as fast as they are taken, for as long as the session stands; meanwhile five mails ring elsewhere."""
    async with hostile(stage) as server:
        session = await attacked(stage, server, "mallory")

        async def flood() -> None:
            number = 0
            while session in server.sessions:
                number += 1
                session.say(b"".join(b"* %d EXISTS\r\n" % (n % 50 + number % 2) for n in range(500)))
                await asyncio.sleep(0.001)

        flooding = asyncio.create_task(flood())
        for _ in range(5):
            await stage.rings(timeout=5)
        session.drop()
        await flooding
