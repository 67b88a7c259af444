"""The IMAP front, as the settings want it."""

from __future__ import annotations

from idlebell.compose.engine import Engine
from idlebell.compose.parts import front_connections
from idlebell.config.settings import Front as FrontSettings
from idlebell.front.coi import Coi
from idlebell.front.departures import Departures
from idlebell.front.draft import Draft
from idlebell.front.keeping import Keeper
from idlebell.front.listener import Front, FrontOptions
from idlebell.front.metadata import Metadata
from idlebell.front.notify.family import NotifyFamily
from idlebell.front.notify.further_logins import FurtherLogins
from idlebell.front.notify.pace import Pace
from idlebell.front.own import Own
from idlebell.front.registering import Registering
from idlebell.front.upstreams import Upstreams
from idlebell.net.descriptors import descriptors
from idlebell.telemetry.prometheus_sink import Gauge


def front_of(engine: Engine) -> Front | None:
    """None: none is wanted."""
    settings, logging_in = engine.settings.front, engine.logging_in
    if settings.listen is None or logging_in is None:
        return None
    keeper = Keeper(engine.gateway.live_logins, stands_for_all=settings.while_connected == "hold")
    registering = Registering(engine.gateway.live_logins, engine.gateway.vapid_public_key, keeper.login_of)
    upstreams = Upstreams(
        None if settings.upstream is None else settings.target(settings.upstream),
        {domain: settings.target(address) for domain, address in settings.upstreams.items()},
    )
    further: FurtherLogins | None = None
    if settings.notify == "further-session":
        further = FurtherLogins(logging_in.door, logging_in.arena, logging_in.budget)
    families: list[Own] = [keeper, *_families(settings, registering)]  # it hears of every command, whoever claims it
    if settings.notify != "off":
        pace = Pace(poll=engine.settings.imap.poll_seconds)
        families.append(NotifyFamily(pace, logging_in.clock, further))
    return Front(
        _options(engine, settings),
        upstreams,
        logging_in.door,
        logging_in.connect,
        logging_in.clock,
        logging_in.wheel,
        families=families,
        departures=Departures(keeper, logging_in.clock),
        arrived=None if further is None else further.arrived,
        secrets=logging_in.secrets,
    )


def front_gauges(front: Front) -> tuple[Gauge, ...]:
    return (
        Gauge("front_clients", "Clients of the front that are logged in.", lambda: front.sessions),
        Gauge("front_connections", "Connections of the front's clients, logged in or not.", lambda: front.connections),
    )


def _families(settings: FrontSettings, registering: Registering) -> list[Own]:
    """The dialect is asked before the general form."""
    families: list[Own] = []
    if settings.webpush == "coi":
        families.append(Coi(registering))
    elif settings.webpush == "draft":
        families.append(Draft(registering))
    return [*families, Metadata(registering)]


def _options(engine: Engine, settings: FrontSettings) -> FrontOptions:
    assert settings.listen is not None
    return FrontOptions(
        host=settings.listen.host,
        port=settings.listen.port,
        connections=front_connections(engine.settings, descriptors()),
        connections_per_address=settings.connections_per_address,
        tls_certificate=settings.tls_certificate,
        tls_key=settings.tls_key,
        starttls=settings.starttls,
        trusted=settings.trusted_proxies,
    )
