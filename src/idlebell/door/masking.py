"""A request's body without what opens a mailbox: tickets stand in its place. Pure.

What cannot be a password or a token is no ticket either, but something with the same fault, so that whoever reads the body
finds what he would have found. What is secret is known by its member's name, wherever it stands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from idlebell.gateway.credentials import CLIENT_BYTES, PASSWORD_BYTES, check_text
from idlebell.gateway.json_object import decode
from idlebell.gateway.reading import Faults
from idlebell.login.token_endpoint import is_token
from idlebell.model.problem import Problem, ProblemError
from idlebell.rest.decoding import FORM, JSON, MERGE_PATCH, decode_form, essence
from idlebell.rest.limits import MAX_BODY_BYTES
from idlebell.rest.problems import refuse

TICKETS: Final = 8
"""Of one body: an account has one password, or two tokens and a client's secret."""
MASKED_BYTES: Final = MAX_BODY_BYTES + 1_024
"""With tickets in it. Only numbers that are spelled at greater length by us could make it more."""

_TEXTS: Final[Mapping[str, int]] = {"password": PASSWORD_BYTES, "client_secret": CLIENT_BYTES}
_TOKENS: Final = frozenset({"access_token", "refresh_token"})

Keep = Callable[[str], str]


@dataclass(slots=True)
class Masked:
    """``unreadable``: what is wrong with the body, of which nothing is shown then. ``tickets``: each as often as it was
    kept."""

    body: bytes
    tickets: list[str] = field(default_factory=list)
    unreadable: Problem | None = None


def mask(body: bytearray, content_type: str, keep: Keep) -> Masked:
    """``keep`` gives a ticket. ``body`` stays the caller's, to wipe."""
    kind = essence(content_type)
    masked = Masked(b"")
    if not body or kind not in (JSON, MERGE_PATCH, FORM):
        return masked  # no route takes anything else
    try:
        if kind == FORM:
            fields = decode_form(body)
            shown = {name: _masked(name, value, masked, keep) for name, value in fields.items()}
            found = urlencode(shown).encode() if shown != fields else bytes(body)
        else:
            given = decode(body)
            seen = _object(given, masked, keep, within="")
            found = _spelled(seen) if seen != given else bytes(body)
        if len(found) > MASKED_BYTES:
            raise refuse("body-too-large", f"The body has more than {MAX_BODY_BYTES} bytes.")
    except ProblemError as error:
        masked.unreadable = error.problem
    else:
        masked.body = found
    return masked


def _object(given: dict[str, Any], masked: Masked, keep: Keep, *, within: str) -> dict[str, Any]:
    return {name: _value(name, value, masked, keep, within) for name, value in given.items()}


def _value(name: str, value: Any, masked: Masked, keep: Keep, within: str) -> Any:
    if name in _TEXTS or name in _TOKENS:
        return _masked(name, value, masked, keep)
    if name == "auth" and isinstance(value, str) and within != "keys":
        return ""  # not where it belongs; under ``keys`` it is a browser's (RFC 8291)
    if isinstance(value, dict):
        return _object(value, masked, keep, within=name)
    if isinstance(value, list):
        return [_value("", one, masked, keep, within) for one in value]
    return value


def _masked(name: str, value: Any, masked: Masked, keep: Keep) -> Any:
    if name not in _TEXTS and name not in _TOKENS:
        return value
    if not isinstance(value, str):
        return _blank(value)
    fault = _stand_in(name, value)
    if fault is not None:
        return fault
    if len(masked.tickets) >= TICKETS:
        return ""
    masked.tickets.append(keep(value))
    return masked.tickets[-1]


def _stand_in(name: str, value: str) -> str | None:
    """With the same fault; None: there is none."""
    if name in _TOKENS:
        return None if is_token(value) else "\0"
    faults = Faults()
    check_text(faults, "", value, _TEXTS[name])
    if not faults.count:
        return None
    size = len(value.encode("utf-8", "surrogatepass"))
    return "x" * size if size > _TEXTS[name] else "\0" * min(size, 1)


def _blank(value: Any) -> Any:
    """Of the same kind: what is wrong with it is its kind."""
    match value:
        case dict():
            return {}
        case list():
            return []
        case bool() | None:
            return value
        case _:
            return 0


def _spelled(found: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(found)
    except OverflowError:  # a whole number beyond 64 bits
        return json.dumps(found, ensure_ascii=False).encode()
