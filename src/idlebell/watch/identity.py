"""Which mail a message is, wherever it lies. Pure.

EMAILID (RFC 8474) and Gmail's X-GM-MSGID say it. Elsewhere Message-ID, INTERNALDATE and size do together: COPY and MOVE keep
all three (RFC 9051 sections 6.4.7 and 6.4.8), and of two deliveries they differ in one. A message without a Message-ID has no
identity, and is then always another one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from idlebell.imap.responses import FetchData
from idlebell.rules.needs import MESSAGE_ID_ITEM

MESSAGE_ID_BYTES: Final = 998
"""A line of a header holds no more (RFC 5322 section 2.1.1)."""


def identity_items(has: Callable[[str], bool]) -> tuple[str, ...]:
    """The FETCH items that :func:`identity` wants of this server."""
    if has("OBJECTID"):
        return ("EMAILID",)
    return ("X-GM-MSGID",) if has("X-GM-EXT-1") else ("RFC822.SIZE", MESSAGE_ID_ITEM)


def identity(message: FetchData) -> bytes | None:
    """Equal for two messages that are one mail; None where that cannot be told."""
    if message.email_id is not None:
        return b"E" + message.email_id.encode("utf-8", "surrogateescape")
    if message.gmail_message_id is not None:
        return b"G%d" % message.gmail_message_id
    known_as = message_id(message)
    if not known_as or message.internal_date is None or message.size is None:
        return None
    return b"M%d %d %s" % (message.internal_date.timestamp(), message.size, known_as)


def message_id(message: FetchData) -> bytes:
    """Empty where it was not fetched, or there is none."""
    if message.envelope is not None:
        return b" ".join((message.envelope.message_id or b"").split())[:MESSAGE_ID_BYTES]
    for section in message.sections:
        # A filter may have asked for other fields.
        if section.name.upper().startswith("BODY[HEADER.FIELDS (MESSAGE-ID)]") and section.content is not None:
            _, _, value = section.content.partition(b":")
            return b" ".join(value.split())[:MESSAGE_ID_BYTES]
    return b""
