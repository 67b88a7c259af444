"""``/v1/subscriptions``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, Response, delete, get, patch, post, put
from litestar.handlers import HTTPRouteHandler

from idlebell.gateway.login_shapes import LoginAnswerRequest, LoginChallenge
from idlebell.gateway.shapes import (
    CredentialsRequest,
    FilterTestRequest,
    HushRequest,
    Registration,
    SubscriptionRequest,
    VerifyRequest,
)
from idlebell.rest.answers import answer
from idlebell.rest.bodies import json_object, shaped
from idlebell.rest.callers import caller
from idlebell.rest.decoding import JSON, MERGE_PATCH
from idlebell.rest.limits import PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX
from idlebell.rest.problems import refuse

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway

AnyRequest = Request[Any, Any, Any]
PATH = "/v1/subscriptions"


def registered(registration: Registration, **more: str) -> Response[bytes]:
    """The view with the token in it, where there is a new one."""
    view = msgspec.to_builtins(registration.view) | more
    if registration.token is not None:
        view = {"id": view.pop("id"), "token": registration.token, **view}
    return answer(view, registration.status, {"location": f"{PATH}/{registration.view.id}"})


def routes(gateway: Gateway) -> list[HTTPRouteHandler]:
    @post(PATH)
    async def subscribe(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        found = await gateway.subscribe(await shaped(request, SubscriptionRequest), who)
        return answer(found, 202) if isinstance(found, LoginChallenge) else registered(found)

    @get(PATH)
    async def page(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        return answer(await gateway.page(who, request.query_params.get("cursor"), page_limit(request)))

    @get(f"{PATH}/{{subscription:str}}")
    async def show(request: AnyRequest) -> Response[bytes]:
        return answer(await gateway.show(named(request), await caller(gateway, request)))

    @patch(f"{PATH}/{{subscription:str}}")
    async def change(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        wanted = await json_object(request, (MERGE_PATCH, JSON))
        return answer(await gateway.change(named(request), wanted, who))

    @delete(f"{PATH}/{{subscription:str}}", status_code=204)
    async def end(request: AnyRequest) -> None:
        await gateway.end(named(request), await caller(gateway, request))

    @put(f"{PATH}/{{subscription:str}}/credentials")
    async def resupply(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        found = await gateway.resupply(named(request), await shaped(request, CredentialsRequest), who)
        return answer(found, 202) if isinstance(found, LoginChallenge) else answer(found.view, found.status)

    @post("/v1/logins", status_code=200)
    async def answer_login(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        found, server_final = await gateway.answer_login(await shaped(request, LoginAnswerRequest), who)
        return registered(found, server_final=server_final)

    @post(f"{PATH}/{{subscription:str}}/test", status_code=200)
    async def test(request: AnyRequest) -> Response[bytes]:
        return answer(await gateway.test(named(request), await caller(gateway, request)))

    @post(f"{PATH}/{{subscription:str}}/filters/test", status_code=200)
    async def test_filter(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        return answer(await gateway.test_filter(named(request), await shaped(request, FilterTestRequest), who))

    @post(f"{PATH}/{{subscription:str}}/hush", status_code=200)
    async def hush(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        return answer(await gateway.hush(named(request), await shaped(request, HushRequest), who))

    @post(f"{PATH}/{{subscription:str}}/verify", status_code=200)
    async def verify(request: AnyRequest) -> Response[bytes]:
        who = await caller(gateway, request)
        return answer(await gateway.verify(named(request), await shaped(request, VerifyRequest), who))

    @post(f"{PATH}/{{subscription:str}}/links", status_code=201)
    async def make_link(request: AnyRequest) -> Response[bytes]:
        return answer(await gateway.make_link(named(request), await caller(gateway, request)), 201)

    return [subscribe, page, show, change, end, resupply, answer_login, test, test_filter, hush, verify, make_link]


def named(request: AnyRequest) -> str:
    found: str = request.path_params["subscription"]
    return found


def page_limit(request: AnyRequest) -> int:
    text = request.query_params.get("limit", str(PAGE_LIMIT_DEFAULT))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= PAGE_LIMIT_MAX and len(text) <= 4):
        detail = f"limit must be 1 to {PAGE_LIMIT_MAX}."
        raise refuse("invalid-request", detail)
    return int(text)
