"""What is said of a message: its headers decoded, cleaned and cut.

Everything here was written by whoever sent the mail. It is decoded leniently (RFC 2047, then UTF-8, then Latin-1), made fit
to be shown (:mod:`idlebell.rules.tidy`), and cut at a number of characters.
"""

from __future__ import annotations

from idlebell.imap.responses import FetchData
from idlebell.model.message import MessageSummary
from idlebell.model.shown_text import cut
from idlebell.rules.charsets import guessed
from idlebell.rules.evidence import Evidence
from idlebell.rules.header_text import header_text
from idlebell.rules.mail_address import read_addresses
from idlebell.rules.tidy import tidy_line

SUBJECT_CHARACTERS = 200
SENDER_CHARACTERS = 200
PREVIEW_CHARACTERS = 256
"""RFC 8970 section 3.1: at most 256."""
MESSAGE_ID_CHARACTERS = 250
RAW_BYTES = 8_192
"""More of one header is not looked at: decoding costs time in proportion."""


def describe(message: FetchData) -> MessageSummary:
    """``message`` must have a UID. What the server left out is None."""
    if message.uid is None:
        raise ValueError("a message without a UID cannot be named")
    evidence = Evidence(message, "")
    return MessageSummary(
        uid=message.uid,
        message_id=_clean(_first(evidence, "message-id"), MESSAGE_ID_CHARACTERS),
        sender=sender_of(evidence),
        subject=subject_of(evidence),
        size=message.size,
        preview=_clean(message.preview, PREVIEW_CHARACTERS) or None,
        received_at=message.internal_date,
    )


def sender_of(evidence: Evidence) -> str | None:
    """The first address of From, or what stands in its place."""
    raw = _first(evidence, "from")
    addresses = () if raw is None else read_addresses(raw[:RAW_BYTES])
    one = next((one for one in addresses if one.domain), addresses[0] if addresses else None)
    if one is None:
        return None
    name, mail = tidy_line(one.name, SENDER_CHARACTERS), tidy_line(one.address, SENDER_CHARACTERS)
    return cut(f"{name} <{mail}>", SENDER_CHARACTERS) if name else mail


def subject_of(evidence: Evidence) -> str | None:
    raw = _first(evidence, "subject")
    return None if raw is None else tidy_line(header_text(raw[:RAW_BYTES]), SUBJECT_CHARACTERS)


def _first(evidence: Evidence, name: str) -> bytes | None:
    return next(iter(evidence.raw_header(name)), None)


def _clean(raw: bytes | None, characters: int) -> str | None:
    return None if raw is None else tidy_line(guessed(raw[:RAW_BYTES]), characters)
