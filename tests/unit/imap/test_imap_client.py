"""The client half: what it sends, what it refuses to send, and what it makes of what it hears."""

import tracemalloc
from collections.abc import Callable

import pytest

from idlebell.imap import commands as c
from idlebell.imap.capabilities import SharedCapabilities
from idlebell.imap.client import Client
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import Challenged, Completed, Ended, Greeted, Idling, Received
from idlebell.imap.limits import Limits
from idlebell.imap.permitted import PERMITTED
from idlebell.imap.responses import CapabilityCode, CapabilityData, Condition, ExistsData, StatusResponse
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.state import Phase, State

REV1 = b"* OK [CAPABILITY IMAP4rev1] ready\r\n"


def greeted(capabilities: str = "IMAP4rev1", **options: bool) -> Client:
    client = Client(tls=options.pop("tls", True), **options)
    client.receive_data(f"* OK [CAPABILITY {capabilities}] ready\r\n".encode())
    return client


def logged_in(capabilities: str = "IMAP4rev1 IDLE") -> Client:
    client = greeted()
    client.send(c.Login("alice", "apass"))
    assert client.data_to_send() == b'A1 LOGIN "alice" "apass"\r\n'
    client.receive_data(f"A1 OK [CAPABILITY {capabilities}] in\r\n".encode())
    return client


def examined() -> Client:
    client = logged_in()
    client.send(c.Examine("INBOX"))
    client.data_to_send()
    client.receive_data(b"* 3 EXISTS\r\nA2 OK [READ-ONLY] open\r\n")
    return client


def idling() -> Client:
    client = examined()
    client.send(c.Idle())
    client.data_to_send()
    assert client.receive_data(b"+ idling\r\n") == [Idling()]
    return client


def refuses(client: Client, command: c.Command) -> None:
    """Nothing is sent and nothing changes."""
    before = (client.state, client.phase, client.tag, client.in_flight)
    with pytest.raises(LocalProtocolError):
        client.send(command)
    assert (client.state, client.phase, client.tag, client.in_flight) == before
    assert client.data_to_send() == b""


def breaks(client: Client, data: bytes, reason: str) -> RemoteProtocolError:
    """The connection is finished: no call works any more."""
    with pytest.raises(RemoteProtocolError) as raised:
        client.receive_data(data)
    assert raised.value.reason == reason
    is_over(client)
    return raised.value


def is_over(client: Client) -> None:
    assert client.state is State.LOGOUT
    assert client.phase is Phase.OVER
    assert client.in_flight is None
    calls: tuple[Callable[[], object], ...] = (
        lambda: client.send(c.Noop()),
        lambda: client.respond(b""),
        client.cancel,
        client.done,
        client.data_to_send,
        lambda: client.receive_data(b""),
        client.receive_eof,
        client.tls_started,
    )
    for call in calls:
        with pytest.raises(LocalProtocolError):
            call()


# --- the list of permitted commands ---


@pytest.mark.parametrize("command", [c.Select("INBOX"), c.UnknownCommand("EXPUNGE", b"")])
def test_a_command_that_is_not_permitted_is_not_sent(command: c.Command) -> None:
    refuses(examined(), command)


def test_the_list_can_be_narrowed() -> None:
    client = Client(tls=True, permitted=PERMITTED - {c.Idle})
    client.receive_data(b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] ready\r\n")
    refuses(client, c.Idle())


def test_the_list_cannot_be_widened() -> None:
    with pytest.raises(LocalProtocolError):
        Client(tls=True, permitted=PERMITTED | {c.Select})


