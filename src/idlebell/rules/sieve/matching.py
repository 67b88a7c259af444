"""Match types (RFC 5228 section 2.7.1, RFC 5231): does one of these values match one of those keys?"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from idlebell.rules.sieve.comparators import Comparator
from idlebell.rules.sieve.glob import Glob, read_glob
from idlebell.rules.sieve.limits import COMPARISON, NEEDLE, READING, STEP, VALUE
from idlebell.rules.sieve.run import Run
from idlebell.rules.sieve.templates import Template

Matcher: TypeAlias = Callable[[Run, Sequence[str]], bool]

RELATIONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        "gt": operator.gt,
        "ge": operator.ge,
        "lt": operator.lt,
        "le": operator.le,
        "eq": operator.eq,
        "ne": operator.ne,
    }
)


def equals(comparator: Comparator, keys: Sequence[Template]) -> Matcher:
    constant = frozenset(comparator.key(key.constant) for key in keys if key.constant is not None)
    others = tuple(key for key in keys if key.constant is None)

    def matches(run: Run, values: Sequence[str]) -> bool:
        more = {comparator.key(key.text(run)) for key in others}
        run.spend(VALUE * len(values) + sum(map(len, values)))
        for value in values:
            found = comparator.key(value)
            if found in constant or found in more:
                return True
        return False

    return matches


def contains(comparator: Comparator, keys: Sequence[Template]) -> Matcher:
    def matches(run: Run, values: Sequence[str]) -> bool:
        needles = constants or tuple(comparator.key(key.text(run)) for key in keys)
        each, a_character = (each_value, each_character) if constants else _search_costs(needles)
        run.spend(each * len(values) + a_character * sum(map(len, values)))
        for value in values:
            text = comparator.key(value)
            for needle in needles:
                if needle in text:
                    return True
        return False

    constants = _constants(comparator.key, keys)
    each_value, each_character = _search_costs(constants or ())
    return matches


def _search_costs(needles: Sequence[str]) -> tuple[int, int]:
    """To look for all of them, beside what each character of the text costs: CPython's search of a short needle is quadratic at
    its worst."""
    return VALUE + COMPARISON * len(needles), 1 + sum(min(len(needle), NEEDLE) // 2 + 2 for needle in needles)


def matches_glob(comparator: Comparator, keys: Sequence[Template], *, captures: bool) -> Matcher:
    """``captures``: the script has variables, and the wildcards set some."""

    def glob(pattern: str) -> Glob:
        return read_glob(comparator.key(pattern))

    def matches(run: Run, values: Sequence[str]) -> bool:
        patterns = constants or tuple(_globs_of(run, keys, glob))
        for value in values:
            text = comparator.key(value)
            run.spend(VALUE + len(text))
            for pattern in patterns:
                spans = pattern.match(text, run.spend)
                if spans is not None:
                    if captures:
                        run.matched = (value, *(value[start:end] for start, end in spans))
                    return True
        return False

    constants = _constants(glob, keys)
    return matches


def compares(comparator: Comparator, relation: str, keys: Sequence[Template]) -> Matcher:
    """RFC 5231 section 4.1."""
    holds = RELATIONS[relation]

    def matches(run: Run, values: Sequence[str]) -> bool:
        wanted = constants or tuple(comparator.key(key.text(run)) for key in keys)
        run.spend((VALUE + COMPARISON * len(wanted)) * len(values) + (1 + len(wanted)) * sum(map(len, values)))
        for value in values:
            found = comparator.key(value)
            for key in wanted:
                if holds(found, key):
                    return True
        return False

    constants = _constants(comparator.key, keys)
    return matches


def counts(comparator: Comparator, relation: str, keys: Sequence[Template]) -> Matcher:
    """RFC 5231 section 4.2."""
    compared = compares(comparator, relation, keys)

    def matches(run: Run, values: Sequence[str]) -> bool:
        return compared(run, (str(len(values)),))

    return matches


def _constants(make: Callable[[str], Any], keys: Sequence[Template]) -> tuple[Any, ...]:
    """Empty: some are known at a run only."""
    known = [key.constant for key in keys]
    return () if None in known else tuple(make(one) for one in known if one is not None)


def _globs_of(run: Run, keys: Sequence[Template], make: Callable[[str], Glob]) -> Iterable[Glob]:
    for key in keys:
        text = key.text(run)
        run.spend(10 * STEP + READING * len(text))
        yield make(text)
