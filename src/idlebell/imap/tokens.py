"""A cursor over one frame: the lexical grammar of RFC 9051 section 9, read the way real servers write it.

In: a :class:`~idlebell.imap.framing.Frame`. Out: atoms, strings, numbers, flags, sets, and the raw form of what nobody knows.
Two ways to fail: :class:`GrammarError` says "this is not what I expected here" and is caught inside this package (the
response becomes :class:`~idlebell.imap.responses.Unknown`); :class:`RemoteProtocolError` says that a bound was crossed.
Every read moves forward and every pattern is possessive, so the time is linear in the frame; nesting is counted.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from idlebell.imap.errors import WHERE_BYTES, RemoteProtocolError
from idlebell.imap.framing import LITERAL, Frame, join_raw
from idlebell.imap.limits import Limits
from idlebell.imap.sequence_set import STAR, SequenceSet

NUMBER_MAX: Final = 2**32 - 1
"""RFC 9051 ``number`` and ``nz-number``: UIDs, message numbers, UIDVALIDITY."""

NUMBER64_MAX: Final = 2**63 - 1
"""RFC 9051 ``number64``: sizes; RFC 7162 ``mod-sequence-value``."""


class GrammarError(Exception):
    """What stands here is not what the grammar has here. Never leaves this package."""


# ATOM-CHAR of RFC 9051 and what servers put into names all the same: ``]`` in keywords, ``%*\`` and 8-bit in mailboxes.
_ATOM: Final = re.compile(rb"[^\x00-\x20(){\"\x7f]++")
_ATOMS_TO_END: Final = re.compile(rb"[^\x00-\x1f(){\"\x7f]*+\Z")
_NAME: Final = re.compile(rb"[^\x00-\x20(){\"\x7f-\xff\[\]<]++")
_PLAIN_QUOTED: Final = re.compile(rb'"([^"\\]*+)"')
_QUOTED: Final = re.compile(rb'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE: Final = re.compile(rb"\\(.)", re.DOTALL)
_LITERAL: Final = re.compile(rb"~?" + LITERAL.pattern + rb"\Z")
_NIL: Final = re.compile(rb"(?i:NIL)(?![^\x00-\x20(){\"\x7f])")
_NUMBER: Final = re.compile(rb"[0-9]++")
_SPACES: Final = re.compile(rb" *+")
_FLAG_LIST: Final = re.compile(rb"\(([^\x00-\x1f(){\"\x7f]*+)\)")
_SET: Final = re.compile(rb"[0-9*][0-9*:,]*+")
_RANGE: Final = re.compile(rb"([0-9]++|\*)(?::([0-9]++|\*))?")
# One word of a value that nobody knows. A brace that announces nothing is a word; a quote without end is an error.
_WORD: Final = re.compile(rb"[^ ()\"{]++|\{")
_ORIGIN: Final = re.compile(rb"<([0-9]++)>")
_SECTION_TEXT: Final = re.compile(rb"[^\x00-\x20(){\"\x7f-\xff\]]*+")
_PLAIN_FIELD: Final = re.compile(r"[A-Za-z0-9!#$&'+\-.^_`|~]+")
_UNQUOTABLE: Final = re.compile(r"[\x00\r\n]")

Mark: TypeAlias = tuple[int, int, int, int]
"""A place in a frame, to come back to."""


class Cursor:
    """Reads a frame from its beginning, or from ``start`` within its first text."""

    __slots__ = ("_depth", "_index", "_items", "limits", "parts", "pos", "text")

    def __init__(self, frame: Frame, limits: Limits, start: int = 0) -> None:
        self.parts = frame.parts
        self.limits = limits
        self.text = self.parts[0]
        self.pos = start
        self._index = 0
        self._depth = 0
        self._items = 0

    # --- where we are ---

    def peek(self) -> int:
        """The next byte, -1 at the end of a text (the frame's end, for a literal's announcement is never empty)."""
        return self.text[self.pos] if self.pos < len(self.text) else -1

    def at_end(self) -> bool:
        """Nothing but spaces is left. Trailing spaces are tolerated everywhere: several servers end lists with one."""
        return self.pos == len(self.text) or self._after_spaces() == len(self.text)

    def finish(self) -> None:
        if not self.at_end():
            raise GrammarError("something follows")

    def mark(self) -> Mark:
        return self._index, self.pos, self._depth, self._items

    def rewind(self, mark: Mark) -> None:
        self._index, self.pos, self._depth, self._items = mark
        self.text = self.parts[self._index]

    def raw_since(self, mark: Mark) -> bytes:
        """What was read since ``mark``, as it was on the wire."""
        index, pos = mark[0], mark[1]
        if index == self._index:
            return self.text[pos : self.pos]
        return join_raw((self.parts[index][pos:], *self.parts[index + 1 : self._index], self.text[: self.pos]))

    def rest(self) -> bytes:
        """The raw form of all that is left; the cursor does not move."""
        return join_raw((self.text[self.pos :], *self.parts[self._index + 1 :]))

    def to_end(self) -> None:
        """What is left is given up."""
        self._index = len(self.parts) - 1
        self.text = self.parts[self._index]
        self.pos = len(self.text)

    # --- bounds ---

    def count(self, items: int = 1) -> None:
        """Elements of lists are counted over the whole response."""
        self._items += items
        if self._items > self.limits.items:
            raise RemoteProtocolError("too-many-items", "a response with more elements than the bound", self._here())

    def _here(self) -> bytes:
        """What stands around the cursor, for the operator."""
        return self.text[max(0, self.pos - WHERE_BYTES // 2) : self.pos + WHERE_BYTES // 2]

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > self.limits.depth:
            raise RemoteProtocolError("too-deep", "parentheses nested over the bound", self._here())

    def _number_from(self, digits: bytes) -> int:
        if len(digits) > self.limits.number_digits:
            raise RemoteProtocolError("number-too-long", "a number with more digits than the bound", self._here())
        return int(digits)

    # --- punctuation ---

    def skip(self, byte: bytes) -> bool:
        """Step over ``byte`` if it is next."""
        if self.text.startswith(byte, self.pos):
            self.pos += len(byte)
            return True
        return False

    def expect(self, byte: bytes) -> None:
        if not self.skip(byte):
            raise GrammarError(f"{byte!r} expected")

    def space(self) -> None:
        if not self.text.startswith(b" ", self.pos):
            raise GrammarError("space expected")
        self.pos += 1

    def skip_spaces(self) -> None:
        if self.text.startswith(b" ", self.pos):
            self.pos = self._after_spaces()

    def _after_spaces(self) -> int:
        found = _SPACES.match(self.text, self.pos)
        assert found is not None  # it matches the empty text
        return found.end()

    def open(self) -> None:
        self.expect(b"(")
        self._deeper()

    def close(self) -> None:
        self.expect(b")")
        self._depth -= 1

    def more(self) -> bool:
        """Within a list: True where another element comes, False after stepping over the closing parenthesis.

        Spaces before an element and before the end are optional here; elements count.
        """
        text = self.text
        if text.startswith(b" ", self.pos):
            self.pos = self._after_spaces()
        if text.startswith(b")", self.pos):
            self.pos += 1
            self._depth -= 1
            return False
        self.count()
        return True

    # --- words ---

    def atom(self) -> bytes:
        found = _ATOM.match(self.text, self.pos)
        if found is None:
            raise GrammarError("atom expected")
        self.pos = found.end()
        return found[0]

    def name(self) -> str:
        """An item's or code's name: an atom up to a bracket, upper-cased."""
        found = _NAME.match(self.text, self.pos)
        if found is None:
            raise GrammarError("name expected")
        self.pos = found.end()
        return found[0].decode().upper()

    def nil(self) -> bool:
        found = _NIL.match(self.text, self.pos)
        if found is None:
            return False
        self.pos = found.end()
        return True

    def number(self, maximum: int = NUMBER_MAX, *, minimum: int = 0) -> int:
        """An unsigned number within ``minimum`` and ``maximum``; anything else is ungrammatical."""
        found = _NUMBER.match(self.text, self.pos)
        if found is None:
            raise GrammarError("number expected")
        value = self._number_from(found[0])
        if not minimum <= value <= maximum:
            raise GrammarError("number out of range")
        self.pos = found.end()
        return value

    def atoms_to_end(self) -> tuple[bytes, ...]:
        """All that is left of the frame, which must be atoms with spaces between them; possibly none."""
        found = _ATOMS_TO_END.match(self.text, self.pos)
        if found is None or self._index + 1 < len(self.parts):
            raise GrammarError("atoms expected")
        self.pos = found.end()
        atoms = tuple(atom for atom in found[0].split(b" ") if atom)
        self.count(len(atoms))
        return atoms

    # --- strings ---

    def quoted_or_literal(self) -> bytes | None:
        """A quoted string or a literal, literal8 included; None and no move where neither is next."""
        text, pos = self.text, self.pos
        found = _PLAIN_QUOTED.match(text, pos)
        if found is not None:
            self.pos = found.end()
            return found[1]
        next_byte = self.peek()
        if next_byte == 0x22:
            found = _QUOTED.match(text, pos)
            if found is None:
                raise GrammarError("quoted string without end")
            self.pos = found.end()
            # Only \" and \\ are grammatical; servers that forget to escape write \x, which we read as x.
            return _ESCAPE.sub(rb"\1", found[1])
        if next_byte in (0x7B, 0x7E) and self._index + 1 < len(self.parts):
            found = _LITERAL.match(text, pos)
            if found is not None:
                content = self.parts[self._index + 1]
                self._index += 2
                self.text = self.parts[self._index]
                self.pos = 0
                return content
        return None

    def nstring(self) -> bytes | None:
        value = self.quoted_or_literal()
        if value is None and not self.nil():
            raise GrammarError("string or NIL expected")
        return value

    def string(self) -> bytes:
        """A string. NIL counts as the empty one: GMX writes NIL where the grammar wants a string."""
        return self.nstring() or b""

    def astring(self) -> bytes:
        value = self.quoted_or_literal()
        return self.atom() if value is None else value

    # --- lists ---

    def flags(self) -> tuple[str, ...]:
        """``(\\Seen $Junk)``. Keywords are taken with any byte but those that end a word."""
        found = _FLAG_LIST.match(self.text, self.pos)
        if found is None:
            raise GrammarError("list of flags expected")
        self.pos = found.end()
        if not found[1]:
            return ()
        flags = tuple(visible_text(found[1]).split(" "))
        if "" in flags:
            flags = tuple(flag for flag in flags if flag)
        self.count(len(flags))
        return flags

    def strings(self) -> tuple[bytes, ...]:
        """A parenthesised list of astrings, possibly empty."""
        self.open()
        found: list[bytes] = []
        while self.more():
            found.append(self.astring())
        return tuple(found)

    def sequence_set(self) -> SequenceSet:
        found = _SET.match(self.text, self.pos)
        if found is None:
            raise GrammarError("sequence set expected")
        self.pos = found.end()
        return parse_sequence_set(found[0], self.limits)

    # --- FETCH items and values nobody knows ---

    def section(self) -> str:
        """The rest of an item's name: ``[HEADER.FIELDS (A B)]`` from its opening bracket, in one spelling.

        Header names may be atoms, quoted (Courier) or literals; they come out as atoms where they can.
        """
        self.expect(b"[")
        found = _SECTION_TEXT.match(self.text, self.pos)
        assert found is not None  # it matches the empty text
        self.pos = found.end()
        fields = ""
        if self.skip(b" "):
            fields = " (" + " ".join(map(_spell_field, self.strings())) + ")"
        self.expect(b"]")
        return f"[{found[0].decode().upper()}{fields}]"

    def origin(self) -> int | None:
        """``<0>`` after a section."""
        found = _ORIGIN.match(self.text, self.pos)
        if found is None:
            return None
        value = self._number_from(found[1])
        if value > NUMBER64_MAX:
            raise GrammarError("number out of range")
        self.pos = found.end()
        return value

    def skip_value(self) -> bytes:
        """Step over one value of any form and return its raw form: a word, a string, or a list with all that is in it.

        Without recursion: a hostile list costs a counter, not a stack.
        """
        start = self.mark()
        depth = self._depth
        while True:
            next_byte = self.peek()
            if next_byte == 0x28:
                self.open()
                self.count()
            elif next_byte == 0x29 and self._depth > depth:
                self.close()
            elif next_byte == 0x20 and self._depth > depth:
                self.pos += 1
                self.count()
                continue
            else:
                self._skip_word()
            if self._depth == depth and self.peek() in (-1, 0x20, 0x29):
                return self.raw_since(start)

    def _skip_word(self) -> None:
        if self.quoted_or_literal() is not None:
            return
        found = _WORD.match(self.text, self.pos)
        if found is None:
            raise GrammarError("value expected")
        self.pos = found.end()


def parse_sequence_set(raw: bytes, limits: Limits) -> SequenceSet:
    """``1:5,9,12:*`` (RFC 9051 section 9, ``sequence-set``). Too many ranges or digits: RemoteProtocolError."""
    if raw.count(b",") >= limits.set_ranges:
        raise RemoteProtocolError("too-many-ranges", "a sequence set with more ranges than the bound", raw)
    ranges: list[tuple[int, int]] = []
    for piece in raw.split(b","):
        found = _RANGE.fullmatch(piece)
        if found is None:
            raise GrammarError("range expected")
        first = _set_number(found[1], limits)
        ranges.append((first, first if found[2] is None else _set_number(found[2], limits)))
    return SequenceSet(tuple(ranges))


def _set_number(digits: bytes, limits: Limits) -> int:
    if digits == b"*":
        return STAR
    if len(digits) > limits.number_digits:
        raise RemoteProtocolError("number-too-long", "a number with more digits than the bound", digits)
    value = int(digits)
    if not 1 <= value <= NUMBER_MAX:
        raise GrammarError("number out of range")
    return value


def visible_text(raw: bytes) -> str:
    """Text that is shown or compared, never sent back: UTF-8, what is none of it replaced."""
    return raw.decode("utf-8", "replace")


def atom_text(raw: bytes) -> str:
    """A word that is compared without regard to case: ASCII letters upper-cased, the rest left as it is."""
    return visible_text(raw.upper())


def _spell_field(raw: bytes) -> str:
    name = visible_text(raw)
    if _PLAIN_FIELD.fullmatch(name):
        return name
    if _UNQUOTABLE.search(name):
        raise GrammarError("header name expected")
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
