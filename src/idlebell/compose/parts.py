"""The parts that the settings decide, each made by one function."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from pathlib import Path

from idlebell.canary.post import Post
from idlebell.canary.rounds import Canary
from idlebell.compose.carriers import AppCarriers
from idlebell.compose.sources import sources_of
from idlebell.config import Settings
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.gateway.declared import DeclaredAccount, RefreshTokenFile
from idlebell.gateway.policy import Offered, Policy, as_it_came
from idlebell.imap.capabilities import SharedCapabilities
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import Connect
from idlebell.login.vault_room import VaultRoom
from idlebell.model.account import ClientCertificate, ImapTarget, Retention, Tls
from idlebell.model.apprise_service import offered
from idlebell.model.proof import Demand, Demands
from idlebell.model.secret import Secret
from idlebell.model.subscription import Subscription
from idlebell.net.apprise_pool import ApprisePool
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.descriptors import Descriptors
from idlebell.net.egress import Egress
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.smtp_client import SUBMIT_SECONDS, submit
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wheel import Wheel
from idlebell.push.vapid import VapidKey, VapidSigner
from idlebell.rules.pace import NO_PACE, Pace
from idlebell.store.contract import Store
from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
from idlebell.store.sqlite import open_sqlite
from idlebell.telemetry.prometheus_sink import Gauge
from idlebell.telemetry.status import Status
from idlebell.watch.fleet import Fleet

FRONT_CONNECTIONS = 10_000
"""Where the operator does not say. Each has a descriptor for itself and one for its upstream: half of what there are for
sessions, where that is less."""


async def open_store(path: Path, key_file: Path | None, pace: Pace = NO_PACE) -> Store:
    key_path = key_file or default_key_path(path)
    sealer = Sealer(await asyncio.to_thread(lambda: load_or_make_key(key_path, may_make=not path.exists())))
    return await open_sqlite(path, sealer, entropy=os.urandom, pace=pace)


def declared_accounts(settings: Settings) -> tuple[DeclaredAccount, ...]:
    return tuple(
        DeclaredAccount(
            target=one.target,
            username=one.url.username,
            mailboxes=(one.url.mailbox or "INBOX",),
            notify=one.notify,
            command=one.exec,
            filter=one.filter,
            password_file=one.password_file,
            password_command=one.password_command,
            certificate=one.certificate,
            names_user=one.external_names_user,
            token_command=one.token_command,
            refresh_token=None
            if one.refresh_token_file is None
            else RefreshTokenFile(one.refresh_token_file, one.oauth),
        )
        for one in settings.watch
    )


def nearness(egress: Egress) -> Callable[[ImapConnection], bool]:
    def is_near(connection: ImapConnection) -> bool:
        try:
            return egress.allowed_network(ip_address(connection.peer))
        except ValueError:
            return False  # it is gone already

    return is_near


def is_watched(status: Status, subscription: Subscription) -> bool:
    found = status.of(subscription.account_id)
    return found is not None and found.watching().issuperset(subscription.mailboxes)


def egress_of(settings: Settings) -> Egress:
    return Egress(
        allow=settings.network.allow,
        imap_ports=frozenset(settings.network.imap_ports),
        endpoint_ports=frozenset(settings.network.endpoint_ports),
        allow_plaintext=settings.network.allow_plaintext,
        only_hosts=frozenset(settings.imap.only_hosts),
    )


def demands_of(settings: Settings) -> Demands:
    push = settings.push
    return Demands(
        server=Demand.CHALLENGE if push.verify_endpoints else Demand.NONE,
        app=Demand.CODE if push.verify_webpush else Demand.NONE,
        person=Demand.CODE if push.verify_people else Demand.NONE,
    )


def policy_of(
    settings: Settings,
    egress: Egress,
    pool: ApprisePool | None,
    apps: AppCarriers,
    room: VaultRoom | None,
    claim: Callable[[Secret], Secret] = as_it_came,
) -> Policy:
    return Policy(
        sources=sources_of(settings),
        egress=egress,
        claim=claim,
        registration_open=settings.server.registration == "open",
        retentions=frozenset(settings.credentials.retention) - (set() if room and room.open else {Retention.VAULT}),
        max_mailboxes=settings.imap.max_mailboxes,
        trust_first_use=settings.imap.trust_first_use,
        max_endpoints_per_account=settings.push.max_endpoints_per_account,
        demands=demands_of(settings),
        max_per_day=settings.push.max_per_day,
        vapid_subject=bool(settings.push.vapid_subject or settings.server.public_url),
        registrations_per_minute=settings.limits.registrations_per_minute,
        subscriptions_per_key=settings.limits.subscriptions_per_key,
        endpoints_per_key=settings.limits.endpoints_per_key,
        requests_per_minute_of_key=settings.limits.requests_per_minute_of_key,
        offered=Offered(
            fcm=apps.google is not None,
            apns=apps.apple is not None,
            apprise=frozenset()
            if pool is None
            else offered(settings.push.apprise_services, allow_plaintext=settings.network.allow_plaintext),
        ),
    )


def front_connections(settings: Settings, places: Descriptors) -> int:
    """Clients that the front takes at once; 0: there is no front."""
    front = settings.front
    if front.listen is None:
        return 0
    return front.connections or max(1, min(FRONT_CONNECTIONS, places.sessions // 4))


def connect_with(connector: Connector, tls_policy: TlsPolicy, clock: Clock, wheel: Wheel) -> Connect:
    share = SharedCapabilities()

    async def connect(target: ImapTarget, certificate: ClientCertificate | None = None, /) -> ImapConnection:
        return await open_connection(
            target,
            connector=connector,
            tls_policy=tls_policy,
            clock=clock,
            share=share,
            wheel=wheel,
            certificate=certificate,
        )

    return connect


def post_of(settings: Settings, connector: Connector, tls_policy: TlsPolicy, clock: Clock) -> Post | None:
    """For the canary's mail; None: no canary is kept."""
    given = settings.canary
    if given.account is None or given.smtp is None:
        return None
    account = DeclaredAccount(
        target=given.account.target,
        username=given.account.username,
        mailboxes=(given.account.mailbox or "INBOX",),
        password_file=given.password_file,
        canary=True,
        certificate=given.certificate,
    )
    hand_in = partial(
        submit,
        given.smtp,
        connector=connector,
        tls_policy=tls_policy,
        timeout_seconds=min(SUBMIT_SECONDS, given.late_seconds),  # a mail that is late is late there, too
    )
    logs_in = given.smtp.tls is not Tls.NONE
    return Post(account, given.sender or given.address, given.address, hand_in, clock, logs_in=logs_in)