@pytest.mark.parametrize(
    "item",
    [
        "UID",
        "flags",
        "INTERNALDATE",
        "RFC822.SIZE",
        "RFC822.HEADER",
        "ENVELOPE",
        "BODY",
        "BODYSTRUCTURE",
        "MODSEQ",
        "EMAILID",
        "PREVIEW",
        "PREVIEW (LAZY)",
        "X-GM-MSGID",
        "BODY.PEEK[]",
        "BODY.PEEK[]<0.2048>",
        "BODY.PEEK[TEXT]",
        "BODY.PEEK[HEADER.FIELDS (List-Id Auto-Submitted)]",
        "BODY.PEEK[HEADER.FIELDS.NOT (Received)]<0.9>",
        "BODY.PEEK[1.2.MIME]",
        "BODY.PEEK[1.HEADER]",
        "BINARY.PEEK[1.2]<0.512>",
        "BINARY.SIZE[1]",
    ],
)
def test_fetch_items_that_leave_seen_alone_are_sent(item: str) -> None:
    client = examined()
    client.send(c.UidFetch(SequenceSet.of([3]), (item,)))
    assert client.data_to_send() == f"A3 UID FETCH 3 ({item})\r\n".encode()


@pytest.mark.parametrize(
    "item",
    [
        "BODY[]",
        "BODY[TEXT]",
        "BINARY[1]",
        "RFC822",
        "RFC822.TEXT",
        "BODY.PEEK[",
        "BODY.PEEK[TEXT]<0.0>",
        "BODY.PEEK[MIME]",
        "BODY.PEEK[HEADER.FIELDS ()]",
        "BODY.PEEK[HEADER.FIELDS (A)] BODY[]",
        "FLAGS) (X",
        "FLAGS\r\nA9 EXPUNGE",
        "BODY.PEEK[HEADER.FIELDS ({3}",
        "FLAGS ",
        "",
    ],
)
def test_fetch_items_that_set_seen_or_are_none_are_not_sent(item: str) -> None:
    refuses(examined(), c.UidFetch(SequenceSet.of([3]), ("FLAGS", item)))


@pytest.mark.parametrize("event", ["MessageNew (UID BODY[])", "MessageNew (RFC822)", "MessageNew)", ""])
def test_an_event_of_notify_that_brings_what_sets_seen_is_not_asked_for(event: str) -> None:
    group = c.EventGroup("selected", ("MessageNew (UID FLAGS)", event, "MessageExpunge"))
    refuses(examined(), c.Notify((c.EventGroup("personal", ("MessageNew", "MessageExpunge")), group)))


def test_notify_is_sent_as_asked() -> None:
    client = examined()
    client.send(c.Notify((c.EventGroup("selected", ("MessageNew (UID FLAGS)", "MessageExpunge")),)))
    assert client.data_to_send() == b"A3 NOTIFY SET (selected (MessageNew (UID FLAGS) MessageExpunge))\r\n"


# --- the order of things ---


def test_nothing_is_sent_before_the_greeting() -> None:
    refuses(Client(tls=True), c.Noop())


def test_a_command_must_fit_the_state() -> None:
    refuses(greeted(), c.Examine("INBOX"))
    refuses(logged_in(), c.Login("alice", "apass"))
    refuses(logged_in(), c.Unselect())
    refuses(examined(), c.Enable(("QRESYNC",)))


def test_one_command_is_in_flight_at_most() -> None:
    client = greeted()
    assert client.send(c.Noop()) == "A1"
    assert client.in_flight == c.Noop()
    client.data_to_send()
    refuses(client, c.Noop())
    assert client.receive_data(b"A1 OK done\r\n") == [Completed("A1", c.Noop(), Condition.OK, None, "done")]
    assert client.in_flight is None
    assert client.send(c.Noop()) == "A2"


def test_what_cannot_be_spelled_is_not_sent() -> None:
    refuses(logged_in(), c.Examine("a\r\nA9 DELETE INBOX"))


def test_states_follow_the_tagged_responses() -> None:
    client = examined()
    assert client.state is State.SELECTED
    client.send(c.Examine("Gone"))
    events = client.receive_data(b"A3 NO [NONEXISTENT] none\r\n")
    assert isinstance(events[0], Completed)
    assert not events[0].ok
    assert client.state is State.AUTHENTICATED
    client.send(c.Logout())
    client.receive_data(b"A4 OK bye\r\n")
    assert client.state is State.LOGOUT
    client.data_to_send()
    refuses(client, c.Noop())


