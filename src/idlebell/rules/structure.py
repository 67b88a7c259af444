"""Which parts of a message are its text and which are attachments (RFC 8621 section 4.1.4, ``parseStructure``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from idlebell.imap.responses import BodyPart, Multipart

PARTS: Final = 500
"""Of one message. More are not looked at."""
DEPTH: Final = 32
"""Of parts within parts, as deep as the parser goes."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """``section``: its number, as FETCH takes it (RFC 9051 section 6.4.5)."""

    section: str
    part: BodyPart


@dataclass(frozen=True, slots=True)
class Leaf:
    section: str
    part: BodyPart
    within: str
    """Subtype of the multipart that it is in; empty: none."""
    first: bool
    """Of that multipart."""


EMPTY_BYTES: Final = 4
"""A plain text of two ends of line or less stands in for a text that is only in HTML."""


def text_part(body: BodyPart | Multipart | None) -> TextPart | None:
    """What a reader would show first, as plain text where it has that form too. A plain text that stands beside an HTML one
    instead of for it, as what mailing lists put below, is not that."""
    empty: Leaf | None = None
    html: Leaf | None = None
    for leaf in leaves(body):
        if leaf.part.type.lower() != "text" or _is_attachment(leaf):
            continue
        subtype = leaf.part.subtype.lower()
        if subtype == "html":
            html = html or leaf
        elif subtype == "plain" and leaf.part.size <= EMPTY_BYTES:
            empty = empty or leaf
        elif subtype == "plain" and (html is None or _are_alternatives(html, leaf)):
            return TextPart(leaf.section, leaf.part)
    found = html or empty
    return None if found is None else TextPart(found.section, found.part)


def is_encrypted(body: BodyPart | Multipart | None) -> bool:
    """By OpenPGP (RFC 3156) or S/MIME (RFC 8551): what it says is in no part of it that we could read."""
    if isinstance(body, Multipart):
        return body.subtype.lower() == "encrypted" or any(map(_is_envelope, leaves(body)))
    return body is not None and any(map(_is_envelope, leaves(body)))


def is_invitation(body: BodyPart | Multipart | None) -> bool:
    """Is there a calendar's object (RFC 5545) in it?"""
    return any((one.part.type.lower(), one.part.subtype.lower()) == ("text", "calendar") for one in leaves(body))


def has_attachment(body: BodyPart | Multipart | None) -> bool:
    """Is there something that a reader would offer to save? Pictures that belong to the text, and what is to be shown within
    it, are not."""
    if isinstance(body, BodyPart) and body.disposition is None and body.type.lower() == "text":
        return body.subtype.lower() not in ("plain", "html")  # as below, for the mail that there is most of
    return any(_is_attachment(leaf) for leaf in leaves(body))


def leaves(body: BodyPart | Multipart | None) -> Iterator[Leaf]:
    """Those of the message itself, in order; a message that is attached is one of them, whatever is in it."""
    if body is None:
        return
    if isinstance(body, BodyPart):
        yield Leaf("1", body, "", first=True)
        return
    waiting: list[tuple[str, str, BodyPart | Multipart, bool]] = _children("", body)
    seen = 0
    while waiting and seen < PARTS:
        section, within, part, first = waiting.pop()
        seen += 1
        if isinstance(part, BodyPart):
            yield Leaf(section, part, within, first)
        elif section.count(".") < DEPTH:
            waiting += _children(section + ".", part)


def _children(prefix: str, parent: Multipart) -> list[tuple[str, str, BodyPart | Multipart, bool]]:
    numbered = enumerate(parent.parts[:PARTS], 1)
    found = [(f"{prefix}{number}", parent.subtype.lower(), part, number == 1) for number, part in numbered]
    found.reverse()  # the last is taken first
    return found


def _are_alternatives(one: Leaf, other: Leaf) -> bool:
    alike = one.section.rpartition(".")[0] == other.section.rpartition(".")[0]
    return alike and one.within == other.within == "alternative"


def _is_envelope(leaf: Leaf) -> bool:
    """Also of what is signed and not encrypted (RFC 8551 section 3.5.2): its text is in the envelope all the same."""
    return leaf.part.type.lower() == "application" and leaf.part.subtype.lower() in ("pkcs7-mime", "x-pkcs7-mime")


def _is_attachment(leaf: Leaf) -> bool:
    part = leaf.part
    disposition = (part.disposition or "").lower()
    if disposition == "attachment":
        return True
    type_, subtype = part.type.lower(), part.subtype.lower()
    named = any(name.lower() in ("name", "name*", "filename", "filename*") for name, _ in _parameters(part))
    if type_ == "text" and subtype in ("plain", "html"):
        return named and not leaf.first and disposition != "inline"
    if disposition == "inline" or leaf.within == "related":
        return False
    if (
        leaf.within == "alternative"
        or (type_, subtype) in _SIGNATURES
        or (leaf.within == "report" and type_ == "message")
    ):
        return False  # another form of the text, or of use to a program alone
    return type_ not in ("image", "audio", "video") or named or part.content_id is None


_SIGNATURES: Final = frozenset(
    {
        ("application", "pgp-signature"),
        ("application", "pkcs7-signature"),
        ("application", "x-pkcs7-signature"),
        ("application", "pgp-encrypted"),
    }
)
"""RFC 8621 section 4.1.4 lets parts that are processed automatically be left out."""


def _parameters(part: BodyPart) -> tuple[tuple[str, bytes], ...]:
    return (*part.parameters, *part.disposition_parameters)
