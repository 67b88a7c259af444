"""What a server's refusal of a login means. Pure.

In: what was said (a tagged NO or BAD, a BYE) or what went wrong below. Out: a
:class:`~idlebell.model.problem.Fault`. Response codes decide where there is one that decides (RFC 5530); the large
providers say what matters in the text only, so known phrases are looked for first.
"""

from __future__ import annotations

import re
from typing import Final

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.redacted import offence
from idlebell.imap.responses import Condition, PlainCode, ResponseCode
from idlebell.model.problem import Blame, Fault
from idlebell.model.shown_text import quoting, shown
from idlebell.net.errors import (
    ConnectionLost,
    NotImap,
    ServerSaidBye,
    TimedOut,
    TlsFailed,
    TransportError,
    Unreachable,
)

PAUSE_SECONDS: Final = 900
"""Asked for when the server says "too often" without a number: lock-outs of the large providers last this long or more."""
PAUSE_SECONDS_MAX: Final = 86_400

_THROTTLED: Final = (
    "too many simultaneous connections",  # Gmail
    "exceeded command or bandwidth limits",  # Gmail
    "maximum number of connections",  # Dovecot
    "authenticated but not connected",  # Exchange: imap.quirks.AUTHENTICATED_NOT_CONNECTED
    "request is throttled",  # Exchange
    "too many connections",
    "too many login",
    "too many failed",
    "too many authentication",
    "rate limit",  # Yahoo
    "try again later",
)
_APP_PASSWORD: Final = (
    "application-specific password",  # Gmail
    "application specific password",
    "application password",  # mail.ru
    "app password",  # Yahoo, Fastmail
    "app-password",
    "app-specific password",  # iCloud
    "authorization code",  # QQ, NetEase
)
_NOT_ENABLED: Final = (
    "not enabled for imap",  # Gmail
    "enable imap",  # Zoho
    "imap is disabled",  # Yandex
    "imap access is disabled",
    "imap access disabled",
    "imap is not enabled",
    "imap access is not enabled",
    "imap disabled",
    "imap access is not allowed",
)
_BACKOFF: Final = re.compile(r"backoff time:\s*([0-9]{1,12})\s*milliseconds", re.IGNORECASE)  # Exchange

_BY_CODE: Final = {
    "AUTHENTICATIONFAILED": "authentication-failed",
    "AUTHORIZATIONFAILED": "authentication-failed",
    "EXPIRED": "authentication-failed",
    "PRIVACYREQUIRED": "authentication-failed",
    "CONTACTADMIN": "authentication-failed",
    "NOPERM": "authentication-failed",
    "LIMIT": "throttled",
    "INUSE": "throttled",
    "OVERQUOTA": "throttled",  # at a login only bandwidth can be meant (Gmail)
    "THROTTLED": "throttled",
    "UNAVAILABLE": "server-error",
    "SERVERBUG": "server-error",
    "CLIENTBUG": "protocol-error",
}
_SENTENCES: Final = {
    "authentication-failed": "The mail server refused the user name or the password",
    "app-password-needed": "The mail server wants an app password instead of the account's own",
    "imap-not-enabled": "The mail server says that IMAP is switched off for this account",
    "throttled": "The mail server asks for a pause",
    "server-error": "The mail server reports trouble of its own",
    "protocol-error": "The mail server did not understand the login",
}


def refused(condition: Condition, code: ResponseCode | None, text: str) -> Fault:
    """A NO or BAD to LOGIN or AUTHENTICATE, or a BYE instead of an answer."""
    name = code.name if isinstance(code, PlainCode) else ""
    kind = _by_text(text.lower()) or _BY_CODE.get(name) or _by_condition(condition)
    return _fault(kind, text)


def failed(error: TransportError | RemoteProtocolError) -> Fault:
    """What happened on the way to a login or during it."""
    match error:
        case RemoteProtocolError():
            return Fault(
                "protocol-error", f"The mail server broke the protocol: {shown(error.detail)}.", private=offence(error)
            )
        case Unreachable():
            # One sentence for all of them: more would let anyone scan a network through us.
            return unreachable(f"{error.reason}: {error.detail}")
        case TlsFailed():
            return Fault("tls-failed", quoting(f"TLS failed ({error.reason})", error.detail), private=error.detail)
        case NotImap():
            return Fault("not-imap", "What answers there does not speak IMAP.", private=error.detail)
        case ServerSaidBye():
            return refused(Condition.BYE, error.bye.code, error.bye.text)
        case TimedOut():
            # A port that accepts and never greets tells a scanner as much as one that refuses.
            if error.reason in ("greeting", "tls", "connect"):
                return unreachable(f"timed out: {error.reason}")
            return Fault("server-error", f"The mail server did not answer {error.reason} in time.")
        case ConnectionLost():
            return Fault(
                "server-error", "The mail server closed the connection during the login.", private=error.reason
            )
        case _:
            return unreachable(str(error))


def unreachable(private: str) -> Fault:
    return Fault("unreachable", "The mail server cannot be reached.", private=private)


def refuses_credentials(fault: Fault) -> bool:
    """Would the same credentials be refused again? Then they must not be sent a second time."""
    return fault.blame is Blame.CREDENTIALS


def mechanism_unavailable(condition: Condition, code: ResponseCode | None, text: str) -> bool:
    """The server lists a mechanism that it cannot do for this account, and says so (RFC 9051 section 6.2.2). Nothing but
    this lets another mechanism be tried, and only while no secret was sent."""
    if isinstance(code, PlainCode) and code.name == "AUTHENTICATIONFAILED":
        return False
    if condition is Condition.BAD or (isinstance(code, PlainCode) and code.name == "CANNOT"):
        return _by_text(text.lower()) is None
    return "mechanism" in text.lower()


def _by_text(text: str) -> str | None:
    # "Limited, busy, not open, or the password is incorrect" (QQ) names everything: the password is what one can mend.
    if "password is incorrect" in text:
        return None
    for code, phrases in (
        ("app-password-needed", _APP_PASSWORD),
        ("imap-not-enabled", _NOT_ENABLED),
        ("throttled", _THROTTLED),
    ):
        if any(phrase in text for phrase in phrases):
            return code
    return None


def _by_condition(condition: Condition) -> str:
    match condition:
        case Condition.NO:
            return "authentication-failed"  # Cyrus, Courier and Exchange give no code
        case Condition.BYE:
            return "server-error"
        case _:
            return "protocol-error"


def _fault(kind: str, text: str) -> Fault:
    after = None
    if kind == "throttled":
        told = _BACKOFF.search(text)
        after = min(PAUSE_SECONDS_MAX, -(-int(told[1]) // 1000)) if told else PAUSE_SECONDS
    return Fault(kind, quoting(_SENTENCES[kind], text), retry_after_seconds=after)
