"""What goes wrong between an app and a gateway, and whose fault it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """The gateway says no. ``code`` is what stands behind ``/problems/`` (its manual's page of errors tells each), ``errors``
    the members of a request at fault. ``retry_after_seconds``: when it may be tried again, where it says so."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after_seconds: float | None = None) -> None:
        self.status = status
        self.code = str(problem.get("type", "about:blank")).rpartition("/")[2]
        self.title = str(problem.get("title", ""))
        self.detail = str(problem.get("detail", ""))
        self.errors: tuple[tuple[str, str], ...] = tuple(
            (str(one.get("pointer", "")), str(one.get("detail", "")))
            for one in problem.get("errors") or ()
            if isinstance(one, Mapping)
        )
        self.retry_after_seconds = retry_after_seconds
        told = "; ".join(f"{pointer} {detail}" for pointer, detail in self.errors)
        super().__init__(f"{status} {self.code}: {told or self.detail or self.title}")


class GoneError(ApiError):
    """401, 404 or 410 to a handle: the gateway knows this subscription no more. The app registers anew."""


class GatewayUnreachableError(OSError):
    """No answer that could be understood. Trying again later may help."""


class NotGenuineError(Exception):
    """A push that the gateway did not send to this app, or that somebody has changed or kept back: it is to be dropped. Or a
    sign-in that this app has not begun, or a mail server that has not shown who it is."""
