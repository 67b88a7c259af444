"""GETMETADATA and SETMETADATA (RFC 5464) of entries that we answer ourselves. Pure.

A command is ours where one of its entries lies below a root of ours; one that names others beside it is refused whole: what
the mail server would say to its half cannot be told in one answer with ours. Whatever stands behind a literal is not seen
when that is decided, so the mail server gets a command whose first entry is its own, or whose mailbox is a literal.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from idlebell.front.own import Answer, OwnCommand
from idlebell.imap.arguments import Argument, Arguments, parse_arguments
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.events import BadCommandReceived
from idlebell.imap.limits import Limits
from idlebell.imap.responses import Condition, PlainCode
from idlebell.imap.spelling import literal, nstring, string

GET: Final = "GETMETADATA"
SET: Final = "SETMETADATA"
ENTRIES: Final = 32
"""In one command. COI has one subscription for each app, and an account ten."""
ENTRY_CHARACTERS: Final = 200
QUOTED_BYTES: Final = 200
"""Of a value that is told as a quoted string."""
LIMITS: Final = Limits(depth=4, items=256, literals=ENTRIES)
"""Of a command that is ours; its size is bounded before it is read."""
_WORD: Final = re.compile(rb'[()]|"(?:[^"\\]++|\\.)*+"?|[^ ()"]++')
_NUMBER: Final = re.compile(rb"[0-9]{1,10}")
_BAD_NAME: Final = re.compile(r"[^\x20-\x7e]|[*%]|//|/\Z")
"""RFC 5464 section 3.1, and what lies beyond ASCII: no entry of ours does."""


class Refused(Exception):  # noqa: N818 - named as the fact it is
    """What is answered instead of what was asked for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.text)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Get:
    """``entries`` as they were spelled. ``depth`` None: infinity. ``max_size`` None: values of any size are wanted."""

    entries: tuple[str, ...]
    depth: int | None = 0
    max_size: int | None = None


@dataclass(frozen=True, slots=True)
class Set:
    """One entry, since all of a command are set or none (RFC 5464 section 4.3). ``value`` None: NIL, it is to go."""

    entry: str
    value: bytes | None = field(repr=False)


def bad(text: str) -> Refused:
    return Refused(Answer(Condition.BAD, text))


def cannot(text: str, code: PlainCode = PlainCode("CANNOT")) -> Refused:  # noqa: B008 - frozen
    return Refused(Answer(Condition.NO, text, code))


def arguments(command: OwnCommand) -> Arguments:
    """Of any command of ours. Refused: BAD with the place."""
    try:
        found = parse_arguments(command.frame, LIMITS)
    except RemoteProtocolError as error:
        raise bad(f"{error.detail}") from None
    if isinstance(found, BadCommandReceived):
        raise bad(found.reason)
    return found


def is_below(entry: str, root: str) -> bool:
    """Names of entries have no case (RFC 5464 section 3.1)."""
    entry = entry.lower()
    return entry == root or entry.startswith(root + "/")


def name_below(root: str, entry: str) -> str:
    """What ``entry``, which is to be set, is called below ``root``. Refused where it stands elsewhere."""
    if not entry.lower().startswith(root + "/"):
        raise cannot("this entry cannot be set")
    return entry[len(root) + 1 :]


def claims(name: str, opening: bytes, root: str) -> bool:
    """``opening``: as :meth:`idlebell.front.own.Own.claims` gets it. ``root`` in lower case."""
    if name not in (GET, SET) or root.encode() not in opening.lower():
        return False
    words = [word.strip(b'"') for word in _WORD.findall(opening)[1:]]
    bare = [word for word in words if word not in (b"(", b")")]
    entries = bare if name == GET else bare[1::2]  # behind the mailbox, entries and values by turns
    return any(is_below(entry.decode("ascii", "replace"), root) for entry in entries)


