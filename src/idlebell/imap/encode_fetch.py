"""FETCH responses to bytes (RFC 9051 section 7.5.2)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.framing import Frame, Framer
from idlebell.imap.limits import Limits
from idlebell.imap.parse_fetch import MONTHS, YEARS, parse_fetch
from idlebell.imap.responses import Address, BodyPart, Envelope, FetchData, Multipart, Section
from idlebell.imap.spelling import flag_list, nstring, number, string, text_bytes, word
from idlebell.imap.tokens import Cursor, GrammarError

_ROOMY: Final = Limits(line_bytes=2**40, literal_bytes=2**40, response_bytes=2**40)
"""To read back what we write. Sizes are the reader's affair: a server half may send more than our client half takes."""

_MINUTE: Final = timedelta(minutes=1)


def encode_fetch(response: FetchData, *, utf8: bool = False) -> bytes:
    """One FETCH response with its CRLF; sections as literals."""
    if response.cut:
        raise LocalProtocolError("a response of which a part is not known")
    items = _items(response, utf8)
    for name, raw in response.unknown:
        items.append(text_bytes(name) + b" " + raw)
    line = b"* " + number(response.number, minimum=1) + b" FETCH (" + b" ".join(items) + b")\r\n"
    if (response.unknown or response.sections) and not _reads_back(line, response):
        # Names of sections and what nobody knows are written as they stand, so they may be read as something else.
        raise LocalProtocolError("a section or an unknown item that would be read as another")
    return line


def _reads_back(line: bytes, response: FetchData) -> bool:
    framer = Framer(_ROOMY)
    try:
        framer.feed(line)
        frame = framer.next_frame()
        if not isinstance(frame, Frame) or framer.pending:
            return False
        cursor = Cursor(frame, _ROOMY, line.index(b"("))
        return parse_fetch(response.number, cursor) == response and cursor.at_end()
    except (GrammarError, RemoteProtocolError):
        return False


def _items(response: FetchData, utf8: bool) -> list[bytes]:
    items: list[bytes] = []
    if response.uid is not None:
        items.append(b"UID " + number(response.uid, minimum=1))
    if response.flags is not None:
        items.append(b"FLAGS " + flag_list(response.flags))
    if response.internal_date is not None:
        items.append(b"INTERNALDATE " + date_time(response.internal_date))
    if response.size is not None:
        items.append(b"RFC822.SIZE " + number(response.size, bits=63))
    if response.mod_seq is not None:
        items.append(b"MODSEQ (" + number(response.mod_seq, bits=63) + b")")
    if response.email_id is not None:
        items.append(b"EMAILID (" + word(response.email_id, "an object id") + b")")
    if response.thread_id is not None:
        items.append(b"THREADID (" + word(response.thread_id, "an object id") + b")")
    if response.save_date is not None:
        items.append(b"SAVEDATE " + date_time(response.save_date))
    if response.gmail_message_id is not None:
        items.append(b"X-GM-MSGID " + number(response.gmail_message_id, bits=64))
    if response.gmail_labels is not None:
        items.append(b"X-GM-LABELS (" + b" ".join(string(label, utf8=utf8) for label in response.gmail_labels) + b")")
    if response.envelope is not None:
        items.append(b"ENVELOPE " + _envelope(response.envelope, utf8))
    if response.body is not None:
        items.append(b"BODYSTRUCTURE " + _body(response.body, utf8))
    if response.preview is not None:
        items.append(b"PREVIEW " + string(response.preview, utf8=utf8))
    items += (_section(section) for section in response.sections)
    return items


def date_time(moment: datetime) -> bytes:
    """``"17-Jul-1996 02:44:25 -0700"``. Only an aware moment of whole seconds and a zone of whole minutes has a spelling."""
    offset = moment.utcoffset()
    if offset is None or offset % _MINUTE or moment.microsecond or moment.year not in YEARS:
        raise LocalProtocolError("a date that has no spelling in IMAP")
    minutes = abs(offset) // _MINUTE
    sign = "-" if offset < timedelta() else "+"
    return (
        f'"{moment.day:2d}-{MONTHS[moment.month - 1]}-{moment.year:04d} {moment:%H:%M:%S} '
        f'{sign}{minutes // 60:02d}{minutes % 60:02d}"'
    ).encode()


