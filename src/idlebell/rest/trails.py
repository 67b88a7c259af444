"""``/v1/subscriptions/{id}/deliveries``, ``/why`` and ``/ledger``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from idlebell.rest.answers import answer
from idlebell.rest.callers import caller
from idlebell.rest.subscriptions import PATH, named, page_limit

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway

AnyRequest = Request[Any, Any, Any]


def routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    @get(f"{PATH}/{{subscription:str}}/deliveries")
    async def deliveries(request: AnyRequest) -> Response[bytes]:
        return answer(await gateway.deliveries(named(request), await caller(gateway, request)))

    @get(f"{PATH}/{{subscription:str}}/why")
    async def why(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        asked = {name: request.query_params.get(name) for name in ("message_id", "mailbox", "uid")}
        return answer(await gateway.why(named(request), who, **asked))

    @get(f"{PATH}/{{subscription:str}}/ledger")
    async def ledger(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        return answer(
            await gateway.ledger(named(request), who, request.query_params.get("cursor"), page_limit(request))
        )

    return [deliveries, why, ledger]
