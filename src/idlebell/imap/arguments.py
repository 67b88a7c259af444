"""The arguments of a command that has no type here: words, strings, NIL and lists of them, in the places where they stand.

For extensions that are answered beside the core (METADATA entries of RFC 5464, commands of a draft). In: a frame. Out:
:class:`Arguments`, or :class:`~idlebell.imap.events.BadCommandReceived` with the place. Only a crossed bound raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from idlebell.imap.events import BadCommandReceived
from idlebell.imap.framing import Frame
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.parse_command import TAG
from idlebell.imap.tokens import Cursor, GrammarError

Argument: TypeAlias = "bytes | tuple[Argument, ...] | None"
"""None: NIL, which a quoted "NIL" is not. A word and a string that say the same are the same."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """``name`` in upper case. ``values`` may hold what nobody else is to read: they are in no ``repr``."""

    tag: str
    name: str
    values: tuple[Argument, ...] = field(repr=False)


def parse_arguments(frame: Frame, limits: Limits = DEFAULT_LIMITS) -> Arguments | BadCommandReceived:
    tag = TAG.match(frame.parts[0])
    if tag is None:
        return BadCommandReceived("*", "a line begins with a tag and a space")
    cursor = Cursor(frame, limits, tag.end() + 1)
    spelled = tag[0].decode()
    values: list[Argument] = []
    try:
        name = cursor.name()
        while not cursor.at_end():
            cursor.space()
            values.append(_argument(cursor))
    except GrammarError as error:
        return BadCommandReceived(spelled, f"argument {len(values) + 1}: {error}")
    return Arguments(spelled, name, tuple(values))


def _argument(cursor: Cursor) -> Argument:
    if cursor.peek() != 0x28:
        return _plain(cursor)
    cursor.open()  # it counts the depth
    found: list[Argument] = []
    while cursor.more():
        found.append(_argument(cursor))
    return tuple(found)


def _plain(cursor: Cursor) -> bytes | None:
    return None if cursor.nil() else cursor.astring()
