"""What a server's refusal of a login means. Pure.

In: what was said (a tagged NO or BAD, a BYE) or what went wrong below. Out: a
:class:`~idlebell.model.problem.Fault`. Response codes decide where there is one that decides (RFC 5530); the large
providers say what matters in the text only, so known phrases are looked for first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Final

from idlebell.discover.provider import Login, Provider
from idlebell.discover.providers import of_host
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.redacted import offence
from idlebell.imap.responses import Condition, PlainCode, ResponseCode
from idlebell.imap.sasl import Proof
from idlebell.model.problem import Blame, Fault
from idlebell.model.shown_text import ALERT_CHARACTERS, SHOWN_CHARACTERS, quoting, shown
from idlebell.net.errors import (
    ConnectionLost,
    NotImap,
    ServerSaidBye,
    TimedOut,
    TlsFailed,
    TransportError,
    Unreachable,
)
from idlebell.net.tls_mends import mend_of

PAUSE_SECONDS: Final = 900
"""Asked for when the server says "too often" without a number: lock-outs of the large providers last this long or more."""
PAUSE_SECONDS_MAX: Final = 86_400
CONNECTIONS_PAUSE_SECONDS: Final = 60
"""After "too many connections": dead ones of the same account are given up by servers within minutes."""
NOT_CONNECTED_PAUSE_SECONDS: Final = 1_800
"""After Exchange's "authenticated but not connected", which each further login prolongs."""
FULL_PAUSE_SECONDS: Final = 60
"""When we are full ourselves: leases end, and an operator who was told needs his time."""
TLS_CHARACTERS: Final = 400
"""Of what TLS says of a certificate: subject, names, issuer and dates."""
DOUBT_SECONDS: Final = 900
"""Until credentials that worked before are tried once more, after a NO that gives no reason."""

_AMBIGUOUS: Final = (
    "password is incorrect",  # QQ: "service is not open, password is incorrect, login frequency limited, or ..."
    "invalid credentials or",  # Yandex: "... or IMAP is disabled"
)
"""What names several reasons at once: the password is the one that a user can mend first."""
_TOO_MANY: Final = (
    "too many simultaneous connections",  # Gmail, Zoho
    "maximum number of connections",  # Dovecot
    "too many concurrent",
    "too many connections",  # Yandex
    "too many open connections",  # Cyrus
    "connection limit",  # Courier
    "too many sessions",
)
_THROTTLED: Final = (
    "exceeded command or bandwidth limits",  # Gmail
    "authenticated but not connected",  # quirk authenticated-not-connected (Exchange)
    "request is throttled",  # Exchange
    "too many login",
    "too many failed",
    "too many authentication",
    "too many attempts",
    "login frequency",  # QQ, NetEase
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
    "imap is disabled",
    "imap access is disabled",  # Gmail: for a whole domain
    "imap access disabled",
    "imap is not enabled",
    "imap access is not enabled",
    "imap support is not enabled",
    "imap disabled",
    "imap access is not allowed",
    "enable pop3/imap",  # GMX, web.de
)
_PLAN: Final = (
    "upgrade your plan",
    "upgrade your account",
    "free plan",
    "your plan",
    "current plan",
    "paid accounts",
    "premium",  # mail.com
)
_BACKOFF: Final = re.compile(r"backoff time:\s*([0-9]{1,12})\s*milliseconds", re.IGNORECASE)  # Exchange

_BY_CODE: Final = {
    "AUTHENTICATIONFAILED": "authentication-failed",
    "AUTHORIZATIONFAILED": "authentication-failed",
    "EXPIRED": "authentication-failed",
    "PRIVACYREQUIRED": "authentication-failed",
    "CONTACTADMIN": "authentication-failed",
    "NOPERM": "authentication-failed",
    "WEBALERT": "authentication-failed",  # Gmail: log in by a browser first
    "LIMIT": "too-many-connections",
    "INUSE": "throttled",
    "OVERQUOTA": "throttled",  # at a login only bandwidth can be meant (Gmail)
    "THROTTLED": "throttled",
    "UNAVAILABLE": "server-unavailable",
    "SERVERBUG": "server-unavailable",
    "CLIENTBUG": "protocol-error",
}
_SENTENCES: Final = {
    "authentication-failed": "The mail server refused the user name or the password",
    "app-password-needed": "The mail server wants an app password instead of the account's own",
    "imap-not-enabled": "The mail server says that IMAP is switched off for this account",
    "plan-without-imap": "The mail server says that this account's plan has no IMAP",
    "too-many-connections": "The mail server says that this account has too many connections",
    "throttled": "The mail server asks for a pause",
    "server-unavailable": "The mail server says that it cannot serve for now",
    "server-error": "The mail server reports trouble of its own",
    "protocol-error": "The mail server did not understand the login",
}
_SHOWN: Final = {Proof.TOKEN: "access token", Proof.CERTIFICATE: "client certificate"}
"""Of what is no password the sentence says so, and no page about app passwords is named."""
_OURS: Final = {
    "local": "The gateway has no file descriptor left for one more connection.",
    "no-port": "The gateway has no port left for one more connection to this mail server.",
    "no-source": "The gateway has none of the addresses that its connections are to come from.",
}
"""What we lack ourselves (:class:`~idlebell.net.errors.Unreachable`)."""
_PAUSES: Final = {
    "throttled": PAUSE_SECONDS,
    "too-many-connections": CONNECTIONS_PAUSE_SECONDS,
}


