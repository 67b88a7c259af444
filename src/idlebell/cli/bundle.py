"""A support bundle that a stranger may read: what is in it is let in by its type, everything else is left out.

Let in are numbers, truths, words from closed sets and what the operator has left at its default. Of any other value it says
that there is one, and of lists how many.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

from idlebell.telemetry.facts import Fact
from idlebell.telemetry.log_sink import event_name
from idlebell.telemetry.prometheus_sink import fact_types

if TYPE_CHECKING:
    from idlebell.cli.checkup import Finding
    from idlebell.config import Settings

GIVEN: Final = "(given)"
LINES_KEPT: Final = 500
"""Of a log, the last."""
_LEVELS: Final = frozenset({"debug", "info", "warning", "error", "critical"})
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z")
_WORD: Final = re.compile(r"[a-z][a-z0-9_-]{0,40}")
_MEMBER: Final = re.compile(r' (\w+)=("(?:[^"\\]|\\.)*"|\S*)')
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,9})?")
_NUMBERS: Final = frozenset({"int", "float", "int | None"})


def bundle(
    settings: Settings | None,
    findings: Iterable[Finding],
    versions: Mapping[str, str],
    rows: Mapping[str, int],
    metrics: str,
    log: Iterable[str],
) -> dict[str, Any]:
    """JSON."""
    return {
        "versions": dict(versions),
        "findings": [{"level": one.level.value, "subject": one.subject, **one.figures} for one in findings],
        "configuration": None if settings is None else configuration(settings),
        "rows": dict(rows),
        "metrics": metrics.splitlines(),
        "log": [line for raw in list(log)[-LINES_KEPT:] if (line := log_line(raw)) is not None],
    }


def configuration(section: Any) -> dict[str, Any]:
    """A structure of settings, member by member."""
    hints = get_type_hints(type(section))
    default = type(section)()
    found: dict[str, Any] = {}
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if hasattr(value, "__struct_fields__") and hasattr(type(value), "hidden"):
            found[name] = configuration(value)
        elif value == getattr(default, name):
            found[name] = "(default)"
        elif value is None or isinstance(value, bool | int | float) or _is_closed(hints[name], value):
            found[name] = value
        elif isinstance(value, tuple | list | Mapping):
            found[name] = f"({len(value)} given)"
        else:
            found[name] = GIVEN
    return found


def _is_closed(hint: Any, value: Any) -> bool:
    return get_origin(hint) is Literal and value in get_args(hint)


def log_line(line: str) -> str | None:
    """Of a line of our own log in text: when, how bad, which fact, its numbers and its labels. None: it is no such line."""
    at, _, rest = line.strip().partition(" ")
    level, _, rest = rest.partition(" ")
    event, _, _ = rest.partition(" ")
    fact = _FACTS.get(event)
    if not _TIME.fullmatch(at) or level not in _LEVELS or fact is None:
        return None
    numbers, labels = fact
    kept = [
        f"{name}={value}"
        for name, value in _MEMBER.findall(rest.removeprefix(event))
        if (name in numbers and _NUMBER.fullmatch(value)) or (name in labels and _WORD.fullmatch(value))
    ]
    return " ".join([at, level, event, *kept])


def _members(fact: type[Fact]) -> tuple[frozenset[str], frozenset[str]]:
    from dataclasses import fields

    return frozenset(one.name for one in fields(fact) if one.type in _NUMBERS), frozenset(fact.labels)


_FACTS: Final = {event_name(fact): _members(fact) for fact in fact_types()}
