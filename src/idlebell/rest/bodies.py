"""Bodies into plain values, bounded. What they mean is the gateway's to judge; a message here holds nothing of a body, for
it could be a password that slipped into the wrong place."""

from __future__ import annotations

from typing import Any, TypeVar

from litestar import Request

from idlebell.gateway.json_object import decode
from idlebell.gateway.reading import read
from idlebell.gateway.shape import Shape
from idlebell.model.problem import ProblemError
from idlebell.rest.decoding import FORM, JSON, decode_form, essence
from idlebell.rest.problems import refuse

S = TypeVar("S", bound=Shape)


def media_type(request: Request[Any, Any, Any]) -> str:
    return essence(request.headers.get("content-type", ""))


async def json_object(request: Request[Any, Any, Any], accepted: tuple[str, ...] = (JSON,)) -> dict[str, Any]:
    """The request's body, a JSON object; a ProblemError says what else it is."""
    if media_type(request) not in accepted:
        raise refuse("unsupported-media-type", f"The body must be {' or '.join(accepted)}.")
    return decode(_body(request))


async def shaped(request: Request[Any, Any, Any], shape: type[S]) -> S:
    return read(shape, await json_object(request))


async def form(request: Request[Any, Any, Any], shape: type[S]) -> S:
    """A form, or a JSON object with the same members."""
    if media_type(request) == JSON:
        return await shaped(request, shape)
    if media_type(request) != FORM:
        raise refuse("unsupported-media-type", f"The body must be {FORM} or {JSON}.")
    return read(shape, decode_form(_body(request)))


def _body(request: Request[Any, Any, Any]) -> bytearray:
    """ProblemError: whoever took the request found that it cannot be read, and let nothing of it through."""
    state = request.scope["state"]
    if (problem := state.get("unreadable")) is not None:
        raise ProblemError(problem)
    found: bytearray = state["body"]
    return found
