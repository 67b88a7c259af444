"""For the operator: is it alive, is it ready, what does it count; the key that Web Push needs,
and the server of an address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from idlebell.gateway.shapes import DiscoverRequest
from idlebell.model.problem import ProblemError
from idlebell.rest.answers import answer
from idlebell.rest.bodies import shaped
from idlebell.rest.callers import caller, peer
from idlebell.rest.options import RestOptions
from idlebell.rest.problems import refuse
from idlebell.telemetry.prometheus_sink import CONTENT_TYPE

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway

AnyRequest = Request[Any, Any, Any]


def routes(gateway: Gateway, options: RestOptions) -> list[HTTPRouteHandler]:
    @get("/healthz")
    async def healthz() -> Response[bytes]:
        return answer({"status": "alive"})

    @get("/readyz")
    async def readyz() -> Response[bytes]:
        problem = await options.ready()
        if problem is not None:
            raise ProblemError(problem)
        return answer({"status": "ready"})

    @get("/metrics")
    async def metrics(request: AnyRequest) -> Response[bytes]:
        if not peer(request).local:
            key = (await caller(gateway, request, "metrics")).api_key
            if key is None:
                raise refuse("unauthorized", "From other than this machine an API key is needed.")
        return Response(options.metrics(), media_type=CONTENT_TYPE)

    @get("/v1/vapid")
    async def vapid() -> Response[bytes]:
        return answer({"public_key": await gateway.vapid_public_key()})

    @post("/v1/discover", status_code=200)
    async def discover(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        return answer(await gateway.look_up(await shaped(request, DiscoverRequest), who))

    @get("/v1/stats")
    async def stats(request: AnyRequest) -> Response[bytes]:
        return answer(await gateway.stats(await caller(gateway, request)))

    return [healthz, readyz, metrics, vapid, discover, stats]
