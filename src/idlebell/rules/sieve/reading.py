"""What is known of a script while it is read: what it requires, what it will look at, and the parts that all tests share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from idlebell.model.shown_text import shown
from idlebell.rules.rule import NO_NEEDS, Needs
from idlebell.rules.sieve.binding import Bound, Takes
from idlebell.rules.sieve.comparators import COMPARATORS, DEFAULT, Comparator
from idlebell.rules.sieve.errors import SieveError
from idlebell.rules.sieve.glob import wildcards
from idlebell.rules.sieve.limits import (
    ALL_WILDCARDS,
    HEADER_NAME_CHARACTERS,
    HEADER_NAMES,
    SAID_CHARACTERS,
    VARIABLE_CHARACTERS,
    WILDCARDS,
)
from idlebell.rules.sieve.matching import RELATIONS, Matcher, compares, contains, counts, equals, matches_glob
from idlebell.rules.sieve.templates import Template, read_template

MATCHING: Final[Mapping[str, Takes | None]] = {
    "is": None,
    "contains": None,
    "matches": None,
    "value": Takes.STRING,
    "count": Takes.STRING,
    "comparator": Takes.STRING,
}
INDEXED: Final[Mapping[str, Takes | None]] = {"index": Takes.NUMBER, "last": None}
"""RFC 5260 section 6."""
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$&'+.^_`|~-]+")
"""Less than RFC 5322 section 2.2 allows: what can stand in FETCH without quotes."""
_NEEDS_REQUIRE: Final = {"value": "relational", "count": "relational", "index": "index", "last": "index"}


class Reading:
    __slots__ = ("_wildcards", "extensions", "header_names", "needs", "notifies")

    def __init__(self) -> None:
        self.extensions: set[str] = set()
        self.header_names: set[str] = set()
        self.needs: Needs = NO_NEEDS
        self.notifies = False
        self._wildcards = 0

    def wants(self, what: str, extension: str, line: int) -> None:
        if extension not in self.extensions:
            raise SieveError(line, f'{what} belongs to "{extension}"; begin the script with require "{extension}";')

    # --- strings ---

    def template(self, text: str, line: int) -> Template:
        if len(text) > VARIABLE_CHARACTERS and "${" in text and "variables" in self.extensions:
            raise SieveError(line, f"a string with variables has no more than {VARIABLE_CHARACTERS} characters")
        return read_template(
            text,
            line,
            variables="variables" in self.extensions,
            encoded="encoded-character" in self.extensions,
        )

    def templates(self, texts: Sequence[str], line: int) -> tuple[Template, ...]:
        return tuple(self.template(text, line) for text in texts)

    def constant(self, text: str, line: int, what: str) -> str:
        constant = self.template(text, line).constant
        if constant is None:
            raise SieveError(line, f"{what} has a variable in it; here it must be known before the script runs")
        return constant

    def headers(self, texts: Sequence[str], line: int) -> tuple[str, ...]:
        """Names of header fields, in lower case, which are fetched from now on."""
        names = []
        for text in texts:
            name = self.constant(text, line, "the name of a header field").lower()
            if len(name) > HEADER_NAME_CHARACTERS or _HEADER_NAME.fullmatch(name) is None:
                raise SieveError(
                    line, f'"{shown(text, SAID_CHARACTERS)}" is no name of a header field (without its colon)'
                )
            names.append(name)
            self.header_names.add(name)
        if len(self.header_names) > HEADER_NAMES:
            raise SieveError(line, f"the script looks at more than {HEADER_NAMES} header fields")
        return tuple(names)

    # --- what tests share ---

    def index(self, bound: Bound) -> slice:
        """Which of several header fields of one name."""
        self._required(bound)
        value = bound.tags.get("index")
        if value is None:
            if "last" in bound.tags:
                raise SieveError(bound.line, ":last stands beside :index and a number")
            return slice(None)
        number = getattr(value, "value", 0)
        if number < 1:
            raise SieveError(bound.line, ":index counts from 1")
        return slice(-number, -number + 1 or None) if "last" in bound.tags else slice(number - 1, number)

    def matcher(self, bound: Bound, keys: Sequence[str], *, captures: bool = True) -> Matcher:
        """Of the match type and comparator that are given; ``captures``: its wildcards set variables."""
        self._required(bound)
        comparator = self._comparator(bound)
        how = bound.one_of("is", "contains", "matches", "value", "count") or "is"
        templates = self.templates(keys, bound.line)
        if how in ("value", "count"):
            relation = bound.tagged(how)
            if relation is None or (relation := relation.lower()) not in RELATIONS:
                raise SieveError(bound.line, f":{how} wants one of {', '.join(RELATIONS)} in quotes behind it")
            make = compares if how == "value" else counts
            return make(comparator, relation, templates)
        if how == "is":
            return equals(comparator, templates)
        if not comparator.searches:
            raise SieveError(bound.line, f":{how} cannot be had of {comparator.name}; leave :comparator out")
        if how == "contains":
            return contains(comparator, templates)
        for key in templates:
            if (count := wildcards(key.constant or "")) > WILDCARDS:
                raise SieveError(bound.line, f"a pattern has more than {WILDCARDS} wildcards")
            self._wildcards += count
        if self._wildcards > ALL_WILDCARDS:
            raise SieveError(bound.line, f"the patterns of the script have more than {ALL_WILDCARDS} wildcards in all")
        return matches_glob(comparator, templates, captures=captures and "variables" in self.extensions)

    def _comparator(self, bound: Bound) -> Comparator:
        name = bound.tagged("comparator")
        if name is None:
            return DEFAULT
        if name not in COMPARATORS:
            said = shown(name, SAID_CHARACTERS)
            raise SieveError(bound.line, f'comparator "{said}" is not known; there are {", ".join(COMPARATORS)}')
        if name == "i;ascii-numeric":
            self.wants(name, f"comparator-{name}", bound.line)
        return COMPARATORS[name]

    def _required(self, bound: Bound) -> None:
        for tag, extension in _NEEDS_REQUIRE.items():
            if tag in bound.tags:
                self.wants(f":{tag}", extension, bound.line)
