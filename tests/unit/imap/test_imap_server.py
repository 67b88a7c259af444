"""The server half: the order of a client's commands, literals, SASL lines, IDLE and STARTTLS."""

import pytest

from idlebell.imap import commands as c
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.events import BadCommandReceived, CommandReceived, DoneReceived, SaslReceived
from idlebell.imap.limits import Limits
from idlebell.imap.responses import (
    Condition,
    ContinuationRequest,
    EnabledData,
    ExistsData,
    ListData,
    PlainCode,
    StatusResponse,
    TaggedResponse,
)
from idlebell.imap.server import Server
from idlebell.imap.state import Phase, State

LISTED = ("IMAP4rev1", "IDLE")


def greeted(*, tls: bool = True, limits: Limits | None = None) -> Server:
    server = Server(limits or Limits(), tls=tls, capabilities=LISTED)
    server.greet()
    assert server.data_to_send() == b"* OK [CAPABILITY IDLE IMAP4REV1] ready\r\n"
    return server


def logged_in() -> Server:
    server = greeted()
    assert server.receive_data(b"a LOGIN bob b\r\n") == [CommandReceived("a", c.Login("bob", "b"))]
    server.answer(Condition.OK, "in")
    assert server.data_to_send() == b"a OK in\r\n"
    return server


def breaks(server: Server, data: bytes, reason: str) -> None:
    """The client gets a BYE, the caller an error without the client's bytes."""
    server.data_to_send()
    with pytest.raises(RemoteProtocolError) as raised:
        server.receive_data(data)
    assert raised.value.reason == reason
    assert raised.value.where == b""
    assert raised.value.__suppress_context__
    assert server.data_to_send().startswith(b"* BYE ")
    assert server.state is State.LOGOUT
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"")


# --- the greeting ---


def test_the_server_speaks_first() -> None:
    server = Server(tls=True)
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"a NOOP\r\n")


def test_the_greeting_is_said_once() -> None:
    with pytest.raises(LocalProtocolError):
        greeted().greet()


def test_preauth_is_a_greeting_and_no_is_none() -> None:
    server = Server(tls=True)
    with pytest.raises(LocalProtocolError):
        server.greet(condition=Condition.NO)
    server.greet(condition=Condition.PREAUTH)
    assert server.state is State.AUTHENTICATED


def test_a_bye_for_a_greeting_ends_it() -> None:
    server = Server(tls=True)
    server.greet("full", condition=Condition.BYE)
    assert server.data_to_send() == b"* BYE full\r\n"
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"")


def test_a_word_before_the_greeting_can_be_said() -> None:
    """Courier warns so before its PREAUTH."""
    server = Server(tls=True)
    server.send(StatusResponse(Condition.OK, PlainCode("ALERT"), "no FAM"))
    server.greet()
    assert server.data_to_send().startswith(b"* OK [ALERT] no FAM\r\n* OK [CAPABILITY")


def test_capabilities_may_depend_on_state_and_tls() -> None:
    def listed(state: State, tls: bool) -> tuple[str, ...]:
        if state is State.AUTHENTICATED:
            return ("IMAP4rev1", "IDLE")
        return ("IMAP4rev1", "AUTH=PLAIN") if tls else ("IMAP4rev1", "STARTTLS", "LOGINDISABLED")

    server = Server(tls=False, capabilities=listed)
    server.greet()
    assert "LOGINDISABLED" in server.capabilities
    server.receive_data(b"a STARTTLS\r\n")
    server.answer(Condition.OK, "go")
    server.tls_started()
    assert "AUTH=PLAIN" in server.capabilities
    server.receive_data(b"b LOGIN bob b\r\n")
    server.answer(Condition.OK, "in")
    assert "IDLE" in server.capabilities


# --- commands in their order ---


def test_the_state_follows_what_is_answered() -> None:
    server = logged_in()
    assert server.state is State.AUTHENTICATED
    server.receive_data(b"b SELECT INBOX\r\n")
    server.send(ExistsData(3))
    server.answer(Condition.OK, "open", PlainCode("READ-WRITE"))
    assert server.data_to_send() == b"* 3 EXISTS\r\nb OK [READ-WRITE] open\r\n"
    assert server.state is State.SELECTED
    server.receive_data(b"c EXAMINE Gone\r\n")
    server.answer(Condition.NO, "none")
    assert server.state is State.AUTHENTICATED


def test_a_command_out_of_its_state_is_bad() -> None:
    server = greeted()
    assert server.receive_data(b"a EXAMINE INBOX\r\n") == [
        BadCommandReceived("a", "EXAMINE is not valid while not authenticated")
    ]
    server.answer(Condition.BAD, "no")
    assert server.state is State.NOT_AUTHENTICATED


def test_starttls_under_tls_is_bad() -> None:
    server = greeted()
    assert server.receive_data(b"a STARTTLS\r\n") == [BadCommandReceived("a", "TLS is in force already")]
    server.answer(Condition.BAD, "no")


