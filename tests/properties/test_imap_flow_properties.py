"""Properties of the two halves: joined back to back they agree, and nothing a peer sends does more than end its own
connection."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from idlebell.imap import commands as c
from idlebell.imap.client import Client
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import (
    BadCommandReceived,
    Challenged,
    ClientEvent,
    CommandReceived,
    Completed,
    DoneReceived,
    Ended,
    Greeted,
    Idling,
    Received,
    SaslReceived,
    ServerEvent,
)
from idlebell.imap.limits import Limits
from idlebell.imap.permitted import PERMITTED
from idlebell.imap.responses import Condition, ExistsData, StatusResponse, UntaggedResponse
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.server import Server
from idlebell.imap.state import TABLE, Phase, State, outcome

texts = st.text(st.sampled_from('aZ9 "\\{}()%*&~+=,ü€\U0001f514'), min_size=1, max_size=12)
mailboxes = texts.filter(lambda name: name.upper() != "INBOX") | st.just("INBOX")
uids = st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=5).map(SequenceSet.of)

EACH: dict[type[c.Command], st.SearchStrategy[c.Command]] = {
    **{
        type(command): st.just(command)
        for command in (
            c.Capability(),
            c.Noop(),
            c.Logout(),
            c.StartTls(),
            c.Namespace(),
            c.Unselect(),
            c.Idle(),
            c.UidSearch('UNSEEN FROM "x"', ("MAX",)),
        )
    },
    c.Login: st.builds(c.Login, texts, texts),
    c.Authenticate: st.builds(c.Authenticate, st.sampled_from(["PLAIN", "X-Y"]), st.none() | st.binary(max_size=20)),
    c.Id: st.builds(c.Id, st.none() | st.lists(st.tuples(st.just("name"), texts), max_size=2).map(tuple)),
    c.Enable: st.builds(c.Enable, st.sampled_from([("CONDSTORE",), ("QRESYNC", "UTF8=ACCEPT")])),
    c.List: st.builds(
        c.List, mailboxes, mailboxes, st.sampled_from([(), ("SUBSCRIBED",)]), st.sampled_from([(), ("CHILDREN",)])
    ),
    c.Status: st.builds(c.Status, mailboxes, st.just(("MESSAGES", "UIDNEXT"))),
    c.Examine: st.builds(
        c.Examine,
        mailboxes,
        st.booleans(),
        st.none() | st.tuples(st.integers(1, 2**32 - 1), st.integers(1, 2**63 - 1)),
    ),
    c.Select: st.builds(c.Select, mailboxes),
    c.Notify: st.builds(
        c.Notify,
        st.lists(
            st.builds(
                c.EventGroup,
                st.just("mailboxes"),
                st.sampled_from([("MessageNew", "MessageExpunge"), ("MessageNew (UID FLAGS)",), ()]),
                st.lists(mailboxes, min_size=1, max_size=3).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    ),
    c.UidFetch: st.builds(
        c.UidFetch,
        uids,
        st.lists(
            st.sampled_from(["UID", "FLAGS", "BODY.PEEK[HEADER.FIELDS (List-Id)]<0.9>", "PREVIEW (LAZY)"]),
            min_size=1,
            max_size=3,
        ).map(tuple),
        st.none() | st.integers(0, 2**63 - 1),
    ),
}
commands = st.one_of(list(EACH.values()))

IN_STATE = {
    state: st.one_of(
        [
            strategy
            for kind, strategy in EACH.items()
            if kind in PERMITTED - {c.StartTls, c.Logout} and outcome(state, kind) is not None
        ]
    )
    for state in (State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED)
}

CLIENTS_TURN = (Phase.IDLE_REQUESTED, Phase.IDLING, Phase.CHALLENGED)
CUTS = st.tuples(st.lists(st.integers(1, 60), max_size=5), st.sampled_from([[10_000], [10_000], []])).map(
    lambda sizes: sizes[0] + sizes[1]
)
"""How a delivery is cut; mostly all of it arrives in the end."""


class BackToBack(RuleBasedStateMachine):
    """A client and a server half with a wire between them that delivers any number of bytes at a time."""

    @initialize(
        extras=st.sets(st.sampled_from(["LITERAL+", "LITERAL-", "SASL-IR", "IMAP4rev2", "QRESYNC"])),
        first=st.sampled_from([None, c.Noop(), c.Examine("INBOX")]),
    )
    def connect(self, extras: set[str], first: c.Command | None) -> None:
        self.client = Client(tls=True)
        self.server = Server(tls=True, capabilities=("IMAP4rev1", *sorted(extras)))
        self.to_server = b""
        self.to_client = b""
        self.asked: list[tuple[str, c.Command]] = []
        self.told: list[UntaggedResponse] = []
        self.heard: list[UntaggedResponse] = []
        self.tagged: list[tuple[str, Condition]] = []
        self.completed: list[tuple[str, Condition]] = []
        self.over = False
        self.server.greet(condition=Condition.PREAUTH if first else Condition.OK)
        self.deliver([3, 10_000])
        if first is not None:
            self.asked.append((self.client.send(first), first))
            self.deliver([10_000])
            self.answer(Condition.OK, [10_000])

    # --- the client's caller ---

    @precondition(lambda self: not self.over and self.client.phase is Phase.READY and self.client.state in IN_STATE)
    @rule(data=st.data(), cuts=CUTS)
    def send(self, data: st.DataObject, cuts: list[int]) -> None:
        command = data.draw(IN_STATE[self.client.state])
        self.asked.append((self.client.send(command), command))
        self.deliver(cuts)

    @precondition(lambda self: not self.over and self.client.phase is Phase.IDLING)
    @rule(cuts=CUTS)
    def done(self, cuts: list[int]) -> None:
        self.client.done()
        self.deliver(cuts)

    @precondition(lambda self: not self.over and self.client.phase is Phase.CHALLENGED)
    @rule(answer=st.none() | st.binary(max_size=9), cuts=CUTS)
    def respond(self, answer: bytes | None, cuts: list[int]) -> None:
        if answer is None:
            self.client.cancel()
        else:
            self.client.respond(answer)
        self.deliver(cuts)

    # --- the server's caller ---

    @precondition(lambda self: self.server.state is not State.LOGOUT and len(self.told) <= len(self.tagged))
    @rule(count=st.integers(0, 2**32 - 1))
    def tell(self, count: int) -> None:
        response = ExistsData(count)
        self.server.send(response)
        self.told.append(response)
        self.to_client += self.server.data_to_send()

    @precondition(lambda self: self.server.phase in (Phase.IDLE_REQUESTED, Phase.SASL_PENDING))
    @rule(challenge=st.binary(max_size=9), cuts=CUTS)
    def go_on(self, challenge: bytes, cuts: list[int]) -> None:
        if self.server.phase is Phase.IDLE_REQUESTED:
            self.server.continue_()
        else:
            self.server.continue_(challenge)
        self.deliver(cuts)

    @precondition(lambda self: self.server.in_flight is not None and self.server.phase not in CLIENTS_TURN)
    @rule(condition=st.sampled_from([Condition.OK, Condition.OK, Condition.OK, Condition.NO, Condition.BAD]), cuts=CUTS)
    def answer(self, condition: Condition, cuts: list[int]) -> None:
        if isinstance(self.server.in_flight, c.Authenticate) and self.client.phase is Phase.SASL_INITIAL:
            condition = Condition.NO  # OK before the first message would be an error of ours
        self.tagged.append((self.server.tag, condition))
        self.server.answer(condition, "so be it")
        if self.server.phase is not Phase.OVER:
            self.take(self.server.receive_data(b""))
        self.deliver(cuts)

    @precondition(
        lambda self: len(self.completed) > 5 and self.server.in_flight is None and self.client.in_flight is None
    )
    @rule(politely=st.booleans(), chance=st.integers(0, 9))
    def end(self, politely: bool, chance: int) -> None:
        if chance == 7 and self.server.state in IN_STATE and not self.over:
            if politely:
                self.asked.append((self.client.send(c.Logout()), c.Logout()))
            else:
                self.server.send(StatusResponse(Condition.BYE, None, "shutting down"))
        self.deliver([10_000])

    @precondition(lambda self: self.over or self.server.phase is Phase.OVER)
    @rule()
    def rest(self) -> None:
        """Nothing follows the end."""

    # --- the wire ---

    @precondition(lambda self: self.to_server or self.to_client)
    @rule(cuts=CUTS)
    def deliver(self, cuts: list[int]) -> None:
        self.carry_to_server(0)
        for size in cuts:
            self.carry_to_server(size)
            self.carry_to_client(size)

    def carry_to_server(self, size: int) -> None:
        if not self.over:
            self.to_server += self.client.data_to_send()
        carried, self.to_server = self.to_server[:size], self.to_server[size:]
        if self.server.phase is not Phase.OVER:
            self.take(self.server.receive_data(carried))
        self.to_client += self.server.data_to_send()

    def carry_to_client(self, size: int) -> None:
        carried, self.to_client = self.to_client[:size], self.to_client[size:]
        if not self.over:
            for event in self.client.receive_data(carried):
                self.note(event)
        if not self.over:
            self.to_server += self.client.data_to_send()

    def take(self, events: list[ServerEvent]) -> None:
        for event in events:
            match event:
                case CommandReceived(tag, command):
                    asked_tag, asked = self.asked.pop(0)
                    assert tag == asked_tag
                    if isinstance(asked, c.Authenticate) and command == c.Authenticate(asked.mechanism):
                        continue  # without SASL-IR the first message comes later
                    assert command == asked
                case SaslReceived() | DoneReceived():
                    pass
                case BadCommandReceived():
                    raise AssertionError(f"our own client was not understood: {event}")

    def note(self, event: ClientEvent) -> None:
        match event:
            case Received(response):
                self.heard.append(response)
            case Completed(tag, _, condition):
                self.completed.append((tag, condition))
            case Ended():
                self.over = True
            case Greeted() | Idling() | Challenged():
                pass

    @invariant()
    def the_client_heard_what_the_server_told_in_order(self) -> None:
        if hasattr(self, "told"):
            assert self.heard == self.told[: len(self.heard)]
            assert self.completed == self.tagged[: len(self.completed)]

    @invariant()
    def both_agree_when_all_is_delivered(self) -> None:
        if hasattr(self, "told") and not self.over and len(self.completed) == len(self.tagged):
            quiet = self.client.in_flight is None and self.server.in_flight is None and not self.asked
            if quiet and self.client.state is not State.GREETING and self.server.phase is not Phase.OVER:
                assert self.client.state is self.server.state


BackToBack.TestCase.settings = settings(
    max_examples=50, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBackToBack = BackToBack.TestCase


@given(commands, st.sampled_from([b"* OK hi\r\n", b"* PREAUTH hi\r\n"]), st.booleans())
def test_what_the_table_does_not_have_is_refused_and_nothing_of_it_is_sent(
    command: c.Command, greeting: bytes, busy: bool
) -> None:
    client = Client(tls=True)
    client.receive_data(greeting)
    if busy:
        client.send(c.Noop())
        client.data_to_send()
    allowed = (
        type(command) in PERMITTED
        and not isinstance(command, c.StartTls)  # TLS is on
        and not busy
        and (client.state, type(command)) in TABLE
    )
    if allowed:
        client.send(command)
        assert client.data_to_send().startswith(b"A1 ")
    else:
        with pytest.raises(LocalProtocolError):
            client.send(command)
        assert client.data_to_send() == b""


# --- hostile peers ---

LINES = st.sampled_from(
    [
        b"* OK ready\r\n",
        b"* PREAUTH hi\r\n",
        b"* BYE no\r\n",
        b"* 3 EXISTS\r\n",
        b"* 1 EXPUNGE\r\n",
        b"* CAPABILITY IMAP4rev1 IDLE\r\n",
        b"* ENABLED QRESYNC\r\n",
        b"* 1 FETCH (UID 4 FLAGS ())\r\n",
        b"* X {3}\r\nabc\r\n",
        b"+ \r\n",
        b"+ AAAA\r\n",
        b"+ no base64!\r\n",
        b"A1 OK in\r\n",
        b"A2 OK done\r\n",
        b"A2 NO no\r\n",
        b"A1 BAD no\r\n",
        b"a LOGIN bob {1}\r\nb\r\n",
        b"a AUTHENTICATE PLAIN\r\n",
        b"DONE\r\n",
        b"*\r\n",
        b"b IDLE\r\n",
        b"c STARTTLS\r\n",
        b"d UID FETCH 1:* (FLAGS BODY[]\r\n",
        b"{9999999}\r\n",
        b"\r\n",
        b"\n",
        b"\0",
    ]
)
streams = st.lists(LINES | st.binary(max_size=30), max_size=12).map(b"".join)
places = st.lists(st.integers(0, 400), max_size=6)


def cut(stream: bytes, at: list[int]) -> list[bytes]:
    bounds = [0, *sorted({place for place in at if place < len(stream)}), len(stream)]
    return [stream[one:two] for one, two in pairwise(bounds)]


def hear(begin: list[c.Command | bytes], tls: bool, pieces: list[bytes]) -> tuple[list[ClientEvent], str]:
    """All events and the reason of the end, if one came."""
    client = Client(Limits(untagged_per_command=8), tls=tls)
    for step in begin:
        if isinstance(step, bytes):
            client.receive_data(step)
        else:
            client.send(step)
            client.data_to_send()
    events: list[ClientEvent] = []
    for piece in pieces:
        if client.phase is Phase.OVER:
            break
        try:
            events += client.receive_data(piece)
        except RemoteProtocolError as error:
            return events, error.reason
        if client.fault is not None:
            return events, client.fault.reason
    return events, ""


BEGINNINGS = st.sampled_from(
    [
        [],
        [b"* OK hi\r\n"],
        [b"* OK hi\r\n", c.Noop()],
        [b"* PREAUTH hi\r\n", c.Idle()],
        [b"* PREAUTH hi\r\n", c.Idle(), b"+ x\r\n"],
        [b"* PREAUTH hi\r\n", c.Enable(("QRESYNC",))],
        [b"* OK hi\r\n", c.Login("ü", "ü")],
        [b"* OK hi\r\n", c.Authenticate("PLAIN", b"\0a\0b")],
        [b"* OK hi\r\n", c.Authenticate("X")],
    ]
)


@settings(max_examples=120, deadline=None)
@given(BEGINNINGS, streams, places)
def test_whatever_a_server_sends_gives_the_same_events_however_it_is_cut(
    begin: list[c.Command | bytes], stream: bytes, at: list[int]
) -> None:
    """Nothing but RemoteProtocolError is raised, and what came before the fault is told."""
    whole = hear(begin, True, [stream])
    assert hear(begin, True, cut(stream, at)) == whole
    assert hear(begin, True, cut(stream, list(range(len(stream))))) == whole


@settings(max_examples=80, deadline=None)
@given(streams, places)
def test_whatever_follows_starttls_in_clear_is_never_read(stream: bytes, at: list[int]) -> None:
    begin: list[c.Command | bytes] = [b"* OK hi\r\n", c.StartTls()]
    events, reason = hear(begin, False, cut(b"A1 OK go\r\n" + stream, at))
    assert reason == ("injected-plaintext" if stream else "")
    assert len(events) <= 1


def serve(pieces: list[bytes]) -> tuple[list[ServerEvent], str]:
    """A caller that answers at once: IDLE and AUTHENTICATE go on, the rest is OK."""
    server = Server(Limits(literal_bytes=64), tls=True, capabilities=("IMAP4rev1",))
    server.greet()
    seen: list[ServerEvent] = []
    for piece in pieces:
        try:
            events = server.receive_data(piece)
            while events:
                seen += events
                for event in events:
                    answer(server, event)
                if server.phase is Phase.OVER:
                    return seen, "logout"
                events = server.receive_data(b"")
        except RemoteProtocolError as error:
            assert server.data_to_send().endswith(b"\r\n")
            return seen, error.reason
    return seen, ""


def answer(server: Server, event: ServerEvent) -> None:
    match event:
        case CommandReceived(_, c.Idle() | c.Authenticate()):
            server.continue_()
        case BadCommandReceived(tag, reason):
            if tag == "*":
                server.send(StatusResponse(Condition.BAD, None, reason))
            else:
                server.answer(Condition.BAD, reason)
        case _:
            server.answer(Condition.OK, "done")


@settings(max_examples=120, deadline=None)
@given(streams, places)
def test_whatever_a_client_sends_gives_the_same_events_however_it_is_cut(stream: bytes, at: list[int]) -> None:
    """As above; what came before a fault in the same call is not reported, so then a finer cut may tell more."""
    whole, reason = serve([stream])
    for pieces in (cut(stream, at), cut(stream, list(range(len(stream))))):
        events, pieces_reason = serve(pieces)
        assert pieces_reason == reason
        assert events[: len(whole)] == whole
        if reason in ("", "logout"):
            assert events == whole
