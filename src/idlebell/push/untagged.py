"""What draft-gougeon-imap-webpush sends: untagged responses of IMAP without the ``*``.

Certain, from -01: a line about a mailbox begins with its name, each other one with ``^``; EXISTS is followed by FETCH, FETCH
holds the UID and should hold the ENVELOPE; what would be longer than a push takes is ``SYNC`` behind the name. Ours: what
stands in the lines that are not about messages (:func:`_other`), and that of an envelope only what a summary knows is told.
Pure.
"""

from __future__ import annotations

import base64
import re
from typing import Final, assert_never

from idlebell.imap import mailbox_name
from idlebell.imap.encode_fetch import encode_fetch
from idlebell.imap.errors import LocalProtocolError
from idlebell.imap.responses import Address, Envelope, FetchData
from idlebell.imap.spelling import quoted
from idlebell.model.message import MessageSummary
from idlebell.model.notification import (
    Expiring,
    Heartbeat,
    LossReason,
    NewMail,
    Notification,
    Reconnect,
    Reminder,
    Seen,
    Test,
    Verification,
)
from idlebell.push.coi import sender
from idlebell.push.payload import instant

ENCODED_BYTES: Final = 45
"""Of text in one encoded word: 75 characters in all (RFC 2047 section 2)."""
NO_MAILBOX: Final = b"^"
_BARE: Final = re.compile(rb"[A-Za-z0-9!#$&'+,./:;=?@|~_-]+")
"""Less than an atom may hold: also a reader without a grammar sees where the name ends."""
_LOST: Final = {
    LossReason.CONNECTION_LOST: "BYE [UNAVAILABLE] The session is lost; log in again to be told of mail",
    LossReason.REJECTED: "BYE [AUTHENTICATIONFAILED] The server refused the login; log in again to be told of mail",
    LossReason.RESTART: "BYE [UNAVAILABLE] The session ended with a restart; log in again to be told of mail",
}


def fit(notification: Notification, limit_bytes: int, name: str) -> bytes:
    """``name``: of the registration. Where even ``SYNC`` is longer than ``limit_bytes`` it is the answer: there is no less to
    say."""
    content = notification.content
    match content:
        case NewMail(mailbox=None):
            names = [mailbox for mailbox, _ in content.mailboxes]
            synced = b"\r\n".join(map(_sync, names))
            return synced if names and len(synced) <= limit_bytes else _sync(None)
        case NewMail():
            told = _messages(content)
            return told if told is not None and len(told) <= limit_bytes else _sync(content.mailbox)
        case Reminder() | Seen():
            return _sync(content.mailbox)
        case _:
            return NO_MAILBOX + b" " + _other(content, name).encode("ascii", "replace")


def _other(content: Verification | Reconnect | Expiring | Heartbeat | Test, name: str) -> str:
    """All of it is ours. A code stands behind the untagged WEBPUSH of an inactive registration."""
    match content:
        case Verification(code=code):
            return f"WEBPUSH {name} INACTIVE {code}"
        case Reconnect(reason=reason):
            return _LOST[reason]
        case Expiring(expires_at=at):
            return f"OK WEBPUSH {name} ends at {instant(at, 'seconds')} unless it is sent again"
        case Heartbeat():
            return "OK Still here"
        case Test():
            return "OK This is a test"
        case _:  # pragma: no cover
            assert_never(content)


def _messages(content: NewMail) -> bytes | None:
    """None: not all that came can be told."""
    numbers = [message.number for message in content.messages if message.number is not None]
    if not numbers or len(numbers) != content.count or len(content.messages) != content.count:
        return None
    prefix = _prefix(content.mailbox or "")
    if prefix == NO_MAILBOX:
        return None
    lines = [prefix + b" %d EXISTS" % max(numbers)]
    try:
        lines += [
            prefix + encode_fetch(_fetch(message, number), utf8=True).removeprefix(b"*").removesuffix(b"\r\n")
            for message, number in zip(content.messages, numbers, strict=True)
        ]
    except LocalProtocolError:
        return None  # a mail may hold what no response can spell
    return b"\r\n".join(lines)


def _fetch(message: MessageSummary, number: int) -> FetchData:
    name, email = sender(message.sender or "")
    mailbox, _, host = email.rpartition("@")
    person = Address(_word(name) if name else None, None, _plain(mailbox), _plain(host))
    from_ = (person,) if message.sender else ()
    message_id = None if message.message_id is None else _plain(message.message_id)
    subject = None if message.subject is None else _word(message.subject)
    # RFC 9051 section 7.5.2: sender and reply-to are what from is where a message does not have them.
    envelope = Envelope(None, subject, from_, from_, from_, (), (), (), None, message_id)
    preview = None if message.preview is None else _plain(message.preview)
    return FetchData(
        number, message.uid, internal_date=message.received_at, size=message.size, envelope=envelope, preview=preview
    )


def _word(text: str) -> bytes:
    """As it would stand in a header (RFC 2047)."""
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text.encode()
    pieces: list[bytes] = [b""]
    for character in text:
        encoded = character.encode("utf-8", "replace")
        if len(pieces[-1]) + len(encoded) > ENCODED_BYTES:
            pieces.append(b"")
        pieces[-1] += encoded
    return b" ".join(b"=?utf-8?b?" + base64.b64encode(piece) + b"?=" for piece in pieces)


def _plain(text: str) -> bytes:
    """On one line, whatever it holds."""
    return "".join(one if one.isprintable() else " " for one in text).encode("utf-8", "replace")


def _sync(mailbox: str | None) -> bytes:
    return (NO_MAILBOX if mailbox is None else _prefix(mailbox)) + b" SYNC"


def _prefix(mailbox: str) -> bytes:
    """As IMAP spells a mailbox. One that takes a literal is not named: there may be something to look at anywhere."""
    try:
        encoded = mailbox_name.encode(mailbox)
    except ValueError:
        return NO_MAILBOX
    if _BARE.fullmatch(encoded) is not None:
        return encoded
    return quoted(encoded) or NO_MAILBOX
