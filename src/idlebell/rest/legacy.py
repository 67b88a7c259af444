"""``/register`` and ``/unregister``: the form of 2013, on the same verbs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from idlebell.gateway.legacy_shapes import RegisterRequest, UnregisterRequest
from idlebell.rest.bodies import form
from idlebell.rest.callers import basic_caller
from idlebell.rest.subscriptions import registered

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway

AnyRequest = Request[Any, Any, Any]


def routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    @post("/register")
    async def register(request: AnyRequest) -> Response[bytes]:
        who = await basic_caller(gateway, request)
        return registered(await gateway.register(await form(request, RegisterRequest), who))

    @post("/unregister", status_code=204)
    async def unregister(request: AnyRequest) -> None:
        who = await basic_caller(gateway, request)
        await gateway.unregister(await form(request, UnregisterRequest), who)

    return [register, unregister]
