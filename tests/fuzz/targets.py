"""What must hold of every input: one function a target, which raises AssertionError, or the error that got out, where it
does not. The fuzzer (``fuzzing.py``) and the tests call the same functions.

An input is two bytes of options and then what a peer sends. Of every target: nothing but the one error of a remote peer
comes out, and what is held is bounded; of framing and the client: any cut gives the same; of what has a printer: what was
read can be written and is read back as it was, or it has no spelling and is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Final

from fuzz.records import hold_records
from fuzz.registration import registration
from idlebell.imap import commands as c
from idlebell.imap.client import Client
from idlebell.imap.encode import encode_command, encode_response
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import BadCommandReceived, CommandReceived, Ended, Received
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.mailbox_view import MailboxView
from idlebell.imap.parse_command import parse_command
from idlebell.imap.parse_fetch import parse_fetch
from idlebell.imap.parse_response import parse_response
from idlebell.imap.responses import Condition, FetchData
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.server import Server
from idlebell.imap.state import Phase
from idlebell.imap.tokens import Cursor, GrammarError

OPTION_BYTES: Final = 2
"""The first one holds the switches of the target, the second one says where the rest is cut."""

SMALL: Final = Limits(
    line_bytes=60, literal_bytes=12, response_bytes=100, literals=3, depth=4, items=12, number_digits=5, set_ranges=3,
    untagged_per_command=8, elements_per_command=25,
)  # fmt: skip
"""So that short inputs reach the bounds."""

ROOMY: Final = Limits(line_bytes=2**40, literal_bytes=2**40, response_bytes=2**40, items=2**40, set_ranges=2**40)
"""To read back what was written: a value may be longer in our spelling than in the peer's."""

TURN: Final = b"\x1e"
"""Between two turns of a server (RECORD SEPARATOR): the client acts when one is over."""


def framing(data: bytes) -> None:
    """Switches: 1 small bounds, 2 a server's side, 4 literals are refused where they can be."""
    switches, wire = data[0], data[OPTION_BYTES:]
    limits = SMALL if switches & 1 else DEFAULT_LIMITS
    server_side, refuse = bool(switches & 2), bool(switches & 4)
    whole = _frames([wire], limits, server_side, refuse)
    assert _frames(_pieces(wire, data[1]), limits, server_side, refuse) == whole
    frames = [event for event in whole if isinstance(event, Frame)]
    for frame in frames:
        texts, literals = frame.parts[::2], frame.parts[1::2]
        assert sum(map(len, texts)) <= limits.line_bytes
        assert all(len(literal) <= limits.literal_bytes for literal in literals)
        assert len(literals) <= limits.literals
        assert sum(map(len, frame.parts)) <= limits.response_bytes
    if not refuse:
        # What was passed over is in no frame.
        whole_ones = takewhile(lambda frame: not frame.cut, frames)
        assert wire.startswith(b"".join(frame.raw + b"\r\n" for frame in whole_ones))
    if not server_side:
        assert not any(isinstance(event, LiteralAnnounced) for event in whole)


def response(data: bytes) -> None:
    """Switches: 1 small bounds, 2 names in UTF-8."""
    limits, utf8 = SMALL if data[0] & 1 else DEFAULT_LIMITS, bool(data[0] & 2)
    for frame in _frames([data[OPTION_BYTES:]], DEFAULT_LIMITS):
        if not isinstance(frame, Frame):
            continue
        try:
            read = parse_response(frame, limits, utf8)
        except RemoteProtocolError:
            continue
        try:
            written = encode_response(read, utf8=utf8)
        except LocalProtocolError:
            continue
        [again] = _frames([written], ROOMY)
        assert parse_response(again, ROOMY, utf8) == read, written


def fetch(data: bytes) -> None:
    """The items of one FETCH response. Switches: 1 small bounds; the next two: within nothing, ENVELOPE, BODYSTRUCTURE or a
    section."""
    switches = data[0]
    limits = SMALL if switches & 1 else DEFAULT_LIMITS
    item = (b"", b"ENVELOPE ", b"BODYSTRUCTURE ", b"UID 7 BODY[HEADER] ")[switches >> 1 & 3]
    wire = b"* 1 FETCH (" + item + data[OPTION_BYTES:] + b")\r\n"
    frame = next(iter(_frames([wire], DEFAULT_LIMITS)), None)
    if not isinstance(frame, Frame):
        return
    try:
        read = parse_fetch(1, Cursor(frame, limits, wire.index(b"(")))
    except (RemoteProtocolError, GrammarError):
        return
    try:
        written = encode_response(read)
    except LocalProtocolError:
        return
    [again] = _frames([written], ROOMY)
    found = parse_response(again, ROOMY)
    assert isinstance(found, FetchData), written
    assert found == read, written


