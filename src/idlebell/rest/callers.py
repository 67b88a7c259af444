"""From a request's head to a caller."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from litestar import Request

from idlebell.gateway.callers import Caller, Scope
from idlebell.rest.peer import Peer
from idlebell.rest.problems import refuse

if TYPE_CHECKING:
    from idlebell.gateway.verbs import Gateway


def peer(request: Request[Any, Any, Any]) -> Peer:
    found: Peer = request.scope["state"]["peer"]
    return found


async def caller(gateway: Gateway, request: Request[Any, Any, Any], scope: Scope = "subscriptions") -> Caller:
    """Of ``Authorization: Bearer``, or without a token. ProblemError ``unauthorized`` for anything else."""
    scheme, value = _authorization(request)
    if scheme not in ("", "bearer"):
        raise refuse("unauthorized", "The Authorization header must say Bearer and a token.")
    return await _known(gateway, request, value if scheme else None, scope)


async def basic_caller(gateway: Gateway, request: Request[Any, Any, Any]) -> Caller:
    """For the form of 2013: HTTP Basic (RFC 7617) whose password, or whose user name where that is empty, is the token.
    Bearer is taken too."""
    scheme, value = _authorization(request)
    if scheme == "basic":
        try:
            name, colon, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise refuse("unauthorized", "The Authorization header is not valid.") from None
        if not colon or not (password or name):
            raise refuse("unauthorized", "The Authorization header is not valid.")
        return await _known(gateway, request, password or name)
    return await caller(gateway, request)


async def _known(
    gateway: Gateway, request: Request[Any, Any, Any], bearer: str | None, scope: Scope = "subscriptions"
) -> Caller:
    who, counted = peer(request), request.scope["state"]["counted"]
    found = await gateway.authenticate(bearer, who.address, who.secure, scope=scope, counted=counted)
    request.scope["state"]["keyed"] = found.api_key is not None
    return found


def _authorization(request: Request[Any, Any, Any]) -> tuple[str, str]:
    scheme, _, value = request.headers.get("authorization", "").strip().partition(" ")
    if scheme and not value.strip():
        raise refuse("unauthorized", "The Authorization header is not valid.")
    return scheme.lower(), value.strip()
