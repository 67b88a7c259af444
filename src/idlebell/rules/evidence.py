"""What a rule may know of a message: one FETCH response, read lazily and in bounds, each thing once.

Whoever sent the mail wrote all of it. Every reading is linear in what was fetched, which is bounded by the items of
:mod:`~idlebell.rules.needs`; nothing here fails.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from idlebell.imap.responses import Address, Envelope, FetchData
from idlebell.rules.body_text import part_text
from idlebell.rules.fold import FOLDED_CHARACTERS, fold
from idlebell.rules.header_text import fields, header_text
from idlebell.rules.mail_address import TOKENS, MailAddress, read_addresses
from idlebell.rules.structure import has_attachment, text_part

HEADER_BYTES: Final = 8_192
"""Of the header fields that a rule asks for, as they are fetched together, and as they are decoded where the whole header was
fetched for them."""

_SYSTEM_KEYWORDS: Final = {"\\seen": "$seen", "\\flagged": "$flagged", "\\answered": "$answered", "\\draft": "$draft"}
"""RFC 8621 section 4.1.1."""
BULK_HEADERS: Final = ("list-id", "precedence", "auto-submitted")
_BULK_PRECEDENCES: Final = frozenset({"bulk", "list", "junk"})
_HEADER_SECTIONS: Final = ("BODY[HEADER.FIELDS ", "BODY[HEADER]", "RFC822.HEADER")


class Evidence:
    """``message`` from ``mailbox``. Its text is among its sections where it was fetched: see :attr:`text_missed`."""

    __slots__ = (
        "_addresses", "_fields", "_folded", "_has_attachment", "_header_room", "_headers", "_is_bulk", "_keywords",
        "_text", "_untold", "mailbox", "message", "text_missed",
    )  # fmt: skip

    def __init__(self, message: FetchData, mailbox: str) -> None:
        self.message = message
        self.mailbox = mailbox
        self.text_missed = False
        """Was the text asked for, there is one, and it was not fetched? Then what a rule said without it is open. Whoever has
        several rules decide begins each with False."""
        self._untold = False
        self._fields: dict[str, tuple[bytes, ...]] | None = None
        self._headers: dict[str, tuple[str, ...]] = {}
        self._header_room = HEADER_BYTES  # to be decoded yet
        self._folded: dict[str, str] = {}  # by name; the text without one
        self._addresses: dict[str, tuple[MailAddress, ...]] = {}
        self._text: str | None = None
        # Each is asked once, however many conditions ask.
        self._is_bulk: bool | None = None
        self._has_attachment: bool | None = None
        self._keywords: frozenset[str] | None = None

    # --- the header ---

    def raw_header(self, name: str) -> tuple[bytes, ...]:
        """Each field of that ``name`` (in any case), folded and encoded as it came, in the order of the header. Where none was
        fetched, what ENVELOPE says in its place."""
        return self.fields().get(name.lower(), ())

    def header(self, name: str) -> tuple[str, ...]:
        """Decoded (RFC 2047) and unfolded."""
        found = self._headers.get(name)
        if found is None:
            raw = self.raw_header(name)
            if not raw:
                return ()
            if len(raw) == 1 and len(raw[0]) <= self._header_room:
                self._header_room -= len(raw[0])
                found = (header_text(raw[0]),)
            else:
                found = tuple([header_text(one) for one in self._within_room(raw)])
            self._headers[name] = found
        return found

    def _within_room(self, raw: tuple[bytes, ...]) -> tuple[bytes, ...]:
        size = sum(map(len, raw))
        if size > self._header_room:
            kept: list[bytes] = []
            size = 0
            for one in raw:
                kept.append(one[: self._header_room - size])
                size += len(kept[-1])
            raw = tuple(kept)
        self._header_room -= size
        return raw

    def folded_header(self, name: str) -> str:
        """All fields of that name, a line each, as :func:`~idlebell.rules.fold.fold` has them; one space between words."""
        found = self._folded.get(name)
        if found is None:
            values = [" ".join(fold(value).split()) for value in self.header(name)]
            found = self._folded[name] = values[0] if len(values) == 1 else "\n".join(values)[:FOLDED_CHARACTERS]
        return found

    def addresses(self, name: str) -> tuple[MailAddress, ...]:
        """Of all fields of that name."""
        found = self._addresses.get(name)
        if found is None:
            # RFC 5322 section 3.6 allows one field of that name; more share what one may cost.
            tokens = TOKENS // max(1, len(self.raw_header(name)))
            found = tuple(one for raw in self.raw_header(name) for one in read_addresses(raw[:HEADER_BYTES], tokens))
            self._addresses[name] = found
        return found

    def fields(self) -> Mapping[str, tuple[bytes, ...]]:
        """All of :meth:`raw_header`, by name in lower case."""
        if self._fields is None:
            found = _of_envelope(self.message.envelope) if self.message.envelope is not None else {}
            for section in reversed(self.message.sections):  # what was asked for first counts
                if section.content is not None and section.name.startswith(_HEADER_SECTIONS):
                    found.update(fields(section.content))
            self._fields = found
        return self._fields

    @property
    def is_bulk(self) -> bool:
        """A mailing list (RFC 2919), what calls itself bulk, or what no person sent (RFC 3834 section 5)."""
        if self._is_bulk is None:
            self._is_bulk = self._read_bulk()
        return self._is_bulk

    def _read_bulk(self) -> bool:
        fields = self.fields()
        if "list-id" in fields:
            return True
        if "precedence" in fields and any(value.lower() in _BULK_PRECEDENCES for value in self.header("precedence")):
            return True
        if "auto-submitted" not in fields:
            return False
        submitted = (value.partition(";")[0].strip().lower() for value in self.header("auto-submitted"))
        return any(value not in ("no", "") for value in submitted)

    # --- the body ---

    def text(self) -> str:
        """The beginning of the text, decoded and without markup; empty where none was fetched."""
        if self._text is None:
            self._text = self._read_text()
        self.text_missed = self.text_missed or self._untold
        return self._text

    def folded_text(self) -> str:
        """As :meth:`folded_header`."""
        text, found = self.text(), self._folded.get("")
        if found is None:
            found = self._folded[""] = " ".join(fold(text).split())
        return found

    def _read_text(self) -> str:
        found = text_part(self.message.body)
        if found is None:
            return ""
        for section in self.message.sections:
            if section.name.upper() == f"BODY[{found.section}]":
                return part_text(found.part, section.content or b"")
        self._untold = True
        return ""

    @property
    def has_attachment(self) -> bool:
        """As its structure says."""
        if self._has_attachment is None:
            self._has_attachment = has_attachment(self.message.body)
        return self._has_attachment

    # --- what the server says ---

    @property
    def size(self) -> int:
        """In bytes (RFC822.SIZE); 0 where it was not fetched."""
        return self.message.size or 0

    @property
    def received_at(self) -> datetime | None:
        """INTERNALDATE; None where the server gives none that is a date."""
        return self.message.internal_date

    @property
    def keywords(self) -> frozenset[str]:
        """In lower case, as JMAP spells them: ``$seen`` for \\Seen (RFC 8621 section 4.1.1)."""
        if self._keywords is None:
            self._keywords = frozenset(map(_keyword, self.message.flags or ()))
        return self._keywords


def _keyword(flag: str) -> str:
    lower = flag.lower()
    return _SYSTEM_KEYWORDS.get(lower, lower)


def _of_envelope(envelope: Envelope) -> dict[str, tuple[bytes, ...]]:
    """The fields that ENVELOPE was made of, as far as it tells."""
    plain = {
        "date": envelope.date,
        "subject": envelope.subject,
        "in-reply-to": envelope.in_reply_to,
        "message-id": envelope.message_id,
        "from": _spelled(envelope.from_),
        "sender": _spelled(envelope.sender),
        "reply-to": _spelled(envelope.reply_to),
        "to": _spelled(envelope.to),
        "cc": _spelled(envelope.cc),
        "bcc": _spelled(envelope.bcc),
    }
    return {name: (value,) for name, value in plain.items() if value is not None}


def _spelled(addresses: Iterable[Address]) -> bytes | None:
    """Groups are left out, their members are not."""
    spelled = b", ".join(
        _name(one.name) + b"<" + (one.mailbox or b"") + b"@" + one.host + b">"
        for one in addresses
        if one.host is not None and one.mailbox is not None
    )
    return spelled or None


def _name(name: bytes | None) -> bytes:
    """A name with what would end it is quoted, others are not: within quotes no word is encoded (RFC 2047 section 5)."""
    if not name:
        return b""
    if any(special in name for special in b'"(),:;<>@\\'):
        return b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'" '
    return name + b" "
