"""What no order of tasks may do to a session: lose half of what is on its way, or stop one direction for the other's sake."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

from idlebell.front.client import Client
from idlebell.front.own import Answer, Here, Own, OwnCommand
from idlebell.front.session import Session
from idlebell.imap.commands import Noop, Status
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.state import State
from idlebell.imap.terms import Terms
from idlebell.model.account import ImapTarget, Tls
from idlebell.net.detached import GivenUp
from idlebell.net.errors import ConnectionLost
from idlebell.net.tls_engine import Channel

TARGET = ImapTarget("imap.example.org", 993, Tls.IMPLICIT)


class Side:
    """A channel whose other end takes what it is sent only while ``takes`` is set."""

    def __init__(self) -> None:
        self.takes = asyncio.Event()
        self.takes.set()
        self.written = b""
        self.waits = 0  # writes that it has not taken
        self._reader = asyncio.StreamReader()
        self._there = asyncio.Event()
        self.shut = False
        self.lost = False
        self.ended = False
        self.refused = 0  # writes, since it was lost

    def ends(self) -> None:
        self.ended = True
        self._reader.feed_eof()
        self._there.set()

    def says(self, data: bytes) -> None:
        self._reader.feed_data(data)
        self._there.set()

    async def read(self, max_bytes: int) -> bytes:
        if not self.ended:
            self._there.clear()
        return await self._reader.read(max_bytes)

    def stirring(self, timeout_seconds: float) -> Awaitable[bool]:
        return self._there.wait()

    async def write(self, data: bytes) -> None:
        if self.lost:
            self.refused += 1
            raise ConnectionLost("reset")
        self.waits += 1
        await self.takes.wait()
        self.waits -= 1
        self.written += data

    def shut_down(self) -> None:
        self.shut = True


class Sessions:
    def __init__(self) -> None:
        self.ended: list[Session] = []

    async def over(self, session: Session) -> None:
        self.ended.append(session)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def made(client: Side, upstream: Side, *families: object) -> tuple[Session, Sessions]:
    nothing = frozenset[str]()
    terms = Terms(
        DEFAULT_LIMITS, True, frozenset(), False, None, State.AUTHENTICATED, frozenset({"IMAP4REV1"}), nothing
    )
    given = GivenUp(cast(Channel, upstream), terms, 0, 0.0, 0.0)
    sessions = Sessions()
    who = Client(TARGET, "alice", "192.0.2.1", secure=True)
    session = Session(who, cast(Channel, client), given, cast(list[Own], families), sessions, b"", nothing)
    session.begin()
    return session, sessions


async def test_whoever_asks_no_longer_breaks_off_nothing_that_is_on_its_way() -> None:
    client, upstream = Side(), Side()
    session, sessions = made(client, upstream)
    upstream.takes.clear()
    asker = asyncio.create_task(session.ask(Noop()))
    await until(lambda: upstream.waits == 1)
    asker.cancel()
    await asyncio.wait([asker])
    upstream.takes.set()
    await until(lambda: upstream.written == b"Front1 NOOP\r\n")
    upstream.says(b"Front1 OK\r\n")
    client.says(b"a NOOP\r\n")
    await until(lambda: upstream.written.endswith(b"\r\na NOOP\r\n"))
    session.end()
    await session.closed()
    assert sessions.ended == [session]


async def test_an_upstream_that_takes_nothing_is_listened_to() -> None:
    """It may well wait for that: whoever waits for the other in both directions waits for ever."""
    client, upstream = Side(), Side()
    session, _ = made(client, upstream)
    client.says(b"i IDLE\r\nDONE\r\n")
    await until(lambda: upstream.written == b"i IDLE\r\n")
    upstream.takes.clear()
    upstream.says(b"+ idling\r\n")
    await until(lambda: upstream.waits == 1)
    upstream.says(b"* 1 EXISTS\r\n")
    await until(lambda: client.written.endswith(b"* 1 EXISTS\r\n"))
    session.end()
    await session.closed()


class Failing:
    def heard(self, line: bytes, here: object) -> bool:
        return True

    async def over(self, here: object) -> None:
        raise RuntimeError


async def test_a_session_is_given_back_whatever_fails_at_its_end() -> None:
    client, upstream = Side(), Side()
    session, sessions = made(client, upstream, Failing())
    session.end()
    ends = await asyncio.gather(*session._tasks, return_exceptions=True)
    assert sum(isinstance(end, RuntimeError) for end in ends) == 1  # it is told of, for once
    assert client.shut
    assert sessions.ended == [session]


async def test_an_upstream_in_the_middle_of_a_command_is_not_waited_for() -> None:
    """What the client has not sent never comes, so no session is to be had of it."""
    client, upstream = Side(), Side()
    session, _ = made(client, upstream)
    client.says(b"a APPEND INBOX {1000+}\r\nhalf of it")
    await until(lambda: upstream.written.endswith(b"half of it"))
    session.end()
    await session.closed()
    async with asyncio.timeout(1):
        assert not await session.wind_down(20)


class Asking:
    def claims(self, name: str, opening: bytes, here: object) -> bool:
        return name == "GETVAPID"

    def heard(self, line: bytes, here: object) -> bool:
        return True

    async def answer(self, command: OwnCommand, here: Here) -> Answer:
        await here.ask(Status("INBOX", ("UIDNEXT",)))
        raise AssertionError

    async def over(self, here: object) -> None:
        pass


async def test_an_answer_that_cannot_be_read_ends_no_session() -> None:
    client, upstream = Side(), Side()
    session, _ = made(client, upstream, Asking())
    client.says(b"a GETVAPID\r\n")
    await until(lambda: upstream.written.startswith(b"Front1 STATUS"))
    upstream.says(b"* STATUS INBOX (\0)\r\nFront1 OK\r\n")
    await until(lambda: client.written.startswith(b"a NO [SERVERBUG] ") or session.over)
    assert not session.over
    session.end()
    await session.closed()


async def test_the_last_words_of_an_upstream_that_takes_nothing_any_more_reach_the_client() -> None:
    client, upstream = Side(), Side()
    session, sessions = made(client, upstream)
    upstream.lost = True
    client.says(b"a NOOP\r\n")
    await until(lambda: upstream.refused == 1)
    assert not session.over
    upstream.says(b"* BYE Full\r\n")
    upstream.ends()
    await until(lambda: sessions.ended == [session])
    assert client.written == b"* BYE Full\r\n"
    assert client.shut
