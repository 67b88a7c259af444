"""What servers say when they refuse a login, and what it means to a user."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.responses import Condition, PlainCode, StatusResponse
from idlebell.login.refusal import (
    CONNECTIONS_PAUSE_SECONDS,
    DOUBT_SECONDS,
    NOT_CONNECTED_PAUSE_SECONDS,
    PAUSE_SECONDS,
    PAUSE_SECONDS_MAX,
    doubted,
    failed,
    lets_another_be_tried,
    not_connected,
    refused,
    refuses_credentials,
    still_doubted,
    unexplained,
    with_alerts,
)
from idlebell.model.problem import PROBLEMS
from idlebell.model.shown_text import ALERT_CHARACTERS
from idlebell.net.errors import (
    ConnectionLost,
    NotImap,
    ServerSaidBye,
    TimedOut,
    TlsFailed,
    TransportError,
    Unreachable,
)

NO, BAD, BYE = Condition.NO, Condition.BAD, Condition.BYE
WRONG, LIMIT, DOWN = "authentication-failed", "too-many-connections", "server-unavailable"
SAID = [
    # server, condition, code, text, what it means
    ("Dovecot", NO, "AUTHENTICATIONFAILED", "Authentication failed.", WRONG),
    ("Dovecot", NO, "UNAVAILABLE", "Temporary authentication failure. [mail:2026-11-25 20:00:00]", DOWN),
    (
        "Dovecot",
        NO,
        "LIMIT",
        "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
        LIMIT,
    ),
    (
        "Dovecot",
        NO,
        "PRIVACYREQUIRED",
        "Plaintext authentication disallowed on non-secure (SSL/TLS) connections.",
        WRONG,
    ),
    ("Dovecot", NO, "EXPIRED", "Password expired.", WRONG),
    ("Cyrus", NO, None, "Login failed: authentication failure", WRONG),
    ("Cyrus", NO, "LIMIT", "Too many open connections for this user", LIMIT),
    ("Courier", NO, None, "Login failed.", WRONG),
    ("Courier", BYE, None, "Maximum connection limit reached for 192.0.2.1", LIMIT),
    ("RFC 5530", NO, "CONTACTADMIN", "Call us", WRONG),
    ("RFC 5530", NO, "INUSE", "Mailbox in use", "throttled"),
    ("RFC 5530", NO, "SERVERBUG", "Oops", DOWN),
    ("Gmail", NO, "AUTHENTICATIONFAILED", "Invalid credentials (Failure)", WRONG),
    ("Gmail", NO, "WEBALERT", "Web login required.", WRONG),
    (
        "Gmail",
        NO,
        "ALERT",
        "Application-specific password required: https://support.google.com/accounts/answer/185833 (Failure)",
        "app-password-needed",
    ),
    (
        "Gmail",
        NO,
        "ALERT",
        (
            "Your account is not enabled for IMAP use. Please visit your Gmail settings page and enable your account for IMAP"
            " access. (Failure)"
        ),
        "imap-not-enabled",
    ),
    (
        "Gmail",
        NO,
        "ALERT",
        (
            "IMAP access is disabled for your domain. Please contact your domain administrator for questions about this"
            " feature. (Failure)"
        ),
        "imap-not-enabled",
    ),
    ("Gmail", NO, "ALERT", "Too many simultaneous connections. (Failure)", LIMIT),
    ("Gmail", NO, "OVERQUOTA", "Account exceeded command or bandwidth limits. (Failure)", "throttled"),
    ("Gmail", NO, "UNAVAILABLE", "Temporary System Error", DOWN),
    ("Exchange", NO, None, "LOGIN failed.", WRONG),
    ("Exchange", NO, None, "AUTHENTICATE failed.", WRONG),
    ("Exchange", BAD, None, "User is authenticated but not connected.", "throttled"),
    ("Exchange", NO, None, "Request is throttled. Suggested Backoff Time: 299961 milliseconds", "throttled"),
    ("Yahoo", NO, "AUTHENTICATIONFAILED", "LOGIN Invalid credentials", WRONG),
    ("Yahoo", NO, "AUTHORIZATIONFAILED", "LOGIN Use an app password", "app-password-needed"),
    ("Yahoo", NO, "LIMIT", "LOGIN Rate limit hit.", "throttled"),
    ("Yahoo", NO, "UNAVAILABLE", "LOGIN Server error logging in", DOWN),
    ("iCloud", NO, "AUTHENTICATIONFAILED", "Authentication failed", WRONG),
    ("iCloud", NO, "UNAVAILABLE", "Unexpected exception", DOWN),
    ("Fastmail", NO, "AUTHENTICATIONFAILED", "Sorry, you need to create an app password", "app-password-needed"),
    ("mail.ru", NO, "AUTHENTICATIONFAILED", "Application password is REQUIRED", "app-password-needed"),
    (
        "Zoho",
        NO,
        "ALERT",
        "You are yet to enable IMAP for your account. Please contact your administrator",
        "imap-not-enabled",
    ),
    ("Zoho", NO, "ALERT", "Too many simultaneous connections", LIMIT),
    ("Yandex", NO, "AUTHENTICATIONFAILED", "LOGIN Invalid credentials or IMAP is disabled sc=ebI8JB0ug4Y1", WRONG),
    ("Yandex", NO, "UNAVAILABLE", "LOGIN internal server error", DOWN),
    ("NetEase", NO, None, "LOGIN Login error or password error", WRONG),
    (
        "QQ",
        NO,
        None,
        (
            "Login fail. Account is abnormal, service is not open, password is incorrect, login frequency limited, or system is"
            " busy. More information at https://help.mail.qq.com/detail/108/1023"
        ),
        WRONG,
    ),
    ("IMail", NO, None, "Full IMAP support is not enabled for this account", "imap-not-enabled"),
    ("mail.com", NO, None, "IMAP is a Premium feature", "plan-without-imap"),
    ("a provider", NO, "NOPERM", "Your plan does not include IMAP. Upgrade your plan", "plan-without-imap"),
    ("a server that goes down", BYE, None, "Server shutting down.", "server-error"),
    ("a server that does not understand", BAD, None, "Syntax error", "protocol-error"),
]


@pytest.mark.parametrize(
    ("server", "condition", "code", "text", "means"), SAID, ids=[f"{s[0]}-{s[4]}-{s[3][:12]}" for s in SAID]
)
def test_refusal_is_classified_as_the_server_means_it(
    server: str, condition: Condition, code: str | None, text: str, means: str
) -> None:
    fault = refused(condition, PlainCode(code) if code else None, text)
    assert fault.code == means
    assert text in fault.detail


def test_a_throttle_says_how_long() -> None:
    told = refused(Condition.NO, None, "Request is throttled. Suggested Backoff Time: 299961 milliseconds")
    assert told.retry_after_seconds == 300
    assert refused(Condition.NO, PlainCode("THROTTLED"), "no").retry_after_seconds == PAUSE_SECONDS
    assert refused(Condition.NO, PlainCode("LIMIT"), "no").retry_after_seconds == CONNECTIONS_PAUSE_SECONDS
    assert refused(Condition.NO, PlainCode("UNAVAILABLE"), "no").retry_after_seconds is None
    endless = refused(Condition.NO, None, "Request is throttled. Suggested Backoff Time: 999999999999 milliseconds")
    assert endless.retry_after_seconds == PAUSE_SECONDS_MAX


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unreachable("refused", "10.0.0.1 port 25"), "unreachable"),
        (Unreachable("not-allowed", "127.0.0.1 is not public"), "unreachable"),
        (Unreachable("local", "[Errno 24] Too many open files"), "gateway-full"),
        (Unreachable("no-port", "[Errno 99] Cannot assign requested address"), "gateway-full"),
        (Unreachable("no-source", "192.0.2.7 is no address of this machine"), "gateway-full"),
        (TimedOut("greeting"), "unreachable"),
        (TimedOut("AUTHENTICATE"), "server-error"),
        (TlsFailed("expired", "certificate has expired"), "tls-failed"),
        (NotImap("HTTP/1.1 400"), "not-imap"),
        (
            ServerSaidBye(StatusResponse(Condition.BYE, PlainCode("UNAVAILABLE"), "later"), greeting=True),
            "server-unavailable",
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


def test_another_mechanism_is_tried_where_the_refusal_may_be_of_this_one() -> None:
    assert lets_another_be_tried(Condition.BAD, None, "Unsupported")
    assert lets_another_be_tried(Condition.NO, PlainCode("CANNOT"), "no")
    assert lets_another_be_tried(Condition.NO, None, "Unsupported authentication mechanism")
    assert lets_another_be_tried(Condition.NO, PlainCode("AUTHENTICATIONFAILED"), "Authentication failed.")
    assert not lets_another_be_tried(Condition.NO, PlainCode("EXPIRED"), "Set a new password.")
    assert not lets_another_be_tried(Condition.NO, PlainCode("UNAVAILABLE"), "later")
    assert not lets_another_be_tried(Condition.NO, None, "Too many login failures, try again later.")
    assert not lets_another_be_tried(Condition.NO, None, "Login failed.")
    assert not lets_another_be_tried(Condition.BYE, None, "gone")
    assert not lets_another_be_tried(Condition.BAD, None, "User is authenticated but not connected.")


@pytest.mark.parametrize(
    ("host", "code", "text", "told"),
    [
        (
            "imap.gmail.com",
            "AUTHENTICATIONFAILED",
            "Invalid credentials (Failure)",
            "https://myaccount.google.com/apppasswords",
        ),
        ("outlook.office365.com", None, "LOGIN failed.", "OAuth only"),
        ("imap.mail.yahoo.com", None, "Use an app password", "https://login.yahoo.com/account/security"),
        ("imap.zoho.eu", "ALERT", "You are yet to enable IMAP for your account", "Settings, Mail Accounts, IMAP."),
        ("imap.mail.com", None, "IMAP is a Premium feature", "IMAP comes with Premium only."),
        ("imap.qq.com", None, "Login fail. password is incorrect", "an authorization code"),
        (
            "imap.yandex.com",
            None,
            "invalid credentials or IMAP is disabled",
            "IMAP has to be switched on: Settings, Email",
        ),
        ("imap.wp.pl", "AUTHENTICATIONFAILED", "no", "IMAP has to be switched on: Settings, Mail programs."),
    ],
)
def test_where_the_provider_is_known_the_user_is_told_where_to_mend_it(
    host: str, code: str | None, text: str, told: str
) -> None:
    condition, plain = Condition.NO, PlainCode(code) if code else None
    assert told in refused(condition, plain, text, host).detail
    assert told not in refused(condition, plain, text, "imap.example.org").detail


def test_an_alert_is_handed_on_whole_but_bounded_and_clean() -> None:
    """RFC 9051 section 7.1: it must be shown to the user."""
    alert = "Read this:\x1b[31m \u202e" + "x" * 450
    assert "x" * 450 in refused(Condition.NO, PlainCode("ALERT"), alert).detail
    told = with_alerts(refused(Condition.NO, None, "Login failed."), ["Quota\r\nexceeded", "y" * 5_000])
    assert "Quota exceeded yyy" in told.detail
    assert len(told.detail) < ALERT_CHARACTERS + 150
    assert told.detail.isprintable()


def test_an_alert_that_is_quoted_already_is_not_said_twice() -> None:
    fault = refused(Condition.NO, PlainCode("ALERT"), "Too many simultaneous connections. (Failure)")
    assert with_alerts(fault, ["Too many simultaneous connections. (Failure)"]) == fault
    assert with_alerts(fault, []) == fault


def test_a_refusal_is_unexplained_only_without_any_word_why() -> None:
    assert unexplained(Condition.NO, None, "Login failed.")
    assert not unexplained(Condition.NO, PlainCode("AUTHENTICATIONFAILED"), "Login failed.")
    assert not unexplained(Condition.NO, None, "Use an app password")
    assert not unexplained(Condition.BAD, None, "Syntax error")
    assert not unexplained(Condition.BYE, None, "bye")


def test_doubt_costs_no_credentials_and_has_its_time() -> None:
    fault = doubted(refused(Condition.NO, None, "Login failed."))
    assert (fault.code, fault.retry_after_seconds) == ("login-unexplained", DOUBT_SECONDS)
    assert not refuses_credentials(fault)
    assert still_doubted(12.2).retry_after_seconds == 13


def test_exchanges_half_login_is_a_long_pause_and_no_refusal() -> None:
    fault = not_connected("User is authenticated but not connected.")
    assert fault is not None
    assert (fault.code, fault.retry_after_seconds) == ("throttled", NOT_CONNECTED_PAUSE_SECONDS)
    assert not refuses_credentials(fault)
    assert not_connected("ID what?") is None


@given(
    st.sampled_from(Condition),
    st.one_of(st.none(), st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ-", min_size=1, max_size=20)),
    st.text(max_size=300),
    st.sampled_from(["", "imap.example.org", "imap.gmail.com", "imap.zoho.com", "imap.qq.com", "imap.mail.com"]),
    st.lists(st.text(max_size=100), max_size=5),
)
def test_whatever_a_server_says_the_fault_is_one_line_and_bounded(
    condition: Condition, code: str | None, text: str, host: str, alerts: list[str]
) -> None:
    fault = with_alerts(refused(condition, PlainCode(code) if code else None, text, host), alerts)
    assert fault.code in PROBLEMS
    assert len(fault.detail) < 2 * ALERT_CHARACTERS + 400
    assert fault.detail.isprintable()
    assert fault.retry_after_seconds is None or 0 < fault.retry_after_seconds <= PAUSE_SECONDS_MAX