def refused(
    condition: Condition, code: ResponseCode | None, text: str, host: str = "", *, proof: Proof = Proof.PASSWORD
) -> Fault:
    """A NO or BAD to LOGIN or AUTHENTICATE, or a BYE instead of an answer. ``host``: the server that says it; of one whose
    provider is known the fault says where to mend it. ``proof``: what was shown."""
    name = code.name if isinstance(code, PlainCode) else ""
    kind = _by_text(text.lower()) or _BY_CODE.get(name) or _by_condition(condition)
    if kind == "authentication-failed" and (shown_by := _SHOWN.get(proof)):
        return Fault(kind, quoting(f"The mail server refused the {shown_by} for this user name", text))
    return _fault(kind, text, host, alert=name == "ALERT")


def unexplained(condition: Condition, code: ResponseCode | None, text: str) -> bool:
    """A NO without a code and without a word that one knows, as Cyrus, Courier and Exchange give it for a wrong password and
    for trouble of their own alike."""
    return condition is Condition.NO and not isinstance(code, PlainCode) and _by_text(text.lower()) is None


def doubted(fault: Fault) -> Fault:
    """For an :func:`unexplained` refusal of credentials that worked before: they are tried once more, not at once."""
    return Fault("login-unexplained", fault.detail, fault.private, retry_after_seconds=DOUBT_SECONDS)


def still_doubted(seconds: float) -> Fault:
    """``seconds`` are left until then."""
    detail = "The mail server refused credentials that worked before, without a reason; they are tried once more."
    return Fault("login-unexplained", detail, retry_after_seconds=max(1, ceil(seconds)))


def asks_for_less(fault: Fault) -> bool:
    """The server cannot take what it is sent now, whoever sends it."""
    return fault.code in ("too-many-connections", "throttled", "server-unavailable", "server-error", "unreachable")


def not_connected(text: str) -> Fault | None:
    """What a command after a successful login is refused with. None: it says nothing of the session."""
    if "authenticated but not connected" not in text.lower():
        return None
    detail = quoting("The mail server let the user in but gives no mailbox, for it throttles the account", text)
    return Fault("throttled", detail, retry_after_seconds=NOT_CONNECTED_PAUSE_SECONDS)


def with_alerts(fault: Fault, alerts: Sequence[str]) -> Fault:
    """``fault`` with what the server wants its user to read (RFC 9051 section 7.1), unless that is quoted already."""
    words = shown(" ".join(alerts), ALERT_CHARACTERS)
    if not words or words in fault.detail:
        return fault
    return replace(fault, detail=f"{_closed(fault.detail)} The mail server wants you to know: {words}")


def failed(error: TransportError | RemoteProtocolError, host: str = "") -> Fault:
    """What happened on the way to a login or during it."""
    match error:
        case RemoteProtocolError(reason="scram-other-keys"):
            return Fault("keys-not-usable", "The mail server's SCRAM keys for this account are other ones now.")
        case RemoteProtocolError():
            return Fault(
                "protocol-error", f"The mail server broke the protocol: {shown(error.detail)}.", private=offence(error)
            )
        case Unreachable(reason="local" | "no-port" | "no-source"):
            # No word about the server, and none that it is to blame.
            return Fault("gateway-full", _OURS[error.reason], error.detail, retry_after_seconds=FULL_PAUSE_SECONDS)
        case Unreachable():
            # One sentence for all of them: more would let anyone scan a network through us.
            return unreachable(f"{error.reason}: {error.detail}")
        case TlsFailed():
            code = "certificate-changed" if error.reason == "other-key" else "tls-failed"
            said = quoting(f"TLS failed ({error.reason})", error.detail, TLS_CHARACTERS)
            return Fault(code, f"{_closed(said)} {mend_of(error)}", private=error.detail)
        case NotImap():
            return Fault("not-imap", "What answers there does not speak IMAP.", private=error.detail)
        case ServerSaidBye():
            return refused(Condition.BYE, error.bye.code, error.bye.text, host)
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


