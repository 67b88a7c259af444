"""Which key of ours a Web Push endpoint was made with."""

from __future__ import annotations

from dataclasses import replace

from idlebell.model.endpoint import Endpoint, Endpoints, WebPushEndpoint, same_endpoint
from idlebell.model.problem import FieldError, Problem, ProblemError
from idlebell.push.attempt import Entropy
from idlebell.push.vapid import VapidKey
from idlebell.store.keys import Keys


async def current(keys: Keys, entropy: Entropy) -> str:
    """The public half of the key that apps subscribe with now; one is made where there is none."""
    der = await keys.vapid_key() or await keys.put_vapid_key(VapidKey.generate(entropy).der())
    return VapidKey.load(der).public_key


async def keyed(endpoints: Endpoints, known: Endpoints | None, keys: Keys, entropy: Entropy) -> Endpoints:
    """Each Web Push with its key: the one that it names, or that ``known`` has for it, or the current one. ProblemError
    ``invalid-request`` where it names one that is not kept."""
    own = [(role, one) for role, one in endpoints if isinstance(one, WebPushEndpoint)]
    if not own:
        return endpoints
    now = await current(keys, entropy)
    for role, endpoint in own:
        named = endpoint.application_server_key
        if named in (None, now):
            continue
        if named not in [VapidKey.load(one.der).public_key for one in await keys.vapid_keys()]:
            at = f"/endpoints/{endpoints.named(role, endpoint)}/application_server_key"
            errors = (FieldError(at, "is not kept here (any more): subscribe anew with that of GET /v1/vapid"),)
            raise ProblemError(Problem("invalid-request", "One member is not valid.", errors=errors))

    def with_key(endpoint: Endpoint) -> Endpoint:
        if not isinstance(endpoint, WebPushEndpoint) or endpoint.application_server_key is not None:
            return endpoint
        before = next((one for _, one in known or () if same_endpoint(one, endpoint)), None)
        key = before.application_server_key if isinstance(before, WebPushEndpoint) else now
        return replace(endpoint, application_server_key=key)

    return endpoints.mapped(with_key)
