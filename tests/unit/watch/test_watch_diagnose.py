"""Whose fault it is that a session ended."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.responses import Condition, PlainCode, StatusResponse
from idlebell.model.problem import Blame, Retry
from idlebell.net.errors import ConnectionLost, ServerSaidBye, TimedOut, TransportError
from idlebell.watch.diagnose import diagnose, refused_mailbox


def bye(text: str, code: str | None = None) -> ServerSaidBye:
    return ServerSaidBye(StatusResponse(Condition.BYE, PlainCode(code) if code else None, text))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RemoteProtocolError("bad-literal", "a literal without a size"), "protocol-error"),
        (bye("Server shutting down."), "session-lost"),
        (bye("Enough", "LIMIT"), "too-many-connections"),
        (bye("Too many simultaneous connections"), "too-many-connections"),
        (bye("Slow down", "THROTTLED"), "throttled"),
        (ConnectionLost("eof"), "session-lost"),
        (TimedOut("DONE"), "session-lost"),
        (TransportError("odd"), "session-lost"),
    ],
)
def test_every_end_of_a_session_has_a_fault(error: TransportError | RemoteProtocolError, code: str) -> None:
    assert diagnose(error).code == code


def test_of_a_broken_rule_the_user_sees_the_rule_and_the_operator_what_broke_it_redacted() -> None:
    fault = diagnose(RemoteProtocolError("bare-lf", "a LF without CR", b"* OK hunter2\n"))
    assert fault.detail == "The mail server broke the protocol: bare-lf."
    assert fault.private == "bare-lf: a LF without CR: * OK <7>\\n"


def test_limit_is_waited_out_and_loss_is_mended_soon() -> None:
    assert diagnose(bye("x", "LIMIT")).retry is Retry.LATER
    assert diagnose(ConnectionLost("reset")).retry is Retry.SOON


def test_mailbox_that_does_not_open_is_the_clients_to_mend() -> None:
    fault = refused_mailbox("Wrok", None, "Mailbox doesn't exist: Wrok")

    assert (fault.code, fault.blame) == ("no-such-mailbox", Blame.CLIENT)


def test_mailbox_that_does_not_open_now_is_the_servers() -> None:
    assert refused_mailbox("INBOX", PlainCode("UNAVAILABLE"), "later").code == "server-error"
