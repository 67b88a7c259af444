"""Sign-ins at a provider: which there are, and how one begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler

from idlebell.gateway.shapes import SignInRequest
from idlebell.rest.answers import answer
from idlebell.rest.bodies import shaped
from idlebell.rest.callers import caller

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway

AnyRequest = Request[Any, Any, Any]
PATH = "/v1/sign-ins"


def routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    @get(PATH)
    async def offered() -> Response[bytes]:
        return answer(gateway.offered_sign_ins())

    @post(PATH)
    async def begin(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        return answer(await gateway.begin_sign_in(await shaped(request, SignInRequest), who), 201)

    return [offered, begin]
