"""Whose fault it is that a session ended."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.responses import Condition, PlainCode, StatusResponse
from idlebell.model.problem import Blame, Retry
from idlebell.net.errors import ConnectionLost, NotImap, ServerSaidBye, TimedOut, TlsFailed, TransportError, Unreachable
from idlebell.watch.diagnose import SHOWN_CHARACTERS, diagnose, refused_mailbox, shown


def bye(text: str, code: str | None = None) -> ServerSaidBye:
    return ServerSaidBye(StatusResponse(Condition.BYE, PlainCode(code) if code else None, text))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RemoteProtocolError("bad-literal", "a literal without a size"), "protocol-error"),
        (bye("Server shutting down."), "session-lost"),
        (bye("Too many", "LIMIT"), "throttled"),
        (ConnectionLost("eof"), "session-lost"),
        (TimedOut("DONE"), "session-lost"),
        (TlsFailed("expired"), "tls-failed"),
        (NotImap(), "not-imap"),
        (Unreachable("refused", "10.0.0.1"), "unreachable"),
        (TransportError("odd"), "session-lost"),
    ],
)
def test_every_end_of_a_session_has_a_fault(error: TransportError | RemoteProtocolError, code: str) -> None:
    assert diagnose(error).code == code


def test_why_a_server_is_unreachable_is_for_the_operator_only() -> None:
    fault = diagnose(Unreachable("refused", "10.0.0.1 said no"))

    assert "10.0.0.1" not in fault.detail
    assert "refused" in fault.private


def test_limit_is_waited_out_and_loss_is_mended_soon() -> None:
    assert diagnose(bye("x", "LIMIT")).retry is Retry.LATER
    assert diagnose(ConnectionLost("reset")).retry is Retry.SOON


def test_mailbox_that_does_not_open_is_the_clients_to_mend() -> None:
    fault = refused_mailbox("Wrok", None, "Mailbox doesn't exist: Wrok")

    assert (fault.code, fault.blame) == ("no-such-mailbox", Blame.CLIENT)


def test_mailbox_that_does_not_open_now_is_the_servers() -> None:
    assert refused_mailbox("INBOX", PlainCode("UNAVAILABLE"), "later").code == "server-error"


def test_words_of_a_server_are_shown_clean_and_cut() -> None:
    assert shown("no\x1b[31m\r\n way ") == "no [31m   way"
    assert len(shown("x" * 5_000)) == SHOWN_CHARACTERS
