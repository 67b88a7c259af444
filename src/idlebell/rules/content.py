"""The text of a message, as payload ``content`` tells it: of a small one all, of a large one nothing but its size.

The text is written by whoever sent the mail: it is fetched, decoded, freed of markup and made fit to be shown within bounds,
and none of it can fail.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from idlebell.imap.responses import BodyPart, FetchData
from idlebell.model.message import MessageSummary, Textless
from idlebell.model.preferences import Preferences
from idlebell.rules.body_text import decoded_part
from idlebell.rules.html_text import text_of_html
from idlebell.rules.mime import read_message
from idlebell.rules.structure import is_encrypted, is_invitation, text_part
from idlebell.rules.tidy import tidy_lines

CONTENT_LIMIT_BYTES_DEFAULT: Final = 32_768
"""Most of what people write to each other is smaller; most of what is mailed in bulk is not."""
CONTENT_LIMIT_BYTES: Final = range(1_024, 1_048_576 + 1)
"""What an app may ask for. Beyond, it is a mail to be fetched, not a notification."""
BEGINNING_BYTES: Final = 49_152
"""Of a message without its header, as it is fetched: with its encoding and markup more than any endpoint takes of the text."""
CONTENT_FIELDS: Final = "BODY[HEADER.FIELDS (CONTENT-TYPE"
"""Beginning of the name of the section that :data:`CONTENT_ITEMS` asks for."""
CONTENT_ITEMS: Final = (
    "BODY.PEEK[HEADER.FIELDS (CONTENT-TYPE CONTENT-TRANSFER-ENCODING CONTENT-DISPOSITION)]<0.4096>",
    f"BODY.PEEK[TEXT]<0.{BEGINNING_BYTES}>",
)
TEXT_CHARACTERS: Final = 16_384
"""Of the text that is told. A webhook takes 20,000 bytes, a Web Push 3,993."""


def content_limit_bytes(preferences: Preferences) -> int:
    given = preferences.content_limit_bytes
    return CONTENT_LIMIT_BYTES_DEFAULT if given is None else given


def is_told_whole(message: FetchData, limit_bytes: int) -> bool:
    """Is its beginning to be fetched for :func:`with_text`?"""
    return message.size is not None and message.size <= limit_bytes


def with_text(summary: MessageSummary, message: FetchData, limit_bytes: int) -> MessageSummary:
    """``summary`` of ``message`` with its text, where it has at most ``limit_bytes`` (RFC822.SIZE)."""
    raw = _section(message, "BODY[TEXT]")
    if raw is None or not is_told_whole(message, limit_bytes):
        return replace(summary, truncated=True)  # too large, or gone before it could be fetched
    read = read_message(_section(message, CONTENT_FIELDS) or b"", raw)
    fetched_all = len(raw) < BEGINNING_BYTES
    found = None if is_encrypted(read.body) else text_part(read.body)
    if found is None:
        if is_encrypted(read.body):
            return replace(summary, textless=Textless.ENCRYPTED)
        return replace(summary, textless=Textless.CALENDAR if is_invitation(read.body) else Textless.OTHER)
    part_is_cut = read.open == found.section and not fetched_all
    text, cut = readable(found.part, read.contents[found.section], cut=part_is_cut)
    if not text:
        return replace(summary, textless=Textless.OTHER, truncated=cut)
    return replace(summary, text=text, truncated=cut)


def readable(part: BodyPart, raw: bytes, *, cut: bool) -> tuple[str, bool]:
    """``raw``: the content of ``part``, or its beginning where it is ``cut``. At most :data:`TEXT_CHARACTERS`; and is that
    less than all?"""
    text = decoded_part(part, raw, cut=cut)
    if part.subtype.lower() == "html":
        text, more = text_of_html(text)
        cut = cut or more
    elif _parameter(part, "format") == b"flowed":
        text = _unflowed(text, deleting=_parameter(part, "delsp") == b"yes")
    tidy, more = tidy_lines(text, TEXT_CHARACTERS)
    return tidy, cut or more


def _section(message: FetchData, beginning: str) -> bytes | None:
    """What was asked for last: it is ours."""
    for one in reversed(message.sections):
        if one.name.upper().startswith(beginning):
            return one.content
    return None


def _parameter(part: BodyPart, name: str) -> bytes:
    return next((value.lower() for own, value in part.parameters if own.lower() == name), b"")


def _unflowed(text: str, *, deleting: bool) -> str:
    """RFC 3676 section 4: a line that ends with a space goes on in the next, if that is quoted as deep."""
    lines: list[list[str]] = []
    flows, depth = False, 0
    for line in text.splitlines():
        bare = line.lstrip(">")
        own_depth = len(line) - len(bare)
        bare = bare.removeprefix(" ")
        if flows and own_depth == depth:
            lines[-1].append(bare)
        else:
            lines.append([">" * own_depth + " " if own_depth else "", bare])
        flows = bare.endswith(" ") and bare != "-- "
        depth = own_depth
        if flows and deleting:
            lines[-1][-1] = bare[:-1]
    return "\n".join("".join(pieces) for pieces in lines)
