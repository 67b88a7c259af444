"""Bodies into shapes, with their bounds. A mail server sends what a program has made, so the first fault is enough. Pure."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec

from idlebell.gateway.shape import Shape
from idlebell.model.problem import FieldError, Problem, ProblemError

S = TypeVar("S", bound=Shape)

_PLACE: Final = re.compile(r" - at `(?:key in )?\$(.*)`$", re.DOTALL)


def decoded(body: bytes) -> dict[str, Any]:
    """ProblemError ``malformed-json``: it is no JSON object, or nests deeper than any report does."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise ProblemError(Problem("malformed-json", "The body is not JSON.")) from None
    if not isinstance(found, dict):
        raise ProblemError(Problem("malformed-json", "The body must be a JSON object."))
    return found


def shaped(given: dict[str, Any], shape: type[S]) -> S:
    """ProblemError ``invalid-request``. What is said of a fault names types and bounds, never a value."""
    try:
        return msgspec.convert(given, shape)
    except msgspec.ValidationError as error:
        text = str(error)
    place = _PLACE.search(text)
    pointer = "" if place is None else re.sub(r"[.\[]", "/", place[1]).replace("]", "")
    fault = FieldError(pointer[:200], _PLACE.sub("", text)[:200])
    raise ProblemError(Problem("invalid-request", "One member is not valid.", errors=(fault,)))
