"""The door as the gateway uses it: started with it, started anew where it has ended or hangs, replaced where it has made many
logins.

One that is replaced gives what it keeps to the next, past the gateway, ends what is under way there, and lives on for the
sessions that it relays and for nothing else: no secret comes to it any more. Of one that ends by itself what it kept is
gone. Sessions that it handed over go on, but for those that it relayed; the rest is its caller's business, who is told.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from idlebell.door import frames, sorts
from idlebell.door.back import App
from idlebell.door.gate import Gate
from idlebell.door.side import ENDS_SECONDS, Side, TakeOver
from idlebell.door.tickets import PREFIX
from idlebell.login.opener import LoginFailed
from idlebell.login.password_source import NoPassword
from idlebell.login.safe import SafeAway, Sealable
from idlebell.login.token_endpoint import Granted
from idlebell.login.vault import NotOpened
from idlebell.login.vault_source import VaultSource
from idlebell.model.account import (
    Account,
    Credentials,
    ImapTarget,
    KeyedCredentials,
    RelayedCredentials,
    RenewableCredentials,
)
from idlebell.model.ids import AccountId, SubscriptionId
from idlebell.model.problem import Fault
from idlebell.model.secret import HeldSecret, Secret
from idlebell.model.vaulted import Vaulted
from idlebell.net.imap_connection import ImapConnection
from idlebell.push.exchange import HttpRequest
from idlebell.telemetry import facts

STARTS_SECONDS: Final = 30.0
"""Until a new door can take requests: half a second of work, on a machine that may be busy."""
PAUSES_SECONDS: Final = (0.0, 1.0, 5.0, 15.0, 60.0)
"""Before a door is started anew; the last one stays. One that has lived for :data:`LONG_SECONDS` begins from the first."""
LONG_SECONDS: Final = 300.0
LOGINS_OF_ONE: Final = 5_000
"""Then another door takes its place: what Python has left of passwords in its heap ends with it. A start costs 0.6 s of CPU, so
much as 130 logins."""
RETIRED_MOST: Final = 3
"""Doors that still relay sessions, of 50 MiB each. While there are so many none is replaced."""
QUIET_SECONDS: Final = 30.0
"""For a moment in which no new secret is on its way out of a door. It comes by itself; where not, what is asked waits."""
PATIENCE_SECONDS: Final = 70.0
"""For that moment while all wait: one login has 60 s."""


class Neighbour:
    """One for a process. ``on_gone``: what a door kept is gone. ``on_new``: another one stands there now."""

    def __init__(
        self,
        configure: frames.Configure,
        take_over: TakeOver,
        emit: facts.Emit,
        on_gone: Callable[[], None],
        on_new: Callable[[], Awaitable[None]],
    ) -> None:
        self._configure = configure
        self._take_over = take_over
        self._emit = emit
        self._on_gone = on_gone
        self._on_new = on_new
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._side = Side(take_over, emit)
        self._app: App | None = None
        self._socket: socket.socket | None = None
        self._supervising: asyncio.Task[None] | None = None
        self._coming = self._side
        self._vault: VaultSource | None = None
        self._logins = 0
        self._worn: Final = asyncio.Event()
        self._retired: set[asyncio.Task[None]] = set()
        self._gate: Final = Gate()

    # its life

    async def start(self) -> None:
        """OSError: it could not be started."""
        await self._side.start(self._configure)
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
        await self._side.told_after(frames.ListenNoMore(), ENDS_SECONDS)

    def renew_certificate(self) -> None:
        """As :meth:`idlebell.rest.server.RestServer.renew_certificate`; the door itself tells what is wrong."""
        self._side.say(frames.RenewCertificate())

    async def close(self) -> None:
        if self._supervising is not None:
            self._supervising.cancel()
            await asyncio.gather(self._supervising, return_exceptions=True)
        for one in self._retired:
            one.cancel()
        sides = {self._side, self._coming}
        await asyncio.gather(*(side.end() for side in sides), *self._retired, return_exceptions=True)

    @property
    def pid(self) -> int:
        """0: there is none now."""
        return self._side.pid

    async def _listen(self) -> None:
        if self._socket is not None and self._app is not None:
            await self._side.listen(self._app, self._socket.dup().detach(), STARTS_SECONDS)

    async def _supervise(self) -> None:
        pauses = 0
        while True:
            began = asyncio.get_running_loop().time()
            await self._watched()
            await self._side.end()
            self._on_gone()
            if asyncio.get_running_loop().time() - began > LONG_SECONDS:
                pauses = 0
            pause = PAUSES_SECONDS[min(pauses, len(PAUSES_SECONDS) - 1)]
            pauses += 1
            self._emit(facts.Complained(f"the door process has ended; it is started anew in {pause:g} s"))
            await asyncio.sleep(pause)
            self._side = Side(self._take_over, self._emit)
            try:
                await self._side.start(self._configure)
                async with _watched_over(self._side):
                    await self._listen()
                    await self._on_new()
            except OSError as error:
                self._emit(facts.Complained(f"the door process cannot be started: {error}"))
                self._side.gone.set()
            except Exception as error:  # without its rounds there would be no door, and no way in, ever again
                self._emit(facts.SupervisorCaught("door", facts.where_raised(error)))
                self._side.gone.set()

    async def _watched(self) -> None:
        """Until the door that is there has ended, whichever it is by then."""
        while True:
            side = self._side
            watching = asyncio.create_task(side.watch(), name="door watched")
            worn = asyncio.create_task(self._worn.wait())
            try:
                await asyncio.wait([watching, worn], return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    return
                self._worn.clear()
                await self._replace(side)
            finally:
                watching.cancel()
                worn.cancel()
            if self._side.gone.is_set():
                return

    async def _replace(self, old: Side) -> None:
        """Where it cannot be done the old one stays, and it is tried after as many logins more."""
        logins, self._logins = self._logins, 0
        if len(self._retired) >= RETIRED_MOST:
            return
        new = self._coming = Side(self._take_over, self._emit)
        try:
            await new.start(self._configure)
            if self._vault is not None:
                async with _watched_over(new):
                    with suppress(ValueError):  # it is told at the start, and the vault stays closed
                        await _read_vault_key(new, self._vault, may_make=False)
        except OSError as error:
            self._emit(facts.Complained(f"the door process cannot be replaced: {error}"))
            await new.end()
            return
        async with self._gate.quiet(QUIET_SECONDS, PATIENCE_SECONDS):
            giving, taking = socket.socketpair()
            self._side = new  # at once: what is held and released from now on is said behind this
            old.say(frames.HandOn(), giving.detach())
            sentence = await new.told_after(frames.TakeOn(), STARTS_SECONDS, taking.detach())
        self._retired.add(retired := asyncio.create_task(_retired(old), name="door retired"))
        retired.add_done_callback(self._retired.discard)
        try:
            await self._listen()
        except OSError as error:
            sentence = str(error)
        if sentence:
            self._emit(facts.Complained(f"the door process could not be replaced: {sentence}"))
            for one in (old, new):
                one.kill()
            return
        self._emit(facts.Noted(f"the door process was replaced after {logins} logins"))

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
        self._side.say(frames.Hold(ticket.decode()))

    def release(self, ticket: bytes) -> None:
        """From whatever thread the collector runs in: that of the store's writer may be the one that finds the last copy."""
        frame = frames.Release(ticket.decode())
        if threading.get_ident() == self._thread:
            self._side.say(frame)
        else:
            with suppress(RuntimeError):  # the loop is closed, and the door with it
                self._loop.call_soon_threadsafe(self._say, frame)

    def _say(self, frame: frames.Frame) -> None:
        """To the door that is there by then."""
        self._side.say(frame)

    async def open(self, account: Account, credentials: Credentials) -> ImapConnection:
        """As :meth:`idlebell.login.opener.Opener.open`."""
        becomes_keys = isinstance(credentials, KeyedCredentials) and not credentials.client_key
        async with self._gate.passed(counted=becomes_keys):
            return await self._open(account, credentials)

    async def _open(self, account: Account, credentials: Credentials) -> ImapConnection:
        self._logins += 1
        if self._logins == LOGINS_OF_ONE:
            self._worn.set()
        number = self._side.number()
        exchange = credentials.exchange if isinstance(credentials, RelayedCredentials) else None
        frame = frames.LogIn(number, sorts.whose(account), sorts.sort_of(credentials))
        answer = await self._side.log_in(number, frame, account.target, exchange)
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
        secret = credentials.client_secret
        answer = await self._asked(
            lambda number: frames.Refresh(
                number,
                credentials.token_url.reveal(),
                credentials.client_id,
                credentials.refresh_token.text(),
                None if secret is None else secret.text(),
                credentials.access_token.text(),
            )
        )
        return self._granted(answer)

    async def printed_by(self, command: str) -> Granted | Fault:
        """As :func:`idlebell.login.own_tokens.printed_by`."""
        return self._granted(await self._asked(lambda number: frames.PrintToken(number, command)))

    async def redeem(self, request: HttpRequest, secrets: Sequence[Secret | None]) -> Granted | Fault:
        """As :func:`idlebell.login.sign_ins.redeem_by`."""
        known = [secret.text() for secret in secrets if secret is not None]
        url, headers = request.url.reveal(), list(request.headers)
        return self._granted(await self._asked(lambda number: frames.Redeem(number, url, headers, request.body, known)))

    def _granted(self, answer: Any) -> Granted | Fault:
        if isinstance(answer, frames.Refreshed):
            another = None if answer.refresh_token is None else self._held(answer.refresh_token)
            who = None if answer.id_token is None else Secret(answer.id_token)
            return Granted(self._held(answer.access_token), another, answer.seconds, who)
        return answer.fault if isinstance(answer, frames.NotRefreshed) else _away()

    async def password_of(self, target: ImapTarget, username: str, file: str, command: str) -> Secret:
        """As :func:`idlebell.login.password_source.password_of`, for that account alone."""
        whose = sorts.whose(Account(AccountId(""), target, username))
        answer = await self._asked(lambda number: frames.ReadPassword(number, whose, file, command))
        if isinstance(answer, frames.PasswordRead):
            if answer.ticket:
                return self._held(answer.ticket)
            raise NoPassword(answer.sentence)
        raise NoPassword("the door process is being started anew")

    async def _asked(self, frame_of: Callable[[int], frames.Frame]) -> Any:
        """What is answered with a secret."""
        async with self._gate.passed(counted=True):
            side = self._side
            number = side.number()
            return await side.answer_to(number, frame_of(number))

    def _held(self, ticket: str) -> HeldSecret:
        return HeldSecret(ticket.encode(), self)

    # the vault: its rows are ours, its key is the door's

    async def read_vault_key(self, source: VaultSource, *, may_make: bool) -> None:
        """ValueError: it is not to be had, and the sentence says why. SafeAway."""
        self._vault = source
        await _read_vault_key(self._side, source, may_make=may_make)

    def seal(
        self,
        subscription: SubscriptionId,
        account: Account,
        credentials: Sealable,
        refresh_token: Secret | None = None,
    ) -> asyncio.Future[Vaulted | None]:
        """As :meth:`idlebell.login.safe.Safe.seal`: asked at once, and in order with what is released after."""
        number = self._side.number()
        by = sorts.sealable(credentials, refresh_token)
        asked = self._side.ask(number, frames.Seal(number, subscription, sorts.whose(account), by))

        async def sealed() -> Vaulted | None:
            answer = await asked
            if isinstance(answer, frames.Sealed) and answer.key:
                return Vaulted(subscription, account.id, answer.key, answer.content)
            return None

        return asyncio.ensure_future(sealed())

    async def unseal(self, row: Vaulted, account: Account) -> Credentials:
        """As :meth:`idlebell.login.safe.Safe.open`."""
        whose = sorts.whose(account)
        answer = await self._asked(lambda number: frames.Unseal(number, row.subscription, whose, row.key, row.content))
        if isinstance(answer, frames.Unsealed):
            return sorts.sealed_of(answer.by, [self._held(ticket) for ticket in sorts.tickets_of(answer.by)])
        if isinstance(answer, frames.NotUnsealed):
            raise NotOpened(other_key=answer.other_key)
        raise _no_safe()


