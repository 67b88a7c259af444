"""One IMAP connection: a channel, the protocol object, and deadlines. What a login and a watcher talk to.

After any error but LocalProtocolError the connection is closed and every further call fails. A cancelled
:meth:`ImapConnection.wait_for_change` leaves it usable; a cancelled command closes it, for nobody could tell any more what
the server's next line belongs to.
"""

from __future__ import annotations

import asyncio
from typing import Final

from idlebell.imap import commands as c
from idlebell.imap.client import Client
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import Challenged, ClientEvent, Completed, Ended, Greeted, Idling, Received
from idlebell.imap.responses import StatusResponse, UntaggedResponse
from idlebell.imap.sasl import AnyMechanism, Scram
from idlebell.imap.state import Phase
from idlebell.model.account import ImapTarget
from idlebell.net.clock import Clock
from idlebell.net.closing import Closing, give_way
from idlebell.net.deadlines import (
    AVERAGE_BYTES_PER_SECOND,
    BURST_BYTES,
    CHALLENGES,
    READ_BYTES,
    REPLY_BYTES,
    RESPONSE_BYTES,
    Deadlines,
    drained,
)
from idlebell.net.detached import ConnectionTerms, Detached, GivenUp
from idlebell.net.errors import CertificateFacts, ConnectionLost, ServerSaidBye, TransportError
from idlebell.net.record_channel import RecordChannel
from idlebell.net.reply import Reply, end_of
from idlebell.net.tls_engine import Channel, TlsChannel
from idlebell.net.wire_log import WireLog, spell, spell_event

_IDLE: Final = c.Idle()
"""One for all: each session holds the command that is in flight."""


