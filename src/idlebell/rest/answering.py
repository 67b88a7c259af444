"""Exceptions that reach the web framework, as answers."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.exceptions import MethodNotAllowedException as MethodNotAllowed

from idlebell.model.problem import PROBLEMS, Problem, ProblemError
from idlebell.rest.problems import MEDIA_TYPE, Challenge, encoded, headers
from idlebell.telemetry.facts import Emit, RequestRefused, SupervisorCaught, where_raised

BY_STATUS = {
    400: "malformed-json",
    404: "no-such-path",
    405: "method-not-allowed",
    413: "body-too-large",
    415: "unsupported-media-type",
}
"""What the web framework finds by itself."""


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
