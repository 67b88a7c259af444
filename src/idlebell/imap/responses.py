"""What a server says (RFC 9051 section 7), as values. Nothing here parses or prints.

Strings that the grammar limits to ASCII are ``str`` in the case the server used, atoms that are compared (capabilities,
code names, item names) upper-cased. What may hold anything (subjects, names, literals) stays ``bytes``. Mailbox names are
``str``, already decoded from modified UTF-7 or UTF-8 (see :mod:`.mailbox_name`). NIL is ``None``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from idlebell.imap.sequence_set import SequenceSet


class Condition(StrEnum):
    """RFC 9051 section 7.1."""

    OK = "OK"
    NO = "NO"
    BAD = "BAD"
    BYE = "BYE"
    PREAUTH = "PREAUTH"


# --- response codes (RFC 9051 section 7.1, RFC 5530, 7162, 4315, 8474, 5465) ---


@dataclass(frozen=True, slots=True)
class PlainCode:
    """A code that we keep by its name: ALERT, CLOSED, READ-ONLY, AUTHENTICATIONFAILED, NOMODSEQ, one nobody knows ...

    ``argument`` is the raw text between the name and the closing bracket, ``b""`` where there is none.
    """

    name: str
    argument: bytes = b""


@dataclass(frozen=True, slots=True)
class NumberCode:
    """UIDVALIDITY, UIDNEXT, UNSEEN, HIGHESTMODSEQ: a name and a number."""

    name: str
    value: int


@dataclass(frozen=True, slots=True)
class CapabilityCode:
    """CAPABILITY in a greeting or a tagged OK. Upper-cased."""

    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class PermanentFlagsCode:
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BadCharsetCode:
    charsets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppendUidCode:
    """RFC 4315."""

    uid_validity: int
    uids: SequenceSet


@dataclass(frozen=True, slots=True)
class CopyUidCode:
    """RFC 4315."""

    uid_validity: int
    source: SequenceSet
    target: SequenceSet


@dataclass(frozen=True, slots=True)
class MailboxIdCode:
    """RFC 8474."""

    mailbox_id: str


@dataclass(frozen=True, slots=True)
class BadEventCode:
    """RFC 5465; Dovecot leaves the parentheses out."""

    events: tuple[str, ...]


ResponseCode: TypeAlias = (
    PlainCode
    | NumberCode
    | CapabilityCode
    | PermanentFlagsCode
    | BadCharsetCode
    | AppendUidCode
    | CopyUidCode
    | MailboxIdCode
    | BadEventCode
)


# --- status responses and continuation ---


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """Untagged ``* OK``, ``NO``, ``BAD``, ``BYE``, ``PREAUTH``; the greeting is one too."""

    condition: Condition
    code: ResponseCode | None
    text: str


@dataclass(frozen=True, slots=True)
class TaggedResponse:
    tag: str
    condition: Condition
    """OK, NO or BAD."""
    code: ResponseCode | None
    text: str


@dataclass(frozen=True, slots=True)
class ContinuationRequest:
    """``+ text``. For AUTHENTICATE ``text`` is base64."""

    text: bytes


# --- data responses ---


@dataclass(frozen=True, slots=True)
class CapabilityData:
    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class EnabledData:
    """RFC 5161."""

    capabilities: frozenset[str]


@dataclass(frozen=True, slots=True)
class ListData:
    """LIST and LSUB (``lsub`` true), with LIST-EXTENDED data (RFC 5258) and its OLDNAME (RFC 5465)."""

    attributes: frozenset[str]
    """As sent, with the backslash; compare case-insensitively through :meth:`has`."""
    delimiter: str | None
    mailbox: str
    old_name: str | None = None
    child_info: tuple[str, ...] = ()
    lsub: bool = False

    def has(self, attribute: str) -> bool:
        return any(attribute.lower() == own.lower() for own in self.attributes)


@dataclass(frozen=True, slots=True)
class NamespaceEntry:
    prefix: str
    delimiter: str | None


@dataclass(frozen=True, slots=True)
class NamespaceData:
    """RFC 2342. None: the server has no namespace of that kind."""

    personal: tuple[NamespaceEntry, ...] | None
    other_users: tuple[NamespaceEntry, ...] | None
    shared: tuple[NamespaceEntry, ...] | None


@dataclass(frozen=True, slots=True)
class FlagsData:
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExistsData:
    count: int


@dataclass(frozen=True, slots=True)
class RecentData:
    count: int


@dataclass(frozen=True, slots=True)
class ExpungeData:
    number: int


@dataclass(frozen=True, slots=True)
class VanishedData:
    """RFC 7162 section 3.2.10."""

    uids: SequenceSet
    earlier: bool


@dataclass(frozen=True, slots=True)
class StatusData:
    """STATUS of a mailbox. What the server left out is None."""

    mailbox: str
    messages: int | None = None
    uid_next: int | None = None
    uid_validity: int | None = None
    unseen: int | None = None
    recent: int | None = None
    highest_mod_seq: int | None = None
    deleted: int | None = None
    size: int | None = None
    mailbox_id: str | None = None


@dataclass(frozen=True, slots=True)
class SearchData:
    """SEARCH (RFC 3501), with the MODSEQ of RFC 7162."""

    numbers: tuple[int, ...]
    mod_seq: int | None = None


@dataclass(frozen=True, slots=True)
class ESearchData:
    """ESEARCH (RFC 4731, 9051 section 7.3.4)."""

    tag: str | None
    uid: bool
    minimum: int | None = None
    maximum: int | None = None
    count: int | None = None
    all: SequenceSet | None = None
    mod_seq: int | None = None


@dataclass(frozen=True, slots=True)
class IdData:
    """RFC 2971."""

    fields: tuple[tuple[str, str | None], ...] | None


# --- FETCH ---


@dataclass(frozen=True, slots=True)
class Address:
    """RFC 9051 section 7.5.2. A group starts with a ``host`` of None and ends with a ``mailbox`` of None."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


