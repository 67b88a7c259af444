"""Responses to bytes, for the server half: whatever is written here parses back to the same value."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, assert_never

from idlebell.imap import responses
from idlebell.imap.encode_fetch import encode_fetch
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import DEFAULT_LIMITS
from idlebell.imap.response_codes import parse_text
from idlebell.imap.responses import Condition, Response, ResponseCode
from idlebell.imap.spelling import flag_list, mailbox_bytes, nstring, number, sequence_set, string, text_bytes, word

_TAG: Final = re.compile(r"[^\x00-\x20(){%*\"\\+\x7f-\U0010ffff]+")
_TEXT: Final = re.compile(r"[^\x00\r\n]*")
_RAW_TEXT: Final = re.compile(rb"[^\x00\r\n]*")
_TAGGED_CONDITIONS: Final = frozenset({Condition.OK, Condition.NO, Condition.BAD})


def encode_response(response: Response, *, utf8: bool = False) -> bytes:
    """One response with its CRLF. ``utf8``: the client has enabled UTF8=ACCEPT or IMAP4rev2.

    LocalProtocolError: a value that the grammar has no spelling for (a naive date, an empty multipart, a text that would be
    read as a response code).
    """
    match response:
        case responses.StatusResponse(condition, code, text):
            return b"* " + condition.encode() + b" " + _resp_text(code, text, utf8)
        case responses.TaggedResponse(tag, condition, code, text):
            if _TAG.fullmatch(tag) is None:
                raise LocalProtocolError("a tag that is none")
            if condition not in _TAGGED_CONDITIONS:
                raise LocalProtocolError("a tagged response is OK, NO or BAD")
            return tag.encode() + b" " + condition.encode() + b" " + _resp_text(code, text, utf8)
        case responses.ContinuationRequest(text):
            if _RAW_TEXT.fullmatch(text) is None:
                raise LocalProtocolError("NUL, CR or LF in a continuation request")
            return b"+ " + text + b"\r\n"
        case responses.FetchData():
            return encode_fetch(response, utf8=utf8)
        case responses.Unknown(raw):
            return _unknown(raw)
        case _:
            return b"* " + _data(response, utf8) + b"\r\n"


def _data(response: responses.UntaggedResponse, utf8: bool) -> bytes:
    match response:
        case responses.CapabilityData(capabilities):
            return b" ".join((b"CAPABILITY", *_words(capabilities)))
        case responses.EnabledData(capabilities):
            return b" ".join((b"ENABLED", *_words(capabilities)))
        case responses.FlagsData(flags):
            return b"FLAGS " + flag_list(flags)
        case responses.ExistsData(count):
            return number(count) + b" EXISTS"
        case responses.RecentData(count):
            return number(count) + b" RECENT"
        case responses.ExpungeData(message):
            return number(message, minimum=1) + b" EXPUNGE"
        case responses.VanishedData(uids, earlier):
            return b"VANISHED " + (b"(EARLIER) " if earlier else b"") + sequence_set(uids)
        case responses.SearchData(numbers, mod_seq):
            found = [b"SEARCH", *(number(message, minimum=1) for message in numbers)]
            if mod_seq is not None:
                found.append(b"(MODSEQ " + number(mod_seq, bits=63) + b")")
            return b" ".join(found)
        case responses.ListData():
            return _list(response, utf8)
        case responses.NamespaceData(personal, other_users, shared):
            return b" ".join((b"NAMESPACE", *(_namespaces(each, utf8) for each in (personal, other_users, shared))))
        case responses.StatusData():
            return _status(response, utf8)
        case responses.ESearchData():
            return _esearch(response, utf8)
        case responses.IdData(fields):
            return b"ID " + _id(fields, utf8)
        case _:  # the other types are taken by encode_response
            raise LocalProtocolError(f"{type(response).__name__} is no data response")


def _resp_text(code: ResponseCode | None, text: str, utf8: bool) -> bytes:
    if _TEXT.fullmatch(text) is None:
        raise LocalProtocolError("NUL, CR or LF in a text")
    written = text_bytes(text)
    if code is not None:
        written = b"[" + _code(code, utf8) + b"] " + written
    # A name, an argument or a text that has brackets of its own may be read as something else.
    if b"[" in written and parse_text(written, DEFAULT_LIMITS) != (code, text):
        raise LocalProtocolError("a response code or text that would be read as another")
    return written + b"\r\n"


def _code(code: ResponseCode, utf8: bool) -> bytes:
    match code:
        case responses.PlainCode(name, argument):
            if _RAW_TEXT.fullmatch(argument) is None:
                raise LocalProtocolError("NUL, CR or LF in a response code")
            return text_bytes(name) + (b" " + argument if argument else b"")
        case responses.NumberCode(name, value):
            return text_bytes(name) + b" " + number(value, bits=63)
        case responses.CapabilityCode(capabilities):
            return b" ".join((b"CAPABILITY", *_words(capabilities)))
        case responses.PermanentFlagsCode(flags):
            return b"PERMANENTFLAGS " + flag_list(flags)
        case responses.BadCharsetCode(charsets):
            listed = b" ".join(string(text_bytes(charset), utf8=True) for charset in charsets)
            return b"BADCHARSET (" + listed + b")" if charsets else b"BADCHARSET"
        case responses.AppendUidCode(uid_validity, uids):
            return b"APPENDUID " + number(uid_validity, minimum=1) + b" " + sequence_set(uids)
        case responses.CopyUidCode(uid_validity, source, target):
            return b" ".join((b"COPYUID", number(uid_validity, minimum=1), sequence_set(source), sequence_set(target)))
        case responses.MailboxIdCode(mailbox_id):
            return b"MAILBOXID (" + word(mailbox_id, "a mailbox id") + b")"
        case responses.BadEventCode(events):
            return b"BADEVENT (" + b" ".join(word(event, "an event") for event in events) + b")"
        case _:
            assert_never(code)


def _unknown(raw: bytes) -> bytes:
    """As it came; it must be exactly one frame."""
    framer = Framer(DEFAULT_LIMITS)
    try:
        framer.feed(raw + b"\r\n")
        frame = framer.next_frame()
    except RemoteProtocolError as error:
        raise LocalProtocolError(f"an unknown response that is no frame: {error.reason}") from None
    if not isinstance(frame, Frame) or framer.pending:
        raise LocalProtocolError("an unknown response that is not one frame")
    return raw + b"\r\n"


def _words(values: Iterable[str]) -> list[bytes]:
    return [word(value, "a capability") for value in sorted(values)]


def _mailbox(name: str, utf8: bool) -> bytes:
    return string(mailbox_bytes(name, utf8=utf8), utf8=utf8)


def _list(response: responses.ListData, utf8: bool) -> bytes:
    delimiter = None if response.delimiter is None else text_bytes(response.delimiter)
    line = [
        b"LSUB" if response.lsub else b"LIST",
        flag_list(sorted(response.attributes)),
        nstring(delimiter, utf8=utf8),
        _mailbox(response.mailbox, utf8),
    ]
    extended: list[bytes] = []
    if response.child_info:
        options = b" ".join(string(text_bytes(option), utf8=utf8) for option in response.child_info)
        extended.append(b'"CHILDINFO" (' + options + b")")
    if response.old_name is not None:
        extended.append(b'"OLDNAME" (' + _mailbox(response.old_name, utf8) + b")")
    if extended:
        line.append(b"(" + b" ".join(extended) + b")")
    return b" ".join(line)


def _namespaces(entries: tuple[responses.NamespaceEntry, ...] | None, utf8: bool) -> bytes:
    if entries is None:
        return b"NIL"
    written = []
    for entry in entries:
        delimiter = None if entry.delimiter is None else text_bytes(entry.delimiter)
        written.append(b"(" + _mailbox(entry.prefix, utf8) + b" " + nstring(delimiter, utf8=utf8) + b")")
    return b"(" + b"".join(written) + b")"


def _status(response: responses.StatusData, utf8: bool) -> bytes:
    numbers = (
        (b"MESSAGES", response.messages, 32),
        (b"UIDNEXT", response.uid_next, 32),
        (b"UIDVALIDITY", response.uid_validity, 32),
        (b"UNSEEN", response.unseen, 32),
        (b"RECENT", response.recent, 32),
        (b"HIGHESTMODSEQ", response.highest_mod_seq, 63),
        (b"DELETED", response.deleted, 32),
        (b"SIZE", response.size, 63),
    )
    items = [name + b" " + number(value, bits=bits) for name, value, bits in numbers if value is not None]
    if response.mailbox_id is not None:
        items.append(b"MAILBOXID (" + word(response.mailbox_id, "a mailbox id") + b")")
    return b"STATUS " + _mailbox(response.mailbox, utf8) + b" (" + b" ".join(items) + b")"


def _esearch(response: responses.ESearchData, utf8: bool) -> bytes:
    line = [b"ESEARCH"]
    if response.tag is not None:
        line.append(b"(TAG " + string(text_bytes(response.tag), utf8=utf8) + b")")
    if response.uid:
        line.append(b"UID")
    numbers = (
        (b"MIN ", response.minimum, 32),
        (b"MAX ", response.maximum, 32),
        (b"COUNT ", response.count, 32),
        (b"MODSEQ ", response.mod_seq, 63),
    )
    line += [name + number(value, bits=bits) for name, value, bits in numbers if value is not None]
    if response.all is not None:
        line.append(b"ALL " + sequence_set(response.all))
    return b" ".join(line)


def _id(fields: tuple[tuple[str, str | None], ...] | None, utf8: bool) -> bytes:
    if fields is None:
        return b"NIL"
    written: list[bytes] = []
    for name, value in fields:
        written.append(string(text_bytes(name), utf8=utf8))
        written.append(nstring(None if value is None else text_bytes(value), utf8=utf8))
    return b"(" + b" ".join(written) + b")"
