"""May an endpoint's address be used? Asked once at registration, so that an app learns it at once; every dial asks again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from idlebell.model.endpoint import (
    ApnsEndpoint,
    AppriseEndpoint,
    Endpoint,
    Endpoints,
    FcmEndpoint,
    MwiEndpoint,
    PushUrl,
    WebPushEndpoint,
)
from idlebell.model.problem import FieldError, Problem, ProblemError
from idlebell.net.addresses import Address
from idlebell.net.egress import Egress, Purpose
from idlebell.net.errors import Unreachable
from idlebell.push.sip.uri import Transport, parse


@dataclass(frozen=True, slots=True)
class Reach:
    """``resolve``: the addresses of a host, or Unreachable (:meth:`idlebell.net.dns.Resolver.resolve`)."""

    egress: Egress
    resolve: Callable[[str], Awaitable[tuple[Address, ...]]]
    look: Callable[[PushUrl], Awaitable[str | None]] | None = None
    """What is wrong with a URL of Apprise's (:meth:`idlebell.net.apprise_pool.ApprisePool.look`), where it is offered."""

    async def check(self, endpoints: Endpoints, *, vapid_subject: bool) -> None:
        """ProblemError ``endpoint-not-allowed``, ``invalid-request`` or ``vapid-subject-missing``, with its pointer. A
        name that exists nowhere and one of our own network give the same answer: nobody maps a network's names through us."""
        seen: set[PushUrl] = set()
        for role, endpoint in endpoints:
            if endpoint.url in seen:
                continue
            seen.add(endpoint.url)
            if isinstance(endpoint, FcmEndpoint | ApnsEndpoint):
                continue  # the service's address is the operator's word
            if isinstance(endpoint, AppriseEndpoint):
                await self._look(endpoint, endpoints.named(role, endpoint))
                continue
            host, port, purpose = _dialled(endpoint)
            addresses = await self._addresses(host)
            if addresses is None:
                continue  # the resolver failed: the first push finds out
            if not any(self.egress.permits(one, port, purpose) for one in addresses):
                raise _refused(
                    "endpoint-not-allowed",
                    endpoints.named(role, endpoint),
                    "The endpoint's address or port may not be reached from here.",
                )
            inside = all(self.egress.allowed_network(one) for one in addresses)
            if isinstance(endpoint, WebPushEndpoint) and not vapid_subject and not inside:
                # RFC 8292 section 2.1: push services want to know whom to write to; in one's own network nobody asks.
                named = endpoints.named(role, endpoint)
                raise _refused("vapid-subject-missing", named, "Web Push needs the operator's address.")

    async def _look(self, endpoint: AppriseEndpoint, named: str) -> None:
        """Where it dials is known when it does: the process of Apprise is held to the same rules then."""
        fault = None if self.look is None else await self.look(endpoint.url)
        if fault is not None:
            errors = (FieldError(f"/endpoints/{named}/url", fault),)
            raise ProblemError(Problem("invalid-request", "One member is not valid.", errors=errors))

    async def _addresses(self, host: str) -> tuple[Address, ...] | None:
        try:
            return await self.resolve(host)
        except Unreachable as error:
            return None if error.reason in ("dns", "timeout") else ()


def _dialled(endpoint: Endpoint) -> tuple[str, int, Purpose]:
    if isinstance(endpoint, MwiEndpoint):
        phone = parse(endpoint.url.reveal())
        return phone.host, phone.port, Purpose.SIP_TLS if phone.transport is Transport.TLS else Purpose.SIP
    url = endpoint.url
    return url.host, url.port, Purpose.HTTPS if url.scheme == "https" else Purpose.HTTP


def _refused(code: str, named: str, detail: str) -> ProblemError:
    return ProblemError(Problem(code, detail, errors=(FieldError(f"/endpoints/{named}/url", detail),)))