def command(data: bytes) -> None:
    """Switches: 1 small bounds, 2 names in UTF-8."""
    limits, utf8 = SMALL if data[0] & 1 else DEFAULT_LIMITS, bool(data[0] & 2)
    for frame in _frames([data[OPTION_BYTES:]], DEFAULT_LIMITS, server_side=True):
        if not isinstance(frame, Frame):
            continue
        try:
            read = parse_command(frame, limits, utf8=utf8)
        except RemoteProtocolError:
            continue
        if not isinstance(read, CommandReceived):
            continue
        try:
            written = encode_command(read.tag, read.command, literal_plus=True, sasl_ir=True, utf8=utf8)
        except LocalProtocolError:
            continue
        [*_, again] = _frames([*written], ROOMY, server_side=True)
        assert parse_command(again, ROOMY, utf8=utf8) == read, written


BEGINNINGS: Final[tuple[tuple[c.Command | bytes, ...], ...]] = (
    (),
    (b"* OK hi\r\n",),
    (b"* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ QRESYNC IDLE] hi\r\n", c.Login("a", "b")),
    (b"* OK hi\r\n", c.Login("ü", "ü")),
    (b"* OK hi\r\n", c.Authenticate("PLAIN", b"\0a\0b")),
    (b"* OK hi\r\n", c.Authenticate("X")),
    (b"* PREAUTH hi\r\n", c.Idle()),
    (b"* PREAUTH hi\r\n", c.Idle(), b"+ x\r\n"),
    (b"* PREAUTH hi\r\n", c.Enable(("QRESYNC", "UTF8=ACCEPT")), b"* ENABLED UTF8=ACCEPT\r\nA1 OK x\r\n"),
    (b"* PREAUTH hi\r\n", c.Examine("INBOX")),
    (b"* PREAUTH hi\r\n", c.Examine("INBOX"), b"A1 OK x\r\n", c.UidFetch(SequenceSet.starting_at(1), ("FLAGS",))),
    (b"* OK hi\r\n", c.StartTls()),
)
"""How a session got to where the fuzzer meets it."""

_NEXT: Final = (
    c.Capability(),
    c.Authenticate("PLAIN", b"\0a\0b"),
    c.Login("ü", "b"),
    c.Enable(("CONDSTORE",)),
    c.List("", "*"),
    c.Lsub("", "*"),
    c.Id((("name", "Ü"),)),
    c.Notify((c.EventGroup("personal", ("MessageNew", "MessageExpunge")),), status=True),
    c.Examine("Ü"),
    c.UidFetch(SequenceSet.starting_at(1), ("UID", "FLAGS")),
    c.Idle(),
    c.Status("INBOX", ("UIDNEXT",)),
    c.UidSearch("UNSEEN"),
    c.Noop(),
    c.Unselect(),
    c.Logout(),
)
"""What the client sends when it may, one after the other."""


def client(data: bytes) -> None:
    """The client half with a view of a mailbox, over turns of a server. Switches: the low four bits choose the beginning, 16
    the first command, 32 small bounds."""
    beginning = BEGINNINGS[(data[0] & 15) % len(BEGINNINGS)]
    limits = SMALL if data[0] & 32 else DEFAULT_LIMITS
    first = 9 if data[0] & 16 else 0
    turns = data[OPTION_BYTES:].split(TURN)
    whole, reason = _session(beginning, first, limits, [[turn] for turn in turns])
    cut, cut_reason = _session(beginning, first, limits, [_pieces(turn, data[1]) for turn in turns])
    assert cut_reason == reason
    # Where the fault came, the events of the same bytes before it are not reported; of smaller pieces more of them are.
    assert cut[: len(whole)] == whole if reason else cut == whole


def server(data: bytes) -> None:
    """The server half under a client's bytes; every command is answered at once. Switches: 1 before a login, 2 small bounds, 4
    without TLS."""
    switches, wire = data[0], data[OPTION_BYTES:]
    whole, said = _served([wire], switches)
    cut, cut_said = _served(_pieces(wire, data[1]), switches)
    if switches & 4:
        return  # what was sent along with STARTTLS may or may not be here when it is answered
    assert cut_said == said
    if whole and isinstance(whole[-1], str):
        # Lines that are no command are answered by nobody here; before a fault in the same bytes they are not reported.
        whole, cut = ([event for event in events if event not in _NO_COMMAND] for events in (whole, cut))
    assert cut == whole


def records(data: bytes) -> None:
    """What a server says to a parked session, in records. Switches: the suite, 4 nobody has sealed them."""
    hold_records(data, _pieces)


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = MappingProxyType(
    {one.__name__: one for one in (client, server, command, fetch, response, framing, records, registration)}
)


def hold(target: str, data: bytes) -> None:
    """Whether all holds for this input; inputs without options hold by themselves."""
    if len(data) > OPTION_BYTES:
        TARGETS[target](data)


