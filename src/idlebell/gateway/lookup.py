"""Where the server of a mail address is and how one signs in there, told before anybody has typed a password."""

from __future__ import annotations

from idlebell.discover.provider import Login, Provider
from idlebell.discover.providers import of_address, of_host
from idlebell.gateway.callers import Caller
from idlebell.gateway.discovery import Found, Source, domain_of
from idlebell.gateway.enrolment import Enrolment
from idlebell.gateway.means import UNREACHABLE_FLOOR_SECONDS, Means
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import DiscoverRequest, DiscoveryView, ProviderView, ServerView

ADDRESS_BYTES = 320
"""RFC 3696 erratum 1690: 64 of the local part, an @, 255 of the domain."""
SOURCES = {Source.SRV: "srv", Source.AUTOCONFIG: "autoconfig", Source.TABLE: "table"}
LOGINS = {
    Login.OWN: "own",
    Login.APP: "app",
    Login.APP_WITH_2FA: "app_with_2fa",
    Login.CODE: "code",
    Login.OAUTH: "oauth",
    Login.BRIDGE: "bridge",
    Login.NONE: "none",
}


async def look_up(means: Means, enrolment: Enrolment, request: DiscoverRequest, caller: Caller) -> DiscoveryView:
    """For who may register, and counted as a registration is: every search asks strangers on the caller's behalf. A search
    that finds nothing takes as long whatever the reason was."""
    enrolment.admit(caller)
    faults = Faults()
    if len(request.address.encode("utf-8", "surrogatepass")) > ADDRESS_BYTES or domain_of(request.address) is None:
        faults.add("/address", "is no mail address whose server could be discovered")
    faults.raise_any()
    began = means.clock.monotonic()
    found = await means.search(request.address)
    if not found:
        await means.floor(began, UNREACHABLE_FLOOR_SECONDS)
    provider = next((one for host in found if (one := of_host(host.target.host)) is not None), None)
    return DiscoveryView(
        servers=tuple(_server(one) for one in found),
        provider=_provider(provider or of_address(request.address)),
    )


def _server(found: Found) -> ServerView:
    target = found.target
    return ServerView(
        host=target.host,
        port=target.port,
        tls=target.tls.value,
        username=found.username or None,
        source=SOURCES[found.source],  # type: ignore[arg-type]
        confirmed=found.confirmed,
    )


def _provider(provider: Provider | None) -> ProviderView | None:
    if provider is None:
        return None
    return ProviderView(
        name=provider.name,
        login=LOGINS[provider.login],  # type: ignore[arg-type]
        page=provider.page,
        switch_on=provider.switch_on,
        switch_page=provider.switch_page,
        without_imap=provider.without_imap,
    )
