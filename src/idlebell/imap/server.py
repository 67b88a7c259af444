"""The server half: what one connection from an IMAP client asks, and how it is answered. No socket, no clock, no log.

In: the client's bytes and the caller's responses. Out: :data:`~idlebell.imap.events.ServerEvent` values and bytes to send.
It keeps the order and the bounds, and asks for literals by itself; what a mailbox holds is the caller's. State follows
the responses that the caller sends, by the same table as the client half (:mod:`.state`).

One command at a time: what a client pipelines waits until the tagged response of the command before it is sent. So after
a tagged response ask again with no new bytes::

    events = server.receive_data(data)
    while events:
        for event in events:
            answer(server, event)
        events = server.receive_data(b"")
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final

from idlebell.imap import commands as c
from idlebell.imap.capabilities import speaks_utf8
from idlebell.imap.encode import encode_response
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import BadCommandReceived, DoneReceived, SaslReceived, ServerEvent
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.parse_command import parse_command
from idlebell.imap.responses import (
    CapabilityCode,
    Condition,
    ContinuationRequest,
    EnabledData,
    Response,
    ResponseCode,
    StatusResponse,
    TaggedResponse,
)
from idlebell.imap.state import EXCHANGE, GREETINGS, Move, Phase, State, first_phase, outcome

_NOTHING: Final[frozenset[str]] = frozenset()

Capabilities = Callable[[State, bool], tuple[str, ...]]
"""What to list, by state and by whether TLS is on."""


class Server:
    """One connection from a client, from our greeting to its end.

    ``capabilities``: the list to show, or a function of state and TLS; :attr:`capabilities` gives it as it is now.
    A client's RemoteProtocolError leaves a BYE in :meth:`data_to_send`; send it and close. Its bytes are never in the
    error, for they may be a password.
    """

    __slots__ = (
        "_capabilities",
        "_framer",
        "_limits",
        "_outgoing",
        "_phase",
        "enabled",
        "in_flight",
        "state",
        "tag",
        "tls",
    )

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        *,
        tls: bool,
        capabilities: Capabilities | tuple[str, ...] = ("IMAP4rev1",),
    ) -> None:
        self.state = State.GREETING
        self.tls = tls
        self.tag = ""
        """Of the command in flight, else of the last one."""
        self.in_flight: c.Command | None = None
        self.enabled: frozenset[str] = _NOTHING
        """What the ENABLED responses sent so far named."""
        self._limits = limits
        self._capabilities = capabilities
        self._framer = Framer(limits, server_side=True)
        self._phase = Phase.READY
        self._outgoing = b""

    def __repr__(self) -> str:
        return f"<Server {self.state.value}, {self._phase.value}, tls={self.tls}>"

    @property
    def phase(self) -> Phase:
        """Whose turn it is; seen from the client, as in the table."""
        return self._phase

    @property
    def capabilities(self) -> frozenset[str]:
        """What is listed now, upper-cased."""
        listed = self._capabilities
        return frozenset(name.upper() for name in (listed(self.state, self.tls) if callable(listed) else listed))

    @property
    def utf8(self) -> bool:
        """Whether mailbox names travel as UTF-8."""
        return speaks_utf8(self.capabilities, self.enabled)

    # --- out ---

    def greet(self, text: str = "ready", *, condition: Condition = Condition.OK) -> None:
        """Say the first line: OK or PREAUTH with the capabilities, or BYE."""
        if self.state is not State.GREETING:
            raise LocalProtocolError("the greeting is said once")
        if condition not in GREETINGS:
            raise LocalProtocolError(f"{condition} is no greeting")
        self.state = GREETINGS[condition]
        code = None if condition is Condition.BYE else CapabilityCode(self.capabilities)
        self._put(StatusResponse(condition, code, text))
        if condition is Condition.BYE:
            self._phase = Phase.OVER

    def send(self, response: Response) -> None:
        """Send an untagged or tagged response or a continuation. A tagged one must be for the command in flight; BYE
        ends the connection unless it is the answer to LOGOUT."""
        self._alive()
        match response:
            case TaggedResponse():
                self._complete(response)
            case ContinuationRequest(text):
                self._move(Move.CONTINUED)
                self._put(ContinuationRequest(text))
            case StatusResponse(condition=Condition.BYE):
                self._put(response)
                if isinstance(self.in_flight, c.Logout):
                    return  # its tagged OK is still to come
                self.state = State.LOGOUT
                self._phase = Phase.OVER
            case EnabledData(names):
                self._put(response)
                self.enabled |= names
            case _:
                self._put(response)

    def answer(self, condition: Condition, text: str, code: ResponseCode | None = None) -> None:
        """Send the tagged response of the command in flight. OK to a STARTTLS that was pipelined with more becomes a BYE
        (RFC 9051 section 6.2.1): look at :attr:`state` before the handshake."""
        self.send(TaggedResponse(self.tag, condition, code, text))

    def continue_(self, text: bytes = b"") -> None:
        """``+``: IDLE has begun, or the next SASL challenge, not yet in base64."""
        idle = self._phase is Phase.IDLE_REQUESTED
        self.send(ContinuationRequest((text or b"idling") if idle else base64.b64encode(text)))

    def tls_started(self) -> None:
        """The handshake after STARTTLS is done."""
        self._alive()
        self._move(Move.SECURED)
        self.tls = True
        self._framer = Framer(self._limits, server_side=True)

    def data_to_send(self) -> bytes:
        """What is to be sent now, given once; also after the end, for the BYE."""
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    def take_rest(self) -> bytes:
        """What the client has sent ahead, for whoever goes on from here: nothing that comes later is understood any more. Only
        between two commands."""
        self._alive()
        if self._phase is not Phase.READY:
            raise LocalProtocolError("a command is in flight")
        self._phase = Phase.OVER
        return self._framer.take_rest()

    # --- in ---

    def receive_data(self, data: bytes) -> list[ServerEvent]:
        """What the client's bytes mean, up to the command that must be answered first. See the loop above."""
        self._alive()
        if self.state is State.GREETING:
            raise LocalProtocolError("the server speaks first: greet")
        events: list[ServerEvent] = []
        try:
            if data and self._phase is Phase.TLS_DUE:
                raise RemoteProtocolError("injected-plaintext", "bytes in clear after the OK of STARTTLS")
            self._framer.feed(data)
            while self._phase in _LISTENING:
                frame = self._framer.next_frame()
                if frame is None:
                    break
                if isinstance(frame, LiteralAnnounced):
                    if frame.synchronizing:
                        self._put(ContinuationRequest(b"OK"))
                else:
                    events.append(self._receive(frame))
            if self._framer.pending > self._limits.response_bytes and self._phase not in _LISTENING:
                raise RemoteProtocolError("too-much-pipelined", "more commands ahead than the bound")
        except RemoteProtocolError as error:
            self._put(StatusResponse(Condition.BYE, None, error.detail))
            self.state = State.LOGOUT
            self._phase = Phase.OVER
            raise RemoteProtocolError(error.reason, error.detail) from None
        return events

    # --- rules ---

    def _receive(self, frame: Frame) -> ServerEvent:
        match self._phase:
            case Phase.IDLING:
                self._move(Move.DONE)
                if frame.raw.upper() == b"DONE":
                    return DoneReceived()
                return BadCommandReceived(self.tag, "DONE expected")
            case Phase.CHALLENGED:
                return self._sasl(frame.raw)
        event = parse_command(frame, self._limits, utf8=self.utf8)
        if isinstance(event, BadCommandReceived):
            if event.tag != "*":
                self._begin(event.tag, c.UnknownCommand("", b""))
            return event
        if isinstance(event.command, c.StartTls) and self.tls:
            self._begin(event.tag, c.UnknownCommand("", b""))
            return BadCommandReceived(event.tag, "TLS is in force already")
        if outcome(self.state, type(event.command)) is None:
            self._begin(event.tag, c.UnknownCommand("", b""))
            return BadCommandReceived(
                event.tag, f"{c.name_of(type(event.command))} is not valid while {self.state.value}"
            )
        self._begin(event.tag, event.command)
        return event

    def _begin(self, tag: str, command: c.Command) -> None:
        self.tag = tag
        self.in_flight = command
        self._phase = first_phase(type(command))

    def _sasl(self, line: bytes) -> ServerEvent:
        if line == b"*":
            self._move(Move.CANCELLED)
            return SaslReceived(None)
        try:
            data = base64.b64decode(line, validate=True)
        except binascii.Error:
            self._move(Move.CANCELLED)
            return BadCommandReceived(self.tag, "base64 expected")
        self._move(Move.RESPONDED)
        return SaslReceived(data)

    def _complete(self, response: TaggedResponse) -> None:
        command = self.in_flight
        if command is None or response.tag != self.tag:
            raise LocalProtocolError("a tagged response to no command in flight")
        result = outcome(self.state, type(command))
        assert result is not None  # _receive() looked
        ok = response.condition is Condition.OK
        agreed = ok and isinstance(command, c.StartTls)
        if agreed and self._framer.pending:
            self._framer.take_rest()  # it came in clear and is never run
            self._put(StatusResponse(Condition.BYE, None, "commands after STARTTLS"))
            self.state = State.LOGOUT
            self._phase = Phase.OVER
            return
        self._put(response)
        self.state = result.ok if ok else result.refused
        self.in_flight = None
        self._phase = EXCHANGE[self._phase, Move.TLS_AGREED if agreed else Move.COMPLETED]
        if self.state is State.LOGOUT:
            self._phase = Phase.OVER

    def _put(self, response: Response) -> None:
        self._outgoing += encode_response(response, utf8=self.utf8)

    def _move(self, move: Move) -> None:
        phase = EXCHANGE.get((self._phase, move))
        if phase is None:
            raise LocalProtocolError(f"{move.value} does not fit here: {self._phase.value}")
        self._phase = phase

    def _alive(self) -> None:
        if self._phase is Phase.OVER:
            raise LocalProtocolError("the connection is finished")


_LISTENING: Final = frozenset({Phase.READY, Phase.IDLING, Phase.CHALLENGED})
"""The phases in which it is the client's turn."""