def test_a_tag_that_is_not_in_flight_ends_the_connection() -> None:
    breaks(greeted(), b"A1 OK spoofed\r\n", "unexpected-tag")
    client = greeted()
    client.send(c.Noop())
    breaks(client, b"A2 OK spoofed\r\n", "unexpected-tag")


def test_a_continuation_that_nothing_waits_for_ends_the_connection() -> None:
    breaks(greeted(), b"+ go on\r\n", "unexpected-continuation")
    client = greeted()
    client.send(c.Noop())
    breaks(client, b"+ go on\r\n", "unexpected-continuation")


def test_broken_framing_ends_the_connection() -> None:
    breaks(examined(), b"* 1 EXISTS\n", "bare-lf")


def test_broken_grammar_ends_the_connection() -> None:
    breaks(greeted(), b"A1 MAYBE\r\n", "bad-tagged-response")


# --- the greeting ---


def test_the_greeting_opens_the_connection() -> None:
    client = Client(tls=True)
    code = CapabilityCode(frozenset({"IMAP4REV1"}))
    assert client.receive_data(REV1) == [Greeted(StatusResponse(Condition.OK, code, "ready"))]
    assert client.state is State.NOT_AUTHENTICATED
    assert client.capabilities == {"IMAP4REV1"}


def test_preauth_under_tls_opens_an_authenticated_session() -> None:
    client = Client(tls=True)
    client.receive_data(b"* PREAUTH ready\r\n")
    assert client.state is State.AUTHENTICATED


def test_preauth_in_clear_is_refused() -> None:
    breaks(Client(tls=False), b"* PREAUTH ready\r\n", "preauth-in-clear")


def test_preauth_after_the_greeting_is_refused() -> None:
    breaks(greeted(), b"* PREAUTH ready\r\n", "unexpected-preauth")


def test_a_bye_for_a_greeting_ends_at_once() -> None:
    client = Client(tls=True)
    bye = StatusResponse(Condition.BYE, CapabilityCode(frozenset({"X"})), "full")
    assert client.receive_data(b"* BYE [CAPABILITY X] full\r\n* OK ready\r\n") == [Greeted(bye), Ended(bye)]
    assert client.capabilities == frozenset()
    is_over(client)


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 400 Bad Request", b"220 smtp ready", b"* 3 EXISTS", b"+ hello", b"A1 OK", b"* NO", b""]
)
def test_another_first_line_is_not_imap(line: bytes) -> None:
    breaks(Client(tls=True), line + b"\r\n", "not-imap")


# --- credentials ---


def test_login_is_not_sent_where_it_is_disabled() -> None:
    refuses(greeted("IMAP4rev1 LOGINDISABLED"), c.Login("alice", "apass"))


@pytest.mark.parametrize("command", [c.Login("alice", "apass"), c.Authenticate("PLAIN", b"\0alice\0apass")])
def test_credentials_are_not_sent_in_clear(command: c.Command) -> None:
    """Whatever the server lists: a list can be forged on the way."""
    refuses(greeted(tls=False), command)


def test_credentials_in_clear_can_be_allowed() -> None:
    client = greeted(tls=False, allow_plaintext_login=True)
    client.send(c.Login("alice", "apass"))
    assert client.data_to_send() == b'A1 LOGIN "alice" "apass"\r\n'


def test_no_secret_is_in_a_repr() -> None:
    client = greeted()
    client.send(c.Login("alice", "hunter2"))
    assert "hunter2" not in repr(client) + repr(client.in_flight)
    events = client.receive_data(b"A1 NO no\r\n")
    assert "hunter2" not in repr(events)


def test_nothing_of_the_login_stays_after_it() -> None:
    client = logged_in()
    for name in Client.__slots__:
        assert "apass" not in repr(getattr(client, name))
    assert client.in_flight is None