class SafeThere:
    """A vault whose key is the door's (:class:`~idlebell.login.safe.Safe`)."""

    def __init__(self, neighbour: Neighbour) -> None:
        self.seal: Final = neighbour.seal
        self.open: Final = neighbour.unseal


async def _read_vault_key(side: Side, source: VaultSource, *, may_make: bool) -> None:
    number = side.number()
    frame = frames.ReadVaultKey(number, str(source.file or ""), source.command, may_make)
    answer = await side.answer_to(number, frame)
    if not isinstance(answer, frames.VaultKeyRead):
        raise _no_safe()
    if answer.sentence:
        raise ValueError(answer.sentence)


@asynccontextmanager
async def _watched_over(side: Side) -> AsyncIterator[None]:
    """Whoever asks it within is not left waiting, also where it stops before it is the one that is there."""
    watching = asyncio.create_task(side.watch(), name="door watched")
    try:
        yield
    finally:
        watching.cancel()


async def _retired(side: Side) -> None:
    """Until it ends by itself, or is ended."""
    try:
        await side.gone.wait()
    finally:
        await side.end()


def _away() -> Fault:
    return Fault("overloaded", "The part of the gateway that logs in is being started anew.", retry_after_seconds=1)


def _no_safe() -> SafeAway:
    return SafeAway("it has ended, and with it the vault's key")