class ImapConnection:
    """Made by :func:`~idlebell.net.open_connection.open_connection`, which has read the greeting and the capabilities.

    One task uses it. Errors of every method: TransportError, RemoteProtocolError (both: it is closed now),
    LocalProtocolError (nothing was sent, and it can still be used).
    """

    __slots__ = (
        "_channel", "_client", "_clock", "_deadlines", "_debt_bytes", "_detached", "_early", "_end", "_idle_reply",
        "_received", "_wire_log", "certificate", "last_heard_at", "target",
    )  # fmt: skip

    def __init__(
        self,
        target: ImapTarget,
        channel: Channel,
        client: Client,
        *,
        clock: Clock,
        deadlines: Deadlines,
        wire_log: WireLog | None = None,
        heard_at: float | None = None,
        debt_bytes: float = 0.0,
        fault: ConnectionLost | None = None,
    ) -> None:
        """``heard_at``: when the last bytes came, if it is not made now; ``debt_bytes``: in the leaky bucket then; ``fault``:
        what has ended it already."""
        self.target = target
        self.last_heard_at = clock.monotonic() if heard_at is None else heard_at
        """When the last bytes came, by the monotonic clock."""
        self.certificate: CertificateFacts | None = channel.certificate if isinstance(channel, TlsChannel) else None
        """What the server showed; None in clear, and of a session that was parked."""
        self._channel = channel
        self._client = client
        self._clock = clock
        self._deadlines = deadlines
        self._wire_log = wire_log
        self._early: list[UntaggedResponse] = []  # said since the last call returned; bounded by one read
        self._idle_reply: Completed | None = None  # of an IDLE that the server ended by itself
        self._received = 0  # bytes since the last command was sent
        self._debt_bytes = debt_bytes  # in the leaky bucket, when the last bytes came
        self._detached = False
        self._end: TransportError | RemoteProtocolError | None = fault  # after what was returned; told by the next call

    def __repr__(self) -> str:
        return f"<ImapConnection {self.target}, {self._client.state.value}>"

    # --- what is known ---

    @property
    def capabilities(self) -> frozenset[str]:
        """Upper-cased."""
        return self._client.capabilities

    def has(self, capability: str) -> bool:
        """Whether the server can do ``capability``, said or implied."""
        return self._client.has(capability)

    @property
    def client(self) -> Client:
        """The protocol object, for its state; everything is sent through this connection."""
        return self._client

    @property
    def idling(self) -> bool:
        return self._client.phase is Phase.IDLING

    @property
    def tls_description(self) -> str:
        """``TLSv1.3 TLS_AES_256_GCM_SHA384``; empty in clear."""
        return self._channel.description

    @property
    def peer(self) -> str:
        """The server's address; empty where the connection is gone."""
        return self._channel.peer

    @property
    def spent(self) -> tuple[int, int] | None:
        """Commands sent and bytes moved over the socket, of the whole session; None: the socket is given away."""
        return None if self._detached else (self._client.tags, self._channel.moved_bytes)

    @property
    def deadlines(self) -> Deadlines:
        return self._deadlines

    # --- commands ---

    async def command(self, command: c.Command, *, timeout: float | None = None) -> Reply:
        """Sends ``command`` and waits for its tagged response. ``timeout``: seconds for the whole of it; left out,
        ``command_seconds``. Not for IDLE, AUTHENTICATE and STARTTLS."""
        if isinstance(command, c.Idle | c.Authenticate | c.StartTls):
            raise LocalProtocolError(f"{c.name_of(type(command))} has a method of its own")
        return await self._run(command, timeout)

    async def authenticate(self, exchange: AnyMechanism, *, timeout: float | None = None) -> Reply:
        """AUTHENTICATE (RFC 9051 section 6.2.2). After OK the capabilities are known anew.

        RemoteProtocolError ``server-not-proven``: the server said OK without the proof that the mechanism asks for.
        """
        command = c.Authenticate(exchange.name, exchange.initial())
        reply = await self._run(command, timeout, exchange)
        if reply.ok and not exchange.satisfied:
            self.close()
            raise RemoteProtocolError("server-not-proven", "OK before the server had proven that it knows the password")
        return await self._with_capabilities(reply)

    async def login(self, username: str, password: str, *, timeout: float | None = None) -> Reply:
        """The LOGIN command (RFC 9051 section 6.2.3). After OK the capabilities are known anew."""
        return await self._with_capabilities(await self._run(c.Login(username, password), timeout))

    async def start_tls(self, *, timeout: float | None = None) -> Reply:
        """The STARTTLS command alone; after OK the channel is to be replaced by :meth:`secured`."""
        return await self._run(c.StartTls(), timeout)

    def secured(self, channel: TlsChannel) -> None:
        """``channel`` is under TLS now; all that was said before is forgotten (RFC 9051 section 6.2.1)."""
        self._channel, self.certificate = channel, channel.certificate
        self._early = []
        self._client.tls_started()

    # --- IDLE (RFC 2177) ---

    async def idle(self, *, timeout: float | None = None) -> Completed | None:
        """Enters IDLE. None once the server waits with us; a refusal is the tagged response that came instead."""
        await self.ask_to_idle()
        return await self.idle_agreed(timeout=timeout)

    async def ask_to_idle(self) -> None:
        """Sends IDLE alone; then comes :meth:`idle_agreed`, or :meth:`detach`."""
        self._check()
        self._client.send(_IDLE)
        with self._closing("IDLE", self._deadlines.idle_ack_seconds):
            await self._flush()

    async def idle_agreed(self, *, timeout: float | None = None, in_all: float | None = None) -> Completed | None:
        """The answer to an IDLE that was sent, as :meth:`idle` gives it. ``in_all``: seconds since then, where ``timeout`` is
        what is left of them."""
        with self._closing("IDLE", self._deadlines.idle_ack_seconds if timeout is None else timeout, in_all):
            self._received = 0
            await self._flush()
            while True:
                await self._listen()
                self._check()  # it may have spoken and gone at once
                if self._idle_reply is not None:
                    refusal, self._idle_reply = self._idle_reply, None
                    return refusal
                if self.idling:
                    return None
                await give_way()

    async def wait_for_change(self, timeout: float) -> list[UntaggedResponse]:
        """Waits up to ``timeout`` seconds for the server to say anything while it idles, and gives what it said; ``[]`` where
        it said nothing in time, or ended IDLE by itself (then call :meth:`done`), or :meth:`interrupt` was called."""
        self._check()
        if not self.idling:
            raise LocalProtocolError("not idling")
        deadline = self._clock.monotonic() + timeout
        try:
            while self.idling and not self._early:
                left = deadline - self._clock.monotonic()
                if left <= 0 or not await self._channel.ready(left):
                    return []
                await self._take_what_is_there(deadline)
        except asyncio.CancelledError:
            raise  # a wait that is cancelled has taken nothing
        except BaseException:
            self.close()
            raise
        return self._take_early()

    def interrupt(self) -> None:
        """Ends a :meth:`wait_for_change` that is on."""
        if not self._detached:
            self._channel.interrupt()

    async def done(self, *, timeout: float | None = None) -> Reply:
        """Ends IDLE. The deadline, ``idle_ack_seconds`` where left out, is how a dead server is told from a quiet one."""
        self._check()
        if self._idle_reply is not None:
            completed, self._idle_reply = self._idle_reply, None
            return Reply(completed, self._take_early())
        self._client.done()
        return await self._finish("DONE", self._deadlines.idle_ack_seconds if timeout is None else timeout)

    # --- parked ---

    def give_up(self) -> GivenUp | None:
        """Gives away what the connection is made of, where the next command could be sent; it can do nothing any more. None:
        something has come or is to be sent that would be lost, and nothing has changed."""
        terms, channel = self._client.terms, self._channel
        ready = terms is not None and self._client.phase is Phase.READY and not self._early and self._end is None
        if terms is None or not ready or (isinstance(channel, RecordChannel) and not channel.at_rest):
            return None
        self._detached, self._end = True, ConnectionLost("given up")
        debt = drained(self._debt_bytes, self._clock.monotonic() - self.last_heard_at)
        return GivenUp(channel, terms, self._client.tags, self.last_heard_at, debt)

    def shed(self) -> bool:
        """Lets go of what OpenSSL holds for the connection, where its records can be sealed and opened without it. Is there
        nothing of it any more?"""
        if isinstance(self._channel, TlsChannel) and (channel := self._channel.park()) is not None:
            self._channel = channel
        return not isinstance(self._channel, TlsChannel)

    def detach(self) -> Detached | None:
        """Strips a connection that idles, or has asked to, and has shed OpenSSL; it can do nothing any more. None: it holds
        more than could be kept, and nothing has changed."""
        terms, channel = self._client.terms, self._channel
        if terms is None or self._client.phase is Phase.READY or self._early or self._idle_reply or self._end:
            return None
        if not isinstance(channel, RecordChannel) or (released := channel.release()) is None:
            return None
        wire, tls = released
        self._detached, self._end = True, ConnectionLost("parked")
        shared = ConnectionTerms(terms, self._deadlines, self._wire_log, tls.arena)
        debt, heard_at = drained(self._debt_bytes, self._clock.monotonic() - self.last_heard_at), self.last_heard_at
        return Detached(wire.detach(), tls, shared, self._client.tags, heard_at, debt, wire.moved_bytes)

    async def completed(self, what: str, *, timeout: float, in_all: float) -> Reply:
        """The tagged response to a command that was sent while the connection was parked. ``timeout``: what is left of the
        ``in_all`` seconds that it has."""
        self._check()
        return await self._finish(what, timeout, in_all=in_all)

    # --- the end ---

    async def logout(self) -> None:
        """Takes leave if the server lets us within ``logout_seconds``, and closes. Raises nothing of the network's."""
        try:
            async with asyncio.timeout(self._deadlines.logout_seconds):
                if self.idling:
                    await self.done()
                if self._client.phase is Phase.READY:
                    await self._run(c.Logout(), self._deadlines.logout_seconds)
        except (TransportError, RemoteProtocolError, LocalProtocolError, TimeoutError):
            pass  # BYE is what we asked for, and everything else is no news on the way out
        finally:
            self._channel.shut_down()
            self.close()

    def close(self) -> None:
        """Closes at once, without a word. May be called again."""
        if self._detached:
            return
        self._channel.close()
        if self._end is None:
            self._end = ConnectionLost("closed")

    # --- inside ---

    def _check(self) -> None:
        if self._end is not None:
            end, self._end = self._end, ConnectionLost("closed")
            self.close()
            raise end

    async def _run(self, command: c.Command, timeout: float | None, exchange: AnyMechanism | None = None) -> Reply:
        self._check()
        self._client.send(command)
        name = c.name_of(type(command))
        seconds = self._deadlines.command_seconds if timeout is None else timeout
        return await self._finish(name, seconds, exchange)

    async def _finish(
        self,
        what: str,
        seconds: float,
        exchange: AnyMechanism | None = None,
        in_all: float | None = None,
    ) -> Reply:
        """From what is to be sent to the tagged response."""
        untagged = self._take_early()
        self._received = rounds = 0
        with self._closing(what, seconds, in_all):
            while True:
                await self._flush()
                events = await self._receive()
                completed: Completed | None = None
                for event in events:
                    match event:
                        case Received(response):
                            (self._early if completed else untagged).append(response)
                        case Completed():
                            completed = event
                        case Challenged(data) if exchange is not None:
                            rounds += 1
                            await self._answer(exchange, data, rounds)
                        case Ended() if completed:
                            self._end = end_of(event)
                        case Ended():
                            raise end_of(event)
                        case Idling() | Greeted() | Challenged():
                            raise RemoteProtocolError("unexpected-event", f"{type(event).__name__} during {what}")
                if completed:
                    return Reply(completed, untagged)
                await give_way()

    async def _answer(self, exchange: AnyMechanism, challenge: bytes, rounds: int) -> None:
        if rounds > CHALLENGES:
            raise RemoteProtocolError("too-many-challenges", "more SASL messages than any mechanism has")
        if isinstance(exchange, Scram):
            # The server chooses how long its step computes: up to 0.3 s that no other session should wait for.
            answer = await asyncio.to_thread(exchange.step, challenge)
        elif hasattr(exchange, "answer"):
            answer = await exchange.answer(challenge)
        else:
            answer = exchange.step(challenge)
        self._client.respond(answer)

    async def _with_capabilities(self, reply: Reply) -> Reply:
        if not reply.ok or self._client.capabilities_known:
            return reply
        asked = await self._run(c.Capability(), None)
        return Reply(reply.completed, [*reply.untagged, *asked.untagged])

    async def _listen(self) -> None:
        """One read while IDLE is asked for or on."""
        events = await self._receive()
        for event in events:
            match event:
                case Received(response):
                    self._early.append(response)
                case Completed():
                    self._idle_reply = event
                case Ended() if self._idle_reply is not None or self._early:
                    self._end = end_of(event)  # first what it said, then that it is gone
                case Ended():
                    raise end_of(event)
                case Idling():
                    pass
                case Greeted() | Challenged():
                    raise RemoteProtocolError("unexpected-event", f"{type(event).__name__} during IDLE")

    async def _take_what_is_there(self, deadline: float) -> None:
        """Reads what made the socket readable. A part of a TLS record is no line yet: the rest has until ``deadline``."""
        self._received = 0
        self._channel.limit(max(0.0, deadline - self._clock.monotonic()))
        try:
            await self._listen()
        except TimeoutError:
            pass
        finally:
            self._channel.limit(None)

    async def greeting(self) -> StatusResponse:
        """The first line (RFC 9051 section 7.1). ServerSaidBye: it is BYE. Only for who makes the connection."""
        with self._closing("greeting", self._deadlines.greeting_seconds):
            while True:
                events = await self._receive()
                greeting: StatusResponse | None = None
                for event in events:
                    match event:
                        case Greeted(response):
                            greeting = response
                        case Received(response):
                            self._early.append(response)
                        case Ended(None):
                            raise ConnectionLost("eof", "closed before the greeting")
                        case Ended(bye):
                            assert bye is not None
                            raise ServerSaidBye(bye, greeting=True)
                        case _:
                            raise RemoteProtocolError("unexpected-event", "something else than a greeting")
                if greeting is not None:
                    return greeting

    async def _receive(self) -> list[ClientEvent]:
        data = await self._channel.read(READ_BYTES)
        if not data:
            return self._client.receive_eof()
        heard_before, self.last_heard_at = self.last_heard_at, self._clock.monotonic()
        authenticating = isinstance(self._client.in_flight, c.Login | c.Authenticate)
        events = self._client.receive_data(data)
        if self._client.fault is not None:
            self._end = self._client.fault  # first what it said, then what it did wrong
        self._received += len(data)
        if self._received > REPLY_BYTES:
            raise RemoteProtocolError("reply-too-large", f"more than {REPLY_BYTES} bytes before the tagged response")
        debt_bytes = drained(self._debt_bytes, self.last_heard_at - heard_before)
        self._debt_bytes = debt_bytes + len(data) + RESPONSE_BYTES * len(events)
        if self._debt_bytes > BURST_BYTES:
            raise RemoteProtocolError("too-fast", f"more than {AVERAGE_BYTES_PER_SECOND} bytes a second, for long")
        if self._wire_log is not None:
            for event in events:
                self._wire_log("S", spell_event(event, redacted=authenticating))
        return events

    async def _flush(self) -> None:
        if not (data := self._client.data_to_send()):
            return
        if self._wire_log is not None:
            command = self._client.in_flight
            if isinstance(command, c.Login | c.Authenticate):
                self._wire_log("C", f"{self._client.tag} {c.name_of(type(command))} (…)")
            else:
                self._wire_log("C", spell(data))
        await self._channel.write(data)

    def _take_early(self) -> list[UntaggedResponse]:
        early, self._early = self._early, []
        return early

    def _closing(self, what: str, seconds: float, in_all: float | None = None) -> Closing:
        """``in_all``: the seconds to be told, where some were over before."""
        return Closing(self._channel, seconds, self.close, what=what, name=self.target, of_seconds=in_all or seconds)