def test_the_initial_response_goes_along_with_sasl_ir() -> None:
    client = greeted("IMAP4rev1 SASL-IR")
    client.send(c.Authenticate("PLAIN", b"\0a\0b"))
    assert client.data_to_send() == b"A1 AUTHENTICATE PLAIN AGEAYg==\r\n"
    assert client.phase is Phase.SASL_PENDING


def test_without_sasl_ir_the_initial_response_waits_for_its_turn() -> None:
    """The caller does not see the empty challenge."""
    client = greeted()
    client.send(c.Authenticate("PLAIN", b"\0a\0b"))
    assert client.data_to_send() == b"A1 AUTHENTICATE PLAIN\r\n"
    assert client.receive_data(b"+ \r\n") == []
    assert client.data_to_send() == b"AGEAYg==\r\n"
    assert isinstance(client.receive_data(b"A1 OK in\r\n")[0], Completed)
    assert client.state is State.AUTHENTICATED


def test_challenges_and_responses_alternate() -> None:
    client = greeted()
    client.send(c.Authenticate("X"))
    client.data_to_send()
    with pytest.raises(LocalProtocolError):
        client.respond(b"too early")
    assert client.receive_data(b"+ AGEAYg==\r\n") == [Challenged(b"\0a\0b")]
    client.respond(b"one")
    with pytest.raises(LocalProtocolError):
        client.respond(b"twice")
    assert client.data_to_send() == b"b25l\r\n"
    assert client.receive_data(b"+\r\n") == [Challenged(b"")]
    client.respond(b"")
    assert client.data_to_send() == b"\r\n"
    client.receive_data(b"A1 OK in\r\n")
    assert client.state is State.AUTHENTICATED


def test_an_exchange_can_be_cancelled() -> None:
    client = greeted()
    client.send(c.Authenticate("X"))
    client.data_to_send()
    client.receive_data(b"+ \r\n")
    client.cancel()
    assert client.data_to_send() == b"*\r\n"
    client.receive_data(b"A1 BAD cancelled\r\n")
    assert client.state is State.NOT_AUTHENTICATED


def test_a_challenge_that_is_not_base64_ends_the_connection() -> None:
    client = greeted()
    client.send(c.Authenticate("X"))
    breaks(client, b"+ what?\r\n", "bad-base64")


# --- literals ---


def test_a_literal_waits_for_its_continuation() -> None:
    client = greeted()
    client.send(c.Login("алиса", "пароль"))
    assert client.data_to_send() == b"A1 LOGIN {10}\r\n"
    assert client.receive_data(b"+ OK\r\n") == []
    assert client.data_to_send() == "алиса {12}\r\n".encode()
    assert client.receive_data(b"* OK still here\r\n+ OK\r\n") == [
        Received(StatusResponse(Condition.OK, None, "still here"))
    ]
    assert client.data_to_send() == "пароль\r\n".encode()
    assert client.phase is Phase.PENDING
    assert client.receive_data(b"A1 OK in\r\n")
    assert client.state is State.AUTHENTICATED


def test_a_literal_that_is_refused_is_not_sent() -> None:
    client = greeted()
    client.send(c.Login("алиса", "пароль"))
    client.data_to_send()
    client.receive_data(b"A1 BAD [TOOBIG] no\r\n")
    assert client.data_to_send() == b""
    client.send(c.Noop())
    assert client.data_to_send() == b"A2 NOOP\r\n"


def test_an_ok_before_the_literal_ends_the_connection() -> None:
    client = greeted()
    client.send(c.Login("алиса", "пароль"))
    breaks(client, b"A1 OK in\r\n", "premature-ok")


def test_literal_plus_is_used_where_it_is_listed() -> None:
    client = greeted("IMAP4rev1 LITERAL+")
    client.send(c.Login("алиса", "p"))
    assert client.data_to_send() == 'A1 LOGIN {10+}\r\nалиса "p"\r\n'.encode()


# --- idling ---


