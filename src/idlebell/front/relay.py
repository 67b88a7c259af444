"""What passes between a client that has logged in and its upstream, and what stops here. Sans I/O: bytes of both sides go in,
bytes for both sides and events come out.

Everything is passed on as it came, but for: commands that a family claims or that would break the relay, which wait until all
before them are answered; responses to commands of ours; capability lists. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from idlebell.front.asides import Aside, Stage
from idlebell.front.capabilities import REFUSED, rewritten
from idlebell.front.cutting import CommandCutter, Offence, Piece, ResponseCutter, text_of
from idlebell.front.desk import Desk, Event, Spoken, Told
from idlebell.front.in_flight import Idle, InFlight
from idlebell.front.limits import IN_FLIGHT, READ_BYTES, TAG_BYTES, TOLD_BYTES
from idlebell.front.own import OWN_COMMAND_BYTES, OwnCommand
from idlebell.front.turn import WAITS, Turn
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame, Framer, LiteralAnnounced
from idlebell.imap.limits import Limits
from idlebell.imap.sequence_set import SequenceSet

_OWN: Final = Limits(line_bytes=OWN_COMMAND_BYTES, literal_bytes=OWN_COMMAND_BYTES, response_bytes=OWN_COMMAND_BYTES)
_COMMAND: Final = re.compile(rb"[ \t]*+([^ \t]++)[ \t]++((?:UID[ \t]++)?[^ \t\[({\r\n]++)", re.IGNORECASE)
_TAG: Final = re.compile(rb"[^\x00-\x20(){%*\"\\+\x7f-\xff]++")
_UNTAGGED: Final = re.compile(rb"\*[ \t]++(?:[0-9]++[ \t]++)?([A-Za-z0-9.\-]++)")
_CONDITION: Final = re.compile(rb"\S++ ([A-Za-z]++)")


class Relay:
    """One client's. After each call ask for :meth:`take_client`, :meth:`take_upstream` and :meth:`take_events`. Offence: the
    client's session ends, with its sentence."""

    __slots__ = (
        "_answered", "_aside", "_claimed", "_commands", "_desk", "_events", "_framer", "_responses", "_said",
        "_said_bytes", "_showing", "_to_client", "_to_upstream", "_turn", "_under_way", "_winding_down", "in_flight",
        "said_bye",
    )  # fmt: skip

    def __init__(self, desk: Desk, capabilities: frozenset[str] = frozenset(), ahead: bytes = b"") -> None:
        """``capabilities``: of the upstream. ``ahead``: what the client sent behind its login; :meth:`begin` looks at it."""
        self.in_flight = InFlight(capabilities)
        """The client's commands that the upstream has, and what they have come to."""
        self.said_bye = False
        """The upstream took leave."""
        self._desk = desk
        self._commands = CommandCutter(ahead)
        self._responses = ResponseCutter()
        self._turn = Turn.OPENING
        self._under_way = b""  # the tag of the command that is passed on, or what stands in its place
        self._winding_down = False
        self._claimed: tuple[Piece, bytes, str, int] | None = None  # with tag, name and where its arguments begin
        self._framer: Framer | None = None
        self._aside: Aside | None = None
        self._showing = True  # does the client see the response that is under way?
        self._answered = b""  # its first line, where it is a tagged one
        self._said: list[bytes] = []  # for the client, once the response under way is out
        self._said_bytes = 0
        self._to_client: list[bytes] = []
        self._to_upstream: list[bytes] = []
        self._events: list[Event] = []

    # --- out ---

    def take_client(self) -> bytes:
        taken, self._to_client = self._to_client, []
        return taken[0] if len(taken) == 1 else b"".join(taken)

    def take_upstream(self) -> bytes:
        taken, self._to_upstream = self._to_upstream, []
        return taken[0] if len(taken) == 1 else b"".join(taken)

    @property
    def has_for_client(self) -> bool:
        return bool(self._to_client)

    @property
    def has_for_upstream(self) -> bool:
        return bool(self._to_upstream)

    def take_events(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    @property
    def listens(self) -> bool:
        """May more of the client be read? Of what has to wait no more than so much; only who reads learns that it has gone."""
        return self._commands.waiting_bytes < READ_BYTES or not (self._turn in WAITS or self._is_held)

    @property
    def at_boundary(self) -> bool:
        """The client has nothing of a response whose rest has not come: it can be told something."""
        return self._responses.passed_whole

    @property
    def quiet(self) -> bool:
        """Nothing is in flight and nothing under way: the upstream session could be given away."""
        passing = self._turn in (Turn.PASSING, Turn.AWAITING)
        return self._responses.between and not (self.in_flight or self._aside or passing or self._to_upstream)

    @property
    def is_cut_short(self) -> bool:
        """The upstream has half a command: where the client has gone it never becomes :attr:`quiet`."""
        return self._turn is Turn.PASSING

    # --- in ---

    def begin(self) -> None:
        self._go_on()

    def from_client(self, data: bytes) -> None:
        self._commands.feed(data)
        self._go_on()

    def from_upstream(self, data: bytes) -> None:
        for piece in self._responses.feed(data):
            if piece.opens:
                self._open_response(piece)
            elif self._aside is not None and self._aside.collecting:
                self._aside.collect(piece.data)
            elif self._showing:
                self._to_client.append(piece.data)
            if piece.ends:
                self._end_response()
        self._go_on()

    def answered(self, answer: bytes) -> None:
        """What the client gets for the :class:`OwnCommand` that it waits for."""
        self._say(answer)
        self._turn = Turn.OPENING
        self._go_on()

    def took_leave(self, answer: bytes) -> None:
        """What the client gets for its LOGOUT; nothing that it has sent behind that is looked at."""
        self._say(answer)
        self._turn = Turn.LEFT

    @property
    def parted(self) -> bool:
        """The client knows that its session is over."""
        return self.said_bye or self._turn is Turn.LEFT

    def converse(self, text: bytes) -> None:
        """While one is answered: ``+ text``; the client's next line is :class:`Spoken`."""
        self._say(b"+ " + text + b"\r\n")
        self._turn = Turn.CONVERSING
        self._go_on()

    def tell(self, line: bytes) -> bool:
        """False: there is no room for it."""
        if self._said_bytes + sum(map(len, self._to_client)) + len(line) > TOLD_BYTES:
            return False
        self._say(line)
        return True

    # --- ours ---

    @property
    def busy(self) -> bool:
        """As :attr:`idlebell.front.own.Here.busy`."""
        return bool(self.in_flight) and not self.in_flight.only_idles

    def may_ask(self, *, anytime: bool = False) -> bool:
        """Is it safe to send a command of ours (:meth:`idlebell.front.own.Here.ask`)?"""
        if self._aside is not None:
            return False
        if self._turn in (Turn.ANSWERING, Turn.CONVERSING):
            return True
        if self._turn is not Turn.OPENING:
            return False
        return self.in_flight.only_idles if self.in_flight else (anytime or self.in_flight.selected is None)

    def ask(self, chunks: Sequence[bytes], kinds: frozenset[str], tag: bytes, uids: SequenceSet | None = None) -> None:
        """``chunks``: the command under ``tag``, each but the last ends in the announcement of a literal. ``kinds``: names of
        the responses that are its answer. ``uids``: the messages of a UID FETCH. :class:`Told` comes of it. Only where
        :meth:`may_ask`."""
        assert self.may_ask(anytime=True)
        idle = self.in_flight.interrupt()
        self._aside = Aside(list(chunks), kinds, tag, idle, utf8=self.in_flight.utf8, uids=uids)
        self._to_upstream.append(self._aside.begin())

    def wind_down(self) -> None:
        """The client has gone, and what else it has sent is nobody's any more; where it idled the upstream is told, so that it
        becomes :attr:`quiet`. A question of ours that is under way is answered first."""
        self._winding_down = True
        if self._aside is not None:
            self._aside.resumes &= self._aside.stage is Stage.RESUMING
        elif self.in_flight.only_idles:
            self.in_flight.done()
            self._to_upstream.append(b"DONE\r\n")

    # --- the client's side ---

    @property
    def _is_held(self) -> bool:
        if self._turn is Turn.OPENING:
            # Behind an IDLE comes its end, or the next command where it is refused: nobody knows yet.
            asked = self.in_flight.idle is Idle.ASKED
            return asked or self._aside is not None or len(self.in_flight) >= IN_FLIGHT
        return False

    def _go_on(self) -> None:
        """As far as what the client has sent goes."""
        while self._step():
            pass

    def _step(self) -> bool:
        if self._winding_down:
            return False
        match self._turn:
            case Turn.OPENING | Turn.PASSING:
                piece = None if self._is_held else self._commands.next_piece()
                if piece is None:
                    return False
                if not piece.opens:
                    self._pass(piece)
                else:
                    self._open(piece)
                return True
            case Turn.CLAIMED:
                if self.in_flight or self._aside is not None:
                    return False
                self._collect_first()
                return True
            case Turn.COLLECTING:
                return self._collect()
            case Turn.CONVERSING:
                piece = self._commands.next_piece()
                if piece is None:
                    return False
                if not piece.ends:
                    raise Offence("A line of one word was expected")
                self._turn = Turn.ANSWERING
                self._events.append(Spoken(text_of(piece.data)))
                return False
            case _:
                return False

    def _open(self, piece: Piece) -> None:
        line = text_of(piece.data)
        if self.in_flight.idling:
            # DONE, or what is answered as if it should have been: it is one line, whatever it announces.
            self.in_flight.done()
            self._to_upstream.append(piece.data)
            if piece.ends or piece.literal >= 0:
                self._commands.forget()
            else:
                self._turn = Turn.PASSING
            return
        found = _COMMAND.match(line)
        self._under_way = line.split(b" ", 1)[0] if found is None else found[1]
        if found is None:  # what the upstream makes of it is its answer
            self._pass(piece)
            return
        tag, name = found[1], b" ".join(found[2].upper().split()).decode("ascii", "replace")
        if len(tag) > TAG_BYTES:
            raise Offence("A tag of more than 255 characters")
        if name in REFUSED or name == "LOGOUT" or self._desk.claims(name, line[found.start(2) :]):
            self._claimed = piece, tag, name, found.end(2)
            self._turn = Turn.CLAIMED
            return
        if not found.start(1) and _TAG.fullmatch(tag) is not None:  # what has no tag is answered by an untagged BAD
            self.in_flight.begin(tag, name, line[found.end(2) :])
        self._pass(piece)

    def _pass(self, piece: Piece) -> None:
        if not piece.opens:
            self.in_flight.more(piece.data)
        self._to_upstream.append(piece.data)
        if piece.synchronizing:
            self._turn = Turn.AWAITING
        else:
            self._turn = Turn.OPENING if piece.ends else Turn.PASSING

    def _collect_first(self) -> None:
        assert self._claimed is not None
        piece, tag, _, _ = self._claimed
        if piece.literal > OWN_COMMAND_BYTES and piece.synchronizing:
            self._commands.forget()
            self._claimed, self._turn = None, Turn.OPENING
            self._say(tag + b" BAD [TOOBIG] More than this command may hold\r\n")
            return
        self._framer = Framer(_OWN, server_side=True)
        whole = piece.ends or piece.literal >= 0
        self._framer.feed(text_of(piece.data) + b"\r\n" if whole else piece.data)
        self._turn = Turn.COLLECTING

    def _collect(self) -> bool:
        framer, claimed = self._framer, self._claimed
        assert framer is not None
        assert claimed is not None
        try:
            frame = framer.next_frame()
            if frame is None:
                rest = self._commands.take_rest()
                if rest:
                    framer.feed(rest)
                return bool(rest)
        except RemoteProtocolError as error:
            raise Offence(error.detail) from None
        if isinstance(frame, LiteralAnnounced):
            if frame.synchronizing:
                self._say(b"+ OK\r\n")
            return True
        self._framer = self._claimed = None
        self._commands.forget()
        self._commands.feed(framer.take_rest())
        self._give(frame, *claimed[1:])
        return True

    def _give(self, frame: Frame, tag: bytes, name: str, start: int) -> None:
        if name in REFUSED:
            self._turn = Turn.OPENING
            self._say(tag + b" BAD " + REFUSED[name] + b"\r\n")
        else:
            self._turn = Turn.ANSWERING
            self._events.append(OwnCommand(tag.decode("latin-1"), name, frame, start))

    # --- the upstream's side ---

    def _open_response(self, piece: Piece) -> None:
        opening, aside = piece.data, self._aside
        self._showing, self._answered = True, b""
        first = opening[:1]
        if first == b"*":
            self._open_untagged(opening, aside)
        elif first == b"+":
            self._open_continuation(opening, aside)
        elif aside is not None and aside.answers(opening):
            aside.collect(opening)
        else:
            self._answered = opening
            self._showing = aside is None or not self.in_flight.is_hidden(_tag_of(opening))
            if self._showing:
                self._to_client.append(rewritten(opening, self._desk.added))

    def _open_untagged(self, opening: bytes, aside: Aside | None) -> None:
        found = _UNTAGGED.match(opening)
        name = b"" if found is None else found[1].upper()
        if name == b"BYE":
            self.said_bye = True
        elif name == b"BAD" and self._turn is Turn.AWAITING and self._under_way not in self.in_flight:
            self._refuse_literal()  # it had no tag that could be answered
        if aside is not None and aside.asks_for(name.decode(), opening):
            aside.collect(opening)
            return
        if name in _TOLD_ANEW:
            if name == b"CAPABILITY" and not opening.endswith(b"\r\n"):
                self._showing = False  # a capability list of 8 KiB is none
                return
            self.in_flight.heard(name, opening)
            opening = rewritten(opening, self._desk.added)
        self._showing = self._desk.heard(opening)
        if self._showing:
            self._to_client.append(opening)

    def _open_continuation(self, opening: bytes, aside: Aside | None) -> None:
        if aside is not None and (more := aside.continued()) is not None:
            self._showing = False
            self._to_upstream.append(more)
            if aside.stage is Stage.OVER:
                self._end_aside()
            return
        self._to_client.append(opening)
        if self._turn is Turn.AWAITING:
            self._turn = Turn.PASSING
            self._go_on()
        else:
            self.in_flight.continued()
            if self._winding_down:
                self.wind_down()

    def _end_response(self) -> None:
        aside = self._aside
        if aside is not None and aside.collecting:
            asked = aside.collected()
            if asked is not None:
                self._events.append(Told(asked.answer))
                self._to_upstream.append(aside.resume())
                if aside.stage is Stage.RESUMING:
                    self.in_flight.resume()
                else:
                    self._end_aside()
        elif self._answered:
            self._complete(self._answered)
        self._showing, self._answered = True, b""
        if self._said:
            self._to_client += self._said
            self._said, self._said_bytes = [], 0

    def _complete(self, opening: bytes) -> None:
        """A tagged response has passed."""
        tag, aside = _tag_of(opening), self._aside
        condition = _CONDITION.match(opening)
        ok = condition is not None and condition[1].upper() == b"OK"
        hidden = self.in_flight.is_hidden(tag)
        known = self.in_flight.end(tag, b"" if condition is None else condition[1].upper())
        if aside is not None and aside.idle == tag:
            if aside.stage is Stage.ENDING and not self._winding_down:
                self._to_upstream.append(aside.ended())
            else:
                self._end_aside()  # the upstream does not let it idle again, and the client has seen why
        if self._turn is Turn.AWAITING and tag == self._under_way:
            self._refuse_literal()
        self.in_flight.forget(tag)
        if known and not hidden:
            self._desk.ended(known, ok)

    def _refuse_literal(self) -> None:
        self._commands.forget()
        self._turn = Turn.OPENING

    def _end_aside(self) -> None:
        aside, self._aside = self._aside, None
        if self._winding_down and aside is not None:
            if aside.idle and not aside.resumes:
                self.in_flight.over(aside.idle)
            self.wind_down()

    def _say(self, data: bytes) -> None:
        if self._responses.passed_whole:
            self._to_client.append(data)
        else:
            self._said.append(data)
            self._said_bytes += len(data)


_TOLD_ANEW: Final = frozenset({b"CAPABILITY", b"OK", b"NO", b"BAD", b"PREAUTH", b"BYE", b"ENABLED"})


def _tag_of(opening: bytes) -> bytes:
    return opening[: TAG_BYTES + 1].split(b" ", 1)[0]
