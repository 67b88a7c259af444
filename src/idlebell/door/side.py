"""One door process as the gateway knows it: its end of their link, what is asked over it, and what comes.

What it kept is gone with it. Sessions that it handed over go on, but for those that it relays.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeAlias

import msgspec

from idlebell.door import frames, sorts
from idlebell.door.back import App, Back
from idlebell.login import refusal
from idlebell.login.refusal import no_room
from idlebell.login.relay import Unanswered
from idlebell.model.account import Exchange, ImapTarget
from idlebell.net.handover import HandedSession
from idlebell.net.hardening import overwrite
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.link import Link, socket_pair
from idlebell.telemetry import facts

ENDS_SECONDS: Final = 8.0
"""For answers under way to go out (:data:`~idlebell.rest.limits.GRACE_SECONDS`), and for its end."""
PING_SECONDS: Final = 5.0
"""Between two questions whether it is alive."""
PINGS: Final = 3
"""In a row without an answer: it is stopped, or hangs. Counted and not timed: after a stop of this process or of the machine
nothing is missed but one. While it is started it has twice as many."""

TakeOver: TypeAlias = Callable[[ImapTarget, HandedSession, int], ImapConnection]
"""Makes a connection of what was handed over with its descriptor."""


class Side:
    """``gone`` is set when the process is, or its link; nobody waits for an answer from then on."""

    def __init__(self, take_over: TakeOver, emit: facts.Emit) -> None:
        self.gone: Final = asyncio.Event()
        self._take_over = take_over
        self._emit = emit
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._targets: dict[int, ImapTarget] = {}
        self._exchanges: dict[int, Exchange] = {}
        self._link: Link | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._listens: asyncio.Future[str] | None = None
        self._back: Back | None = None
        self._unanswered = -PINGS  # it is being started
        self._beside: set[asyncio.Task[None]] = set()

    @property
    def pid(self) -> int:
        """0: there is none now."""
        return 0 if self._process is None or self._process.returncode is not None else self._process.pid

    async def start(self, configure: frames.Configure) -> None:
        """OSError: it could not be started."""
        ours, theirs = socket_pair()
        try:
            # A session of its own: what a terminal sends to its foreground processes is for the gateway.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-m",
                "idlebell.door.process",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        self._link = Link(ours, self._take, self._ended)
        self.say(configure)

    async def listen(self, app: App, descriptor: int, seconds: float) -> None:
        """Requests at the listening socket ``descriptor``, which is the door's, are answered by ``app``. OSError says why they
        cannot be."""
        self._back = Back(app, self.say, self._emit)
        sentence = await self.told_after(frames.Listen(), seconds, descriptor)
        if sentence:
            raise OSError(sentence)

    async def told_after(self, frame: frames.Frame, seconds: float, descriptor: int = -1) -> str:
        """What is the matter, once the door has done that; or nothing."""
        listens = self._listens = asyncio.get_running_loop().create_future()
        self.say(frame, descriptor)
        gone: asyncio.Future[Any] = asyncio.create_task(self.gone.wait())
        try:
            await asyncio.wait([listens, gone], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        return listens.result() if listens.done() else "the door process does not answer"

    async def watch(self) -> None:
        """Until it is gone, or says nothing any more: it is killed then, for nothing else ends what is stopped."""
        while not self.gone.is_set():
            if self._unanswered >= PINGS:
                self._emit(
                    facts.Complained(f"the door process has not answered for {PINGS * PING_SECONDS:g} s; it is killed")
                )
                self.kill()
                self._ended()
                return
            self._unanswered += 1
            self.say(frames.Ping())
            try:
                async with asyncio.timeout(PING_SECONDS):
                    await self.gone.wait()
            except TimeoutError:
                continue

    def kill(self) -> None:
        if self.pid and self._process is not None:
            self._process.kill()

    async def end(self) -> None:
        """Its end of the link is closed, and it ends."""
        if self._link is not None:
            self._link.close()
        self._ended()
        if self._back is not None:
            await self._back.close()
        process, self._process = self._process, None
        if process is not None:
            try:
                async with asyncio.timeout(ENDS_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        await asyncio.gather(*self._beside, return_exceptions=True)

    def _ended(self) -> None:
        """Nobody waits for a door that is gone: whoever starts another one may be among them."""
        for future in self._asked.values():
            if not future.done():
                future.set_result(None)
        self._asked.clear()
        self._targets.clear()
        self.gone.set()

    # what is asked

    def number(self) -> int:
        return next(self._numbers)

    def ask(self, number: int, frame: frames.Frame) -> asyncio.Future[Any]:
        """Its answer, to be awaited by :meth:`answer_to` or forgotten. None: the door is gone."""
        future = self._asked[number] = asyncio.get_running_loop().create_future()
        future.add_done_callback(lambda _: self._asked.pop(number, None))
        if self._link is None or self._link.closed:
            self._targets.pop(number, None)
            future.set_result(None)
        else:
            self.say(frame)
        return future

    async def answer_to(self, number: int, frame: frames.Frame) -> Any:
        try:
            return await self.ask(number, frame)
        except asyncio.CancelledError:
            self.say(frames.Cancel(number))
            raise

    async def log_in(self, number: int, frame: frames.LogIn, target: ImapTarget, exchange: Exchange | None) -> Any:
        """A connection, alone or with the keys that a password has become; a frame that says why not; None."""
        self._targets[number] = target
        if exchange is not None:
            self._exchanges[number] = exchange
        try:
            return await self.answer_to(number, frame)
        finally:
            self._exchanges.pop(number, None)

    def say(self, frame: frames.Frame, descriptor: int = -1) -> None:
        packet = frames.encode(frame)
        if self._link is not None:
            self._link.send(packet, descriptor)

    # what comes

    def _take(self, packet: memoryview, descriptor: int) -> None:
        self._unanswered = 0
        match frames.decode_from_door(packet):
            case frames.Request() | frames.Taken() | frames.Gone() as frame:
                if self._back is not None:
                    self._back.take(frame)
            case frames.Challenge(number, server_first):
                self._beside_this(self._relayed(number, server_first))
            case frames.LoggedIn() as frame:
                self._logged_in(frame, descriptor)
            case frames.NotLoggedIn() as frame:
                self._targets.pop(frame.number, None)
                self._answered(frame.number, frame)
            case frames.Refreshed() | frames.PasswordRead() | frames.Unsealed() as frame:
                if not self._answered(frame.number, frame):
                    self._release(frame)
            case frames.NotRefreshed() | frames.VaultKeyRead() | frames.Sealed() | frames.NotUnsealed() as frame:
                self._answered(frame.number, frame)
            case frames.Told(name, members):
                self._emit(msgspec.convert(members, getattr(facts, name)))
            case frames.Listening() | frames.NotListening() | frames.TakenOn(True):
                self._heard("")
            case frames.TakenOn():
                self._heard("what the one before had kept did not come over")
            case frames.CannotListen(sentence):
                self._heard(sentence)
            case frames.Pong():
                pass

    async def _relayed(self, number: int, server_first: str) -> None:
        """The door waits as long as we do, and gives up by itself."""
        exchange = self._exchanges.get(number)
        if exchange is None:
            return
        try:
            final = await exchange.answer(server_first.encode())
        except Unanswered:
            self._answered(number, frames.NotLoggedIn(number, refusal.not_answered(), False, False))
            self.say(frames.Cancel(number))
        else:
            self.say(frames.Answer(number, final.decode()))

    def _beside_this(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    def _logged_in(self, frame: frames.LoggedIn, descriptor: int) -> None:
        target = self._targets.pop(frame.number)
        if descriptor < 0:
            # This process may have no more of them: the kernel has left it out (unix(7), MSG_CTRUNC), which ends the session.
            overwrite(frame.session.secrets)
            self._answered(frame.number, frames.NotLoggedIn(frame.number, no_room(), False, True))
            self._release(frame)
            return
        if (exchange := self._exchanges.get(frame.number)) is not None:
            exchange.prove(frame.server_final)
        connection = self._take_over(target, frame.session, descriptor)
        if self._answered(frame.number, (connection, frame.keys) if frame.keys else connection):
            return
        # Whoever asked has gone: the session must not count against its owner's limit at the server.
        self._beside_this(connection.logout())
        self._release(frame)

    def _release(self, frame: frames.LoggedIn | frames.Refreshed | frames.PasswordRead | frames.Unsealed) -> None:
        """What is held for us and nobody wants."""
        for ticket in sorts.tickets_in(frame):
            self.say(frames.Release(ticket))

    def _answered(self, number: int, answer: object) -> bool:
        future = self._asked.get(number)
        if future is None or future.done():
            return False
        future.set_result(answer)
        return True

    def _heard(self, sentence: str) -> None:
        if self._listens is not None and not self._listens.done():
            self._listens.set_result(sentence)