def test_done_needs_the_continuation_first() -> None:
    """RFC 2177: a server may still read DONE as a part of something else."""
    client = examined()
    client.send(c.Idle())
    with pytest.raises(LocalProtocolError):
        client.done()
    assert client.receive_data(b"* 4 EXISTS\r\n+ idling\r\n* 5 EXISTS\r\n") == [
        Received(ExistsData(4)),
        Idling(),
        Received(ExistsData(5)),
    ]
    client.data_to_send()
    client.done()
    assert client.data_to_send() == b"DONE\r\n"
    with pytest.raises(LocalProtocolError):
        client.done()
    assert client.receive_data(b"* 6 EXISTS\r\nA3 OK done\r\n") == [
        Received(ExistsData(6)),
        Completed("A3", c.Idle(), Condition.OK, None, "done"),
    ]
    assert client.phase is Phase.READY


def test_a_server_may_end_idle_by_itself() -> None:
    client = idling()
    assert client.receive_data(b"A3 NO timeout\r\n") == [Completed("A3", c.Idle(), Condition.NO, None, "timeout")]
    assert client.phase is Phase.READY


def test_nothing_else_is_sent_while_idling() -> None:
    refuses(idling(), c.Noop())


# --- the end ---


def test_the_first_bye_is_the_end() -> None:
    client = idling()
    bye = StatusResponse(Condition.BYE, None, "shutting down")
    assert client.receive_data(b"* 4 EXISTS\r\n* BYE shutting down\r\n* BYE shutting down\r\n\0") == [
        Received(ExistsData(4)),
        Ended(bye),
    ]
    is_over(client)


def test_a_closed_connection_is_the_end() -> None:
    client = idling()
    assert client.receive_eof() == [Ended(None)]
    is_over(client)


def test_a_repr_names_state_and_phase() -> None:
    assert repr(idling()) == "<Client selected, idling, tls=True>"


# --- STARTTLS ---


def agreed() -> Client:
    client = greeted("IMAP4rev1 STARTTLS LOGINDISABLED", tls=False)
    client.send(c.StartTls())
    assert client.data_to_send() == b"A1 STARTTLS\r\n"
    client.receive_data(b"A1 OK begin\r\n")
    assert client.phase is Phase.TLS_DUE
    return client


def test_starttls_forgets_what_was_learnt_in_clear() -> None:
    client = agreed()
    assert client.receive_data(b"") == []
    refuses(client, c.Noop())
    client.tls_started()
    assert client.tls
    assert not client.capabilities_known
    client.send(c.Capability())
    assert client.data_to_send() == b"A2 CAPABILITY\r\n"


def test_bytes_in_the_same_segment_as_the_ok_of_starttls_are_an_attack() -> None:
    client = greeted(tls=False)
    client.send(c.StartTls())
    error = breaks(client, b"A1 OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n", "injected-plaintext")
    assert error.where == b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"


def test_a_response_that_does_not_belong_here_is_kept_for_the_operator() -> None:
    error = breaks(greeted(), b"A9 OK " + b"x" * 100 + b"\r\n", "unexpected-tag")
    assert error.where == b"A9 OK " + b"x" * 74
    client = greeted()
    client.send(c.Authenticate("X"))
    assert breaks(client, b"+ ???\r\n", "bad-base64").where == b"???"


def test_half_a_line_after_the_ok_of_starttls_is_one_too() -> None:
    client = greeted(tls=False)
    client.send(c.StartTls())
    breaks(client, b"A1 OK begin\r\n*", "injected-plaintext")


def test_bytes_between_the_ok_of_starttls_and_the_handshake_are_one_too() -> None:
    breaks(agreed(), b"*", "injected-plaintext")


def test_a_refused_starttls_leaves_the_connection_as_it_was() -> None:
    client = greeted(tls=False)
    client.send(c.StartTls())
    client.receive_data(b"A1 NO not now\r\n* OK hello\r\n")
    assert client.phase is Phase.READY
    assert not client.tls
    with pytest.raises(LocalProtocolError):
        client.tls_started()


def test_starttls_under_tls_is_refused() -> None:
    refuses(greeted("IMAP4rev1 STARTTLS"), c.StartTls())