def test_pipelined_commands_wait_for_the_answer_before() -> None:
    server = greeted()
    assert server.receive_data(b"a LOGIN bob b\r\nb NOOP\r\nc NOOP\r\n") == [CommandReceived("a", c.Login("bob", "b"))]
    assert server.receive_data(b"") == []
    server.answer(Condition.OK, "in")
    assert server.receive_data(b"") == [CommandReceived("b", c.Noop())]
    server.answer(Condition.OK, "done")
    assert server.receive_data(b"d NOOP\r\n") == [CommandReceived("c", c.Noop())]


def test_what_is_pipelined_is_bounded() -> None:
    server = greeted(limits=Limits(response_bytes=100))
    server.receive_data(b"a NOOP\r\n")
    assert server.receive_data(b"x" * 100) == []
    breaks(server, b"x", "too-much-pipelined")


def test_a_line_without_a_tag_needs_no_tagged_answer() -> None:
    server = greeted()
    assert server.receive_data(b"\r\na NOOP\r\n") == [
        BadCommandReceived("*", "a line begins with a tag and a space"),
        CommandReceived("a", c.Noop()),
    ]


def test_a_broken_command_is_answered_and_the_next_one_read() -> None:
    server = greeted()
    events = server.receive_data(b"a LOGIN bob\r\nb NOOP\r\n")
    assert isinstance(events[0], BadCommandReceived)
    assert events[0].tag == "a"
    server.answer(Condition.BAD, events[0].reason)
    assert server.receive_data(b"") == [CommandReceived("b", c.Noop())]


def test_an_answer_must_be_to_the_command_in_flight() -> None:
    server = greeted()
    with pytest.raises(LocalProtocolError):
        server.answer(Condition.OK, "to nothing")
    server.receive_data(b"a NOOP\r\n")
    with pytest.raises(LocalProtocolError):
        server.send(TaggedResponse("b", Condition.OK, None, "to another"))


def test_a_repr_names_state_and_phase() -> None:
    assert repr(greeted()) == "<Server not authenticated, ready, tls=True>"


# --- literals ---


def test_a_literal_is_asked_for() -> None:
    server = greeted()
    assert server.receive_data(b"a LOGIN {3}\r\n") == []
    assert server.data_to_send() == b"+ OK\r\n"
    assert server.receive_data(b"bob {1}\r\n") == []
    assert server.data_to_send() == b"+ OK\r\n"
    assert server.receive_data(b"b\r\n") == [CommandReceived("a", c.Login("bob", "b"))]


def test_a_non_synchronizing_literal_is_just_read() -> None:
    server = greeted()
    assert server.receive_data(b"a LOGIN {3+}\r\nbob b\r\n") == [CommandReceived("a", c.Login("bob", "b"))]
    assert server.data_to_send() == b""


@pytest.mark.parametrize("literal", [b"{1000000000}", b"{65537}", b"{99999999999999999999999}", b"{65537+}"])
def test_a_literal_over_the_bound_is_never_asked_for(literal: bytes) -> None:
    breaks(greeted(), b"a LOGIN " + literal + b"\r\n", "literal-too-large")


def test_an_endless_line_ends_the_connection() -> None:
    breaks(greeted(), b"a" * 65_537, "line-too-long")


def test_no_error_repeats_a_password() -> None:
    server = greeted()
    with pytest.raises(RemoteProtocolError) as raised:
        server.receive_data(b"a LOGIN bob hunter2\0\r\n")
    assert "hunter2" not in repr(raised.value) + repr(raised.value.where)


# --- AUTHENTICATE ---


def test_sasl_messages_are_carried_in_base64() -> None:
    server = greeted()
    assert server.receive_data(b"a AUTHENTICATE PLAIN\r\n") == [CommandReceived("a", c.Authenticate("PLAIN"))]
    server.continue_()
    assert server.data_to_send() == b"+ \r\n"
    assert server.receive_data(b"AGIAYg==\r\n") == [SaslReceived(b"\0b\0b")]
    server.continue_(b"more")
    assert server.data_to_send() == b"+ bW9yZQ==\r\n"
    assert server.receive_data(b"\r\n") == [SaslReceived(b"")]
    server.answer(Condition.OK, "in")
    assert server.state is State.AUTHENTICATED


def test_a_client_may_cancel() -> None:
    server = greeted()
    server.receive_data(b"a AUTHENTICATE PLAIN\r\n")
    server.continue_()
    assert server.receive_data(b"*\r\n") == [SaslReceived(None)]
    server.answer(Condition.BAD, "cancelled")
    assert server.state is State.NOT_AUTHENTICATED


def test_a_sasl_line_that_is_not_base64_is_bad() -> None:
    server = greeted()
    server.receive_data(b"a AUTHENTICATE PLAIN\r\n")
    server.continue_()
    assert server.receive_data(b"what?\r\n") == [BadCommandReceived("a", "base64 expected")]
    server.answer(Condition.BAD, "no")
    assert server.receive_data(b"b NOOP\r\n") == [CommandReceived("b", c.Noop())]


def test_a_sasl_message_is_in_no_repr() -> None:
    assert "hunter2" not in repr(SaslReceived(b"hunter2"))


# --- IDLE ---


