"""The bytes of one JSON object as plain values, bounded. A message here holds nothing of it, for it could be a password that
slipped into the wrong place. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from idlebell.model.problem import FieldError, Problem, ProblemError

MAX_JSON_DEPTH: Final = 16
"""The deepest body of the interface, a filter with its operators, has twelve."""

# Possessive, and without need of an end: whatever the bytes are, no place is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def decode(data: bytes | bytearray, what: str = "body") -> dict[str, Any]:
    """``what``: it is called so. ProblemError ``malformed-json``."""
    if depth(data) > MAX_JSON_DEPTH:
        raise _malformed(f"The {what} is nested deeper than {MAX_JSON_DEPTH} levels.")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        where = re.search(r"\(byte ([0-9]+)\)$", str(error))
        place = f" It breaks at byte {where[1]}." if where else ""
        raise _malformed(f"The {what} is not JSON in UTF-8.{place}") from None
    if not isinstance(found, dict):
        raise _malformed(f"The {what} must be a JSON object.", FieldError("", "must be an object"))
    if _members(found) != _STRING.sub(b'""', data).count(b":"):
        # Whoever stands between us and the app may go by the other one (RFC 8259 section 4).
        raise _malformed(f"The {what} names a member twice in one object.")
    return found


def _members(value: Any) -> int:
    if isinstance(value, dict):
        return len(value) + sum(map(_members, value.values()))
    return sum(map(_members, value)) if isinstance(value, list) else 0


def depth(data: bytes | bytearray) -> int:
    """How deep brackets nest, strings left out; of what is not JSON, some number."""
    level = deepest = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b'""', data)):
        level += 1 if bracket[0] in b"[{" else -1
        deepest = max(deepest, level)
    return deepest


def _malformed(detail: str, *errors: FieldError) -> ProblemError:
    return ProblemError(Problem("malformed-json", detail, errors))
