"""What servers say when they refuse a login, and what it means to a user."""

from __future__ import annotations

import pytest

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.responses import Condition, PlainCode, StatusResponse
from idlebell.login.refusal import (
    PAUSE_SECONDS,
    PAUSE_SECONDS_MAX,
    failed,
    mechanism_unavailable,
    refused,
    refuses_credentials,
)
from idlebell.net.errors import (
    ConnectionLost,
    NotImap,
    ServerSaidBye,
    TimedOut,
    TlsFailed,
    TransportError,
    Unreachable,
)

SAID = [
    # server, condition, code, text, what it means
    ("Dovecot", Condition.NO, "AUTHENTICATIONFAILED", "Authentication failed.", "authentication-failed"),
    ("Cyrus", Condition.NO, None, "Login failed: authentication failure", "authentication-failed"),
    ("Courier", Condition.NO, None, "Login failed.", "authentication-failed"),
    ("Exchange", Condition.NO, None, "LOGIN failed.", "authentication-failed"),
    (
        "QQ",
        Condition.NO,
        None,
        "Login fail. Service is not open, password is incorrect, try again later",
        "authentication-failed",
    ),
    ("RFC 5530", Condition.NO, "EXPIRED", "Your password has expired", "authentication-failed"),
    ("RFC 5530", Condition.NO, "CONTACTADMIN", "Call us", "authentication-failed"),
    (
        "Gmail",
        Condition.NO,
        "ALERT",
        "Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)",
        "app-password-needed",
    ),
    ("Yahoo", Condition.NO, "AUTHORIZATIONFAILED", "LOGIN Use an app password", "app-password-needed"),
    ("mail.ru", Condition.NO, "AUTHENTICATIONFAILED", "Application password is REQUIRED", "app-password-needed"),
    ("Gmail", Condition.NO, "ALERT", "Your account is not enabled for IMAP use.", "imap-not-enabled"),
    ("Zoho", Condition.NO, "ALERT", "You are yet to enable IMAP for your account.", "imap-not-enabled"),
    ("Dovecot", Condition.NO, "LIMIT", "Maximum number of connections from user+IP exceeded", "throttled"),
    ("Gmail", Condition.NO, "ALERT", "Too many simultaneous connections. (Failure)", "throttled"),
    ("RFC 5530", Condition.NO, "INUSE", "Mailbox in use", "throttled"),
    ("Exchange", Condition.BAD, None, "User is authenticated but not connected.", "throttled"),
    ("iCloud", Condition.NO, "UNAVAILABLE", "Unexpected exception", "server-error"),
    ("RFC 5530", Condition.NO, "SERVERBUG", "Oops", "server-error"),
    ("a server that goes down", Condition.BYE, None, "Server shutting down.", "server-error"),
    ("a server that does not understand", Condition.BAD, None, "Syntax error", "protocol-error"),
]


@pytest.mark.parametrize(("server", "condition", "code", "text", "means"), SAID, ids=[f"{s[0]}-{s[4]}" for s in SAID])
def test_refusal_is_classified_as_the_server_means_it(
    server: str, condition: Condition, code: str | None, text: str, means: str
) -> None:
    fault = refused(condition, PlainCode(code) if code else None, text)
    assert fault.code == means
    assert text in fault.detail


def test_a_throttle_says_how_long() -> None:
    told = refused(Condition.NO, None, "Request is throttled. Suggested Backoff Time: 299961 milliseconds")
    assert told.retry_after_seconds == 300
    assert refused(Condition.NO, PlainCode("LIMIT"), "no").retry_after_seconds == PAUSE_SECONDS
    endless = refused(Condition.NO, None, "Request is throttled. Suggested Backoff Time: 999999999999 milliseconds")
    assert endless.retry_after_seconds == PAUSE_SECONDS_MAX


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unreachable("refused", "10.0.0.1 port 25"), "unreachable"),
        (Unreachable("not-allowed", "127.0.0.1 is not public"), "unreachable"),
        (TimedOut("greeting"), "unreachable"),
        (TimedOut("AUTHENTICATE"), "server-error"),
        (TlsFailed("expired", "certificate has expired"), "tls-failed"),
        (NotImap("HTTP/1.1 400"), "not-imap"),
        (
            ServerSaidBye(StatusResponse(Condition.BYE, PlainCode("UNAVAILABLE"), "later"), greeting=True),
            "server-error",
        ),
        (ConnectionLost("eof"), "server-error"),
        (TransportError("other"), "unreachable"),
        (RemoteProtocolError("line-too-long", "a line without end"), "protocol-error"),
    ],
)
def test_failures_below_become_faults(error: TransportError | RemoteProtocolError, code: str) -> None:
    assert failed(error).code == code


def test_of_unreachable_the_user_learns_one_sentence_only() -> None:
    """Refused, filtered, unknown and forbidden hosts cannot be told apart from outside."""
    errors = [
        Unreachable("refused", "a"),
        Unreachable("timeout", "b"),
        Unreachable("not-allowed", "c"),
        TimedOut("tls"),
    ]
    assert len({failed(error).detail for error in errors}) == 1
    assert failed(errors[0]).private == "refused: a"


def test_of_a_broken_rule_the_user_sees_the_rule_and_the_operator_what_broke_it_redacted() -> None:
    fault = failed(RemoteProtocolError("bad-base64", "a SASL challenge that is not base64", b"hunter2 ???"))
    assert fault.detail == "The mail server broke the protocol: a SASL challenge that is not base64."
    assert fault.private == "bad-base64: a SASL challenge that is not base64: <7> <3>"


def test_only_refusals_of_credentials_forbid_another_try() -> None:
    assert refuses_credentials(refused(Condition.NO, None, "no"))
    assert refuses_credentials(refused(Condition.NO, None, "use an app password"))
    assert not refuses_credentials(refused(Condition.NO, PlainCode("LIMIT"), "no"))
    assert not refuses_credentials(failed(Unreachable("refused")))


def test_another_mechanism_is_tried_only_where_this_one_is_not_to_be_had() -> None:
    assert mechanism_unavailable(Condition.BAD, None, "Unsupported")
    assert mechanism_unavailable(Condition.NO, PlainCode("CANNOT"), "no")
    assert mechanism_unavailable(Condition.NO, None, "Unsupported authentication mechanism")
    assert not mechanism_unavailable(Condition.NO, PlainCode("AUTHENTICATIONFAILED"), "bad mechanism")
    assert not mechanism_unavailable(Condition.NO, None, "Login failed.")
    assert not mechanism_unavailable(Condition.BAD, None, "User is authenticated but not connected.")
