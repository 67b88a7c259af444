"""Builds everything but a face, in one place and in the order in which it stands on each other. Nothing below knows how it is
wired."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from idlebell.canary.chain import Rhythm
from idlebell.canary.rounds import Canary
from idlebell.compose.carriers import app_carriers_of, apprise_pool_of, carriers_of
from idlebell.compose.clients import sign_ins_of
from idlebell.compose.parts import (
    canary_gauges,
    connect_with,
    delivery_gauges,
    demands_of,
    egress_of,
    front_connections,
    gauges_of,
    is_watched,
    nearness,
    policy_of,
    post_of,
    signer_of,
)
from idlebell.compose.processes import configure_of, reading_by, taking_over
from idlebell.compose.vault import keyring_of, open_anew, vault_room_of
from idlebell.config import Settings
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.deliver.heartbeats import Heartbeats
from idlebell.deliver.pruning import Pruner
from idlebell.deliver.settings import DeliverySettings
from idlebell.discover.providers import sessions_taken
from idlebell.door.neighbour import Neighbour
from idlebell.gateway.declared import Declared, DeclaredAccount
from idlebell.gateway.discovery import Discovery
from idlebell.gateway.feeds import Feeds
from idlebell.gateway.policy import as_it_came
from idlebell.gateway.reach import Reach
from idlebell.gateway.verbs import Gateway
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import Connect, Open, Opener
from idlebell.login.own_tokens import printed_by, refresh_own
from idlebell.login.renewals import Renewals, refresh_by
from idlebell.net.clock import Clock
from idlebell.net.clock_watch import JumpReason, watch_clock
from idlebell.net.connector import Connector
from idlebell.net.descriptors import descriptors
from idlebell.net.dns import Resolver
from idlebell.net.http_client import HttpClient
from idlebell.net.secret_arena import SecretArena
from idlebell.net.session_inbox import SessionInbox
from idlebell.net.sip_client import SipClient
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.traffic_secrets import TrafficSecrets
from idlebell.net.wheel import Wheel
from idlebell.store.contract import Store, StoreError
from idlebell.telemetry.facts import ClockJumped, Complained, Emit, Fact
from idlebell.telemetry.fan_out import fan_out
from idlebell.telemetry.log_sink import LogSink
from idlebell.telemetry.prometheus_sink import Gauge, PrometheusSink
from idlebell.telemetry.status import Status
from idlebell.watch.borrowed import look as look_over_borrowed
from idlebell.watch.cadence import Cadence
from idlebell.watch.fleet import Fleet
from idlebell.watch.hosts import Hosts
from idlebell.watch.look import Means
from idlebell.watch.reminders import Reminding
from idlebell.watch.reporting import Reporting


@dataclass(frozen=True, slots=True)
class LoggingIn:
    """What a face needs that logs in for others, where the door is in this process."""

    door: Door
    connect: Connect
    clock: Clock
    wheel: Wheel
    secrets: TrafficSecrets | None
    """Where sessions can be parked."""
    arena: SecretArena
    budget: Callable[[str], int]
    """Sessions of one account that a host is asked to bear."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Everything but a face: what watches and delivers, and the verbs on it."""

    settings: Settings
    store: Store
    gateway: Gateway
    fleet: Fleet
    dispatcher: Dispatcher
    declared: Declared
    emit: Emit
    metrics: PrometheusSink
    canary: Canary | None = None
    neighbour: Neighbour | None = None
    """The door, where it is a process of its own."""
    logging_in: LoggingIn | None = None

    async def follow(self, accounts: Sequence[DeclaredAccount]) -> None:
        """Makes what is declared fit ``accounts``. The canary stays the one that the process was started with."""
        own = () if self.canary is None else (self.canary.account,)
        for complaint in await self.declared.follow((*accounts, *own)):
            self.emit(Complained(complaint))


