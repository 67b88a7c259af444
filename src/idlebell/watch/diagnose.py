"""From what went wrong to whose fault it is and what comes next. Pure."""

from __future__ import annotations

from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.redacted import offence
from idlebell.imap.responses import PlainCode, ResponseCode
from idlebell.model.problem import Fault
from idlebell.model.shown_text import quoting
from idlebell.net.errors import ServerSaidBye, TimedOut, TransportError

_THROTTLES = frozenset({"INUSE", "THROTTLED", "OVERQUOTA"})
_TOO_MANY = ("too many simultaneous", "too many connections", "too many concurrent", "maximum number of connections")


def diagnose(error: TransportError | RemoteProtocolError) -> Fault:
    """Why a session that worked is gone. What stands in the way of a new one is told by whoever logs in."""
    match error:
        case RemoteProtocolError():
            return Fault("protocol-error", f"The mail server broke the protocol: {error.reason}.", offence(error))
        case ServerSaidBye() if _too_many(error):
            detail = "The mail server ended the session, for the account has too many"
            return Fault("too-many-connections", quoting(detail, error.bye.text), error.detail)
        case ServerSaidBye() if _plain(error.bye.code) in _THROTTLES:
            return Fault("throttled", quoting("The mail server ended the session", error.bye.text), error.detail)
        case ServerSaidBye():
            return Fault("session-lost", quoting("The mail server ended the session", error.bye.text), error.detail)
        case TimedOut():
            return Fault("session-lost", f"The mail server did not answer in time ({error.reason}).", str(error))
        case _:
            return Fault("session-lost", "The connection to the mail server was lost.", str(error))


def refused_mailbox(mailbox: str, code: ResponseCode | None, text: str) -> Fault:
    """EXAMINE was answered NO or BAD. Servers differ in the code they give (Cyrus and Courier give none), so whatever the
    refusal says, what the user can do about it is the same: check the name."""
    word = _plain(code)
    if word in _THROTTLES or word in ("LIMIT", "UNAVAILABLE", "SERVERBUG"):
        return Fault("server-error", quoting(f"The mail server does not open {mailbox!r} now", text), word or "")
    return Fault("no-such-mailbox", quoting(f"The mail server does not open {mailbox!r}", text), word or "")


def _too_many(error: ServerSaidBye) -> bool:
    return _plain(error.bye.code) == "LIMIT" or any(phrase in error.bye.text.lower() for phrase in _TOO_MANY)


def _plain(code: ResponseCode | None) -> str | None:
    return code.name if isinstance(code, PlainCode) else None