def test_idle_begins_with_the_continuation_and_ends_with_done() -> None:
    server = logged_in()
    server.receive_data(b"b IDLE\r\nDO")
    assert server.phase is Phase.IDLE_REQUESTED
    server.continue_()
    assert server.data_to_send() == b"+ idling\r\n"
    server.send(ExistsData(4))
    assert server.data_to_send() == b"* 4 EXISTS\r\n"
    assert server.receive_data(b"NE\r\n") == [DoneReceived()]
    server.answer(Condition.OK, "done")
    assert server.data_to_send() == b"b OK done\r\n"


def test_the_continuation_of_idle_can_say_something_else() -> None:
    server = logged_in()
    server.receive_data(b"b IDLE\r\n")
    server.send(ContinuationRequest(b"ok, waiting"))
    assert server.data_to_send() == b"+ ok, waiting\r\n"


def test_done_may_be_spelled_in_any_case() -> None:
    server = logged_in()
    server.receive_data(b"b IDLE\r\n")
    server.continue_()
    assert server.receive_data(b"done\r\n") == [DoneReceived()]


def test_anything_else_while_idling_is_bad() -> None:
    server = logged_in()
    server.receive_data(b"b IDLE\r\n")
    server.continue_()
    assert server.receive_data(b"c NOOP\r\n") == [BadCommandReceived("b", "DONE expected")]
    server.answer(Condition.BAD, "DONE expected")
    assert server.phase is Phase.READY


def test_a_continuation_needs_a_command_that_waits_for_it() -> None:
    with pytest.raises(LocalProtocolError):
        greeted().continue_()


# --- STARTTLS ---


def test_starttls_starts_anew() -> None:
    server = greeted(tls=False)
    server.receive_data(b"a STARTTLS\r\n")
    server.answer(Condition.OK, "go")
    assert server.data_to_send() == b"a OK go\r\n"
    assert server.phase is Phase.TLS_DUE
    server.tls_started()
    assert server.tls
    assert server.receive_data(b"b NOOP\r\n") == [CommandReceived("b", c.Noop())]


def test_a_refused_starttls_leaves_the_connection_as_it_was() -> None:
    server = greeted(tls=False)
    server.receive_data(b"a STARTTLS\r\nb NOOP\r\n")
    server.answer(Condition.NO, "not now")
    assert server.receive_data(b"") == [CommandReceived("b", c.Noop())]


def test_commands_pipelined_after_starttls_are_never_run() -> None:
    """Command injection: a middleman's plaintext must not be taken for what came under TLS."""
    server = greeted(tls=False)
    server.receive_data(b"a STARTTLS\r\nb LOGIN eve e\r\n")
    server.answer(Condition.OK, "go")
    assert server.data_to_send() == b"* BYE commands after STARTTLS\r\n"
    assert server.state is State.LOGOUT
    with pytest.raises(LocalProtocolError):
        server.tls_started()


def test_bytes_between_the_ok_and_the_handshake_end_the_connection() -> None:
    server = greeted(tls=False)
    server.receive_data(b"a STARTTLS\r\n")
    server.answer(Condition.OK, "go")
    assert server.receive_data(b"") == []
    breaks(server, b"b NOOP\r\n", "injected-plaintext")


# --- ENABLE, LOGOUT, BYE ---


def test_enabled_utf8_changes_how_mailboxes_are_spelled() -> None:
    server = logged_in()
    server.send(ListData(frozenset(), "/", "Ü"))
    server.receive_data(b"b ENABLE UTF8=ACCEPT\r\n")
    server.send(EnabledData(frozenset({"UTF8=ACCEPT"})))
    server.answer(Condition.OK, "done")
    server.send(ListData(frozenset(), "/", "Ü"))
    sent = server.data_to_send()
    assert b"&ANw-" in sent
    assert "Ü".encode() in sent
    assert server.receive_data('c EXAMINE "Ü"\r\n'.encode()) == [CommandReceived("c", c.Examine("Ü"))]


def test_logout_is_a_bye_and_an_ok() -> None:
    server = logged_in()
    server.receive_data(b"b LOGOUT\r\n")
    server.send(StatusResponse(Condition.BYE, None, "see you"))
    server.answer(Condition.OK, "done")
    assert server.data_to_send() == b"* BYE see you\r\nb OK done\r\n"
    assert server.state is State.LOGOUT
    with pytest.raises(LocalProtocolError):
        server.send(ExistsData(1))


def test_a_bye_out_of_the_blue_ends_the_connection() -> None:
    server = logged_in()
    server.send(StatusResponse(Condition.BYE, None, "shutting down"))
    assert server.data_to_send() == b"* BYE shutting down\r\n"
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"b NOOP\r\n")


def test_whoever_goes_on_has_what_the_client_sent_ahead() -> None:
    server = greeted()
    server.receive_data(b"a LOGIN bob b\r\nb NOOP\r\nc APPEND {3}\r\n")
    with pytest.raises(LocalProtocolError):
        server.take_rest()
    server.answer(Condition.OK, "in")
    assert server.take_rest() == b"b NOOP\r\nc APPEND {3}\r\n"
    with pytest.raises(LocalProtocolError):
        server.receive_data(b"d NOOP\r\n")
