"""A client before its login: our own server half speaks to it, within bounds of size, time and number. What comes out of it is
a session at the upstream, or the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from idlebell.front.capabilities import RELAYED_MECHANISMS, shown
from idlebell.front.limits import BEFORE_LOGIN
from idlebell.front.passing_on import (
    Brought,
    NotUnderstood,
    Passing,
    Said,
    by_login,
    by_mechanism,
    may_introduce,
    refused_with,
)
from idlebell.front.upstreams import Upstreams
from idlebell.imap import commands as c
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import BadCommandReceived, CommandReceived, SaslReceived, ServerEvent
from idlebell.imap.responses import CapabilityCode, CapabilityData, Condition, IdData, PlainCode, StatusResponse
from idlebell.imap.server import Server
from idlebell.imap.state import Phase, State
from idlebell.login import token_names
from idlebell.login.asker import Asker
from idlebell.login.door import Door
from idlebell.login.opener import Connect, LoginFailed
from idlebell.login.relay import Unanswered
from idlebell.login.token_names import TokenNames
from idlebell.model.account import Account, ImapTarget
from idlebell.model.ids import AccountId
from idlebell.model.problem import Fault
from idlebell.net.addresses import network_of
from idlebell.net.errors import ConnectionLost
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.plain_channel import PlainChannel
from idlebell.net.tls_engine import Channel
from idlebell.net.tls_policy import TlsContext
from idlebell.net.tls_server import accept_tls
from idlebell.net.traffic_secrets import TrafficSecrets

COMMAND_SECONDS: Final = 60.0
"""From one line of a client to the next. People type passwords into their app, not into a connection."""
COMMANDS: Final = 64
"""Before a login; clients need four."""
REFUSALS: Final = 3
"""Of one connection."""
LOGIN_SECONDS: Final = 90.0
"""For the upstream to let a client in; some delay the answer to a wrong password by 15 s."""
READ_BYTES: Final = 4_096
_BROKEN_OFF: Final = Said(Condition.BAD, None, "The exchange was broken off")
"""RFC 9051 section 6.2.2: a tagged BAD."""
ACCOUNT: Final = AccountId("front")
"""In the log: a client of the front is no account of the gateway's as long as it does not register."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """``ahead``: what the client has sent behind its login. ``brought``: what it logged in with."""

    channel: Channel
    session: ImapConnection
    target: ImapTarget
    username: str
    ahead: bytes
    brought: Brought


class Threshold:
    """Shared by all clients. ``context``: the certificate of now, for STARTTLS; None: there is none. ``secrets`` listens to it.
    ``added``: what families add to an upstream's capabilities."""

    def __init__(
        self,
        door: Door,
        connect: Connect,
        upstreams: Upstreams,
        added: Callable[[frozenset[str]], frozenset[str]],
        context: Callable[[], TlsContext | None],
        secrets: TrafficSecrets | None,
    ) -> None:
        self.secrets = secrets
        self.door = door
        self.connect = connect
        self.names = TokenNames(connect, os.urandom)
        self.upstreams = upstreams
        self.added = added
        self.context = context

    async def admit(self, channel: Channel, address: str, *, tls: bool, local: bool, said: bytes) -> Admitted | None:
        """``said``: what it has sent already. None: it has gone, or was sent away; the channel is closed. ConnectionLost,
        TimeoutError: the same, and the channel is not."""
        client = _Stranger(self, channel, address, tls=tls, local=local)
        return await client.run(said)