# --- capabilities ---


def test_capabilities_come_from_data_and_from_codes() -> None:
    client = Client(tls=True)
    client.receive_data(b"* OK ready\r\n")
    assert not client.capabilities_known
    assert not client.has("IDLE")
    client.send(c.Capability())
    client.receive_data(b"* CAPABILITY IMAP4rev1 IDLE\r\nA1 OK done\r\n")
    assert client.capabilities_known
    assert client.has("idle")
    client.receive_data(b"* OK [CAPABILITY IMAP4rev1] changed\r\n")
    assert not client.has("IDLE")


def test_after_a_login_without_a_list_they_are_unknown() -> None:
    """RFC 9051 section 6.2.3: the old list is void."""
    client = greeted("IMAP4rev1 X-OLD")
    client.send(c.Login("alice", "apass"))
    client.receive_data(b"A1 OK in\r\n")
    assert not client.capabilities_known


def test_after_a_refused_login_they_are_the_same() -> None:
    client = greeted("IMAP4rev1 AUTH=PLAIN")
    client.send(c.Login("alice", "apass"))
    client.receive_data(b"A1 NO no\r\n")
    assert client.has("AUTH=PLAIN")


@pytest.mark.parametrize("line", ["* CAPABILITY IMAP4rev1 NEW", "* OK [CAPABILITY IMAP4rev1 NEW] here"])
def test_a_list_that_comes_untagged_during_the_login_counts(line: str) -> None:
    client = greeted("IMAP4rev1 X-OLD")
    client.send(c.Login("alice", "apass"))
    events = client.receive_data(f"{line}\r\nA1 OK in\r\n".encode())
    assert len(events) == 2
    assert client.capabilities == {"IMAP4REV1", "NEW"}


def test_imap4rev2_implies_its_parts() -> None:
    assert greeted("IMAP4rev2").has("IDLE")


def test_equal_lists_of_many_clients_are_one_object() -> None:
    share = SharedCapabilities()
    clients = [Client(tls=True, share=share) for _ in range(2)]
    for client in clients:
        client.receive_data(REV1)
    assert clients[0].capabilities is clients[1].capabilities


@pytest.mark.parametrize("line", [b"* CAPABILITY %s", b"* OK [CAPABILITY %s] x", b"A2 OK [CAPABILITY %s] x"])
def test_a_list_of_capabilities_over_the_bound_ends_the_connection(line: bytes) -> None:
    client = logged_in()
    client.send(c.Noop())
    with pytest.raises(RemoteProtocolError) as raised:
        client.receive_data(line % b" ".join(b"CAP%d" % number for number in range(1_200)) + b"\r\n")
    assert raised.value.reason == "too-many-capabilities"


def test_what_enabled_adds_up_to_is_bounded_too() -> None:
    client = logged_in("IMAP4rev1 ENABLE")
    client.send(c.Enable(("QRESYNC",)))
    client.receive_data(b"* ENABLED " + b" ".join(b"X%d" % number for number in range(1_000)) + b"\r\n")
    with pytest.raises(RemoteProtocolError) as raised:
        client.receive_data(b"* ENABLED " + b" ".join(b"Y%d" % number for number in range(1_000)) + b"\r\n")
    assert raised.value.reason == "too-many-capabilities"


def test_the_capability_response_is_an_event_too() -> None:
    assert greeted().receive_data(b"* CAPABILITY IMAP4rev1\r\n") == [Received(CapabilityData(frozenset({"IMAP4REV1"})))]


# --- ENABLE ---


def enabling(names: tuple[str, ...], answer: bytes, listed: str = "IMAP4rev1 ENABLE QRESYNC UTF8=ACCEPT") -> Client:
    client = logged_in(listed)
    client.send(c.Enable(names))
    client.data_to_send()
    client.receive_data(answer)
    return client


