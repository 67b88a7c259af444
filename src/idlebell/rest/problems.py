"""Problems as answers (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.exceptions import MethodNotAllowedException as MethodNotAllowed

from idlebell.model.problem import PROBLEMS, FieldError, Problem, ProblemError
from idlebell.rest.limits import MAX_ERRORS
from idlebell.telemetry.facts import Emit, RequestRefused, SupervisorCaught, where_raised

MEDIA_TYPE = "application/problem+json"
Challenge = Literal["Bearer", "Basic"]

BY_STATUS = {
    400: "malformed-json",
    404: "no-such-path",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
}
"""What the web framework finds by itself."""


class FieldErrorBody(msgspec.Struct, frozen=True):
    """One thing wrong with a body. ``pointer``: a JSON pointer (RFC 6901)."""

    pointer: str
    detail: str


class ProblemBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457. ``mend`` says what to do next, ``suggestion`` a value to try."""

    type: str
    title: str
    status: int
    detail: str
    mend: str = ""
    errors: tuple[FieldErrorBody, ...] = ()
    suggestion: str | None = None


def body(problem: Problem) -> ProblemBody:
    entry = problem.entry
    return ProblemBody(
        type=problem.type,
        title=entry.title,
        status=entry.http_status,
        detail=problem.detail,
        mend=entry.mend,
        errors=tuple(FieldErrorBody(error.pointer, error.detail) for error in problem.errors[:MAX_ERRORS]),
        suggestion=problem.suggestion,
    )


def headers(problem: Problem, challenge: Challenge = "Bearer") -> dict[str, str]:
    """RFC 9110 wants WWW-Authenticate with every 401 (section 15.5.2)."""
    found = {"content-type": MEDIA_TYPE}
    if problem.entry.http_status == 401:
        found["www-authenticate"] = f'{challenge} realm="idlebell"' + (
            ', charset="UTF-8"' if challenge == "Basic" else ""
        )
    if problem.retry_after_seconds is not None:
        found["retry-after"] = str(max(1, problem.retry_after_seconds))
    return found


def encoded(problem: Problem) -> bytes:
    return msgspec.json.encode(body(problem))


def refuse(code: str, detail: str, errors: Sequence[tuple[str, str]] = ()) -> ProblemError:
    """The exception for a problem that this face finds by itself. ``errors``: pairs of pointer and detail."""
    return ProblemError(Problem(code, detail, tuple(FieldError(*error) for error in errors)))


def from_http(error: HTTPException) -> Problem:
    code = BY_STATUS.get(error.status_code, "internal" if error.status_code >= 500 else "invalid-request")
    # The framework's own words are left out: they may quote the request.
    return Problem(code, PROBLEMS[code].title + ".")


class Answers:
    """Turns exceptions that reach the framework into answers, and tells the sinks."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def __call__(self, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        extra: dict[str, str] = {}
        match error:
            case ProblemError():
                problem = error.problem
            case HTTPException():
                problem = from_http(error)
                if isinstance(error, MethodNotAllowed):
                    extra = {"allow": _allow(error)}
            case _:
                self._emit(SupervisorCaught("rest", where_raised(error)))
                problem = Problem("internal", "Something went wrong that nobody expected.")
        self._emit(RequestRefused(problem.code))
        challenge: Challenge = "Basic" if request.url.path in ("/register", "/unregister") else "Bearer"
        return Response(
            encoded(problem),
            status_code=problem.entry.http_status,
            media_type=MEDIA_TYPE,
            headers=headers(problem, challenge) | extra,
        )


def _allow(error: MethodNotAllowed) -> str:
    methods = {method.strip() for method in (error.headers or {}).get("allow", "").split(",")} - {""}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
