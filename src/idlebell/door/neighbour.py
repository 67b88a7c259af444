"""The door as the gateway knows it: started with it, started anew where it has ended, asked to use what it keeps.

What a door kept is gone with it. Sessions that it handed over go on, but for those that it relayed; the rest is its caller's
business, who is told.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

import msgspec

from idlebell.door import frames
from idlebell.door.back import App, Back
from idlebell.door.tickets import PREFIX
from idlebell.login import refusal
from idlebell.login.opener import LoginFailed
from idlebell.login.password_source import NoPassword
from idlebell.login.refusal import no_room
from idlebell.login.relay import Unanswered
from idlebell.login.token_endpoint import Granted
from idlebell.model.account import (
    Account,
    BearerCredentials,
    Credentials,
    Exchange,
    ImapTarget,
    KeyedCredentials,
    PasswordCredentials,
    RelayedCredentials,
    RenewableCredentials,
)
from idlebell.model.problem import Fault
from idlebell.model.secret import HeldSecret, Secret
from idlebell.model.trust import identity, seen_of
from idlebell.net.handover import HandedSession
from idlebell.net.hardening import overwrite
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.link import Link, socket_pair
from idlebell.push.exchange import HttpRequest
from idlebell.telemetry import facts

STARTS_SECONDS: Final = 30.0
"""Until a new door can take requests: half a second of work, on a machine that may be busy."""
ENDS_SECONDS: Final = 8.0
"""For answers under way to go out (:data:`~idlebell.rest.limits.GRACE_SECONDS`), and for its end."""
PAUSES_SECONDS: Final = (0.0, 1.0, 5.0, 15.0, 60.0)
"""Before a door is started anew; the last one stays. One that has lived for :data:`LONG_SECONDS` begins from the first."""
LONG_SECONDS: Final = 300.0

A = TypeVar("A")
TakeOver = Callable[[ImapTarget, HandedSession, int], ImapConnection]
"""Makes a connection of what was handed over with its descriptor."""


class Neighbour:
    """One for a process. ``on_lost``: what a door kept is gone, and another one stands there now."""

    def __init__(
        self,
        configure: frames.Configure,
        take_over: TakeOver,
        emit: facts.Emit,
        on_lost: Callable[[], Awaitable[None]],
    ) -> None:
        self._configure = configure
        self._take_over = take_over
        self._emit = emit
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._targets: dict[int, ImapTarget] = {}
        self._exchanges: dict[int, Exchange] = {}
        self._link: Link | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._gone = asyncio.Event()
        self._listens: asyncio.Future[str] | None = None
        self._app: App | None = None
        self._socket: socket.socket | None = None
        self._back: Back | None = None
        self._supervising: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()

    # its life

    async def start(self) -> None:
        """OSError: it could not be started."""
        await self._start()
        self._supervising = asyncio.create_task(self._supervise(), name="door")

    async def listen(self, app: App, listening: socket.socket) -> None:
        """Requests at ``listening``, which is this object's from now on, are answered by ``app``. OSError says why they cannot
        be."""
        self._app, self._socket = app, listening
        await self._listen()

    async def listen_no_more(self) -> None:
        """Returns when the answers under way are out, or their time is over."""
        if self._socket is None:
            return
        self._socket.close()
        self._socket = None
        await self._told_after(frames.ListenNoMore(), ENDS_SECONDS)

    def renew_certificate(self) -> None:
        """As :meth:`idlebell.rest.server.RestServer.renew_certificate`; the door itself tells what is wrong."""
        self._say(frames.RenewCertificate())

    async def close(self) -> None:
        if self._supervising is not None:
            self._supervising.cancel()
            await asyncio.gather(self._supervising, return_exceptions=True)
        await self._end()
        await asyncio.gather(*self._beside, return_exceptions=True)

    @property
    def pid(self) -> int:
        """0: there is none now."""
        return 0 if self._process is None or self._process.returncode is not None else self._process.pid

    async def _start(self) -> None:
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
        self._gone.clear()
        self._link = Link(ours, self._take, self._ended)
        self._say(self._configure)

    async def _listen(self) -> None:
        if self._socket is None or self._app is None:
            return
        self._back = Back(self._app, self._say, self._emit)
        sentence = await self._told_after(frames.Listen(), STARTS_SECONDS, self._socket.dup().detach())
        if sentence:
            raise OSError(sentence)

    async def _told_after(self, frame: frames.Frame, seconds: float, descriptor: int = -1) -> str:
        listens = self._listens = asyncio.get_running_loop().create_future()
        self._say(frame, descriptor)
        gone: asyncio.Future[Any] = asyncio.create_task(self._gone.wait())
        try:
            await asyncio.wait([listens, gone], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        return listens.result() if listens.done() else "the door process does not answer"

    async def _supervise(self) -> None:
        pauses = 0
        while True:
            began = asyncio.get_running_loop().time()
            await self._gone.wait()
            await self._end()
            if asyncio.get_running_loop().time() - began > LONG_SECONDS:
                pauses = 0
            pause = PAUSES_SECONDS[min(pauses, len(PAUSES_SECONDS) - 1)]
            pauses += 1
            self._emit(facts.Complained(f"the door process has ended; it is started anew in {pause:g} s"))
            await asyncio.sleep(pause)
            try:
                await self._start()
                await self._listen()
                await self._on_lost()
            except OSError as error:
                self._emit(facts.Complained(f"the door process cannot be started: {error}"))
                self._gone.set()
            except Exception as error:  # without its rounds there would be no door, and no way in, ever again
                self._emit(facts.SupervisorCaught("door", facts.where_raised(error)))
                self._gone.set()

    def _ended(self) -> None:
        """Nobody waits for a door that is gone: whoever starts another one may be among them."""
        for future in self._asked.values():
            if not future.done():
                future.set_result(None)
        self._asked.clear()
        self._targets.clear()
        self._gone.set()

    async def _end(self) -> None:
        """Its end of the link is closed, and it ends."""
        if self._link is not None:
            self._link.close()
        self._ended()
        if self._back is not None:
            await self._back.close()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            async with asyncio.timeout(ENDS_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    # what it keeps

    def claim(self, secret: Secret) -> Secret:
        """Of a body that has come through the door: what is kept for it until the last copy is wiped. A stand-in for what
        cannot be a secret stays what it is."""
        ticket = secret.reveal()
        if isinstance(secret, HeldSecret) or not ticket.startswith(PREFIX.encode()):
            return secret
        secret.wipe()
        self.hold(ticket)
        return HeldSecret(ticket, self)

    def hold(self, ticket: bytes) -> None:
        self._say(frames.Hold(ticket.decode()))

    def release(self, ticket: bytes) -> None:
        """From whatever thread the collector runs in: that of the store's writer may be the one that finds the last copy."""
        frame = frames.Release(ticket.decode())
        if threading.get_ident() == self._thread:
            self._say(frame)
        else:
            with suppress(RuntimeError):  # the loop is closed, and the door with it
                self._loop.call_soon_threadsafe(self._say, frame)

    async def open(self, account: Account, credentials: Credentials) -> ImapConnection:
        """As :meth:`idlebell.login.opener.Opener.open`."""
        target, number = account.target, next(self._numbers)
        self._targets[number] = target
        if isinstance(credentials, RelayedCredentials):
            self._exchanges[number] = credentials.exchange
        frame = frames.LogIn(
            number,
            account.id,
            target.host,
            target.port,
            target.tls,
            identity(target.trust),
            seen_of(target.trust),
            account.username,
            _sort_of(credentials),
        )
        try:
            answer = await self._ask(number, frame)
        finally:
            self._exchanges.pop(number, None)
        if isinstance(answer, ImapConnection):
            return answer
        if isinstance(answer, frames.NotLoggedIn):
            raise LoginFailed(answer.fault, unexplained=answer.unexplained, ours=answer.ours)
        if isinstance(answer, tuple):
            connection: ImapConnection
            connection, keys = answer
            if isinstance(credentials, KeyedCredentials):
                client_key, server_key = self._held(keys.client_key), self._held(keys.server_key)
                credentials.take(client_key, server_key, keys.salt, keys.iterations, keys.mechanism)
            return connection
        raise LoginFailed(_away(), ours=True)

    async def refresh(self, credentials: RenewableCredentials) -> Granted | Fault:
        """As :func:`idlebell.login.renewals.refresh_by`."""
        number, secret = next(self._numbers), credentials.client_secret
        answer = await self._ask(
            number,
            frames.Refresh(
                number,
                credentials.token_url.reveal(),
                credentials.client_id,
                credentials.refresh_token.text(),
                None if secret is None else secret.text(),
                credentials.access_token.text(),
            ),
        )
        return self._granted(answer)

    async def redeem(self, request: HttpRequest, secrets: Sequence[Secret | None]) -> Granted | Fault:
        """As :func:`idlebell.login.sign_ins.redeem_by`."""
        number = next(self._numbers)
        known = [secret.text() for secret in secrets if secret is not None]
        frame = frames.Redeem(number, request.url.reveal(), list(request.headers), request.body, known)
        return self._granted(await self._ask(number, frame))

    def _granted(self, answer: Any) -> Granted | Fault:
        if isinstance(answer, frames.Refreshed):
            another = None if answer.refresh_token is None else self._held(answer.refresh_token)
            who = None if answer.id_token is None else Secret(answer.id_token)
            return Granted(self._held(answer.access_token), another, answer.seconds, who)
        return answer.fault if isinstance(answer, frames.NotRefreshed) else _away()

    async def password_of(self, file: str, command: str) -> Secret:
        """As :func:`idlebell.login.password_source.password_of`."""
        number = next(self._numbers)
        answer = await self._ask(number, frames.ReadPassword(number, file, command))
        if isinstance(answer, frames.PasswordRead):
            if answer.ticket:
                return self._held(answer.ticket)
            raise NoPassword(answer.sentence)
        raise NoPassword("the door process is being started anew")

    def _held(self, ticket: str) -> HeldSecret:
        return HeldSecret(ticket.encode(), self)

    async def _ask(self, number: int, frame: frames.Frame) -> Any:
        """None: the door is gone."""
        future = asyncio.get_running_loop().create_future()
        if self._link is None or self._link.closed:
            self._targets.pop(number, None)
            return None
        self._asked[number] = future
        self._say(frame)
        try:
            return await future
        except asyncio.CancelledError:
            self._say(frames.Cancel(number))
            raise
        finally:
            self._asked.pop(number, None)

    # the link

    def _say(self, frame: frames.Frame, descriptor: int = -1) -> None:
        packet = frames.encode(frame)
        if self._link is not None:
            self._link.send(packet, descriptor)

    def _take(self, packet: memoryview, descriptor: int) -> None:
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
            case frames.Refreshed() as frame:
                if not self._answered(frame.number, frame):
                    for ticket in filter(None, (frame.access_token, frame.refresh_token)):
                        self._say(frames.Release(ticket))
            case frames.PasswordRead() as frame:
                if not self._answered(frame.number, frame) and frame.ticket:
                    self._say(frames.Release(frame.ticket))
            case frames.NotRefreshed() as frame:
                self._answered(frame.number, frame)
            case frames.Told(name, members):
                self._emit(msgspec.convert(members, getattr(facts, name)))
            case frames.Listening() | frames.NotListening():
                self._heard("")
            case frames.CannotListen(sentence):
                self._heard(sentence)

    async def _relayed(self, number: int, server_first: str) -> None:
        """The door waits as long as we do, and gives up by itself."""
        exchange = self._exchanges.get(number)
        if exchange is None:
            return
        try:
            final = await exchange.answer(server_first.encode())
        except Unanswered:
            self._answered(number, frames.NotLoggedIn(number, refusal.not_answered(), False, False))
            self._say(frames.Cancel(number))
        else:
            self._say(frames.Answer(number, final.decode()))

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
            for ticket in (frame.keys.client_key, frame.keys.server_key) if frame.keys else ():
                self._say(frames.Release(ticket))
            return
        if (exchange := self._exchanges.get(frame.number)) is not None:
            exchange.prove(frame.server_final)
        connection = self._take_over(target, frame.session, descriptor)
        if self._answered(frame.number, (connection, frame.keys) if frame.keys else connection):
            return
        # Whoever asked has gone: the session must not count against its owner's limit at the server.
        self._beside_this(connection.logout())
        for ticket in (frame.keys.client_key, frame.keys.server_key) if frame.keys else ():
            self._say(frames.Release(ticket))

    def _answered(self, number: int, answer: object) -> bool:
        future = self._asked.get(number)
        if future is None or future.done():
            return False
        future.set_result(answer)
        return True

    def _heard(self, sentence: str) -> None:
        if self._listens is not None and not self._listens.done():
            self._listens.set_result(sentence)


def _sort_of(credentials: Credentials) -> frames.Sort:
    match credentials:
        case PasswordCredentials(password):
            return frames.Password(password.text())
        case BearerCredentials(token):
            return frames.Token(token.text())
        case RenewableCredentials():
            return frames.Token(credentials.access_token.text())
        case KeyedCredentials():
            if not credentials.client_key:
                return frames.ToBeKeys(credentials.password.text())
            return frames.ScramKeys(
                credentials.client_key.text(),
                credentials.server_key.text(),
                credentials.salt,
                credentials.iterations,
                credentials.mechanism,
            )
        case RelayedCredentials(exchange):
            return frames.Relayed(exchange.name, exchange.client_first)


def _away() -> Fault:
    return Fault("overloaded", "The part of the gateway that logs in is being started anew.", retry_after_seconds=1)
