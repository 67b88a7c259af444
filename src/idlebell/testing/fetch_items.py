"""What FETCH gives of a message (RFC 9051 section 6.4.5), computed from its bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from email import message_from_bytes
from email.message import Message as Parsed
from email.utils import getaddresses

from idlebell.imap.responses import Address, BodyPart, Envelope, FetchData, Multipart, Section
from idlebell.testing.mailbox import Message

_SECTION = re.compile(r"BODY(?:\.PEEK)?\[(?P<section>.*)\](?:<(?P<origin>\d+)\.(?P<count>\d+)>)?", re.DOTALL)
_FIELDS = re.compile(r"HEADER\.FIELDS(?P<without>\.NOT)? \((?P<names>[^)]*)\)", re.IGNORECASE)
_PREVIEW_CHARACTERS = 200

_CHEAP = frozenset({"UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "EMAILID", "THREADID", "X-GM-MSGID"})
SIMPLE = _CHEAP | {"ENVELOPE", "BODYSTRUCTURE", "PREVIEW"}

NEEDS = {
    "MODSEQ": frozenset({"CONDSTORE", "QRESYNC"}),
    "EMAILID": frozenset({"OBJECTID"}),
    "THREADID": frozenset({"OBJECTID"}),
    "X-GM-MSGID": frozenset({"X-GM-EXT-1"}),
}
"""Items that need one of these capabilities."""


class UnknownItemError(Exception):
    """An item that this server does not know: the command gets BAD."""


def describe(number: int, message: Message, items: Iterable[str]) -> FetchData:
    """The FETCH response for ``items``, spelled as :class:`~idlebell.imap.commands.UidFetch` has them."""
    wanted = [item.removesuffix(" (LAZY)") for item in items]
    parsed: Parsed | None = None
    if any(item not in _CHEAP for item in wanted):
        parsed = message_from_bytes(message.content)
    sections: list[Section] = []
    for item in wanted:
        if item in SIMPLE:
            continue
        match = _SECTION.fullmatch(item)
        if match is None or parsed is None:
            raise UnknownItemError(item)
        content = _section(message.content, parsed, match["section"])
        origin = None
        if content is not None and match["origin"] is not None:
            origin = int(match["origin"])
            content = content[origin : origin + int(match["count"])]
        sections.append(Section(f"BODY[{match['section']}]", origin, content))
    return FetchData(
        number,
        uid=message.uid,  # RFC 9051 section 6.4.9: in the answer to every UID FETCH, asked for or not
        flags=tuple(sorted(message.flags)) if "FLAGS" in wanted else None,
        internal_date=message.internal_date if "INTERNALDATE" in wanted else None,
        size=len(message.content) if "RFC822.SIZE" in wanted else None,
        envelope=_envelope(parsed) if parsed is not None and "ENVELOPE" in wanted else None,
        body=_structure(parsed) if parsed is not None and "BODYSTRUCTURE" in wanted else None,
        sections=tuple(sections),
        preview=_preview(parsed) if parsed is not None and "PREVIEW" in wanted else None,
        mod_seq=message.mod_seq if "MODSEQ" in wanted else None,
        email_id=message.email_id if "EMAILID" in wanted else None,
        thread_id=message.thread_id if "THREADID" in wanted else None,
        gmail_message_id=message.gmail_id if "X-GM-MSGID" in wanted else None,
    )


def header_of(message: Message, name: str) -> bytes:
    """One header's value, unfolded; empty where it is missing."""
    return _raw(message_from_bytes(message.content), name) or b""