def _section(section: Section) -> bytes:
    origin = b"" if section.origin is None else b"<%d>" % section.origin
    content = b"NIL"
    if section.content is not None:
        # literal8 is for BINARY (RFC 3516); a NUL elsewhere is read all the same.
        eight = b"~" if section.name.startswith("BINARY") else b""
        content = b"%b{%d}\r\n%b" % (eight, len(section.content), section.content)
    return text_bytes(section.name) + origin + b" " + content


def _envelope(envelope: Envelope, utf8: bool) -> bytes:
    lists = (envelope.from_, envelope.sender, envelope.reply_to, envelope.to, envelope.cc, envelope.bcc)
    fields = (
        nstring(envelope.date, utf8=utf8),
        nstring(envelope.subject, utf8=utf8),
        *(_addresses(each, utf8) for each in lists),
        nstring(envelope.in_reply_to, utf8=utf8),
        nstring(envelope.message_id, utf8=utf8),
    )
    return b"(" + b" ".join(fields) + b")"


def _addresses(addresses: tuple[Address, ...], utf8: bool) -> bytes:
    if not addresses:
        return b"NIL"
    return b"(" + b"".join(_address(each, utf8) for each in addresses) + b")"


def _address(address: Address, utf8: bool) -> bytes:
    fields = (address.name, address.route, address.mailbox, address.host)
    return b"(" + b" ".join(nstring(field, utf8=utf8) for field in fields) + b")"


def _body(body: BodyPart | Multipart, utf8: bool) -> bytes:
    if isinstance(body, BodyPart):
        return _part(body, utf8)
    if not body.parts:
        raise LocalProtocolError("a multipart has at least one part")
    written = b"".join(_body(part, utf8) for part in body.parts) + b" " + _text(body.subtype, utf8)
    extension = _extension(body, utf8)
    if extension is not None or body.parameters:
        written += b" " + _parameters(body.parameters, utf8) + (extension or b"")
    return b"(" + written + b")"


def _part(part: BodyPart, utf8: bool) -> bytes:
    fields = [
        _text(part.type, utf8),
        _text(part.subtype, utf8),
        _parameters(part.parameters, utf8),
        nstring(part.content_id, utf8=utf8),
        nstring(part.description, utf8=utf8),
        _text(part.encoding, utf8),
        number(part.size, bits=63),
    ]
    if (part.envelope is None) != (part.body is None):
        raise LocalProtocolError("a message part has an envelope and a body, or neither")
    if part.envelope is not None and part.body is not None:
        fields += (_envelope(part.envelope, utf8), _body(part.body, utf8))
    if part.lines is not None:
        fields.append(number(part.lines, bits=63))
    written = b" ".join(fields)
    extension = _extension(part, utf8)
    if extension is not None or part.md5 is not None:
        written += b" " + nstring(part.md5, utf8=utf8) + (extension or b"")
    return b"(" + written + b")"


def _extension(body: BodyPart | Multipart, utf8: bool) -> bytes | None:
    """Disposition, language and location, each after a space; None where there is none of them."""
    if body.disposition is None and body.disposition_parameters:
        raise LocalProtocolError("parameters of no disposition")
    if body.disposition is None and not body.language and body.location is None:
        return None
    disposition = b"NIL"
    if body.disposition is not None:
        parameters = _parameters(body.disposition_parameters, utf8)
        disposition = b"(" + _text(body.disposition, utf8) + b" " + parameters + b")"
    languages = b"NIL"
    if body.language:
        languages = b"(" + b" ".join(_text(language, utf8) for language in body.language) + b")"
    return b" " + disposition + b" " + languages + b" " + nstring(body.location, utf8=utf8)


def _parameters(parameters: tuple[tuple[str, bytes], ...], utf8: bool) -> bytes:
    if not parameters:
        return b"NIL"
    return b"(" + b" ".join(_text(name, utf8) + b" " + string(value, utf8=utf8) for name, value in parameters) + b")"


def _text(value: str, utf8: bool) -> bytes:
    return string(text_bytes(value), utf8=utf8)
