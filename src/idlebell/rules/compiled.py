"""A subscription's filter between its three forms: JSON as an app gives it, the text that is kept, and the rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from idlebell.rules.evidence import Evidence
from idlebell.rules.filter import FilterError, below, read_filter
from idlebell.rules.rule import NO_NEEDS, Judgement, Needs, Rule
from idlebell.rules.sieve import SieveError, read_sieve

FILTER_BYTES: Final = 32_768
"""Of one filter as it is kept."""
RULES_KEPT: Final = 1_000
"""Read rules that are at hand. Reading one again costs less than a millisecond, a Sieve script of the largest size some."""


@dataclass(frozen=True, slots=True)
class Everything:
    """Lets all mail ring."""

    because: tuple[str, ...] = ()

    @property
    def needs(self) -> Needs:
        return NO_NEEDS

    def decide(self, evidence: Evidence) -> Judgement:
        return Judgement(True, self.because)


NO_FILTER: Final = Everything()
_UNREADABLE: Final = Everything(("its filter could not be read, so nothing is held back",))


def read_rule(value: object) -> Rule:
    """Of JSON that is not null. FilterError."""
    if isinstance(value, dict) and "sieve" in value:
        return _script(value)
    if not isinstance(value, dict):
        detail = 'must be an object: a FilterOperator or a FilterCondition of RFC 8621, or {"sieve": "…"} with a script'
        raise FilterError("", detail)
    return read_filter(value)


def _script(value: Mapping[str, object]) -> Rule:
    for name in value:
        if name != "sieve":
            raise FilterError(below("", name), "cannot stand beside sieve; say it in the script")
    script = value["sieve"]
    if not isinstance(script, str):
        raise FilterError("/sieve", "must be a string: a script of RFC 5228")
    try:
        return read_sieve(script)
    except SieveError as error:
        raise FilterError("/sieve", str(error)) from None


def canonical(value: object) -> str:
    """The text to keep, after it has been read once. FilterError: it is no filter."""
    read_rule(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise FilterError("", "has half of a surrogate pair in a string") from None
    if size > FILTER_BYTES:
        raise FilterError("", f"has more than {FILTER_BYTES} bytes")
    return text


@lru_cache(RULES_KEPT)
def rule_of(text: str | None) -> Rule:
    """Of what :func:`canonical` gave; None: no filter. Never fails: a text of another version that this one cannot read holds
    nothing back, for a bell that rings too much is better than one that is silent."""
    if text is None:
        return NO_FILTER
    try:
        return read_rule(json.loads(text))
    except (FilterError, ValueError, RecursionError):
        return _UNREADABLE
