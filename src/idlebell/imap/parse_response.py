"""A frame from a server to a :data:`~idlebell.imap.responses.Response` (RFC 9051 section 7 and its extensions).

A data response that is unknown or ungrammatical becomes :class:`~idlebell.imap.responses.Unknown` and ends nothing: framing
has kept the boundary of the next. Two things end the connection: a bound that is crossed, and a tagged response whose
condition cannot be read, for then nobody knows how the command ended.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from idlebell.imap import mailbox_name
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.framing import Frame
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.parse_fetch import parse_fetch
from idlebell.imap.response_codes import capabilities, object_id, parse_text
from idlebell.imap.responses import (
    CapabilityData,
    Condition,
    ContinuationRequest,
    EnabledData,
    ESearchData,
    ExistsData,
    ExpungeData,
    FlagsData,
    IdData,
    ListData,
    NamespaceData,
    NamespaceEntry,
    PlainCode,
    RecentData,
    Response,
    SearchData,
    StatusData,
    StatusResponse,
    TaggedResponse,
    Unknown,
    UntaggedResponse,
    VanishedData,
)
from idlebell.imap.sequence_set import SequenceSet
from idlebell.imap.tokens import NUMBER64_MAX, Cursor, GrammarError, visible_text

_NUMBERED: Final = re.compile(rb"\* ([0-9]++) ([A-Za-z]++) ?")
_NAMED: Final = re.compile(rb"\* ([A-Za-z0-9.-]++)(?: |\Z)")
_TAGGED: Final = re.compile(rb"([^\x00-\x20(){%*\"\\+\x7f-\xff]++) (?i:(OK|NO|BAD))(?: |\Z)")
_BARE_UNAVAILABLE: Final = re.compile(rb"(?i)Server Unavailable\b")

_CONDITIONS: Final[Mapping[bytes, Condition]] = MappingProxyType(
    {condition.value.encode(): condition for condition in Condition}
)


def parse_response(frame: Frame, limits: Limits = DEFAULT_LIMITS, utf8: bool = False) -> Response:
    """What ``frame`` says. ``utf8``: mailbox names are UTF-8 (UTF8=ACCEPT or IMAP4rev2 is enabled).

    RemoteProtocolError: ``too-deep``, ``too-many-items``, ``too-many-ranges``, ``number-too-long``,
    ``bad-tagged-response``.
    """
    text = frame.parts[0]
    if text.startswith(b"* "):
        return _untagged(frame, text, limits, utf8)
    if text.startswith(b"+"):
        # Tolerated: "+" without the space that the grammar wants after it.
        return ContinuationRequest(frame.raw[1:].removeprefix(b" "))
    found = _TAGGED.match(text)
    if found is not None:
        code, human = parse_text(_without_literals(frame)[found.end() :], limits)
        return TaggedResponse(found[1].decode(), _CONDITIONS[found[2].upper()], code, human)
    if not text or text.startswith(b"*"):
        return Unknown(frame.raw)
    if _BARE_UNAVAILABLE.match(text):
        # Exchange, when it is overloaded: a line without a tag, after which it answers nothing. The nearest word is BYE.
        return StatusResponse(Condition.BYE, PlainCode("UNAVAILABLE"), visible_text(frame.raw))
    raise RemoteProtocolError("bad-tagged-response", "a tagged response without OK, NO or BAD", text)


def _untagged(frame: Frame, text: bytes, limits: Limits, utf8: bool) -> UntaggedResponse:
    try:
        numbered = _NUMBERED.match(text)
        if numbered is not None:
            return _numbered_response(frame, numbered, limits)
        named = _NAMED.match(text)
        if named is None:
            return Unknown(frame.raw)
        name = named[1].upper()
        condition = _CONDITIONS.get(name)
        if condition is not None:
            code, human = parse_text(_without_literals(frame)[named.end() :], limits)
            return StatusResponse(condition, code, human)
        parse = _DATA.get(name)
        if parse is None:
            return Unknown(frame.raw)
        cursor = Cursor(frame, limits, named.end())
        response = parse(cursor, utf8)
        cursor.finish()
    except GrammarError:
        return Unknown(frame.raw)
    return response


def _numbered_response(frame: Frame, numbered: re.Match[bytes], limits: Limits) -> UntaggedResponse:
    cursor = Cursor(frame, limits, 2)
    number = cursor.number()
    cursor.pos = numbered.end()
    name = numbered[2].upper()
    response: UntaggedResponse
    if name == b"EXISTS":
        response = ExistsData(number)
    elif name == b"RECENT":
        response = RecentData(number)
    elif number == 0:
        raise GrammarError("no message has the number 0")
    elif name == b"FETCH":
        response = parse_fetch(number, cursor, cut=frame.cut)
        if frame.cut:
            return response
    elif name == b"EXPUNGE":
        response = ExpungeData(number)
    else:
        return Unknown(frame.raw)
    cursor.finish()
    return response


def _without_literals(frame: Frame) -> bytes:
    """A status response as one text. Only an argument of a code can be a literal (BADCHARSET); it is quoted instead."""
    if len(frame.parts) == 1:
        return frame.parts[0]
    pieces: list[bytes] = []
    for place, part in enumerate(frame.parts):
        if place % 2:
            plain = re.sub(rb"[\x00\r\n]", b" ", part)
            pieces.append(b'"' + plain.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"')
        elif place + 1 < len(frame.parts):
            pieces.append(part[: part.rindex(b"{")])
        else:
            pieces.append(part)
    return b"".join(pieces)


# --- the data responses, each from the first byte after its name ---


def _capability(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    return CapabilityData(capabilities(cursor))


def _enabled(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    return EnabledData(capabilities(cursor))


def _flags(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    return FlagsData(cursor.flags())


def _list(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    return _list_data(cursor, utf8, lsub=False)


def _lsub(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    return _list_data(cursor, utf8, lsub=True)


def _list_data(cursor: Cursor, utf8: bool, *, lsub: bool) -> ListData:
    attributes = frozenset(cursor.flags())
    cursor.space()
    delimiter = _delimiter(cursor)
    cursor.space()
    mailbox = _mailbox(cursor, utf8)
    old_name: str | None = None
    child_info: tuple[str, ...] = ()
    if not cursor.at_end():
        cursor.space()
        cursor.open()
        while cursor.more():
            item = cursor.astring().upper()
            cursor.space()
            if item == b"OLDNAME":
                cursor.open()
                old_name = _mailbox(cursor, utf8)
                cursor.close()
            elif item == b"CHILDINFO":
                child_info = tuple(visible_text(option) for option in cursor.strings())
            else:
                cursor.skip_value()
    return ListData(attributes, delimiter, mailbox, old_name, child_info, lsub)


def _mailbox(cursor: Cursor, utf8: bool) -> str:
    return mailbox_name.decode(cursor.astring(), utf8=utf8)


def _delimiter(cursor: Cursor) -> str | None:
    raw = cursor.nstring()
    return None if raw is None else visible_text(raw)


def _namespace(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    personal = _namespaces(cursor, utf8)
    cursor.space()
    other_users = _namespaces(cursor, utf8)
    cursor.space()
    return NamespaceData(personal, other_users, _namespaces(cursor, utf8))


def _namespaces(cursor: Cursor, utf8: bool) -> tuple[NamespaceEntry, ...] | None:
    if cursor.nil():
        return None
    cursor.open()
    found: list[NamespaceEntry] = []
    while cursor.more():
        cursor.open()
        prefix = mailbox_name.decode(cursor.string(), utf8=utf8)
        cursor.space()
        found.append(NamespaceEntry(prefix, _delimiter(cursor)))
        while cursor.more():
            cursor.skip_value()  # RFC 2342 Namespace_Response_Extension
    return tuple(found)


_STATUS_NUMBERS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "MESSAGES": ("messages", 2**32 - 1),
        "UIDNEXT": ("uid_next", 2**32 - 1),
        "UIDVALIDITY": ("uid_validity", 2**32 - 1),
        "UNSEEN": ("unseen", 2**32 - 1),
        "RECENT": ("recent", 2**32 - 1),
        "HIGHESTMODSEQ": ("highest_mod_seq", NUMBER64_MAX),
        "DELETED": ("deleted", 2**32 - 1),
        "SIZE": ("size", NUMBER64_MAX),
    }
)


def _status(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    """An item whose value is no number in range counts as left out; the others still count."""
    mailbox = _mailbox(cursor, utf8)
    cursor.space()
    numbers: dict[str, int] = {}
    mailbox_id: str | None = None
    cursor.open()
    while cursor.more():
        name = cursor.name()
        cursor.space()
        start = cursor.mark()
        try:
            if name == "MAILBOXID":
                mailbox_id = object_id(cursor)
                continue
            known = _STATUS_NUMBERS.get(name)
            if known is not None:
                value = cursor.number(known[1])
                if cursor.peek() in (0x20, 0x29):
                    numbers[known[0]] = value
                    continue
        except GrammarError:
            pass
        cursor.rewind(start)
        cursor.skip_value()
    return StatusData(mailbox, mailbox_id=mailbox_id, **numbers)


def _search(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    numbers: list[int] = []
    mod_seq: int | None = None
    while not cursor.at_end():
        cursor.skip_spaces()
        if cursor.peek() == 0x28:
            cursor.open()
            if cursor.name() != "MODSEQ":
                raise GrammarError("MODSEQ expected")
            cursor.space()
            mod_seq = cursor.number(NUMBER64_MAX)
            cursor.close()
            break
        cursor.count()
        numbers.append(cursor.number(minimum=1))
    return SearchData(tuple(numbers), mod_seq)


def _esearch(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    tag: str | None = None
    uid = False
    numbers: dict[str, int] = {}
    every: SequenceSet | None = None
    if cursor.peek() == 0x28:
        cursor.open()
        if cursor.name() != "TAG":
            raise GrammarError("TAG expected")
        cursor.space()
        tag = visible_text(cursor.astring())
        cursor.close()
    while not cursor.at_end():
        cursor.skip_spaces()
        cursor.count()
        name = cursor.name()
        if name == "UID" and not uid and not numbers and every is None:
            uid = True
            continue
        cursor.space()
        if name == "ALL":
            every = cursor.sequence_set()
        elif name in _ESEARCH_NUMBERS:
            field, maximum = _ESEARCH_NUMBERS[name]
            numbers[field] = cursor.number(maximum)
        else:
            cursor.skip_value()
    return ESearchData(tag, uid, all=every, **numbers)


_ESEARCH_NUMBERS: Final[Mapping[str, tuple[str, int]]] = MappingProxyType(
    {
        "MIN": ("minimum", 2**32 - 1),
        "MAX": ("maximum", 2**32 - 1),
        "COUNT": ("count", 2**32 - 1),
        "MODSEQ": ("mod_seq", NUMBER64_MAX),
    }
)


def _vanished(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    earlier = cursor.peek() == 0x28
    if earlier:
        cursor.open()
        if cursor.name() != "EARLIER":
            raise GrammarError("EARLIER expected")
        cursor.close()
        cursor.space()
    return VanishedData(cursor.sequence_set(), earlier)


def _id(cursor: Cursor, utf8: bool) -> UntaggedResponse:
    if cursor.nil():
        return IdData(None)
    cursor.open()
    fields: list[tuple[str, str | None]] = []
    while cursor.more():
        name = visible_text(cursor.string())
        cursor.space()
        value = cursor.nstring()
        fields.append((name, None if value is None else visible_text(value)))
    return IdData(tuple(fields))


_DATA: Final[Mapping[bytes, Callable[[Cursor, bool], UntaggedResponse]]] = MappingProxyType(
    {
        b"CAPABILITY": _capability,
        b"ENABLED": _enabled,
        b"ESEARCH": _esearch,
        b"FLAGS": _flags,
        b"ID": _id,
        b"LIST": _list,
        b"LSUB": _lsub,
        b"NAMESPACE": _namespace,
        b"SEARCH": _search,
        b"STATUS": _status,
        b"VANISHED": _vanished,
    }
)