def test_enabled_names_count_once_the_server_says_ok() -> None:
    client = enabling(("QRESYNC",), b"* ENABLED QRESYNC\r\n* ENABLED CONDSTORE\r\nA2 OK done\r\n")
    assert client.enabled == {"QRESYNC", "CONDSTORE"}
    assert not client.utf8


def test_utf8_mode_changes_how_mailboxes_are_named() -> None:
    client = enabling(("UTF8=ACCEPT",), b"* ENABLED UTF8=ACCEPT\r\nA2 OK done\r\n")
    assert client.utf8
    client.send(c.Examine("Ünï"))
    assert client.data_to_send() == 'A3 EXAMINE "Ünï"\r\n'.encode()


def test_ok_without_enabled_means_all_that_is_listed() -> None:
    """Quirk enable-without-enabled."""
    assert enabling(("QRESYNC", "X-OTHER"), b"A2 OK done\r\n").enabled == {"QRESYNC"}


def test_an_empty_enabled_means_none() -> None:
    assert enabling(("QRESYNC",), b"* ENABLED\r\nA2 OK done\r\n").enabled == frozenset()


def test_a_refused_enable_enables_nothing() -> None:
    assert enabling(("QRESYNC",), b"* ENABLED QRESYNC\r\nA2 BAD no\r\n").enabled == frozenset()


def test_enabled_that_nobody_asked_for_enables_nothing() -> None:
    client = logged_in()
    assert len(client.receive_data(b"* ENABLED UTF8=ACCEPT\r\n")) == 1
    assert not client.utf8


# --- bounds ---


def test_untagged_responses_are_bounded_for_each_command() -> None:
    client = Client(Limits(untagged_per_command=3), tls=True)
    client.receive_data(REV1)
    client.send(c.Noop())
    client.receive_data(b"* 1 EXISTS\r\n* 2 EXISTS\r\n* 3 EXISTS\r\nA1 OK done\r\n")
    client.send(c.Noop())
    client.receive_data(b"* 1 EXISTS\r\n* 2 EXISTS\r\n* 3 EXISTS\r\n")
    breaks(client, b"* 4 EXISTS\r\n", "too-many-responses")


def test_untagged_responses_between_commands_are_bounded_too() -> None:
    client = Client(Limits(untagged_per_command=2), tls=True)
    client.receive_data(REV1)
    client.receive_data(b"* 1 EXISTS\r\n* 2 EXISTS\r\n")
    breaks(client, b"* 3 EXISTS\r\n", "too-many-responses")


def test_elements_of_lists_are_bounded_for_each_command_too() -> None:
    """Three bytes of a list may cost 60 to hold."""
    client = Client(Limits(elements_per_command=9), tls=True)
    client.receive_data(REV1)
    for _ in range(2):
        client.send(c.Noop())
        client.data_to_send()
        client.receive_data(b"* FLAGS (a b)\r\n* SEARCH 1\r\n" + client.tag.encode() + b" OK a b c d e f g h\r\n")
    client.send(c.Noop())
    client.receive_data(b"* FLAGS (a b)\r\n* VANISHED 1,2,3\r\n")
    breaks(client, b"* X {1}\r\n( ()\r\n", "too-many-elements")


def test_what_is_said_while_idle_is_on_gathers_nowhere_and_is_not_counted() -> None:
    """A user's own client may expunge more messages in one IDLE than one command ever brings."""
    client = Client(Limits(untagged_per_command=3, elements_per_command=9), tls=True)
    client.receive_data(b"* PREAUTH hi\r\n")
    client.send(c.Idle())
    client.data_to_send()
    client.receive_data(b"* 9 EXISTS\r\n+ idling\r\n")
    assert len(client.receive_data(b"* 1 EXPUNGE\r\n* FLAGS (a b c d e)\r\n" * 9)) == 18
    client.done()
    client.receive_data(b"* 9 EXISTS\r\n")
    breaks(client, b"* 9 EXISTS\r\n", "too-many-responses")


