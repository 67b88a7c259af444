"""Decoded JSON to shapes, with every fault found rather than the first one.

In: a shape and what ``json`` made of a body. Out: the shape, or a :class:`~idlebell.model.problem.ProblemError` whose
``errors`` carry a JSON pointer (RFC 6901) each. Pure.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final, TypeVar, cast, get_args, get_origin, get_type_hints

import msgspec

from idlebell.gateway.shape import Shape
from idlebell.gateway.shapes import dec_hook
from idlebell.model.problem import FieldError, Problem, ProblemError

S = TypeVar("S", bound=Shape)

NOT_SUPPORTED: Final = "not supported by this version"
MAX_ERRORS: Final = 50
HINTS: Final = 5
HINTED_CHARACTERS: Final = 40
"""The nearest member is looked for to so many faults, and of a name so long: it takes a tenth of a millisecond each."""


class Faults:
    """Collects what is wrong with a body; bounded, since a body may be nothing but faults."""

    __slots__ = ("_count", "_found")

    def __init__(self) -> None:
        self._found: list[FieldError] = []
        self._count = 0

    def add(self, pointer: str, detail: str) -> None:
        self._count += 1
        if len(self._found) < MAX_ERRORS:
            self._found.append(FieldError(pointer, detail))

    def raise_any(self) -> None:
        if self._found:
            detail = "One member is not valid." if self._count == 1 else f"{self._count} members are not valid."
            raise ProblemError(Problem("invalid-request", detail, errors=tuple(self._found)))

    @property
    def count(self) -> int:
        """All that were found, told or not."""
        return self._count


def read(shape: type[S], body: Any, at: str = "") -> S:
    """``body`` as ``shape``. ProblemError ``invalid-request`` names every fault, with pointers that begin with ``at``."""
    faults = Faults()
    found = read_into(faults, shape, body, at)
    faults.raise_any()
    return cast(S, found)


def read_into(faults: Faults, kind: Any, body: Any, at: str) -> Any:
    """``body`` as ``kind`` (a shape, a union of them or any type that msgspec knows); None where faults were added."""
    if isinstance(body, list) and (item := _item(kind)) is not None:
        return [read_into(faults, item, one, f"{at}/{index}") for index, one in enumerate(body)]
    shape = _shape_for(faults, kind, body, at)
    if shape is None:
        return _plain(faults, kind, body, at)
    if not isinstance(body, dict):
        faults.add(at, "must be an object")
        return None
    return _members(faults, shape, body, at)


def unknown_member(
    faults: Faults, at: str, name: str, known: Iterable[str], detail: str = "is not a known member"
) -> None:
    """``known``: the members that there are at ``at``, of which the nearest is told."""
    near = get_close_matches(name[:HINTED_CHARACTERS], list(known), n=1) if faults.count < HINTS else ()
    faults.add(at + pointer(name[:100]), f"{detail}; did you mean {near[0]}?" if near else detail)


def pointer(*parts: str) -> str:
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


def _shape_for(faults: Faults, kind: Any, body: Any, at: str) -> type[Shape] | None:
    shapes = _shapes(kind)
    if not shapes or (body is None and type(None) in get_args(kind)):
        return None
    if len(shapes) == 1:
        return shapes[0]
    tag = body.get("type") if isinstance(body, dict) else None
    return next((one for one in shapes if one.__struct_config__.tag == tag), None)


def _item(kind: Any) -> Any:
    """Of what a list may hold, where that is shapes."""
    items = [get_args(one)[0] for one in get_args(kind) if get_origin(one) is list]
    return next((one for one in items if _shapes(one)), None)


def _shapes(kind: Any) -> list[type[Shape]]:
    return [one for one in (get_args(kind) or (kind,)) if isinstance(one, type) and issubclass(one, Shape)]


def _plain(faults: Faults, kind: Any, body: Any, at: str) -> Any:
    try:
        return msgspec.convert(body, kind, dec_hook=dec_hook)
    except msgspec.ValidationError as error:
        # Of the message only the part before the path: the path is ours. It names types, never the value, but for tags.
        text = str(error).split(" - at ")[0]
        if isinstance(body, dict) and _shapes(kind):
            text, at = "not a known type" if "type" in body else "is missing", at + "/type"
        elif "Invalid enum value" in text:
            text = "must be one of " + ", ".join(str(one) for one in _choices(kind))
        faults.add(at, text[:1].lower() + text[1:])
        return None


def _choices(kind: Any) -> list[Any]:
    found: list[Any] = []
    for one in get_args(kind):
        found += _choices(one) if get_args(one) else [one] if isinstance(one, str | int) else []
    return found


@functools.cache
def _fields(shape: type[Shape]) -> tuple[tuple[msgspec.structs.FieldInfo, Any], ...]:
    """With their types resolved: once a shape, for it costs a millisecond."""
    kinds = get_type_hints(shape)
    return tuple((field, kinds[field.name]) for field in msgspec.structs.fields(shape))


def _members(faults: Faults, shape: type[Shape], body: dict[str, Any], at: str) -> Shape | None:
    tag_field = shape.__struct_config__.tag_field
    values: dict[str, Any] = {}
    bad = False
    for name in body:
        if name != tag_field and name not in shape.__struct_encode_fields__:
            known = [one for one in shape.__struct_encode_fields__ if one not in body]
            unknown_member(faults, at, name, [*known, *([tag_field] if tag_field else [])])
            bad = True
    for field, kind in _fields(shape):
        name = field.encode_name
        if name in body:
            before = faults.count
            values[field.name] = read_into(faults, kind, body[name], at + pointer(name))
            bad = bad or faults.count > before
        elif field.required:
            faults.add(at + pointer(name), "is missing")
            bad = True
    return None if bad else shape(**values)