def _pieces(wire: bytes, step: int) -> list[bytes]:
    """``wire`` in pieces of ``step`` bytes (0: one by one), every third one of a single byte."""
    found: list[bytes] = []
    start = 0
    while start < len(wire):
        size = 1 if len(found) % 3 == 2 else step or 1
        found.append(wire[start : start + size])
        start += size
    return found


def _frames(
    pieces: list[bytes], limits: Limits, server_side: bool = False, refuse: bool = False
) -> list[Frame | LiteralAnnounced | str]:
    """Everything in order; the reason of the end last, if one came. Nothing over the bounds may be held in between."""
    framer = Framer(limits, server_side=server_side)
    found: list[Frame | LiteralAnnounced | str] = []
    try:
        for piece in pieces:
            framer.feed(piece)
            while (event := framer.next_frame()) is not None:
                found.append(event)
                if refuse and isinstance(event, LiteralAnnounced) and event.synchronizing:
                    framer.refuse_literal()
            assert framer.pending <= limits.response_bytes + 1  # a CR whose LF has not come is no byte of the line yet
    except RemoteProtocolError as error:
        found.append(error.reason)
        assert framer.pending == 0
    return found


def _session(
    beginning: tuple[c.Command | bytes, ...], first: int, limits: Limits, turns: list[list[bytes]]
) -> tuple[list[Any], str]:
    """All events, and the reason of the end, if one came."""
    half = Client(limits, tls=c.StartTls() not in beginning)
    view = MailboxView("INBOX")
    ahead = iter(_NEXT[first:])
    for step in beginning:
        if isinstance(step, bytes):
            half.receive_data(step)
        else:
            half.send(step)
            half.data_to_send()
    events: list[Any] = []
    for turn in turns:
        for piece in turn:
            if half.phase is Phase.OVER:
                return events, ""
            try:
                heard = half.receive_data(piece)
            except RemoteProtocolError as error:
                assert half.phase is Phase.OVER
                return events, error.reason
            for event in heard:
                events.append(event)
                if isinstance(event, Received):
                    events.append(view.apply(event.response))
            if half.fault is not None:
                assert half.phase is Phase.OVER
                return events, half.fault.reason
            assert (half.phase is Phase.OVER) == any(isinstance(event, Ended) for event in heard)
        if half.phase is not Phase.OVER:
            _act(half, ahead)
            events.append(half.data_to_send())
    return events, ""


_NO_COMMAND: Final = (BadCommandReceived("*", "a line begins with a tag and a space"),)


def _served(pieces: list[bytes], switches: int) -> tuple[list[Any], bytes]:
    """All events with the reason of the end, if one came, and all that the server said."""
    # What waits behind a command in flight is bounded by the chunk as well, so its bound alone is not a small one.
    limits = replace(SMALL, response_bytes=DEFAULT_LIMITS.response_bytes) if switches & 2 else DEFAULT_LIMITS
    half = Server(limits, tls=not switches & 4, capabilities=("IMAP4rev1", "LITERAL+", "SASL-IR", "IDLE", "STARTTLS"))
    half.greet(condition=Condition.OK if switches & 1 else Condition.PREAUTH)
    events: list[Any] = []
    said = b""
    try:
        for piece in pieces:
            waiting = half.receive_data(piece)
            while True:
                events += waiting
                before = half.phase
                _answer(half)
                said += half.data_to_send()
                if half.phase in (Phase.OVER, Phase.TLS_DUE, before):
                    break
                waiting = half.receive_data(b"")
            if half.phase in (Phase.OVER, Phase.TLS_DUE):
                break
    except RemoteProtocolError as error:
        events.append(error.reason)
        said += half.data_to_send()
        assert half.phase is Phase.OVER
    return events, said


def _answer(half: Server) -> None:
    """It is the server's turn, if it is."""
    match half.phase:
        case Phase.IDLE_REQUESTED:
            half.continue_()
        case Phase.SASL_INITIAL | Phase.SASL_PENDING if isinstance(half.in_flight, c.Authenticate):
            if half.in_flight.initial is None and half.phase is Phase.SASL_PENDING:
                half.continue_(b"challenge")
            else:
                half.answer(Condition.OK, "in")
        case Phase.PENDING:
            half.answer(Condition.OK, "done")


def _act(half: Client, ahead: Iterator[c.Command]) -> None:
    """It is the client's turn."""
    match half.phase:
        case Phase.CHALLENGED:
            half.respond(b"answer")
        case Phase.IDLING:
            half.done()
        case Phase.TLS_DUE:
            half.tls_started()
        case Phase.READY:
            for command in ahead:
                try:
                    half.send(command)
                except LocalProtocolError:
                    continue  # not in this state
                return
