"""A client that has logged in, and its upstream: two sockets, a relay between them, and what families do beside it.

While either side speaks a task reads it; once both have been silent for :data:`AWAKE_SECONDS` neither has one, nor OpenSSL
anything of the upstream's, and the event loop wakes what is needed. What one side does not take is not read from the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from enum import Flag, auto
from typing import Any, Final, Protocol

from idlebell.front.client import Client, shed
from idlebell.front.cutting import Offence
from idlebell.front.desk import Spoken, Told
from idlebell.front.limits import READ_BYTES
from idlebell.front.own import Asked, Departed, Own, OwnCommand, Unreadable
from idlebell.front.relay import Relay
from idlebell.front.spelling import NOT_NOW, UNREADABLE, answering, encoded
from idlebell.imap.commands import Command, UidFetch
from idlebell.imap.encode import encode_command
from idlebell.imap.errors import LocalProtocolError
from idlebell.model.account import ImapTarget
from idlebell.net.detached import GivenUp
from idlebell.net.errors import ConnectionLost
from idlebell.net.tls_engine import Channel

AWAKE_SECONDS: Final = 2.0
"""Of silence, until nothing but two sockets and a few records are left. A dialogue has no pause as long; of those who come to
idle few are awake at a time, so that the process has not grown for all of them."""
STALLED_SECONDS: Final = 120.0
"""For one side to take what is in hand for it. A phone in a tunnel comes back within a minute."""
FAREWELL_SECONDS: Final = 5.0


class _Side(Flag):
    NEITHER = 0
    CLIENT = auto()
    UPSTREAM = auto()


class Leaving(Protocol):
    """Whoever has the sessions, and is told when one ends."""

    async def over(self, session: Session) -> None:
        """Its client has gone. The upstream's connection is the callee's; see :meth:`Session.wind_down`."""


@dataclass(slots=True)
class _Question:
    command: Command | Callable[[], Command]
    anytime: bool
    answer: asyncio.Future[Asked] = field(repr=False)


class Session:
    """``given``: the upstream's connection. ``ahead``: what the client has sent already. Made inside the event loop; call
    :meth:`begin`. It is a :class:`~idlebell.front.own.Here`."""

    __slots__ = (
        "__weakref__", "_added", "_answering", "_asked", "_client_lock", "_client_pump", "_families", "_leaving", "_line",
        "_over", "_paused", "_questions", "_relay", "_tasks", "_torn", "_upstream_lock", "_upstream_pump", "channel",
        "client", "given", "tags", "upstream",
    )  # fmt: skip

    def __init__(
        self,
        client: Client,
        channel: Channel,
        given: GivenUp,
        families: Sequence[Own],
        leaving: Leaving,
        ahead: bytes,
        added: frozenset[str],
    ) -> None:
        self.client = client
        self.channel = channel
        self.given = given
        self.upstream: Channel = given.channel
        self.tags = given.tags
        """Of commands that were sent to the upstream by us."""
        self._families = families
        self._leaving = leaving
        self._added = added
        self._relay = Relay(self, given.terms.capabilities, ahead)
        self._client_lock = asyncio.Lock()
        self._upstream_lock = asyncio.Lock()
        self._client_pump: asyncio.Task[None] | None = None
        self._upstream_pump: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._line: asyncio.Future[bytes] | None = None
        self._questions: deque[_Question] | None = None
        self._asked: _Question | None = None
        self._paused = False  # the client is not read until something of the upstream's has come
        self._over = False
        self._torn = _Side.NEITHER

    def __repr__(self) -> str:
        return f"<Session of a client at {self.client.address}, {self.client.target}>"

    # --- what a family sees ---

    @property
    def target(self) -> ImapTarget:
        return self.client.target

    @property
    def username(self) -> str:
        return self.client.username

    @property
    def address(self) -> str:
        return self.client.address

    @property
    def secure(self) -> bool:
        return self.client.secure

    @property
    def capabilities(self) -> frozenset[str]:
        return self._relay.in_flight.capabilities

    @property
    def enabled(self) -> frozenset[str]:
        return self._relay.in_flight.enabled

    @property
    def utf8(self) -> bool:
        return self._relay.in_flight.utf8

    @property
    def selected(self) -> str | None:
        return self._relay.in_flight.selected

    @property
    def idling(self) -> bool:
        return self._relay.in_flight.idling or self._line is not None

    @property
    def busy(self) -> bool:
        return self._relay.busy

    async def ask(self, command: Command | Callable[[], Command], *, anytime: bool = False) -> Asked:
        if self._over:
            raise Departed
        question = _Question(command, anytime, asyncio.get_running_loop().create_future())
        if self._questions is None:
            self._questions = deque()
        self._questions.append(question)
        # By a task of the session's own: who asks may be cancelled, and what is on its way must not be broken off.
        self._spawn(self._guarded(self._forward()))
        return await question.answer

    def tell(self, line: bytes) -> bool:
        if self._over or not self._relay.tell(line):
            return False
        if not self._client_lock.locked():  # whoever writes now takes it along
            self._spawn(self._guarded(self._forward()))
        return True

    async def converse(self, text: bytes) -> bytes:
        if self._over:
            raise Departed
        self._line = asyncio.get_running_loop().create_future()
        try:
            self._relay.converse(text)
            await self._forward()
            return await self._line
        finally:
            self._line = None

    # --- what the relay asks (:class:`~idlebell.front.relay.Desk`) ---

    @property
    def added(self) -> frozenset[str]:
        return self._added

    def claims(self, name: str, opening: bytes) -> bool:
        return any(family.claims(name, opening, self) for family in self._families)

    def heard(self, line: bytes) -> bool:
        if not self._families:
            return True
        line = line.removesuffix(b"\r\n")
        seen = [family.heard(line, self) for family in self._families]  # each hears it
        return all(seen)

    def ended(self, name: str, ok: bool) -> None:
        for family in self._families:
            family.ended(name, self, ok=ok)

    # --- from beginning to end ---

    def begin(self) -> None:
        self.upstream, self.channel = shed(self.upstream), shed(self.channel)
        self._wake_upstream()
        self._spawn(self._guarded(self._begin()))

    async def _begin(self) -> None:
        self._relay.begin()  # what came behind the login may be an offence
        await self._forward()
        self._wake_client()

    def end(self, farewell: str = "") -> None:
        """The client is told BYE, where it can be told anything and does not know."""
        if self._over:
            return
        self._over = True
        self._spawn(self._end(farewell))

    @property
    def over(self) -> bool:
        return self._over

    async def closed(self) -> None:
        """Until nothing of it runs any more."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def wind_down(self, deadline_seconds: float) -> bool:
        """Once it is over: brings the upstream to where it waits for a command. False: it cannot be, or is lost."""
        relay = self._relay
        if _Side.UPSTREAM in self._torn or relay.is_cut_short:
            return False
        relay.wind_down()
        try:
            async with asyncio.timeout(deadline_seconds):
                if data := relay.take_upstream():
                    await self.upstream.write(data)
                while not relay.quiet:
                    data = await self.upstream.read(READ_BYTES)
                    if not data or relay.said_bye:
                        return False
                    relay.from_upstream(data)
                    relay.take_client()
                    relay.take_events()
                    if more := relay.take_upstream():
                        await self.upstream.write(more)
                return not relay.said_bye
        except (ConnectionLost, TimeoutError, Offence):
            return False

    # --- the two directions ---

    def _wake_client(self) -> None:
        self._client_pump = self._spawn(self._guarded(self._pump_client()))

    def _wake_upstream(self) -> None:
        self._upstream_pump = self._spawn(self._guarded(self._pump_upstream()))

    async def _pump_client(self) -> None:
        while not self._over:
            if not self._relay.listens:
                self._paused = True
                return
            if not await self.channel.stirring(AWAKE_SECONDS):
                self.channel = shed(self.channel, self._client_lock)
                self.channel.rest(self._wake_client)
                return
            data = await self.channel.read(READ_BYTES)
            if not data:
                self.end()
                return
            self._relay.from_client(data)
            await self._forward()

    async def _pump_upstream(self) -> None:
        while not self._over:
            if not await self.upstream.stirring(AWAKE_SECONDS):
                self.upstream = shed(self.upstream, self._upstream_lock)
                self.upstream.rest(self._wake_upstream)
                return
            data = await self.upstream.read(READ_BYTES)
            if not data:
                self.end("The mail server has closed the connection")
                return
            self._relay.from_upstream(data)
            await self._forward()

    async def _forward(self) -> None:
        """What the relay has for either side, and for us."""
        relay = self._relay
        for event in relay.take_events():
            match event:
                case OwnCommand():
                    self._answering = self._spawn(self._guarded(self._answer(event)))
                case Spoken(line):
                    if self._line is not None and not self._line.done():
                        self._line.set_result(line)
                case Told(asked):
                    self._told(asked)
        self._question()
        if relay.has_for_upstream:
            if asyncio.current_task() is self._upstream_pump:
                # It may take nothing before it is rid of what it says itself.
                self._spawn(self._guarded(self._tell_upstream()))
            else:
                await self._tell_upstream()
        if relay.has_for_client:
            async with self._client_lock:
                while data := relay.take_client():
                    await self._write(_Side.CLIENT, data)
        if self._paused and relay.listens and not self._over:
            self._paused = False
            self._wake_client()

    async def _tell_upstream(self) -> None:
        async with self._upstream_lock:
            while data := self._relay.take_upstream():
                try:
                    await self._write(_Side.UPSTREAM, data)
                except ConnectionLost:
                    await self._hear_out()
                    raise

    async def _hear_out(self) -> None:
        """An upstream that takes nothing any more may have said why, and whoever reads that ends the session."""
        if self._upstream_pump is None or self._upstream_pump.done():
            self._wake_upstream()
        assert self._upstream_pump is not None
        await asyncio.wait([self._upstream_pump], timeout=FAREWELL_SECONDS)

    async def _write(self, side: _Side, data: bytes) -> None:
        """A write that does not come to its end leaves a side to which nothing can be said any more."""
        channel = self.channel if side is _Side.CLIENT else self.upstream
        try:
            async with asyncio.timeout(STALLED_SECONDS):
                await channel.write(data)
        except BaseException:
            self._torn |= side
            raise

    # --- ours ---

    async def _answer(self, command: OwnCommand) -> None:
        if command.name == "LOGOUT":
            tag = command.tag.encode("latin-1")
            self._relay.took_leave(b"* BYE Goodbye\r\n" + tag + b" OK LOGOUT completed\r\n")
            await self._forward()
            self.end()
            return
        opening = command.frame.parts[0][command.start - len(command.name) :]
        family = next((one for one in self._families if one.claims(command.name, opening, self)), None)
        try:  # perhaps none claims it any longer
            answer = NOT_NOW if family is None else await family.answer(command, self)
        except Unreadable:
            answer = UNREADABLE
        self._relay.answered(encoded(command.tag, answer, utf8=self.utf8))
        await self._forward()

    def _question(self) -> None:
        """The next one of ours, where it is safe to ask."""
        while (question := self._next_question()) is not None:
            command = question.command() if callable(question.command) else question.command
            assert self._questions is not None
            self._questions.remove(question)
            self.tags += 1
            tag = f"Front{self.tags}"
            known = self.capabilities
            try:
                chunks = encode_command(tag, command, literal_plus="LITERAL+" in known, utf8=self.utf8)
            except LocalProtocolError as error:
                question.answer.set_exception(error)
                continue
            uids = command.uids if isinstance(command, UidFetch) else None
            self._asked = question
            self._relay.ask(chunks, answering(command), tag.encode(), uids)
            return

    def _next_question(self) -> _Question | None:
        """The first that it is safe to ask. One that waits for more does not hold up those behind it."""
        waiting: list[_Question] = [*(self._questions or ())]
        for question in waiting:
            if question.answer.done():
                assert self._questions is not None
                self._questions.remove(question)
            elif self._relay.may_ask(anytime=question.anytime):
                return question
        return None

    def _told(self, asked: Asked | None) -> None:
        question, self._asked = self._asked, None
        if question is None or question.answer.done():
            return
        answer = question.answer
        if asked is None:
            answer.set_exception(Unreadable())
        else:
            answer.set_result(asked)

    # --- inside ---

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        """Whatever goes wrong in ``work`` ends the session, and nothing else."""
        try:
            await work
        except Offence as offence:
            self.end(str(offence))
        except TimeoutError:
            self.end("Too slow: what was to be taken was not")
        except (ConnectionLost, Departed):
            self.end("The connection to the mail server is lost")
        except Exception:
            self.end("An error of this gateway's")
            raise

    async def _end(self, farewell: str) -> None:
        ours = asyncio.current_task()
        others = [task for task in self._tasks if task is not ours]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others)
        for question in (*(self._questions or ()), *([self._asked] if self._asked else [])):
            if not question.answer.done():
                question.answer.set_exception(Departed())
                question.answer.exception()  # nobody may be left to look at it
        try:
            await self._part(farewell)
            for family in self._families:
                await family.over(self)
        finally:
            await self._leaving.over(self)

    async def _part(self, farewell: str) -> None:
        """From the client."""
        try:
            can_hear = self._relay.at_boundary and not self._relay.parted and _Side.CLIENT not in self._torn
            if farewell and can_hear:
                async with asyncio.timeout(FAREWELL_SECONDS):
                    await self.channel.write(self._relay.take_client() + f"* BYE {farewell}\r\n".encode())
        except (ConnectionLost, TimeoutError):
            pass
        self.channel.shut_down()