class _Stranger:
    def __init__(self, threshold: Threshold, channel: Channel, address: str, *, tls: bool, local: bool) -> None:
        self._all = threshold
        self._channel = channel
        self._address = address
        self._local = local
        self._server = Server(BEFORE_LOGIN, tls=tls, capabilities=self._capabilities)
        self._introduced: tuple[tuple[str, str], ...] = ()
        self._commands = 0
        self._refusals = 0
        self._broken_off = False  # the last exchange was, by the client
        self._bye = False

    async def run(self, said: bytes) -> Admitted | None:
        self._server.greet("Idlebell ready")
        await self._flush()
        try:
            events = self._server.receive_data(said) if said else []
            while True:
                if not events:
                    events = await self._read()
                    await self._flush()  # a literal is asked for before anything is whole
                while events:
                    for event in events:
                        admitted = await self._event(event)
                        if admitted is not None:
                            return admitted
                        if self._bye:
                            break  # what came behind it is answered by nobody
                    await self._flush()
                    if self._bye or self._server.phase is Phase.OVER:
                        self._channel.shut_down()
                        return None
                    if self._server.phase is Phase.TLS_DUE:
                        await self._start_tls()
                    events = self._server.receive_data(b"")
        except RemoteProtocolError:
            await self._flush()  # the BYE
            self._channel.shut_down()
            return None

    # --- inside ---

    def _capabilities(self, _state: State, tls: bool) -> tuple[str, ...]:
        can_start = not tls and self._all.context() is not None and isinstance(self._channel, PlainChannel)
        return self._all.upstreams.told(starttls=can_start, secure=tls or self._local)

    async def _read(self) -> list[ServerEvent]:
        self._channel.limit(COMMAND_SECONDS)
        data = await self._channel.read(READ_BYTES)
        self._channel.limit(None)
        if not data:
            raise ConnectionLost("eof")
        return self._server.receive_data(data)

    async def _flush(self) -> None:
        if data := self._server.data_to_send():
            self._channel.limit(COMMAND_SECONDS)
            await self._channel.write(data)
            self._channel.limit(None)

    def _leave(self, text: str) -> None:
        self._server.send(StatusResponse(Condition.BYE, None, text))
        self._bye = True

    async def _event(self, event: ServerEvent) -> Admitted | None:
        server = self._server
        self._commands += 1
        if self._commands > COMMANDS:
            self._leave("Too many commands before a login")
            return None
        if isinstance(event, BadCommandReceived):
            if event.tag == "*":
                server.send(StatusResponse(Condition.BAD, None, event.reason))
            else:
                server.answer(Condition.BAD, event.reason)
            return None
        if not isinstance(event, CommandReceived):
            return None  # an answer that nobody waits for any more
        match event.command:
            case c.Capability():
                server.send(CapabilityData(server.capabilities))
                server.answer(Condition.OK, "done")
            case c.Noop():
                server.answer(Condition.OK, "done")
            case c.Id(fields) if not may_introduce(fields or (), self._address):
                server.answer(Condition.BAD, "ID has up to 29 fields of 30 bytes and values of 1024, in one line each")
            case c.Id(fields):
                self._introduced = fields or ()
                server.send(IdData((("name", "Idlebell"),)))
                server.answer(Condition.OK, "done")
            case c.Logout():
                server.send(StatusResponse(Condition.BYE, None, "Goodbye"))
                server.answer(Condition.OK, "done")
            case c.StartTls():
                if "STARTTLS" in server.capabilities:
                    server.answer(Condition.OK, "begin")
                else:
                    server.answer(Condition.BAD, "STARTTLS is not offered")
            case c.Login(username, password):
                if self._is_refused_in_clear():
                    return None
                return await self._log_in(lambda: by_login(username, password))
            case c.Authenticate(mechanism, initial):
                return await self._authenticate(mechanism, initial)
            case _:
                server.answer(Condition.BAD, "Log in first")
        return None

    async def _start_tls(self) -> None:
        context = self._all.context()
        assert context is not None
        assert isinstance(self._channel, PlainChannel)
        wire, injected = self._channel.release()
        if injected and injected[:1] != b"\x16":  # of the ClientHello; commands in clear are never run
            raise RemoteProtocolError("injected-plaintext", "bytes in clear after the OK of STARTTLS")
        wire.limit(COMMAND_SECONDS)
        self._channel = await accept_tls(wire, context, secrets=self._all.secrets)
        wire.limit(None)
        self._server.tls_started()

    async def _authenticate(self, mechanism: str, initial: bytes | None) -> Admitted | None:
        if mechanism not in RELAYED_MECHANISMS:
            self._server.answer(Condition.NO, "This mechanism is not offered", PlainCode("CANNOT"))
            return None
        if self._is_refused_in_clear():
            return None
        if initial is None:
            try:
                initial = await self._ask(b"")
            except Unanswered:
                self._answer_if_open(Condition.BAD, _BROKEN_OFF.text)
                return None
        message = initial
        return await self._log_in(lambda: by_mechanism(mechanism, message))

    def _is_refused_in_clear(self) -> bool:
        """Before a password is asked for."""
        refused = "LOGINDISABLED" in self._server.capabilities
        if refused:
            self._server.answer(Condition.NO, "Not in clear: TLS first", PlainCode("PRIVACYREQUIRED"))
        return refused

    async def _ask(self, challenge: bytes) -> bytes:
        """A challenge to the client. Unanswered: it cancelled, has gone, or said what is no answer; the upstream is not to
        blame."""
        self._server.continue_(challenge)
        try:
            await self._flush()
            events = self._server.receive_data(b"")  # some send it ahead
            while not events:
                events = await self._read()
        except (ConnectionLost, TimeoutError, RemoteProtocolError):
            events = []
        match events:
            case [SaslReceived(bytes(data)), *_]:
                return data
        self._broken_off = True
        raise Unanswered

    async def _log_in(self, understand: Callable[[], Brought]) -> Admitted | None:
        try:
            brought = understand()
        except NotUnderstood:
            self._answer_if_open(Condition.BAD, "What the mechanism sent could not be read")
            return None
        target = self._all.upstreams.of(brought.username)
        if target is None:
            detail = "No mail server is known for this user name."
            self._refuse(refused_with(Fault("authentication-failed", detail), None))
            return None
        self._broken_off = False
        upstreams = self._all.upstreams
        passing = Passing(
            self._all.connect,
            lambda connection: upstreams.learn(target, connection.capabilities),
            brought,
            self._ask,
            self._address,
            self._introduced,
        )
        try:
            session = await self._all.door.log_in(
                Account(ACCOUNT, target, brought.acted_by or brought.username),
                brought.credentials(self._ask),
                deadline_seconds=LOGIN_SECONDS,
                asker=Asker(network_of(self._address), apart=True),
                opened_by=passing.open,
            )
        except LoginFailed as failure:
            brought.secret.wipe()
            self._refuse(_BROKEN_OFF if self._broken_off else refused_with(failure.fault, passing.said))
            return None
        try:
            if brought.mechanism in token_names.MECHANISMS:
                token = brought.secret.text()
                looked_at = await self._all.names.are_looked_at(target, brought.username, token, brought.mechanism)
                brought = replace(brought, name_counts=looked_at is True)
            return await self._let_in(session, target, brought, passing.said)
        except BaseException:
            session.close()
            raise

    async def _let_in(
        self, session: ImapConnection, target: ImapTarget, brought: Brought, said: Said | None
    ) -> Admitted:
        server = self._server
        for alert in () if said is None else said.alerts:
            server.send(alert)
        known = session.capabilities
        added = self._all.added(known) if brought.proves else ()
        told = frozenset(shown(sorted(known), added))
        text = "Logged in" if said is None else said.text
        try:
            server.answer(Condition.OK, text, CapabilityCode(told))
        except LocalProtocolError:  # a text that would be read as a code
            server.answer(Condition.OK, "Logged in", CapabilityCode(told))
        await self._flush()
        return Admitted(self._channel, session, target, brought.username, server.take_rest(), brought)

    def _refuse(self, said: Said) -> None:
        """The upstream's own words, with what it wanted the user to read."""
        if self._server.phase is Phase.OVER:
            return
        for alert in said.alerts:
            self._server.send(alert)
        condition = said.condition if said.condition is Condition.BAD else Condition.NO
        try:
            self._server.answer(condition, said.text, said.code)
        except LocalProtocolError:
            self._server.answer(condition, "Refused")
        self._refusals += 1
        if self._refusals >= REFUSALS:
            self._leave("Too many refused logins")

    def _answer_if_open(self, condition: Condition, text: str) -> None:
        """A client that breaks the exchange off is answered; one whose answer broke the protocol has its BYE already."""
        if self._server.phase is not Phase.OVER:
            self._server.answer(condition, text)