@dataclass(frozen=True, slots=True)
class Envelope:
    date: bytes | None
    subject: bytes | None
    from_: tuple[Address, ...]
    sender: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    in_reply_to: bytes | None
    message_id: bytes | None


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A leaf of BODY or BODYSTRUCTURE. ``envelope`` and ``body`` for message/rfc822, ``lines`` for it and for text."""

    type: str
    subtype: str
    parameters: tuple[tuple[str, bytes], ...]
    content_id: bytes | None
    description: bytes | None
    encoding: str
    size: int
    lines: int | None = None
    envelope: Envelope | None = None
    body: BodyPart | Multipart | None = None
    md5: bytes | None = None
    disposition: str | None = None
    disposition_parameters: tuple[tuple[str, bytes], ...] = ()
    language: tuple[str, ...] = ()
    location: bytes | None = None


@dataclass(frozen=True, slots=True)
class Multipart:
    parts: tuple[BodyPart | Multipart, ...]
    subtype: str
    parameters: tuple[tuple[str, bytes], ...] = ()
    disposition: str | None = None
    disposition_parameters: tuple[tuple[str, bytes], ...] = ()
    language: tuple[str, ...] = ()
    location: bytes | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """``BODY[HEADER.FIELDS (SUBJECT)]<0>`` or ``BINARY[1]`` with its content."""

    name: str
    """What stood in front of the value, upper-cased but for header names kept as sent: ``BODY[HEADER]``, ``RFC822.HEADER``."""
    origin: int | None
    content: bytes | None


@dataclass(frozen=True, slots=True)
class FetchData:
    """One FETCH response. What the server left out is None or empty; what we do not know is in ``unknown``."""

    number: int
    uid: int | None = None
    flags: tuple[str, ...] | None = None
    internal_date: datetime | None = None
    """None also where the server's date is no date; then ``unknown`` keeps it."""
    size: int | None = None
    envelope: Envelope | None = None
    body: BodyPart | Multipart | None = None
    sections: tuple[Section, ...] = ()
    mod_seq: int | None = None
    email_id: str | None = None
    thread_id: str | None = None
    preview: bytes | None = None
    save_date: datetime | None = None
    gmail_message_id: int | None = None
    gmail_labels: tuple[bytes, ...] | None = None
    cut: bool = False
    """It was over a bound, and is read as far as that: what is missing may have been there."""
    unknown: tuple[tuple[str, bytes], ...] = field(default=())
    """Name and raw value."""

    def has_flag(self, flag: str) -> bool:
        return self.flags is not None and any(flag.lower() == own.lower() for own in self.flags)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A well-framed response that we have no meaning for, as it came, without the CRLF. It ends nothing."""

    raw: bytes


UntaggedResponse: TypeAlias = (
    StatusResponse
    | CapabilityData
    | EnabledData
    | ListData
    | NamespaceData
    | FlagsData
    | ExistsData
    | RecentData
    | ExpungeData
    | VanishedData
    | StatusData
    | SearchData
    | ESearchData
    | IdData
    | FetchData
    | Unknown
)

Response: TypeAlias = UntaggedResponse | TaggedResponse | ContinuationRequest
