"""The bytes of a body as plain values, bounded. A message here holds nothing of a body, for it could be a password that slipped
into the wrong place. Pure."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from idlebell.rest.limits import MAX_FORM_FIELDS, MAX_JSON_DEPTH
from idlebell.rest.problems import refuse

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
FORM = "application/x-www-form-urlencoded"

# Possessive, and without need of an end: whatever the bytes are, no place is looked at twice.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")


def essence(content_type: str) -> str:
    """Of a Content-Type header, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def decode(data: bytes | bytearray) -> dict[str, Any]:
    if depth(data) > MAX_JSON_DEPTH:
        raise refuse("malformed-json", f"The body is nested deeper than {MAX_JSON_DEPTH} levels.")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        where = re.search(r"\(byte ([0-9]+)\)$", str(error))
        place = f" It breaks at byte {where[1]}." if where else ""
        raise refuse("malformed-json", f"The body is not JSON in UTF-8.{place}") from None
    if not isinstance(found, dict):
        raise refuse("malformed-json", "The body must be a JSON object.", [("", "must be an object")])
    if _members(found) != _STRING.sub(b'""', data).count(b":"):
        # Whoever stands between us and the app may go by the other one (RFC 8259 section 4).
        raise refuse("malformed-json", "The body names a member twice in one object.")
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


def decode_form(data: bytes | bytearray) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            data.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=MAX_FORM_FIELDS,
        )
    except ValueError:
        raise refuse("invalid-request", "The body is not a form in UTF-8.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise refuse("invalid-request", "The body names a field twice.")
    return fields
