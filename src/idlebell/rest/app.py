"""The application: all routes, one way of answering, behind the intake."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import litestar
import msgspec
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from idlebell.rest import client_pages, events, ingest, legacy, openapi, pages, service, sign_ins, subscriptions, trails
from idlebell.rest.answering import Answers
from idlebell.rest.intake import Intake
from idlebell.rest.options import RestOptions

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway


def create_app(gateway: Gateway, options: RestOptions) -> ASGIApp:
    """An ASGI application that calls ``gateway``."""
    return Intake(routed(gateway, options), options)


def routed(gateway: Gateway, options: RestOptions) -> ASGIApp:
    """The same without the intake, for what has come through one."""
    description = msgspec.json.format(msgspec.json.encode(openapi.document(options.public_url)))
    handlers = [
        *subscriptions.routes(gateway),
        *trails.routes(gateway),
        *events.routes(gateway),
        *legacy.routes(gateway),
        *sign_ins.routes(gateway),
        *service.routes(gateway, options),
        *ingest.routes(options),
        *pages.routes(description),
        *client_pages.routes(),
    ]
    return Litestar(
        [*_options_routes(handlers), *handlers],  # first, or the framework makes its own
        exception_handlers={Exception: Answers(options.emit)},
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def _options_routes(handlers: list[HTTPRouteHandler]) -> list[HTTPRouteHandler]:
    """OPTIONS with all methods of a path: the framework's own answer names those of one handler only."""
    methods: dict[str, set[str]] = defaultdict(lambda: {"OPTIONS"})
    for handler in handlers:
        for path in handler.paths:
            methods[path] |= handler.http_methods | ({"HEAD"} if "GET" in handler.http_methods else set())
    return [_options_route(path, ", ".join(sorted(allowed))) for path, allowed in methods.items()]


def _options_route(path: str, allow: str) -> HTTPRouteHandler:
    @litestar.route(path, http_method="OPTIONS", status_code=204)
    async def options() -> litestar.Response[None]:
        return litestar.Response(None, status_code=204, headers={"allow": allow})

    return options
