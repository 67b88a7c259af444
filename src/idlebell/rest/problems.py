"""Problems as answers (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from idlebell.model.problem import FieldError, Problem, ProblemError
from idlebell.rest.limits import MAX_ERRORS

MEDIA_TYPE = "application/problem+json"
Challenge = Literal["Bearer", "Basic"]


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