def test_challenges_are_bounded() -> None:
    client = Client(Limits(untagged_per_command=2), tls=True)
    client.receive_data(REV1)
    client.send(c.Authenticate("X"))
    for _ in range(2):
        client.receive_data(b"+ \r\n")
        client.respond(b"")
    breaks(client, b"+ \r\n", "too-many-responses")


def test_an_idle_client_is_small() -> None:
    """Framer included; architecture.md counts on it. The capability list is shared."""
    share, idle, count = SharedCapabilities(), c.Idle(), 200
    clients: list[Client] = []

    def idle_client() -> Client:
        client = Client(tls=True, share=share)
        client.receive_data(b"* PREAUTH [CAPABILITY IMAP4rev1 IDLE ENABLE CONDSTORE QRESYNC] ready\r\n")
        client.send(c.Examine("INBOX"))
        client.data_to_send()
        client.receive_data(b"* 3 EXISTS\r\nA1 OK [READ-ONLY] open\r\n")
        client.send(idle)
        client.data_to_send()
        client.receive_data(b"+ idling\r\n")
        return client

    idle_client()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        clients.extend(idle_client() for _ in range(count))
        each = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert each < 1_024, f"{each:.0f} bytes"


def test_what_came_before_a_fault_is_told_and_the_fault_by_the_next_call() -> None:
    client = logged_in()
    exists = Received(ExistsData(3))
    assert client.receive_data(b"* 3 EXISTS\r\nA9 OK nobody asked\r\n* 4 EXISTS\r\n") == [exists]
    assert client.phase is Phase.OVER
    assert client.fault is not None
    with pytest.raises(RemoteProtocolError) as raised:
        client.send(c.Noop())
    assert raised.value.reason == "unexpected-tag"
    assert client.fault is None
    with pytest.raises(LocalProtocolError):
        client.send(c.Noop())


def test_the_ok_of_a_starttls_that_was_meddled_with_is_not_told() -> None:
    client = Client(tls=False)
    client.receive_data(b"* OK ready\r\n")
    client.send(c.StartTls())
    with pytest.raises(RemoteProtocolError) as raised:
        client.receive_data(b"* OK first\r\nA1 OK go\r\n* OK injected\r\n")
    assert raised.value.reason == "injected-plaintext"
    assert client.fault is None


def test_a_client_that_idles_goes_on_from_its_terms() -> None:
    client = idling()
    assert client.terms is not None

    resumed = Client.resumed(client.terms, client.tags, c.Idle(), Phase.IDLING)

    assert resumed.receive_data(b"* 4 EXISTS\r\n") == [Received(ExistsData(4))]
    resumed.done()
    assert resumed.data_to_send() == b"DONE\r\n"
    assert isinstance(resumed.receive_data(b"A3 OK done\r\n")[0], Completed)
    assert resumed.send(c.Noop()) == "A4"
    assert resumed.has("IDLE")
    assert resumed.state is State.SELECTED


def test_clients_of_one_server_have_equal_terms() -> None:
    assert idling().terms == idling().terms


def test_a_client_goes_on_with_the_command_that_somebody_else_has_sent() -> None:
    terms = idling().terms
    assert terms is not None

    resumed = Client.resumed(terms, 5, c.Noop(), Phase.PENDING)

    assert isinstance(resumed.receive_data(b"A5 OK\r\n")[0], Completed)
    assert resumed.phase is Phase.READY


def test_a_client_that_is_logged_in_goes_on_from_its_terms() -> None:
    client = logged_in()
    assert client.terms is not None

    resumed = Client.resumed(client.terms, client.tags, None, Phase.READY)

    assert resumed.state is State.AUTHENTICATED
    assert resumed.send(c.Examine("INBOX")) == f"A{client.tags + 1}"


@pytest.mark.parametrize("waits", ["for a line", "for an answer"])
def test_a_client_that_holds_something_of_its_own_has_no_terms_to_go_on_from(waits: str) -> None:
    client = idling() if waits == "for a line" else examined()
    if waits == "for a line":
        client.receive_data(b"* 4 EX")
    else:
        client.send(c.Noop())
        client.data_to_send()

    assert client.terms is None
