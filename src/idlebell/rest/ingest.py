"""Where mail servers report deliveries: the routes, for the face that stands beside this one."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post, put
from litestar.handlers import HTTPRouteHandler

from idlebell.model.problem import ProblemError
from idlebell.rest.callers import peer
from idlebell.rest.options import RestOptions, Takes

AnyRequest = Request[Any, Any, Any]
BEFORE_THE_KEY = frozenset({"unauthorized", "needs-tls"})
"""Said to who has shown none: it counts as the address's own request, or as a guess."""


def routes(options: RestOptions) -> list[HTTPRouteHandler]:
    @put("/v1/ingest/dovecot", status_code=204)
    async def report_dovecot(request: AnyRequest) -> Response[None]:
        return await _taken(request, options.take_dovecot)

    @post("/v1/ingest", status_code=204)
    async def report(request: AnyRequest) -> Response[None]:
        return await _taken(request, options.take_signed)

    return [report_dovecot, report]


async def _taken(request: AnyRequest, takes: Takes) -> Response[None]:
    state = request.scope["state"]
    try:
        await takes(request.headers, bytes(state["body"]), peer(request).secure)
    except ProblemError as error:
        state["keyed"] = error.problem.code not in BEFORE_THE_KEY
        raise
    state["keyed"] = True
    return Response(None, status_code=204)