def read_get(command: OwnCommand, root: str) -> Get:
    """``[options] mailbox entries``; options also behind the mailbox, where RFC 5464's own examples have them."""
    values = list(arguments(command).values)
    if len(values) > 1 and isinstance(values[1], tuple) and len(values) == 3:
        values[:2] = values[1], values[0]
    options: Argument = values.pop(0) if len(values) == 3 else ()
    if len(values) != 2:
        raise bad("GETMETADATA takes a mailbox and entries, and options before them")
    depth, max_size = _options(options)
    _check_mailbox(values[0])
    names = values[1] if isinstance(values[1], tuple) else (values[1],)
    if not 1 <= len(names) <= ENTRIES:
        raise bad(f"GETMETADATA takes 1 to {ENTRIES} entries")
    entries = tuple(_entry(one, f"entry {place}") for place, one in enumerate(names, 1))
    _check_root(entries, root)
    return Get(entries, depth, max_size)


def read_set(command: OwnCommand, root: str) -> Set:
    values = arguments(command).values
    if len(values) != 2 or not isinstance(values[1], tuple):
        raise bad("SETMETADATA takes a mailbox and a list of entries and values")
    pairs = values[1]
    if not pairs or len(pairs) % 2:
        raise bad("the list has an entry without a value")
    _check_mailbox(values[0])
    entries = tuple(_entry(one, f"entry {place}") for place, one in enumerate(pairs[::2], 1))
    _check_root(entries, root)
    if len(entries) > 1:
        raise cannot("one entry of this gateway at a time")
    value = pairs[1]
    if isinstance(value, tuple):
        raise bad("the value of entry 1 is a list")
    return Set(entries[0], value)


def found(get: Get, entries: Sequence[tuple[str, bytes | None]]) -> Answer:
    """``entries``: what there is of what was asked for, in order. Values over MAXSIZE are left out, and the longest of them is
    told (RFC 5464 section 4.2.1)."""
    most = get.max_size
    longest = max(
        (len(value) for _, value in entries if value is not None and most is not None and len(value) > most), default=0
    )
    told = [(name, value) for name, value in entries if value is None or most is None or len(value) <= most]
    lines: tuple[bytes, ...] = ()
    if told:
        values = b" ".join(string(name.encode()) + b" " + _spelled(value) for name, value in told)
        lines = (b'* METADATA "" (' + values + b")\r\n",)
    code = PlainCode("METADATA", b"LONGENTRIES %d" % longest) if longest else None
    return Answer(Condition.OK, "GETMETADATA completed", code, lines)


def _spelled(value: bytes | None) -> bytes:
    """What is long is a literal: lines stay short for those who read them into a fixed room."""
    return nstring(value) if value is None or len(value) <= QUOTED_BYTES else literal(value)


def within(entry: str, asked: str, depth: int | None) -> bool:
    """Is ``entry`` what was ``asked`` for, or so far below it?"""
    if not is_below(entry, asked.lower()):
        return False
    below = entry[len(asked) :].count("/")
    return depth is None or below <= depth


def _options(given: Argument) -> tuple[int | None, int | None]:
    if not isinstance(given, tuple) or len(given) % 2:
        raise bad("the options are pairs of a name and a value in parentheses")
    depth: int | None = 0
    max_size: int | None = None
    for name, value in zip(given[::2], given[1::2], strict=True):
        match name.upper() if isinstance(name, bytes) else None, value:
            case b"DEPTH", bytes() if value.lower() == b"infinity":
                depth = None
            case b"DEPTH", b"0" | b"1":
                depth = int(value)
            case b"MAXSIZE", bytes() if _NUMBER.fullmatch(value):
                max_size = int(value)
            case b"DEPTH", _:
                raise bad("DEPTH is 0, 1 or infinity")
            case b"MAXSIZE", _:
                raise bad("MAXSIZE is a number of bytes")
            case _:
                raise bad("an option is DEPTH or MAXSIZE")
    return depth, max_size


def _check_mailbox(given: Argument) -> None:
    if isinstance(given, tuple) or given is None:
        raise bad("the mailbox is not a string")
    if given:
        raise cannot('entries of this gateway are the server\'s: the mailbox is ""')


def _entry(given: Argument, what: str) -> str:
    if not isinstance(given, bytes):
        raise bad(f"{what} is not a name")
    name = given.decode("utf-8", "replace")
    if not name.startswith("/") or len(name) > ENTRY_CHARACTERS or _BAD_NAME.search(name):
        raise bad(f"{what} is not the name of an entry")
    return name


def _check_root(entries: Sequence[str], root: str) -> None:
    if not all(is_below(entry, root) for entry in entries):
        raise cannot("entries of this gateway and of the mail server take a command each")
