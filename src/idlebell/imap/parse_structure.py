"""ENVELOPE and BODY or BODYSTRUCTURE of a FETCH response (RFC 9051 section 7.5.2)."""

from __future__ import annotations

import re
from typing import Final

from idlebell.imap.responses import Address, BodyPart, Envelope, Multipart
from idlebell.imap.tokens import NUMBER64_MAX, Cursor, visible_text

# An address as nearly all are: four strings without an escape. One match instead of four calls.
_PLAIN_ADDRESS: Final = re.compile(
    rb"\((NIL|\"[^\"\\]*+\") (NIL|\"[^\"\\]*+\") (NIL|\"[^\"\\]*+\") (NIL|\"[^\"\\]*+\")\)"
)


def parse_envelope(cursor: Cursor) -> Envelope:
    cursor.open()
    date = cursor.nstring()
    cursor.space()
    subject = cursor.nstring()
    from_ = _addresses(cursor)
    sender = _addresses(cursor)
    reply_to = _addresses(cursor)
    to = _addresses(cursor)
    cc = _addresses(cursor)
    bcc = _addresses(cursor)
    cursor.space()
    in_reply_to = cursor.nstring()
    cursor.space()
    message_id = cursor.nstring()
    cursor.skip_spaces()
    cursor.close()
    return Envelope(date, subject, from_, sender, reply_to, to, cc, bcc, in_reply_to, message_id)


def _addresses(cursor: Cursor) -> tuple[Address, ...]:
    """A space, then NIL or a list. Tolerated: ``()`` and spaces between addresses."""
    cursor.space()
    if cursor.nil():
        return ()
    cursor.open()
    found: list[Address] = []
    while cursor.more():
        found.append(_address(cursor))
    return tuple(found)


def _address(cursor: Cursor) -> Address:
    plain = _PLAIN_ADDRESS.match(cursor.text, cursor.pos)
    if plain is not None:
        cursor.pos = plain.end()
        name, route, mailbox, host = plain.groups()
        return Address(_unquoted(name), _unquoted(route), _unquoted(mailbox), _unquoted(host))
    cursor.open()
    name = cursor.nstring()
    cursor.space()
    route = cursor.nstring()
    cursor.space()
    mailbox = cursor.nstring()
    cursor.space()
    host = cursor.nstring()
    cursor.skip_spaces()
    cursor.close()
    return Address(name, route, mailbox, host)


def _unquoted(raw: bytes) -> bytes | None:
    return raw[1:-1] if raw[0] == 0x22 else None


def parse_body(cursor: Cursor) -> BodyPart | Multipart:
    """One part with all that is in it. Recursion is bounded by the depth that :class:`Cursor` counts."""
    cursor.open()
    return _multipart(cursor) if cursor.peek() == 0x28 else _part(cursor)


def _multipart(cursor: Cursor) -> Multipart:
    parts: list[BodyPart | Multipart] = []
    while cursor.peek() == 0x28:
        cursor.count()
        parts.append(parse_body(cursor))
        cursor.skip_spaces()
    subtype = visible_text(cursor.string())
    parameters = _parameters(cursor) if cursor.more() else None
    if parameters is None:
        return Multipart(tuple(parts), subtype)
    disposition, disposition_parameters, language, location = _extension(cursor)
    return Multipart(tuple(parts), subtype, parameters, disposition, disposition_parameters, language, location)


def _part(cursor: Cursor) -> BodyPart:
    type_ = visible_text(cursor.string())
    cursor.space()
    subtype = visible_text(cursor.string())
    cursor.space()
    parameters = _parameters(cursor)
    cursor.space()
    content_id = cursor.nstring()
    cursor.space()
    description = cursor.nstring()
    cursor.space()
    encoding = visible_text(cursor.string())
    cursor.space()
    # GMX writes NIL for the size too.
    size = 0 if cursor.nil() else cursor.number(NUMBER64_MAX)
    lines: int | None = None
    envelope: Envelope | None = None
    body: BodyPart | Multipart | None = None
    more = cursor.more()
    # What comes next says which form this is: a parenthesis begins an envelope (message/rfc822), a digit is the count of
    # lines, a string the MD5. So a message without its envelope and a text without its lines can be read as well.
    if more and cursor.peek() == 0x28:
        envelope = parse_envelope(cursor)
        cursor.space()
        body = parse_body(cursor)
        more = cursor.more()
    if more and 0x30 <= cursor.peek() <= 0x39:
        lines = cursor.number(NUMBER64_MAX)
        more = cursor.more()
    part = (type_, subtype, parameters, content_id, description, encoding, size, lines, envelope, body)
    if not more:
        return BodyPart(*part)
    md5 = cursor.nstring()
    return BodyPart(*part, md5, *_extension(cursor))


def _parameters(cursor: Cursor) -> tuple[tuple[str, bytes], ...]:
    if cursor.nil():
        return ()
    cursor.open()
    found: list[tuple[str, bytes]] = []
    while cursor.more():
        name = visible_text(cursor.string())
        cursor.space()
        found.append((name, cursor.string()))
    return tuple(found)


def _extension(
    cursor: Cursor,
) -> tuple[str | None, tuple[tuple[str, bytes], ...], tuple[str, ...], bytes | None]:
    """Disposition, its parameters, language and location, each of them optional from some point on, up to the end of the
    part; what future extensions add is skipped."""
    disposition: str | None = None
    parameters: tuple[tuple[str, bytes], ...] = ()
    language: tuple[str, ...] = ()
    location: bytes | None = None
    if cursor.more():
        disposition, parameters = _disposition(cursor)
        if cursor.more():
            language = _language(cursor)
            if cursor.more():
                location = cursor.nstring()
                while cursor.more():
                    cursor.skip_value()
    return disposition, parameters, language, location


def _disposition(cursor: Cursor) -> tuple[str | None, tuple[tuple[str, bytes], ...]]:
    """``("attachment" ("filename" "a.pdf"))`` or NIL. Tolerated: the bare string."""
    if cursor.peek() != 0x28:
        plain = cursor.nstring()
        return (None if plain is None else visible_text(plain)), ()
    cursor.open()
    disposition = visible_text(cursor.string())
    parameters: tuple[tuple[str, bytes], ...] = ()
    if cursor.more():
        parameters = _parameters(cursor)
        cursor.skip_spaces()
        cursor.close()
    return disposition, parameters


def _language(cursor: Cursor) -> tuple[str, ...]:
    if cursor.peek() == 0x28:
        return tuple(visible_text(language) for language in cursor.strings())
    plain = cursor.nstring()
    return () if plain is None else (visible_text(plain),)
