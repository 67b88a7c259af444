"""What comes in, what goes out: whole sessions of the client half, one sentence of purpose each.

A dialogue is a list of steps. :class:`Ask` and :class:`Do` are ours, with the bytes that must go out; :class:`Hear` is the
server's, with the events it must give. Each dialogue is played whole, byte by byte, and cut in two at every offset of
every chunk: the events and the bytes sent are the same each time.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from idlebell.imap import commands as c
from idlebell.imap.client import Client
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.events import Challenged, ClientEvent, Completed, Ended, Greeted, Idling, Received
from idlebell.imap.mailbox_view import MailboxView
from idlebell.imap.responses import (
    CapabilityCode,
    CapabilityData,
    Condition,
    EnabledData,
    ExistsData,
    ExpungeData,
    FetchData,
    FlagsData,
    IdData,
    NumberCode,
    PlainCode,
    ResponseCode,
    StatusData,
    StatusResponse,
    Unknown,
    UntaggedResponse,
)
from idlebell.imap.sasl import OAuthBearer, Plain, ScramSha256, XOAuth2
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.state import State


@dataclass(frozen=True)
class Ask:
    """We send a command."""

    command: c.Command
    sends: bytes


@dataclass(frozen=True)
class Do:
    """We do something else."""

    act: Callable[[Client], object]
    sends: bytes = b""


class Hear:
    """The server says ``data``; ``events`` is what it means. ``sends``: what the client answers by itself."""

    def __init__(self, data: bytes, *events: ClientEvent, sends: bytes = b"") -> None:
        self.data, self.events, self.sends = data, list(events), sends


@dataclass(frozen=True)
class Breaks:
    """The server says something that ends the connection."""

    data: bytes
    reason: str


Step = Ask | Do | Hear | Breaks


def cuts(steps: list[Step]) -> Iterator[Callable[[int, bytes], list[bytes]]]:
    """Ways to cut the chunks: not at all, everywhere, and at each place of each chunk alone."""
    yield lambda _index, data: [data]
    yield lambda _index, data: [data[at : at + 1] for at in range(len(data))]
    for step_index, step in enumerate(steps):
        if isinstance(step, Hear | Breaks):
            for place in range(1, len(step.data)):
                yield (
                    lambda index, data, chosen=step_index, at=place: (  # type: ignore[misc]
                        [data[:at], data[at:]] if index == chosen else [data]
                    )
                )


def play(steps: list[Step], *, tls: bool = True) -> None:
    for cut in cuts(steps):
        client = Client(tls=tls)
        for index, step in enumerate(steps):
            match step:
                case Ask(command, sends):
                    client.send(command)
                    assert client.data_to_send() == sends
                case Do(act, sends):
                    act(client)
                    assert client.data_to_send() == sends
                case Hear():
                    heard = [event for data in cut(index, step.data) for event in client.receive_data(data)]
                    assert heard == step.events
                    if not any(isinstance(event, Ended) for event in heard):
                        assert client.data_to_send() == step.sends
                case Breaks(data, reason):
                    with pytest.raises(RemoteProtocolError) as raised:
                        hear_all(client, cut(index, data))
                    assert raised.value.reason == reason
                    assert client.state is State.LOGOUT


def hear_all(client: Client, pieces: list[bytes]) -> None:
    for piece in pieces:
        client.receive_data(piece)
    client.data_to_send()  # raises the fault where something came before it


def untagged(text: str = "", code: ResponseCode | None = None, condition: Condition = Condition.OK) -> Received:
    return Received(StatusResponse(condition, code, text))


def listed(*names: str) -> CapabilityCode:
    return CapabilityCode(frozenset(names))


def completed(number: int, command: c.Command, text: str = "done", code: ResponseCode | None = None) -> Completed:
    return Completed(f"A{number}", command, Condition.OK, code, text)


def refused(
    number: int, command: c.Command, text: str, code: ResponseCode | None = None, condition: Condition = Condition.NO
) -> Completed:
    return Completed(f"A{number}", command, condition, code, text)


GREETING = Hear(b"* OK ready\r\n", Greeted(StatusResponse(Condition.OK, None, "ready")))
LOGIN = c.Login("alice", "apass")
LOGGED_IN: list[Step] = [
    GREETING,
    Ask(LOGIN, b'A1 LOGIN "alice" "apass"\r\n'),
    Hear(b"A1 OK in\r\n", completed(1, LOGIN, "in")),
]


def test_a_whole_watch() -> None:
    """Log in, examine, idle, hear of a message, fetch it, idle again."""
    fetch = c.UidFetch(SequenceSet.starting_at(11), ("UID", "FLAGS"))
    play(
        [
            Hear(
                b"* OK [CAPABILITY IMAP4rev1 IDLE] Dovecot ready.\r\n",
                Greeted(StatusResponse(Condition.OK, listed("IMAP4REV1", "IDLE"), "Dovecot ready.")),
            ),
            Ask(LOGIN, b'A1 LOGIN "alice" "apass"\r\n'),
            Hear(
                b"A1 OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS] Logged in\r\n",
                completed(1, LOGIN, "Logged in", listed("IMAP4REV1", "IDLE", "UIDPLUS")),
            ),
            Ask(c.Examine("INBOX"), b'A2 EXAMINE "INBOX"\r\n'),
            Hear(
                b"* FLAGS (\\Seen \\Deleted)\r\n* 10 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 11] ok\r\n"
                b"A2 OK [READ-ONLY] Examine completed\r\n",
                Received(FlagsData(("\\Seen", "\\Deleted"))),
                Received(ExistsData(10)),
                untagged("ok", NumberCode("UIDVALIDITY", 7)),
                untagged("ok", NumberCode("UIDNEXT", 11)),
                completed(2, c.Examine("INBOX"), "Examine completed", PlainCode("READ-ONLY")),
            ),
            Ask(c.Idle(), b"A3 IDLE\r\n"),
            Hear(b"+ idling\r\n", Idling()),
            Hear(b"* OK Still here\r\n", untagged("Still here")),
            Hear(b"* 11 EXISTS\r\n", Received(ExistsData(11))),
            Do(Client.done, b"DONE\r\n"),
            Hear(b"A3 OK Idle completed\r\n", completed(3, c.Idle(), "Idle completed")),
            Ask(fetch, b"A4 UID FETCH 11:* (UID FLAGS)\r\n"),
            Hear(
                b"* 11 FETCH (UID 11 FLAGS ())\r\nA4 OK done\r\n",
                Received(FetchData(11, uid=11, flags=())),
                completed(4, fetch),
            ),
            Ask(c.Idle(), b"A5 IDLE\r\n"),
            Hear(b"+ idling\r\n", Idling()),
        ]
    )


def test_what_comes_around_the_edges_of_idle() -> None:
    """Data before the + and after DONE is as good as any (protocols of real servers, RFC 2177)."""
    play(
        [
            *LOGGED_IN,
            Ask(c.Idle(), b"A2 IDLE\r\n"),
            Hear(b"* 4 EXISTS\r\n+ idling\r\n", Received(ExistsData(4)), Idling()),
            Do(Client.done, b"DONE\r\n"),
            Hear(
                b"* 2 EXPUNGE\r\n* 4 EXISTS\r\nA2 OK done\r\n",
                Received(ExpungeData(2)),
                Received(ExistsData(4)),
                completed(2, c.Idle()),
            ),
        ]
    )


def test_plain_with_an_initial_response() -> None:
    """SASL-IR saves a round trip."""
    plain = Plain("bob@example.org", "s3cret")
    command = c.Authenticate(plain.name, plain.initial())
    play(
        [
            Hear(
                b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi\r\n",
                Greeted(StatusResponse(Condition.OK, listed("IMAP4REV1", "SASL-IR", "AUTH=PLAIN"), "hi")),
            ),
            Ask(command, b"A1 AUTHENTICATE PLAIN AGJvYkBleGFtcGxlLm9yZwBzM2NyZXQ=\r\n"),
            Hear(b"A1 OK in\r\n", completed(1, command, "in")),
        ]
    )


def test_plain_without_an_initial_response() -> None:
    """Where SASL-IR is not listed, the same call takes one round trip more."""
    plain = Plain("bob@example.org", "s3cret")
    command = c.Authenticate(plain.name, plain.initial())
    play(
        [
            GREETING,
            Ask(command, b"A1 AUTHENTICATE PLAIN\r\n"),
            Hear(b"+ \r\n", sends=b"AGJvYkBleGFtcGxlLm9yZwBzM2NyZXQ=\r\n"),
            Hear(b"A1 OK in\r\n", completed(1, command, "in")),
        ]
    )


def test_scram_proves_both_sides() -> None:
    """The example of RFC 7677, on the wire."""
    nonce, server_first = (
        base64.b64decode("rOprNGfwEbeRWgbNEkqO"),
        (b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
    )
    server_final = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    scram = ScramSha256("user", "pencil", nonce)
    command = c.Authenticate(scram.name, scram.initial())
    client_final = scram.step(server_first)
    scram.step(server_final)
    assert scram.satisfied
    play(
        [
            GREETING,
            Ask(command, b"A1 AUTHENTICATE SCRAM-SHA-256\r\n"),
            Hear(b"+\r\n", sends=base64.b64encode(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO") + b"\r\n"),
            Hear(b"+ " + base64.b64encode(server_first) + b"\r\n", Challenged(server_first)),
            Do(lambda client: client.respond(client_final), base64.b64encode(client_final) + b"\r\n"),
            Hear(b"+ " + base64.b64encode(server_final) + b"\r\n", Challenged(server_final)),
            Do(lambda client: client.respond(b""), b"\r\n"),
            Hear(b"A1 OK in\r\n", completed(1, command, "in")),
        ]
    )


@pytest.mark.parametrize(
    ("mechanism", "status", "acknowledgement"),
    [
        (OAuthBearer("bob", "tok", "imap.example.org", 993), b'{"status":"invalid_token"}', b"AQ==\r\n"),
        (XOAuth2("bob", "tok"), b'{"status":"401","schemes":"Bearer"}', b"\r\n"),
    ],
)
def test_a_refused_token_is_acknowledged(
    mechanism: OAuthBearer | XOAuth2, status: bytes, acknowledgement: bytes
) -> None:
    """The reason comes as a challenge; without an answer the server would wait for ever."""
    command = c.Authenticate(mechanism.name, mechanism.initial())
    play(
        [
            GREETING,
            Ask(command, f"A1 AUTHENTICATE {mechanism.name}\r\n".encode()),
            Hear(b"+ \r\n", sends=base64.b64encode(mechanism.initial()) + b"\r\n"),
            Hear(b"+ " + base64.b64encode(status) + b"\r\n", Challenged(status)),
            Do(lambda client: client.respond(mechanism.step(status)), acknowledgement),
            Hear(
                b"A1 NO [AUTHENTICATIONFAILED] no\r\n",
                refused(1, command, "no", PlainCode("AUTHENTICATIONFAILED")),
            ),
        ]
    )
    assert mechanism.failure is not None


def test_a_password_that_needs_a_literal() -> None:
    """Neither byte of it is sent before the server has asked."""
    command = c.Login("alice", "pässword")
    play(
        [
            GREETING,
            Ask(command, b'A1 LOGIN "alice" {9}\r\n'),
            Hear(b"+ go\r\n", sends="pässword\r\n".encode()),
            Hear(b"A1 OK in\r\n", completed(1, command, "in")),
        ]
    )


def test_starttls_begins_anew() -> None:
    """What was said in clear is forgotten, the tags go on."""
    play(
        [
            Hear(
                b"* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\r\n",
                Greeted(StatusResponse(Condition.OK, listed("IMAP4REV1", "STARTTLS", "LOGINDISABLED"), "hi")),
            ),
            Ask(c.StartTls(), b"A1 STARTTLS\r\n"),
            Hear(b"A1 OK begin\r\n", completed(1, c.StartTls(), "begin")),
            Do(Client.tls_started),
            Ask(c.Capability(), b"A2 CAPABILITY\r\n"),
            Hear(
                b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nA2 OK done\r\n",
                Received(CapabilityData(frozenset({"IMAP4REV1", "AUTH=PLAIN"}))),
                completed(2, c.Capability()),
            ),
        ],
        tls=False,
    )


@pytest.mark.parametrize(
    "injected", [b"*", b"\r\n", b"* OK [ALERT] evil\r\n", b"A2 OK you are in\r\n", b"\x16\x03\x01"]
)
def test_bytes_injected_before_the_handshake_end_the_connection(injected: bytes) -> None:
    """Response injection: plaintext after the OK must never be read as if it had come under TLS."""
    play(
        [GREETING, Ask(c.StartTls(), b"A1 STARTTLS\r\n"), Breaks(b"A1 OK begin\r\n" + injected, "injected-plaintext")],
        tls=False,
    )


def test_courier_greets_with_a_warning_before_preauth() -> None:
    """Its bare imapd without a FAM daemon; the second greeting is not believed."""
    play(
        [
            Hear(
                b"* OK [ALERT] Filesystem notification initialization error\r\n",
                Greeted(
                    StatusResponse(Condition.OK, PlainCode("ALERT"), "Filesystem notification initialization error")
                ),
            ),
            Breaks(b"* PREAUTH Ready.\r\n", "unexpected-preauth"),
        ]
    )


def test_gmail_lists_new_capabilities_before_the_tagged_ok() -> None:
    """They are the ones that count after the login."""
    play(
        [
            Hear(
                b"* OK [CAPABILITY IMAP4rev1 X-OLD] Gimap ready\r\n",
                Greeted(StatusResponse(Condition.OK, listed("IMAP4REV1", "X-OLD"), "Gimap ready")),
            ),
            Ask(LOGIN, b'A1 LOGIN "alice" "apass"\r\n'),
            Hear(
                b"* CAPABILITY IMAP4rev1 IDLE X-GM-EXT-1\r\nA1 OK alice authenticated (Success)\r\n",
                Received(CapabilityData(frozenset({"IMAP4REV1", "IDLE", "X-GM-EXT-1"}))),
                completed(1, LOGIN, "alice authenticated (Success)"),
            ),
            Do(lambda client: client.has("X-GM-EXT-1") or pytest.fail("not learnt")),
            Do(lambda client: client.has("X-OLD") and pytest.fail("not forgotten")),
        ]
    )


def test_icloud_enables_without_saying_so() -> None:
    """Quirk enable-without-enabled."""
    command = c.Enable(("QRESYNC",))
    play(
        [
            GREETING,
            Ask(LOGIN, b'A1 LOGIN "alice" "apass"\r\n'),
            Hear(
                b"A1 OK [CAPABILITY IMAP4 QRESYNC XAPPLEPUSHSERVICE] in\r\n",
                completed(1, LOGIN, "in", listed("IMAP4", "QRESYNC", "XAPPLEPUSHSERVICE")),
            ),
            Ask(command, b"A2 ENABLE QRESYNC\r\n"),
            Hear(b"A2 OK Enabled\r\n", completed(2, command, "Enabled")),
            Do(lambda client: client.enabled == {"QRESYNC"} or pytest.fail("not enabled")),
        ]
    )


def test_utf8_names_once_enabled() -> None:
    """RFC 6855 section 3: no modified UTF-7 any more."""
    enable, examine = c.Enable(("UTF8=ACCEPT",)), c.Examine("Ünï")
    play(
        [
            *LOGGED_IN,
            Ask(enable, b"A2 ENABLE UTF8=ACCEPT\r\n"),
            Hear(
                b"* ENABLED UTF8=ACCEPT\r\nA2 OK done\r\n",
                Received(EnabledData(frozenset({"UTF8=ACCEPT"}))),
                completed(2, enable),
            ),
            Ask(examine, 'A3 EXAMINE "Ünï"\r\n'.encode()),
        ]
    )


def test_netease_refuses_the_mailbox_until_it_is_told_who_we_are() -> None:
    """Quirk id-before-select."""
    examine, ident = c.Examine("INBOX"), c.Id((("name", "idlebell"),))
    play(
        [
            *LOGGED_IN,
            Ask(examine, b'A2 EXAMINE "INBOX"\r\n'),
            Hear(b"A2 NO EXAMINE Unsafe Login.\r\n", refused(2, examine, "EXAMINE Unsafe Login.")),
            Ask(ident, b'A3 ID ("name" "idlebell")\r\n'),
            Hear(b"* ID NIL\r\nA3 OK done\r\n", Received(IdData(None)), completed(3, ident)),
            Ask(examine, b'A4 EXAMINE "INBOX"\r\n'),
        ]
    )


def test_exchange_logs_in_and_then_knows_nothing_of_it() -> None:
    """Quirk authenticated-not-connected: a value, for the watcher to judge."""
    play(
        [
            *LOGGED_IN,
            Ask(c.Namespace(), b"A2 NAMESPACE\r\n"),
            Hear(
                b"A2 BAD User is authenticated but not connected.\r\n",
                refused(2, c.Namespace(), "User is authenticated but not connected.", condition=Condition.BAD),
            ),
        ]
    )


def test_yandex_says_bye_again_and_again() -> None:
    """Quirk bye-repeated: nothing after the first is looked at."""
    bye = StatusResponse(Condition.BYE, None, "session expired")
    steps: list[Step] = [*LOGGED_IN, Hear(b"* BYE session expired\r\n", Ended(bye))]
    play(steps)
    client = Client(tls=True)
    client.receive_data(b"* OK ready\r\n")
    assert client.receive_data(b"* BYE session expired\r\n* BYE session expired\r\n\0\n") == [Ended(bye)]


def test_status_of_another_mailbox_and_things_nobody_knows() -> None:
    """An unknown response ends nothing."""
    command = c.Status("Work", ("MESSAGES", "UIDNEXT"))
    play(
        [
            *LOGGED_IN,
            Ask(command, b'A2 STATUS "Work" (MESSAGES UIDNEXT)\r\n'),
            Hear(
                b"* XSTRANGE {3}\r\na\r\n (1 2)\r\n* STATUS Work (MESSAGES 3 UIDNEXT 4)\r\nA2 OK done\r\n",
                Received(Unknown(b"* XSTRANGE {3}\r\na\r\n (1 2)")),
                Received(StatusData("Work", messages=3, uid_next=4)),
                completed(2, command),
            ),
        ]
    )


def test_a_literal_that_looks_like_a_response_is_content() -> None:
    """A sender who writes ``A2 OK`` and BYE into a subject moves nothing."""
    fetch = c.UidFetch(SequenceSet.of([1]), ("ENVELOPE",))
    content = b"x\r\n* BYE gone\r\nA2 OK spoofed\r\n"
    examine = c.Examine("INBOX")
    play(
        [
            *LOGGED_IN,
            Ask(examine, b'A2 EXAMINE "INBOX"\r\n'),
            Hear(b"A2 OK done\r\n", completed(2, examine)),
            Ask(fetch, b"A3 UID FETCH 1 (ENVELOPE)\r\n"),
            Hear(
                b"* XDATA {%d}\r\n%s\r\nA3 OK done\r\n" % (len(content), content),
                Received(Unknown(b"* XDATA {%d}\r\n%s" % (len(content), content))),
                completed(3, fetch),
            ),
        ]
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"A1 OK not asked for\r\n", "unexpected-tag"),
        (b"+ more\r\n", "unexpected-continuation"),
        (b"* 1 EXISTS\nA9", "bare-lf"),
        (b"* OK \0\r\n", "nul-byte"),
        (b"* X {99999999999}\r\n", "literal-too-large"),
        (b"* X " + b"(" * 40 + b"\r\n* PREAUTH x\r\n", "unexpected-preauth"),
        (b"huh?\r\n", "bad-tagged-response"),
    ],
)
def test_what_ends_a_connection(data: bytes, reason: str) -> None:
    """The same reason wherever the bytes are cut."""
    play([GREETING, Breaks(data, reason)])


def test_the_view_of_a_mailbox_follows_the_events() -> None:
    """EXPUNGE and EXISTS within one IDLE: the count is the same, and yet there is news."""
    client, view, news = Client(tls=True), MailboxView("INBOX"), []
    client.receive_data(b"* PREAUTH ready\r\n")
    client.send(c.Examine("INBOX"))
    wire = (
        b"* 3 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\nA1 OK [READ-ONLY] x\r\n",
        b"* 1 EXPUNGE\r\n",
        b"* 3 EXISTS\r\n",
        b"* OK Still here\r\n",
    )
    for data in wire:
        responses: list[UntaggedResponse] = []
        for event in client.receive_data(data):
            if isinstance(event, Received):
                responses.append(event.response)
            elif isinstance(event, Completed):
                view.note(event.code)
        news.append(sum(view.apply(response) for response in responses) > 0)
    assert news == [False, False, True, False]
    assert (view.exists, view.uid_validity, view.uid_next, view.read_only) == (3, 7, 4, True)
