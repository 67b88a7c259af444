"""Arguments of a command or test put where they belong, as its row says (RFC 5228 section 2.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from idlebell.model.shown_text import shown
from idlebell.rules.sieve.errors import SieveError
from idlebell.rules.sieve.limits import SAID_CHARACTERS
from idlebell.rules.sieve.syntax import Argument, CommandNode, Number, Strings, Tag, TestNode


class Takes(StrEnum):
    NUMBER = "a number"
    STRING = "a string"
    STRINGS = "a string or a list of strings"


@dataclass(frozen=True, slots=True)
class Bound:
    """``tags``: those that are given, each with what stands behind it (None: nothing does)."""

    name: str
    line: int
    tags: Mapping[str, Number | Strings | None]
    values: tuple[Number | Strings, ...]

    def strings(self, place: int) -> tuple[str, ...]:
        value = self.values[place]
        assert isinstance(value, Strings)  # bind() has seen to it
        return value.values

    def string(self, place: int) -> str:
        return self.strings(place)[0]

    def number(self, place: int) -> int:
        value = self.values[place]
        assert isinstance(value, Number)
        return value.value

    def tagged(self, tag: str) -> str | None:
        """The string behind ``tag``; None: it is not given."""
        value = self.tags.get(tag)
        return value.values[0] if isinstance(value, Strings) else None

    def one_of(self, *tags: str) -> str | None:
        """The one of these that is given. SieveError: more than one."""
        given = [tag for tag in tags if tag in self.tags]
        if len(given) > 1:
            raise SieveError(self.line, f"{self.name} takes only one of :{' and :'.join(given)}")
        return given[0] if given else None


def bind(
    node: CommandNode | TestNode, tags: Mapping[str, Takes | None], positions: Sequence[Takes], optional: int = 0
) -> Bound:
    """``optional``: so many of the first positions may be left out. SieveError."""
    found: dict[str, Number | Strings | None] = {}
    arguments = list(node.arguments)
    while arguments and isinstance(arguments[0], Tag):
        tag = arguments.pop(0)
        assert isinstance(tag, Tag)
        if tag.name not in tags:
            raise SieveError(tag.line, f"{node.name} has no :{shown(tag.name, SAID_CHARACTERS)} here{_known(tags)}")
        if tag.name in found:
            raise SieveError(tag.line, f"{node.name} has :{tag.name} twice")
        takes = tags[tag.name]
        if takes is None:
            found[tag.name] = None
            continue
        if not arguments:
            raise SieveError(tag.line, f":{tag.name} wants {takes} behind it")
        found[tag.name] = _taken(arguments.pop(0), takes, f":{tag.name}")
    if len(arguments) < len(positions):
        positions = positions[optional:]
    if len(arguments) != len(positions):
        late = next((one for one in arguments if isinstance(one, Tag)), None)
        if late is not None:
            raise SieveError(
                late.line, f":{shown(late.name, SAID_CHARACTERS)} comes too late; tags stand before all else"
            )
        raise SieveError(
            node.line, f"{node.name} wants {_wants(positions)}, and {len(arguments) or 'nothing'} is given"
        )
    values = tuple(_taken(one, takes, node.name) for one, takes in zip(arguments, positions, strict=True))
    return Bound(node.name, node.line, found, values)


def _taken(argument: Argument, takes: Takes, who: str) -> Number | Strings:
    match argument:
        case Number() if takes is Takes.NUMBER:
            return argument
        case Strings() if takes is Takes.STRINGS or (takes is Takes.STRING and not argument.is_list):
            return argument
    raise SieveError(argument.line, f"{who} wants {takes} here, and this is {_is(argument)}")


def _is(argument: Argument) -> str:
    match argument:
        case Tag():
            return f":{shown(argument.name, SAID_CHARACTERS)}"
        case Number():
            return "a number"
        case Strings():
            return "a list" if argument.is_list else "a string"


def _known(tags: Mapping[str, Takes | None]) -> str:
    return f"; it takes {', '.join(':' + tag for tag in tags)}" if tags else ""


def _wants(positions: Sequence[Takes]) -> str:
    return " and ".join(positions) if positions else "no arguments"
