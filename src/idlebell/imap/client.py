"""The client half: what one connection to an IMAP server may do and is told. No socket, no clock, no log.

In: commands (:meth:`Client.send`), SASL messages, DONE, and the server's bytes. Out: bytes to send
(:meth:`Client.data_to_send`) and :data:`~idlebell.imap.events.ClientEvent` values. One command is in flight at most, so a
response never has to be matched to one of several (RFC 9051 section 5.5 lists the ambiguities that this avoids).

What the gateway may ever send is :data:`~idlebell.imap.permitted.PERMITTED`, and this module is the only place that looks
at it. An idle client holds under 1 KiB (``bench`` measures it), as long as its callers share what they can: one
``Limits``, one :class:`~idlebell.imap.capabilities.SharedCapabilities`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idlebell.imap import capabilities as capability_lists
from idlebell.imap import commands as c
from idlebell.imap.encode import encode_command
from idlebell.imap.errors import WHERE_BYTES, LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import Challenged, ClientEvent, Completed, Ended, Greeted, Idling, Received
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.parse_response import parse_response
from idlebell.imap.permitted import PERMITTED, check_never_sets_seen
from idlebell.imap.responses import (
    CapabilityCode,
    CapabilityData,
    Condition,
    ContinuationRequest,
    EnabledData,
    Response,
    StatusResponse,
    TaggedResponse,
    UntaggedResponse,
)
from idlebell.imap.sasl_message import decode_challenge, sasl_line
from idlebell.imap.state import EXCHANGE, GREETINGS, Move, Phase, State, first_phase, outcome
from idlebell.imap.terms import Terms

_NOTHING: Final[frozenset[str]] = frozenset()
_INJECTED: Final = "injected-plaintext"


class Client:
    """One connection to a server, from its greeting to its end.

    ``tls``: whether the bytes already travel under TLS. ``permitted``: narrows :data:`~idlebell.imap.permitted.PERMITTED`.
    ``allow_plaintext_login``: LOGIN and AUTHENTICATE also without TLS; for networks that the operator trusts.
    ``share``: gives the copy of a capability list to keep (a :class:`~idlebell.imap.capabilities.SharedCapabilities`).

    After a :class:`~idlebell.imap.errors.RemoteProtocolError` or an :class:`~idlebell.imap.events.Ended` the connection
    is to be closed: every further call raises :class:`~idlebell.imap.errors.LocalProtocolError`, so look at the events
    before you ask for data to send. What came before a fault is still reported, however the bytes were cut: then
    :attr:`fault` holds it, and the next call raises it.
    """

    __slots__ = (
        "_allow_plaintext_login", "_announced", "_elements", "_framer", "_limits", "_outgoing", "_permitted", "_phase",
        "_rest", "_share", "_tags", "_untagged", "capabilities", "enabled", "fault", "in_flight", "sent", "state", "tls",
    )  # fmt: skip

    def __init__(
        self,
        limits: Limits = DEFAULT_LIMITS,
        *,
        tls: bool,
        permitted: frozenset[type] = PERMITTED,
        allow_plaintext_login: bool = False,
        share: Callable[[frozenset[str]], frozenset[str]] | None = None,
    ) -> None:
        if not permitted <= PERMITTED:
            raise LocalProtocolError("a client may be permitted less than the fixed list, never more")
        self.state = State.GREETING
        self.tls = tls
        self.capabilities: frozenset[str] = _NOTHING
        """Upper-cased. Empty while unknown: no server may list none (RFC 9051 section 7.2.2)."""
        self.enabled: frozenset[str] = _NOTHING
        """What ENABLE switched on (RFC 5161)."""
        self.in_flight: c.Command | None = None
        self.fault: RemoteProtocolError | None = None
        """What the server did wrong after the events that were given last."""
        self._limits = limits
        self._permitted = permitted
        self._allow_plaintext_login = allow_plaintext_login
        self._share = share
        self._framer = Framer(limits)
        self._phase = Phase.READY
        self._tags = 0
        self.sent: dict[type[c.Command], int] = {}  # for who counts: it may be emptied
        self._untagged = 0  # since the last command was sent
        self._elements = 0  # of them
        self._outgoing = b""
        self._rest: tuple[bytes, ...] = ()  # of the command in flight, each waits for a +
        self._announced: frozenset[str] | None = None  # capabilities that the command in flight brought

    def __repr__(self) -> str:
        return f"<Client {self.state.value}, {self._phase.value}, tls={self.tls}>"

    @property
    def phase(self) -> Phase:
        """Whose turn it is."""
        return self._phase

    @property
    def tag(self) -> str:
        """The tag of the last command sent."""
        return f"A{self._tags}"

    @property
    def utf8(self) -> bool:
        """Whether mailbox names travel as UTF-8 rather than modified UTF-7."""
        return capability_lists.speaks_utf8(self.capabilities, self.enabled)

    @property
    def capabilities_known(self) -> bool:
        """False before the first list, after STARTTLS, and after a login that came without one: then ask CAPABILITY."""
        return bool(self.capabilities)

    def has(self, capability: str) -> bool:
        """Whether the server can do ``capability``, said or implied; False while nothing is known."""
        return capability_lists.has(self.capabilities, capability)

    # --- laid aside ---

    @property
    def terms(self) -> Terms | None:
        """With :attr:`tags` and :attr:`phase` all that is to be kept of a client that idles, has asked to, or may be given a
        command, and holds nothing. None: it does something else, or something has come or is to be sent that would be lost."""
        waits = self._phase in (Phase.IDLING, Phase.IDLE_REQUESTED, Phase.READY)
        if not waits or self._framer.pending or self._outgoing or self.fault is not None:
            return None
        return Terms(
            self._limits,
            self.tls,
            self._permitted,
            self._allow_plaintext_login,
            self._share,
            self.state,
            self.capabilities,
            self.enabled,
        )

    @property
    def tags(self) -> int:
        """How many commands were sent: the number of the last tag."""
        return self._tags

    @classmethod
    def resumed(cls, terms: Terms, tags: int, command: c.Command | None, phase: Phase) -> Client:
        """One that goes on where another stood: under ``terms``, after ``tags`` commands, with ``command`` in flight, in
        ``phase``. What was said since is to be given to :meth:`receive_data`."""
        client = cls(
            terms.limits,
            tls=terms.tls,
            permitted=terms.permitted,
            allow_plaintext_login=terms.allow_plaintext_login,
            share=terms.share,
        )
        client.state = terms.state
        client.capabilities = terms.capabilities
        client.enabled = terms.enabled
        client.in_flight = command
        client._phase = phase
        client._tags = tags
        return client

    # --- out ---

    def send(self, command: c.Command) -> str:
        """Put ``command`` in flight and give its tag.

        LocalProtocolError: the state, the list of permitted commands, a command in flight or an argument forbids it, and
        nothing is sent.
        """
        self._alive()
        kind = type(command)
        if kind not in self._permitted:
            raise LocalProtocolError(f"{c.name_of(kind)} is not on the list of permitted commands")
        if self._phase is not Phase.READY:
            raise LocalProtocolError(f"{c.name_of(kind)} cannot be sent: {self._phase.value}")
        if outcome(self.state, kind) is None:
            raise LocalProtocolError(f"{c.name_of(kind)} is not valid while {self.state.value}")
        self._check(command)
        parts = encode_command(
            f"A{self._tags + 1}",
            command,
            literal_plus=self.has("LITERAL+"),
            literal_minus=self.has("LITERAL-"),
            sasl_ir=self.has("SASL-IR"),
            utf8=self.utf8,
        )
        self._tags += 1
        self.sent[kind] = self.sent.get(kind, 0) + 1
        self._outgoing += parts[0]
        self._rest = parts[1:]
        self._phase = Phase.LITERAL if self._rest else first_phase(kind)
        if isinstance(command, c.Authenticate) and command.initial is not None and not self.has("SASL-IR"):
            # RFC 4959 section 3: without SASL-IR the message waits for an empty challenge. The caller need not care.
            self._rest = (sasl_line(command.initial),)
            self._phase = Phase.SASL_INITIAL
        self._untagged = self._elements = 0
        self._announced = None
        self.in_flight = command
        return self.tag

    def respond(self, data: bytes) -> None:
        """Answer a :class:`~idlebell.imap.events.Challenged` with the next SASL message, not yet in base64."""
        self._step(Move.RESPONDED)
        self._outgoing += sasl_line(data)

    def cancel(self) -> None:
        """Give the AUTHENTICATE exchange up instead of responding; the server answers BAD (RFC 9051 section 6.2.2)."""
        self._step(Move.CANCELLED)
        self._outgoing += b"*\r\n"

    def done(self) -> None:
        """End IDLE. Only after :class:`~idlebell.imap.events.Idling`: before it the server may not read DONE as such."""
        self._step(Move.DONE)
        self._outgoing += b"DONE\r\n"

    def data_to_send(self) -> bytes:
        """What is to be sent now, given once."""
        self._alive()
        outgoing, self._outgoing = self._outgoing, b""
        return outgoing

    # --- in ---

    def receive_data(self, data: bytes) -> list[ClientEvent]:
        """What the server's bytes mean, in order. RemoteProtocolError: it broke the grammar, a bound or the order, before it
        said anything that made sense; else :attr:`fault` is set."""
        self._alive()
        events: list[ClientEvent] = []
        frame: Frame | LiteralAnnounced | None = None
        try:
            if data and self._phase is Phase.TLS_DUE:
                raise _injected(data)
            self._framer.feed(data)
            while self._phase is not Phase.OVER:
                frame = self._framer.next_frame()
                if frame is None:
                    break
                assert isinstance(frame, Frame)  # literals are announced to servers only
                self._receive(self._parse(frame), frame, events)
                if self._phase is Phase.TLS_DUE and self._framer.pending:
                    raise _injected(self._framer.take_rest())
        except RemoteProtocolError as error:
            if not error.where and isinstance(frame, Frame):
                error.where = frame.raw[:WHERE_BYTES]  # the response makes sense and does not belong here
            self._finish()
            if not events or error.reason == _INJECTED:
                raise  # the OK of a STARTTLS that somebody meddled with is not to be acted on
            self.fault = error
        return events

    def receive_eof(self) -> list[ClientEvent]:
        """The server closed the connection."""
        self._alive()
        self._finish()
        return [Ended(None)]

    def tls_started(self) -> None:
        """The handshake after STARTTLS is done. All that was learnt in clear is forgotten (RFC 9051 section 6.2.1)."""
        self._step(Move.SECURED)
        self.tls = True
        self.capabilities = _NOTHING
        self._framer = Framer(self._limits)

    # --- rules ---

    def _check(self, command: c.Command) -> None:
        """What the state table cannot say."""
        match command:
            case c.StartTls() if self.tls:
                raise LocalProtocolError("STARTTLS under TLS")
            case c.Login() if "LOGINDISABLED" in self.capabilities:
                raise LocalProtocolError("the server lists LOGINDISABLED")
            case c.Login() | c.Authenticate() if not (self.tls or self._allow_plaintext_login):
                # Not left to LOGINDISABLED, which an attacker can strip (RFC 9051 section 11.1).
                raise LocalProtocolError("no credentials without TLS")
            case _:
                check_never_sets_seen(command)

    def _alive(self) -> None:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault
        if self._phase is Phase.OVER:
            raise LocalProtocolError("the connection is finished")

    def _step(self, move: Move) -> None:
        """A move of ours."""
        self._alive()
        phase = EXCHANGE.get((self._phase, move))
        if phase is None:
            raise LocalProtocolError(f"{move.value} does not fit here: {self._phase.value}")
        self._phase = phase

    def _finish(self) -> None:
        """Nothing comes after this; nothing is kept."""
        self.state = State.LOGOUT
        self._phase = Phase.OVER
        self.in_flight = None
        self._outgoing = b""
        self._rest = ()
        self._framer = Framer(self._limits)

    # --- what the server says ---

    def _parse(self, frame: Frame) -> Response:
        try:
            return parse_response(frame, self._limits, utf8=self.utf8)
        except RemoteProtocolError as error:
            if self.state is State.GREETING:
                raise _not_imap(error.where) from error
            raise

    def _receive(self, response: Response, frame: Frame, events: list[ClientEvent]) -> None:
        if self.state is State.GREETING:
            self._greeted(response, events)
            return
        if not isinstance(response, TaggedResponse) and self._phase is not Phase.IDLING:
            self._count(frame)
        match response:
            case TaggedResponse():
                events.append(self._completed(response))
            case ContinuationRequest():
                self._continued(response, events)
            case _:
                self._untagged_response(response, events)

    def _greeted(self, response: Response, events: list[ClientEvent]) -> None:
        state = GREETINGS.get(response.condition) if isinstance(response, StatusResponse) else None
        if state is None:
            raise _not_imap(b"")
        assert isinstance(response, StatusResponse)
        if response.condition is Condition.PREAUTH and not self.tls:
            # STARTTLS is no longer possible then; RFC 9051 section 7.1.4 asks the client to close.
            raise RemoteProtocolError("preauth-in-clear", "the server says PREAUTH on a connection without TLS")
        self.state = state
        self._learn(response)
        events.append(Greeted(response))
        if state is State.LOGOUT:
            self._finish()
            events.append(Ended(response))

    def _completed(self, response: TaggedResponse) -> Completed:
        command = self.in_flight
        if command is None or response.tag != self.tag:
            raise RemoteProtocolError("unexpected-tag", "a tagged response to no command in flight")
        ok = response.condition is Condition.OK
        if ok and self._rest:
            raise RemoteProtocolError("premature-ok", "OK to a command that was not wholly sent")
        result = outcome(self.state, type(command))
        assert result is not None  # send() looked, and no other command was in flight since
        self.state = result.ok if ok else result.refused
        self._phase = EXCHANGE[
            self._phase, Move.TLS_AGREED if ok and isinstance(command, c.StartTls) else Move.COMPLETED
        ]
        self.in_flight = None
        self._rest = ()
        self._untagged = self._elements = 0
        announced, self._announced = self._announced, None
        if isinstance(command, c.Login | c.Authenticate):
            # The list from before the login is void (RFC 9051 section 6.2.2); some servers send the new one untagged.
            if announced is not None or ok:
                self.capabilities = announced or _NOTHING
        elif isinstance(command, c.Enable) and ok:
            self._enabled(command, announced)
        if ok and isinstance(response.code, CapabilityCode):
            self.capabilities = self._shared(response.code.capabilities)
        return Completed(response.tag, command, response.condition, response.code, response.text)

    def _enabled(self, command: c.Enable, announced: frozenset[str] | None) -> None:
        if announced is None:
            # Quirk enable-without-enabled (iCloud): OK and no ENABLED means that all was enabled that the server lists.
            announced = frozenset(name.upper() for name in command.capabilities if self.has(name))
        self.enabled = self._shared(self.enabled | announced)

    def _continued(self, response: ContinuationRequest, events: list[ClientEvent]) -> None:
        phase = EXCHANGE.get((self._phase, Move.CONTINUED))
        if phase is None:
            raise RemoteProtocolError("unexpected-continuation", "a + that nothing waits for")
        self._phase = phase
        match phase:
            case Phase.LITERAL:
                self._outgoing += self._rest[0]
                self._rest = self._rest[1:]
                self._phase = phase if self._rest else EXCHANGE[phase, Move.SENT]
            case Phase.SASL_PENDING:
                self._outgoing += self._rest[0]
                self._rest = ()
            case Phase.IDLING:
                events.append(Idling())
            case _:
                events.append(Challenged(decode_challenge(response.text)))

    def _untagged_response(self, response: UntaggedResponse, events: list[ClientEvent]) -> None:
        match response:
            case StatusResponse(condition=Condition.BYE):
                # Quirk bye-repeated (Yandex): the first one ends it, whatever follows.
                self._finish()
                events.append(Ended(response))
                return
            case StatusResponse(condition=Condition.PREAUTH):
                raise RemoteProtocolError("unexpected-preauth", "PREAUTH after the greeting")
            case StatusResponse():
                self._learn(response)
            case CapabilityData():
                self._list_capabilities(response.capabilities)
            case EnabledData() if isinstance(self.in_flight, c.Enable):
                self._announced = self._bounded(response.capabilities | (self._announced or _NOTHING))
        events.append(Received(response))

    def _learn(self, response: StatusResponse) -> None:
        if isinstance(response.code, CapabilityCode) and response.condition is not Condition.BYE:
            self._list_capabilities(response.code.capabilities)

    def _list_capabilities(self, listed: frozenset[str]) -> None:
        if isinstance(self.in_flight, c.Login | c.Authenticate):
            self._announced = self._shared(listed)  # counts once the server has said OK or NO
        else:
            self.capabilities = self._shared(listed)

    def _shared(self, capabilities: frozenset[str]) -> frozenset[str]:
        capabilities = self._bounded(capabilities)
        return capabilities if self._share is None else self._share(capabilities)

    def _bounded(self, capabilities: frozenset[str]) -> frozenset[str]:
        if sum(map(len, capabilities)) + len(capabilities) > self._limits.capability_bytes:
            raise RemoteProtocolError("too-many-capabilities", "a list of capabilities over the bound")
        return capabilities

    def _count(self, frame: Frame) -> None:
        self._untagged += 1
        if self._untagged > self._limits.untagged_per_command:
            raise RemoteProtocolError("too-many-responses", "more untagged responses than the bound for one command")
        for text in frame.parts[::2]:
            self._elements += text.count(b" ") + text.count(b"(") + text.count(b",")
        if self._elements > self._limits.elements_per_command:
            raise RemoteProtocolError("too-many-elements", "more elements of lists than the bound for one command")


def _injected(data: bytes) -> RemoteProtocolError:
    return RemoteProtocolError(_INJECTED, "bytes in clear after the OK of STARTTLS", data)


def _not_imap(where: bytes) -> RemoteProtocolError:
    return RemoteProtocolError("not-imap", "the first line is no IMAP greeting", where)
