"""What is said of a message: its headers decoded, cleaned and cut.

Everything here was written by whoever sent the mail. It is decoded leniently (RFC 2047, then UTF-8, then Latin-1), put into
NFC, freed of control and bidirectional formatting characters (so that nothing shown can hide or reorder text), its white
space folded, and cut at a number of characters.
"""

from __future__ import annotations

import re
import unicodedata

from idlebell.imap.responses import Address, FetchData
from idlebell.model.message import MessageSummary
from idlebell.model.shown_text import cut
from idlebell.rules.charsets import guessed
from idlebell.rules.evidence import Evidence
from idlebell.rules.header_text import header_text

SUBJECT_CHARACTERS = 200
SENDER_CHARACTERS = 200
PREVIEW_CHARACTERS = 256
"""RFC 8970 section 3.1: at most 256."""
MESSAGE_ID_CHARACTERS = 250
RAW_BYTES = 8_192
"""More of one header is not looked at: decoding costs time in proportion."""

_HIDDEN = dict.fromkeys(
    [
        *range(0x20),
        *range(0x7F, 0xA0),
        0x061C,
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
        *range(0xFFF9, 0xFFFC),
        *range(0xE0000, 0xE0080),
    ]
)
_SPACE = re.compile(r"\s+")


def describe(message: FetchData) -> MessageSummary:
    """``message`` must have a UID. What the server left out is None."""
    if message.uid is None:
        raise ValueError("a message without a UID cannot be named")
    envelope = message.envelope
    sender = next((one for one in envelope.from_ if one.host is not None), None) if envelope else None
    return MessageSummary(
        uid=message.uid,
        message_id=_clean(envelope.message_id, MESSAGE_ID_CHARACTERS) if envelope else None,
        sender=_address(sender) if sender else None,
        subject=_header(envelope.subject, SUBJECT_CHARACTERS) if envelope else None,
        size=message.size,
        preview=_clean(message.preview, PREVIEW_CHARACTERS) or None,
        received_at=message.internal_date,
    )


def _address(address: Address) -> str:
    name = _header(address.name, SENDER_CHARACTERS)
    mail = _clean(b"@".join(part for part in (address.mailbox, address.host) if part), SENDER_CHARACTERS)
    return cut(f"{name} <{mail}>", SENDER_CHARACTERS) if name else mail or ""


def _header(raw: bytes | None, characters: int) -> str | None:
    return None if raw is None else tidy(header_text(raw[:RAW_BYTES]), characters)


def _clean(raw: bytes | None, characters: int) -> str | None:
    return None if raw is None else tidy(guessed(raw[:RAW_BYTES]), characters)


def sender_of(evidence: Evidence) -> str | None:
    """Of what :func:`describe` says in ``sender``, where the header was fetched instead of the envelope."""
    sender = next((one for one in evidence.addresses("from")), None)
    if sender is None:
        return None
    address = tidy(sender.address, SENDER_CHARACTERS)
    return tidy(f"{sender.name} <{address}>", SENDER_CHARACTERS) if sender.name else address


def subject_of(evidence: Evidence) -> str | None:
    """As :func:`sender_of`."""
    return next((tidy(value, SUBJECT_CHARACTERS) for value in evidence.header("subject")), None)


def tidy(text: str, characters: int) -> str:
    """Sound, on one line, without what hides or turns text, and cut."""
    # A surrogate cannot be sent as UTF-8; white space is folded before hidden characters go, so that words stay apart.
    sound = text.encode("utf-8", "replace").decode("utf-8")
    folded = _SPACE.sub(" ", sound).translate(_HIDDEN).strip()
    return cut(unicodedata.normalize("NFC", folded), characters)