async def signer_of(settings: Settings, store: Store) -> VapidSigner:
    der = await store.vapid_key() or await store.put_vapid_key(VapidKey.generate(os.urandom).der())
    return VapidSigner(VapidKey.load(der), settings.push.vapid_subject or settings.server.public_url or None)


def gauges_of(fleet: Fleet, status: Status, keyring: Keyring, door: Door, sessions_possible: int) -> tuple[Gauge, ...]:
    logins = door.admission
    return (
        Gauge("sessions", "IMAP sessions that are open.", fleet.forms, "form"),
        Gauge(
            "sessions_possible",
            "IMAP sessions that can be open: what the limit of descriptors leaves beside the reserve for all else.",
            lambda: sessions_possible,
        ),
        Gauge(
            "logins",
            "Logins that stand in line for a mail server, and those under way.",
            lambda: {"waiting": logins.waiting, "under_way": logins.under_way},
            "state",
        ),
        Gauge("mailboxes", "Mailboxes by what is being done about them.", status.totals, "watch"),
        Gauge("credentials", "Sets of credentials that are held in memory.", lambda: len(keyring)),
        Gauge(
            "certificates_ending",
            "Mail servers whose certificate ends within two weeks, or has ended, of those logged in to lately.",
            door.certificates.ending,
        ),
        Gauge(
            "client_certificates_ending",
            "Client certificates of declared accounts that end within two weeks, or have ended.",
            door.certificates.own_ending,
        ),
    )


def delivery_gauges(dispatcher: Dispatcher) -> tuple[Gauge, ...]:
    return (
        Gauge(
            "push_services",
            "Push services that were used lately, by the state of their breaker: open ones are left alone for now.",
            dispatcher.lane_states,
            "state",
        ),
        Gauge("pushes_in_flight", "Pushes under way.", dispatcher.in_flight),
    )


def canary_gauges(canary: Canary | None) -> tuple[Gauge, ...]:
    if canary is None:
        return ()
    return (
        Gauge("canary_ok", "1 while the canary is neither late nor failed, else 0.", lambda: not canary.trouble()),
        Gauge("canary_seconds", "From handing in the last canary's mail to its notification.", canary.last_seconds),
        Gauge("canary_age_seconds", "Since a canary was last heard, or since the start.", canary.age_seconds),
    )