def no_way(proof: Proof) -> Fault:
    """The server lists no mechanism for it."""
    match proof:
        case Proof.PASSWORD:
            detail = "The mail server offers no way to log in with a password; it may want an access token."
            return Fault("authentication-failed", detail)
        case Proof.TOKEN:
            return Fault("authentication-failed", "The mail server offers no way to log in with an access token.")
        case Proof.CERTIFICATE:
            detail = "The mail server takes no client certificate as a login (SASL EXTERNAL); it may want a password with it."
            return Fault("authentication-failed", detail)
        case Proof.KEYS:
            return Fault("keys-not-usable", "The mail server does not offer SCRAM.")


def not_answered() -> Fault:
    """The server was left without the answer to its challenge."""
    return Fault("login-not-answered", "The app did not answer the mail server's challenge in time.")


def no_room() -> Fault:
    """The process holds as many sessions as its descriptors allow: the next one would cost others theirs."""
    detail = "The gateway holds as many sessions as it can."
    return Fault("gateway-full", detail, "every descriptor is taken or kept", retry_after_seconds=FULL_PAUSE_SECONDS)


def unreachable(private: str) -> Fault:
    return Fault("unreachable", "The mail server cannot be reached.", private=private)


def refuses_credentials(fault: Fault) -> bool:
    """Would the same credentials be refused again? Then they must not be sent a second time."""
    return fault.blame is Blame.CREDENTIALS


def judges(fault: Fault) -> bool:
    """Have the credentials been judged, so that the next ones would be another guess?"""
    return refuses_credentials(fault) and fault.code != "keys-not-usable"


def may_answer_credentials(fault: Fault) -> bool:
    """A failure that is neither yes nor no, and may be how this server answers wrong credentials."""
    return fault.code in (
        "server-error",
        "protocol-error",
        "throttled",
        "too-many-connections",
        "server-unavailable",
        "login-not-answered",  # a server may count that, too
    )


def lets_another_be_tried(condition: Condition, code: ResponseCode | None, text: str) -> bool:
    """Refused before anything of the password was sent: may that be of the mechanism and not of the account? A server may say
    so (RFC 9051 section 6.2.2). But one that lists SCRAM for all users may have its keys for some only, and refuses the others
    like a wrong password (Dovecot, of passwords that are stored as other hashes). A NO without a code may be anything, and is
    left at that."""
    name = code.name if isinstance(code, PlainCode) else ""
    if _by_text(text.lower()) is not None:
        return False
    if condition is Condition.BAD or name in ("CANNOT", "AUTHENTICATIONFAILED"):
        return True
    return condition is Condition.NO and not name and "mechanism" in text.lower()


def _by_text(text: str) -> str | None:
    if any(phrase in text for phrase in _AMBIGUOUS):
        return None
    for code, phrases in (
        ("app-password-needed", _APP_PASSWORD),
        ("plan-without-imap", _PLAN),
        ("imap-not-enabled", _NOT_ENABLED),
        ("too-many-connections", _TOO_MANY),
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


def _fault(kind: str, text: str, host: str, *, alert: bool) -> Fault:
    after = _PAUSES.get(kind)
    told = _BACKOFF.search(text)
    if told and kind == "throttled":
        after = min(PAUSE_SECONDS_MAX, -(-int(told[1]) // 1000))
    detail = quoting(_SENTENCES[kind], text, ALERT_CHARACTERS if alert else SHOWN_CHARACTERS)
    provider = of_host(host)
    advice = "" if provider is None else _advice(kind, provider)
    return Fault(kind, f"{_closed(detail)} {advice}" if advice else detail, retry_after_seconds=after)


def _advice(kind: str, provider: Provider) -> str:
    """What this provider's users do about it, and where."""
    match kind:
        case "authentication-failed":
            # Some answer the same where IMAP is off (Yandex and QQ say so themselves).
            wants = "" if provider.login is Login.OWN else f"{provider.login.value}; see {provider.page}"
            off = (
                f"IMAP has to be switched on: {provider.switch_on} {provider.switch_page}" if provider.switch_on else ""
            )
            told = ". ".join(one for one in (wants, off) if one)
            return f"{provider.name}: {told}" if told else ""
        case "app-password-needed":
            return f"{provider.name}: {provider.page}"
        case "imap-not-enabled" if provider.switch_on:
            return f"{provider.name}: {provider.switch_on} See {provider.switch_page}"
        case "plan-without-imap" if provider.without_imap:
            return f"{provider.name}: {provider.without_imap}"
        case _:
            return ""


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."
