"""The parts of a message from its beginning, cut anywhere (RFC 2046).

The server could tell them by BODYSTRUCTURE, but that has no bound: a mail of some kilobytes, made of nothing but the ends of
parts, has one that is more than a session may say at once, and so would end it. Here parts, their depth and what is read of
their headers are bounded, and the time is in proportion to what was fetched.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from idlebell.imap.responses import BodyPart, Multipart
from idlebell.rules.header_text import fields

PARTS: Final = 100
"""Of one message. What comes after them is not looked at."""
DEPTH: Final = 20
"""Of parts within parts. Deeper ones are no text that somebody reads."""
PART_HEADER_BYTES: Final = 4_096

_DELIMITER: Final = re.compile(rb"^--([^\r\n]{0,73}?[^\r\n \t])[ \t]*+\r?$", re.MULTILINE)
"""RFC 2046 section 5.1.1: a boundary has 70 characters at most, and the last one two dashes more. It does not end with a space,
so that a run of spaces is passed over once."""
_HEADER_END: Final = re.compile(rb"\n\r?\n")
_PARAMETER: Final = re.compile(rb';\s*+([^\s=;"]{1,60})\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"?|([^;\s]*+))', re.DOTALL)
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_NAME: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}")

Parameters: TypeAlias = tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Message:
    """``contents``: by section (RFC 9051 section 6.4.5), encoded as they came. ``open``: the section that the end of what was
    fetched has ended, if any."""

    body: BodyPart | Multipart
    contents: Mapping[str, bytes]
    open: str | None


@dataclass(slots=True)
class _Level:
    """A multipart whose end has not come yet. ``ordinal``: of the part that we are in, 0 before the first."""

    boundary: bytes
    section: str
    subtype: str
    parameters: Parameters
    parts: list[BodyPart | Multipart]
    ordinal: int = 0

    def closed(self) -> Multipart:
        return Multipart(tuple(self.parts), self.subtype, self.parameters)


class _Reading:
    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.levels: list[_Level] = []
        self.contents: dict[str, bytes] = {}
        self.open: str | None = None
        self.whole: BodyPart | Multipart | None = None
        self._leaf: tuple[str, int, Mapping[str, tuple[bytes, ...]]] | None = None
        self._parts = 0

    def begin(self, section: str, header: bytes, at: int) -> None:
        """A part, whose content begins ``at``."""
        self._parts += 1
        named = fields(header)
        kind, parameters = _value(named.get("content-type", (b"text/plain",))[0])
        type_, _, subtype = kind.partition("/")
        boundary = next((value for name, value in parameters if name == "boundary"), b"")
        if type_ == "multipart" and boundary and len(self.levels) < DEPTH:
            self.levels.append(_Level(boundary, section, subtype, parameters, []))
        else:
            self._leaf = (section, at, named)

    def end_leaf(self, at: int) -> None:
        if self._leaf is None:
            return
        section, start, named = self._leaf
        self._leaf = None
        content = self.raw[start:at]
        self.contents[section or "1"] = content
        self._take(_leaf(named, len(content)))

    def end_levels(self, depth: int) -> None:
        """Down to so many."""
        while len(self.levels) > depth:
            self._take(self.levels.pop().closed())

    def _take(self, part: BodyPart | Multipart) -> None:
        if self.levels:
            self.levels[-1].parts.append(part)
        else:
            self.whole = part

    def read(self) -> None:
        for found in _DELIMITER.finditer(self.raw):
            depth = next((at for at in range(len(self.levels) - 1, -1, -1) if self._ends(at, found[1])), None)
            if depth is None:
                continue
            self.end_leaf(_before_line(self.raw, found.start()))
            level = self.levels[depth]
            last = found[1] != level.boundary
            self.end_levels(depth if last else depth + 1)
            if not self.levels or self._parts >= PARTS:
                break
            if last:
                continue
            level.ordinal += 1
            start = found.end()  # before the end of line, which may be half of the empty one already
            header = _HEADER_END.search(self.raw, start, start + PART_HEADER_BYTES)
            end = header.end() if header is not None else min(start + 1, len(self.raw))
            # Should a delimiter stand in what is taken for the header, the part is empty: it ends before it begins.
            prefix = f"{level.section}." if level.section else ""
            self.begin(f"{prefix}{level.ordinal}", self.raw[start + 1 : end], end)
        else:
            self.open = self._leaf[0] or "1" if self._leaf is not None else None
        self.end_leaf(len(self.raw))
        self.end_levels(0)

    def _ends(self, depth: int, line: bytes) -> bool:
        boundary = self.levels[depth].boundary
        return line == boundary or line == boundary + b"--"


def read_message(header: bytes, text: bytes) -> Message:
    """``header``: at least its Content fields; ``text``: what comes behind it, or its beginning."""
    reading = _Reading(text)
    reading.begin("", header, 0)
    reading.read()
    assert reading.whole is not None  # what was begun has ended
    return Message(reading.whole, reading.contents, reading.open)


def _leaf(named: Mapping[str, tuple[bytes, ...]], size: int) -> BodyPart:
    kind, parameters = _value(named.get("content-type", (b"text/plain",))[0])
    type_, _, subtype = kind.partition("/")
    if not (_NAME.fullmatch(type_) and _NAME.fullmatch(subtype)):
        type_, subtype = "text", "plain"  # RFC 2045 section 5.2
    encoding = named.get("content-transfer-encoding", (b"7bit",))[0].strip().decode("latin-1")
    disposition, more = _value(named["content-disposition"][0]) if "content-disposition" in named else (None, ())
    content_id = named.get("content-id", (None,))[0]
    return BodyPart(
        type_,
        subtype,
        parameters,
        content_id,
        None,
        encoding,
        size,
        disposition=disposition,
        disposition_parameters=more,
    )


def _value(raw: bytes) -> tuple[str, Parameters]:
    """What stands before the first semicolon, in lower case, and the parameters after it."""
    parameters = tuple(
        (found[1].decode("latin-1").lower(), _ESCAPED.sub(rb"\1", found[2]) if found[2] is not None else found[3])
        for found in _PARAMETER.finditer(raw[:PART_HEADER_BYTES])
    )
    return raw.partition(b";")[0].strip().decode("latin-1").lower(), parameters


def _before_line(raw: bytes, at: int) -> int:
    """The end of line before a delimiter belongs to it (RFC 2046 section 5.1.1)."""
    if raw[at - 2 : at] == b"\r\n":
        return at - 2
    return max(at - 1, 0)
