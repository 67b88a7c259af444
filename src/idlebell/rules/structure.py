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


def text_part(body: BodyPart | Multipart | None) -> TextPart | None:
    """What a reader would show first: plain text, else HTML."""
    html: TextPart | None = None
    for leaf in leaves(body):
        if _is_attachment(leaf):
            continue
        subtype = leaf.part.subtype.lower()
        if leaf.part.type.lower() != "text" or subtype not in ("plain", "html"):
            continue
        if subtype == "plain":
            return TextPart(leaf.section, leaf.part)
        html = html or TextPart(leaf.section, leaf.part)
    return html


def has_attachment(body: BodyPart | Multipart | None) -> bool:
    """Is there something that a reader would offer to save? Pictures that belong to the text, and what is to be shown within
    it, are not."""
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
