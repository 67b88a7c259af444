"""From what went wrong to whose fault it is and what comes next. Pure."""

from __future__ import annotations

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.responses import PlainCode, ResponseCode
from idlebell.model.problem import Fault
from idlebell.net.errors import (
    ConnectionLost,
    NotImap,
    ServerSaidBye,
    TimedOut,
    TlsFailed,
    TransportError,
    Unreachable,
)

SHOWN_CHARACTERS = 200
"""Of a server's own words, cleaned, that a user is shown."""
_THROTTLES = frozenset({"LIMIT", "INUSE", "THROTTLED", "OVERQUOTA"})


def diagnose(error: TransportError | RemoteProtocolError) -> Fault:
    """Why a session that worked is gone. Of :class:`Unreachable` the user is told nothing but that."""
    match error:
        case RemoteProtocolError():
            return Fault("protocol-error", f"The mail server broke the protocol: {error.reason}.", error.detail)
        case ServerSaidBye() if _plain(error.bye.code) in _THROTTLES:
            return Fault("throttled", f"The mail server ended the session: {shown(error.bye.text)}", error.detail)
        case ServerSaidBye():
            return Fault("session-lost", f"The mail server ended the session: {shown(error.bye.text)}", error.detail)
        case ConnectionLost():
            return Fault("session-lost", "The connection to the mail server was lost.", str(error))
        case TimedOut():
            return Fault("session-lost", f"The mail server did not answer in time ({error.reason}).", str(error))
        case TlsFailed():
            return Fault("tls-failed", f"The mail server's certificate failed the check {error.check}.", str(error))
        case NotImap():
            return Fault("not-imap", "What answers there does not speak IMAP.", str(error))
        case Unreachable():
            return Fault("unreachable", "The mail server cannot be reached.", str(error))
        case _:
            return Fault("session-lost", "The connection to the mail server was lost.", str(error))


def refused_mailbox(mailbox: str, code: ResponseCode | None, text: str) -> Fault:
    """EXAMINE was answered NO or BAD. Servers differ in the code they give (Cyrus and Courier give none), so whatever the
    refusal says, what the user can do about it is the same: check the name."""
    word = _plain(code)
    if word in _THROTTLES or word in ("UNAVAILABLE", "SERVERBUG"):
        return Fault("server-error", f"The mail server does not open {mailbox!r} now: {shown(text)}", word or "")
    return Fault("no-such-mailbox", f"The mail server does not open {mailbox!r}: {shown(text)}", word or "")


def shown(text: str) -> str:
    """A server's words, fit to be shown: without control characters, and not endless."""
    clean = "".join(character if character.isprintable() else " " for character in text).strip()
    return clean if len(clean) <= SHOWN_CHARACTERS else clean[: SHOWN_CHARACTERS - 1] + "…"


def _plain(code: ResponseCode | None) -> str | None:
    return code.name if isinstance(code, PlainCode) else None