def _section(content: bytes, parsed: Parsed, section: str) -> bytes | None:
    """None: there is no such part (NIL on the wire)."""
    header, body = _split(content)
    match section.upper():
        case "":
            return content
        case "HEADER":
            return header
        case "TEXT":
            return body
    fields = _FIELDS.fullmatch(section)
    if fields is not None:
        names = {name.strip('"').lower() for name in fields["names"].split()}
        return _select(header, names, without=fields["without"] is not None)
    path, _, rest = section.partition(".")
    if not path.isdecimal():
        raise UnknownItemError(section)
    part = parsed
    while path.isdecimal():
        children = part.get_payload()
        index = int(path) - 1
        if isinstance(children, list):
            if not 0 <= index < len(children):
                return None
            child = children[index]
            assert isinstance(child, Parsed)
            part = child
        elif index:
            return None
        path, _, rest = rest.partition(".")
    inside = _split(part.as_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    match path.upper():
        case "":
            return inside[1]
        case "MIME" | "HEADER":
            return inside[0]
        case "TEXT":
            return inside[1]
    raise UnknownItemError(section)


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Header with its empty line, and the rest."""
    end = content.find(b"\r\n\r\n")
    return (content, b"") if end < 0 else (content[: end + 4], content[end + 4 :])


def _select(header: bytes, names: set[str], *, without: bool) -> bytes:
    kept: list[bytes] = []
    keeping = False
    for line in header.splitlines(keepends=True):
        if line == b"\r\n":
            break
        if not line[:1].isspace():
            keeping = (line.partition(b":")[0].strip().lower().decode("latin-1") in names) is not without
        if keeping:
            kept.append(line)
    return b"".join([*kept, b"\r\n"])


def _raw(parsed: Parsed, name: str) -> bytes | None:
    for key, value in parsed.raw_items():
        if key.lower() == name:
            return re.sub(r"\r?\n\s*", " ", str(value)).strip().encode("ascii", "surrogateescape")
    return None


def _addresses(parsed: Parsed, name: str) -> tuple[Address, ...]:
    value = _raw(parsed, name)
    if value is None:
        return ()
    found = []
    for display, address in getaddresses([value.decode("ascii", "surrogateescape")]):
        local, _, host = address.rpartition("@")
        found.append(Address(_bytes(display) or None, None, _bytes(local), _bytes(host)))
    return tuple(found)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _envelope(parsed: Parsed) -> Envelope:
    sender = _addresses(parsed, "from")
    return Envelope(
        date=_raw(parsed, "date"),
        subject=_raw(parsed, "subject"),
        from_=sender,
        # RFC 9051 section 7.5.2: where Sender or Reply-To is missing the server fills in From.
        sender=_addresses(parsed, "sender") or sender,
        reply_to=_addresses(parsed, "reply-to") or sender,
        to=_addresses(parsed, "to"),
        cc=_addresses(parsed, "cc"),
        bcc=_addresses(parsed, "bcc"),
        in_reply_to=_raw(parsed, "in-reply-to"),
        message_id=_raw(parsed, "message-id"),
    )


def _structure(parsed: Parsed) -> BodyPart | Multipart:
    payload = parsed.get_payload()
    disposition = parsed.get_content_disposition()
    if isinstance(payload, list) and parsed.get_content_maintype() == "multipart":
        children = tuple(_structure(child) for child in payload if isinstance(child, Parsed))
        return Multipart(children, parsed.get_content_subtype().upper(), _parameters(parsed), disposition)
    content = str(payload).encode("ascii", "surrogateescape")
    kind = parsed.get_content_maintype().upper()
    filename = parsed.get_filename()
    return BodyPart(
        kind,
        parsed.get_content_subtype().upper(),
        _parameters(parsed),
        _raw(parsed, "content-id"),
        _raw(parsed, "content-description"),
        str(parsed.get("Content-Transfer-Encoding", "7BIT")).upper(),
        len(content),
        lines=content.count(b"\n") if kind == "TEXT" else None,
        disposition=disposition,
        disposition_parameters=(("FILENAME", _bytes(filename)),) if disposition and filename else (),
    )


def _parameters(parsed: Parsed) -> tuple[tuple[str, bytes], ...]:
    found = parsed.get_params(failobj=[])[1:]
    return tuple((name.upper(), _bytes(str(value))) for name, value in found)


def _preview(parsed: Parsed) -> bytes:
    """RFC 8970: the first words of the first text."""
    for part in parsed.walk():
        if part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            if isinstance(payload, bytes):
                charset = part.get_content_charset("utf-8")
                return " ".join(payload.decode(charset, "replace").split())[:_PREVIEW_CHARACTERS].encode()
    return b""
