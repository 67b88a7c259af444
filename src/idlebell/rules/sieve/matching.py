"""Match types (RFC 5228 section 2.7.1, RFC 5231): does one of these values match one of those keys?"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from idlebell.rules.sieve.comparators import Comparator
from idlebell.rules.sieve.glob import Glob, read_glob
from idlebell.rules.sieve.limits import NEEDLE, STEP
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
        for value in values:
            run.spend(STEP + len(value) // 8)
            found = comparator.key(value)
            if found in constant or any(comparator.key(key.text(run)) == found for key in others):
                return True
        return False

    return matches


def contains(comparator: Comparator, keys: Sequence[Template]) -> Matcher:
    def matches(run: Run, values: Sequence[str]) -> bool:
        wanted = needles if needles is not None else [comparator.key(key.text(run)) for key in keys]
        for value in values:
            text = comparator.key(value)
            length = len(text)
            run.spend(STEP + length // 8)
            for needle in wanted:
                if needle in text:
                    run.spend(STEP)
                    return True
                run.spend(STEP + (length * (min(len(needle), NEEDLE) // 2 + 1) if len(needle) <= length else 0))
        return False

    needles = _constants(comparator.key, keys)
    return matches


def matches_glob(comparator: Comparator, keys: Sequence[Template], *, captures: bool) -> Matcher:
    """``captures``: the script has variables, and the wildcards set some."""

    def glob(pattern: str) -> Glob:
        return read_glob(comparator.key(pattern))

    def matches(run: Run, values: Sequence[str]) -> bool:
        wanted = globs if globs is not None else tuple(_globs_of(run, keys, glob))
        for value in values:
            text = comparator.key(value)
            run.spend(STEP + len(text) // 8)
            for pattern in wanted:
                spans = pattern.match(text, run.spend)
                if spans is not None:
                    if captures:
                        run.matched = (value, *(value[start:end] for start, end in spans))
                    return True
        return False

    globs = _constants(glob, keys)
    return matches


def compares(comparator: Comparator, relation: str, keys: Sequence[Template]) -> Matcher:
    """RFC 5231 section 4.1."""
    holds = RELATIONS[relation]

    def matches(run: Run, values: Sequence[str]) -> bool:
        for value in values:
            found = comparator.key(value)
            run.spend(STEP + len(value) // 4)
            for key in keys:
                run.spend(STEP + len(value) // 4)
                if holds(found, comparator.key(key.text(run))):
                    return True
        return False

    return matches


def counts(comparator: Comparator, relation: str, keys: Sequence[Template]) -> Matcher:
    """RFC 5231 section 4.2."""
    compared = compares(comparator, relation, keys)

    def matches(run: Run, values: Sequence[str]) -> bool:
        return compared(run, (str(len(values)),))

    return matches


def _constants(make: Callable[[str], Any], keys: Sequence[Template]) -> tuple[Any, ...] | None:
    """None: some are known at a run only."""
    known = [key.constant for key in keys]
    return None if None in known else tuple(make(one) for one in known if one is not None)


def _globs_of(run: Run, keys: Sequence[Template], make: Callable[[str], Glob]) -> Iterable[Glob]:
    for key in keys:
        text = key.text(run)
        run.spend(100 * len(text))
        yield make(text)
