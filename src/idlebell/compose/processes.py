"""What the door is told, and what is made of what it hands over, where it is a process of its own."""

from __future__ import annotations

from idlebell.config import Settings
from idlebell.door import frames
from idlebell.door.neighbour import Neighbour
from idlebell.door.side import TakeOver
from idlebell.gateway.declared import DeclaredAccount, ReadPassword
from idlebell.imap.capabilities import SharedCapabilities
from idlebell.model.account import ImapTarget
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.descriptors import Descriptors
from idlebell.net.handover import HandedSession, take
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.secret_arena import SecretArena
from idlebell.net.wheel import Wheel


def configure_of(settings: Settings, places: Descriptors) -> frames.Configure:
    network, imap, server = settings.network, settings.imap, settings.server
    return frames.Configure(
        allow=list(map(str, network.allow)),
        imap_ports=list(network.imap_ports),
        endpoint_ports=list(network.endpoint_ports),
        allow_plaintext=network.allow_plaintext,
        only_hosts=list(imap.only_hosts),
        source_addresses=list(map(str, imap.source_addresses)),
        ca_file=str(imap.ca_file or ""),
        proxy=network.proxy,
        support_url=imap.support_url,
        host=server.listen.host,
        port=server.listen.port,
        connections=places.clients,
        connections_per_address=settings.limits.connections_per_address,
        requests_per_minute=settings.limits.requests_per_minute,
        public_url=server.public_url,
        tls_certificate=str(server.tls_certificate or ""),
        tls_key=str(server.tls_key or ""),
        trusted_proxies=list(map(str, server.trusted_proxies)),
        cors=list(server.cors),
    )


def taking_over(arena: SecretArena, clock: Clock, wheel: Wheel) -> TakeOver:
    """``arena``: where the traffic secrets of sessions are kept from then on."""
    share = SharedCapabilities()

    def take_over(target: ImapTarget, session: HandedSession, descriptor: int) -> ImapConnection:
        return take(target, session, descriptor, arena, clock=clock, share=share, wheel=wheel)

    return take_over


def reading_by(neighbour: Neighbour) -> ReadPassword:
    async def read(account: DeclaredAccount) -> Secret:
        source = str(account.password_file or ""), account.password_command
        return await neighbour.password_of(account.target, account.username, *source)

    return read