@asynccontextmanager
async def running_engine(
    settings: Settings,
    store: Store,
    emit_also: Callable[[Fact], None] | None,
    *,
    declared: Sequence[DeclaredAccount],
    on_line: Callable[[str], None] | None = None,
    canary: bool = False,
    door_process: bool = False,
) -> AsyncIterator[Engine]:
    async with AsyncExitStack() as stack:
        clock = Clock()
        metrics = PrometheusSink()
        feeds = Feeds(clock)
        status = Status()
        emit = fan_out(LogSink(), metrics, feeds, status.ledger.daybook, *([emit_also] if emit_also else []))
        egress = egress_of(settings)
        resolver = Resolver(clock)
        stack.push_async_callback(resolver.close)
        arena = SecretArena(lambda text: emit(Complained(text))) if settings.imap.park_after_seconds else None
        tls_policy = TlsPolicy(settings.imap.ca_file, arena)
        if arena is not None and tls_policy.no_parking:
            emit(Complained(f"Sessions stay awake, which costs memory: {tls_policy.no_parking}."))
        places = descriptors()
        # Its clients, as many upstreams, and as many further sessions for NOTIFY.
        at_the_front = (3 if settings.front.notify == "further-session" else 2) * front_connections(settings, places)
        http = HttpClient(egress, resolver, tls_policy, proxy=settings.network.proxy, connections=places.pushes)
        stack.push_async_callback(http.close)
        pool = apprise_pool_of(settings, egress)
        if pool is not None:
            stack.push_async_callback(pool.close)
        connector = Connector(egress, resolver, source_addresses=settings.imap.source_addresses)
        apps = app_carriers_of(settings, http, connector, tls_policy, clock)
        stack.push_async_callback(apps.close)
        discovery = Discovery(resolver.services, http.send, clock)
        stack.push_async_callback(discovery.close)
        sessions = SessionInbox()
        wheel = Wheel()
        neighbour: Neighbour | None = None
        if door_process:
            neighbour = Neighbour(
                configure_of(settings, places),
                taking_over(arena or SecretArena(), clock, wheel),
                emit,
                lambda: keyring.lose(),  # noqa: PLW0108 - the keyring comes after the door
                lambda: _made_good(settings, keyring, accounts, neighbour, emit),
            )
            await neighbour.start()
            stack.push_async_callback(neighbour.close)
        room = await vault_room_of(settings, store, clock, emit, neighbour)
        if room is not None:
            stack.push_async_callback(room.stop)
        keyring = await keyring_of(room, emit)
        post = post_of(settings, connector, tls_policy, clock) if canary else None
        rhythm = Rhythm(settings.canary.every_seconds, settings.canary.late_seconds)
        bird = None if post is None else Canary(post, rhythm, clock, os.urandom, emit)
        sign_ins = sign_ins_of(settings, http.send, clock, emit, None if neighbour is None else neighbour.redeem)
        refresh = refresh_own(
            refresh_by(http.send) if neighbour is None else neighbour.refresh,
            printed_by if neighbour is None else neighbour.printed_by,
            sign_ins.endpoints_of,
            emit,
        )
        renewals = Renewals(refresh, keyring, clock, random.random, emit)
        connect: Connect | None = None
        if neighbour is None:
            connect = connect_with(connector, tls_policy, clock, wheel)
            open_session: Open = Opener(connect, os.urandom, emit, support_url=settings.imap.support_url).open
        else:
            open_session = neighbour.open
        door = Door(
            open_session,
            keyring,
            clock,
            os.urandom,
            emit,
            connect_rate=settings.imap.connect_rate,
            per_host_connect_rate=settings.imap.per_host_connect_rate,
            per_host_connections=settings.imap.per_host_connections,
            sessions_at=lambda host: fleet.sessions_at(host),  # noqa: PLW0108 - the fleet comes after the door
            free=lambda: places.sessions - at_the_front - fleet.sessions() - sessions.untaken(),
            returning=lambda: fleet.returning(),  # noqa: PLW0108
            renewals=renewals,
            refused_users_per_hour=settings.limits.refused_users_per_hour,
        )
        dispatcher = Dispatcher(
            store,
            carriers_of(http, SipClient(connector, tls_policy, os.urandom), pool, apps, on_line, bird),
            emit,
            clock,
            os.urandom,
            await signer_of(settings, store),
            DeliverySettings(
                demands=demands_of(settings),
                max_per_day=settings.push.max_per_day,
                max_per_day_of_key=settings.push.max_per_day_of_key,
            ),
            on_ended=lambda subscription: gateway.over((subscription,)),
        )
        keep = timedelta(seconds=settings.push.retry_for_seconds)
        cadence = Cadence(
            idle=settings.imap.idle_restart_seconds,
            poll=settings.imap.poll_seconds,
            probe=settings.imap.probe_seconds,
        )
        hosts = Hosts(store, clock, cadence, emit, sessions_taken)
        await hosts.load()
        stack.push_async_callback(hosts.close)
        means = Means(
            store,
            status,
            clock,
            emit,
            random.random,
            cadence,
            hosts,
            keep,
            settings.imap.max_mailboxes,
            sessions=lambda: fleet.sessions(),  # noqa: PLW0108 - the fleet comes after its means
            resolved=lambda account: fleet.nudge(account),  # noqa: PLW0108
            committed=dispatcher.nudge,
            park_after_seconds=settings.imap.park_after_seconds,
            may_park=lambda account: fleet.may_park(account),  # noqa: PLW0108
        )
        fleet = Fleet(means, sessions, door.reopen, keyring.holds, nearness(egress), wheel)

        gateway = Gateway(
            store,
            door,
            keyring,
            sessions,
            status,
            fleet.nudge,
            dispatcher,
            policy_of(settings, egress, pool, apps, room, as_it_came if neighbour is None else neighbour.claim),
            clock,
            os.urandom,
            emit,
            Reach(egress, resolver.resolve, None if pool is None else pool.look),
            hosts.sessions,
            discovery.find,
            means.looks,
            feeds,
            sign_ins,
            partial(look_over_borrowed, means),
            Reporting(means),
        )
        pruner = Pruner(store, emit, clock, gateway.over, dispatcher.nudge, gateway.bookkeeping.write_in_time)
        heartbeats = Heartbeats(store, emit, clock, partial(is_watched, status), dispatcher.nudge)
        reminding = Reminding(store, means.looks, status, clock, emit, fleet.nudge, dispatcher.nudge, keep)
        accounts = Declared(gateway, None if neighbour is None else reading_by(neighbour))
        sessions_and_logins = gauges_of(fleet, status, keyring, door, places.sessions)
        for gauge in (*sessions_and_logins, *delivery_gauges(dispatcher), *canary_gauges(bird)):
            metrics.show(gauge)
        metrics.show(Gauge("event_streams", "Streams of events that are being read.", feeds.readers))

        logging_in = None
        if connect is not None:
            pages = arena or SecretArena()
            logging_in = LoggingIn(door, connect, clock, wheel, tls_policy.secrets, pages, hosts.sessions)
        engine = Engine(
            settings, store, gateway, fleet, dispatcher, accounts, emit, metrics, bird, neighbour, logging_in
        )
        await engine.follow(declared)
        await fleet.announce_restart()
        watching = asyncio.create_task(fleet.run(), name="fleet")
        clocks = asyncio.create_task(_watch_clock(clock, fleet, hosts, emit), name="clocks")
        certificates = asyncio.create_task(door.certificates.review(), name="certificates")
        dispatcher.start()
        pruner.start()
        heartbeats.start()
        reminding.start()
        renewals.start()
        if bird is not None:
            bird.start(partial(accounts.standing, bird.account))
        try:
            yield engine
        finally:
            # In the order in which work flows: nothing new comes in, sessions take their leave, what is due goes out.
            if bird is not None:
                await bird.stop()
            clocks.cancel()
            certificates.cancel()
            await renewals.stop()
            await gateway.stop()
            await reminding.stop()
            await fleet.stop()
            watching.cancel()
            await pruner.stop()
            await heartbeats.stop()
            await dispatcher.stop()
            with suppress(StoreError):
                await gateway.bookkeeping.write_last()
            await asyncio.gather(watching, clocks, certificates, return_exceptions=True)


async def _made_good(
    settings: Settings, keyring: Keyring, accounts: Declared, neighbour: Neighbour | None, emit: Emit
) -> None:
    """A door was started anew: what lies in the vault is opened by it, what the operator declared is read again. Sessions go
    on; the apps of those that are lost from now on, and whose credentials were nowhere else, are asked."""
    assert neighbour is not None
    try:
        await open_anew(settings, keyring, neighbour, emit)
        for complaint in await accounts.again():
            emit(Complained(complaint))
    except StoreError as error:
        emit(Complained(f"what the vault holds and what is declared was not read again: {error}"))


async def _watch_clock(clock: Clock, fleet: Fleet, hosts: Hosts, emit: Emit) -> None:
    """After a sleep of the machine or a stop of the process nobody knows which sessions are still there."""
    jumps: asyncio.Queue[None] = asyncio.Queue()

    def on_jump(reason: JumpReason, seconds: float) -> None:
        emit(ClockJumped(reason, seconds))
        if reason == "clock-set":
            hosts.forget_clocks()
        jumps.put_nowait(None)

    watching = asyncio.create_task(watch_clock(clock, on_jump))
    try:
        while True:
            await jumps.get()
            await fleet.suspect_all()
    finally:
        watching.cancel()
