"""Builds everything, in one place and in the order in which it stands on each other. Nothing below knows how it is wired."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from idlebell.canary.chain import Rhythm
from idlebell.canary.post import Post
from idlebell.canary.rounds import Canary
from idlebell.config import ConfigError, Settings, parse_imap_url
from idlebell.deliver.dispatcher import Dispatcher
from idlebell.deliver.heartbeats import Heartbeats
from idlebell.deliver.pruning import Pruner
from idlebell.deliver.settings import DeliverySettings
from idlebell.gateway.declared import Declared, DeclaredAccount
from idlebell.gateway.discovery import Discovery
from idlebell.gateway.policy import Policy
from idlebell.gateway.reach import Reach
from idlebell.gateway.readiness import Readiness, nothing_troubles
from idlebell.gateway.verbs import Gateway
from idlebell.imap.capabilities import SharedCapabilities
from idlebell.login.door import Connect, Door
from idlebell.login.keyring import Keyring
from idlebell.model.account import ImapTarget, Tls
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import PROBLEMS, Blame
from idlebell.model.secret import Secret
from idlebell.model.subscription import Subscription
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.hardening import harden_process
from idlebell.net.http_client import HttpClient
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.session_inbox import SessionInbox
from idlebell.net.smtp_client import SUBMIT_SECONDS, submit
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wheel import Wheel
from idlebell.push.vapid import VapidKey, VapidSigner
from idlebell.rest.options import RestOptions
from idlebell.rest.server import RestServer
from idlebell.store.contract import Store, StoreError
from idlebell.store.memory import MemoryStore
from idlebell.store.sealing import Sealer, default_key_path, load_or_make_key
from idlebell.store.sqlite import open_sqlite
from idlebell.telemetry.facts import Complained, Emit, Fact, LoginFailed, Noted
from idlebell.telemetry.fan_out import fan_out
from idlebell.telemetry.log_sink import LogSink
from idlebell.telemetry.prometheus_sink import Gauge, PrometheusSink
from idlebell.telemetry.status import Status
from idlebell.watch.cadence import Cadence
from idlebell.watch.fleet import Fleet
from idlebell.watch.watcher import Means


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

    async def follow(self, accounts: Sequence[DeclaredAccount]) -> None:
        """Makes what is declared fit ``accounts``. The canary stays the one that the process was started with."""
        own = () if self.canary is None else (self.canary.account,)
        for complaint in await self.declared.follow((*accounts, *own)):
            self.emit(Complained(complaint))


@dataclass(frozen=True, slots=True)
class Running:
    """The whole gateway, with its door open at ``url``."""

    engine: Engine
    url: str

    @property
    def gateway(self) -> Gateway:
        return self.engine.gateway


@asynccontextmanager
async def running(settings: Settings, *, emit_also: Callable[[Fact], None] | None = None) -> AsyncIterator[Running]:
    """The gateway from its first watcher to its last. StoreError, OSError: it cannot start, and the sentence says why."""
    async with AsyncExitStack() as stack:
        store = await _open_store(settings.store.path, settings.store.key_file)
        stack.push_async_callback(store.close)
        engine = await stack.enter_async_context(
            _engine(settings, store, emit_also, declared=_declared(settings), canary=True)
        )
        rest = RestServer(engine.gateway, _rest_options(engine))
        await rest.start()
        stack.push_async_callback(rest.stop)
        yield Running(engine, rest.url)


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    reload: Callable[[], Settings] | None = None,
) -> None:
    """Until SIGTERM or SIGINT. SIGHUP: ``reload`` reads the configuration again, and declared accounts follow it."""
    loop = asyncio.get_running_loop()
    stop, again = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    hardened = harden_process()
    async with running(settings) as found:
        for sentence in hardened:
            found.engine.emit(Noted(sentence))
        if ready is not None:
            ready(found.url)
        # What stands now stands for long: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        while not stop.is_set():
            waits = [asyncio.create_task(stop.wait()), asyncio.create_task(again.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if again.is_set():
                again.clear()
                await _reload(found.engine, reload)
        # A second signal is not waited for: it ends the process as it always did.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


async def _reload(engine: Engine, reload: Callable[[], Settings] | None) -> None:
    if reload is None:
        return
    try:
        settings = reload()
    except ConfigError as error:
        for line in error.lines:
            engine.emit(Complained(f"the configuration was not taken: {line}"))
        return
    try:
        await engine.follow(_declared(settings))
    except StoreError as error:
        # Every session would go with the process.
        engine.emit(Complained(f"the configuration was taken in part only: {error}"))


def _declared(settings: Settings) -> tuple[DeclaredAccount, ...]:
    return tuple(
        DeclaredAccount(
            target=one.url.target,
            username=one.url.username,
            mailboxes=(one.url.mailbox or "INBOX",),
            notify=one.notify,
            command=one.exec,
            password_file=one.password_file,
            password_command=one.password_command,
        )
        for one in settings.watch
    )


async def watch_one(
    settings: Settings,
    url: str,
    credentials: Callable[[], Secret],
    *,
    notify: Sequence[str] = (),
    exec_command: str | None = None,
    state: Path | None = None,
    on_line: Callable[[str], None],
) -> None:
    """One account without a server, until SIGINT or SIGTERM. ``state``: a database that remembers what was announced.

    ValueError: it goes on no longer, for the server refused the credentials or something given cannot be used. Nobody would
    send other ones.
    """
    parsed = parse_imap_url(url)
    account = DeclaredAccount(
        target=parsed.target,
        username=parsed.username,
        mailboxes=(parsed.mailbox or "INBOX",),
        notify=tuple(PushUrl(one) for one in notify),
        command=exec_command or "",
        ask=credentials,
        terminal=True,
    )
    stop = asyncio.Event()
    hopeless: list[str] = []
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    harden_process()

    def heed(fact: Fact) -> None:
        match fact:
            case LoginFailed(code=code, detail=detail) if (entry := PROBLEMS[code]).blame is Blame.CREDENTIALS:
                hopeless.append(f"{detail} {entry.mend}")
            case Complained(text=text):
                hopeless.append(text)
            case _:
                return
        stop.set()

    async with AsyncExitStack() as stack:
        store: Store = MemoryStore(os.urandom) if state is None else await _open_store(state, None)
        stack.push_async_callback(store.close)
        await stack.enter_async_context(_engine(settings, store, heed, declared=(account,), on_line=on_line))
        await stop.wait()
    if hopeless:
        raise ValueError(hopeless[0])


async def _open_store(path: Path, key_file: Path | None) -> Store:
    key_path = key_file or default_key_path(path)
    sealer = Sealer(await asyncio.to_thread(lambda: load_or_make_key(key_path, may_make=not path.exists())))
    return await open_sqlite(path, sealer, entropy=os.urandom)


@asynccontextmanager
async def _engine(
    settings: Settings,
    store: Store,
    emit_also: Callable[[Fact], None] | None,
    *,
    declared: Sequence[DeclaredAccount],
    on_line: Callable[[str], None] | None = None,
    canary: bool = False,
) -> AsyncIterator[Engine]:
    async with AsyncExitStack() as stack:
        clock = Clock()
        metrics = PrometheusSink()
        emit = fan_out(LogSink(), metrics, *([emit_also] if emit_also else []))
        egress = egress_of(settings)
        resolver = Resolver(clock)
        stack.push_async_callback(resolver.close)
        tls_policy = TlsPolicy(settings.imap.ca_file)
        http = HttpClient(egress, resolver, tls_policy, proxy=settings.network.proxy)
        stack.push_async_callback(http.close)
        discovery = Discovery(resolver.services, http.send, clock)
        stack.push_async_callback(discovery.close)
        status, sessions, keyring = Status(), SessionInbox(), Keyring()
        connector = Connector(egress, resolver, source_addresses=settings.imap.source_addresses)
        connect = _connect(connector, tls_policy, clock)
        post = post_of(settings, connector, tls_policy, clock) if canary else None
        rhythm = Rhythm(settings.canary.every_seconds, settings.canary.late_seconds)
        bird = None if post is None else Canary(post, rhythm, clock, os.urandom, emit)
        door = Door(
            connect,
            keyring,
            clock,
            os.urandom,
            emit,
            connect_rate=settings.imap.connect_rate,
            per_host_connect_rate=settings.imap.per_host_connect_rate,
            per_host_connections=settings.imap.per_host_connections,
            sessions_at=lambda host: fleet.sessions_at(host),  # noqa: PLW0108 - the fleet comes after the door
            support_url=settings.imap.support_url,
        )
        dispatcher = Dispatcher(
            store,
            http,
            emit,
            clock,
            os.urandom,
            await _signer(settings, store),
            DeliverySettings(verify_endpoints=settings.push.verify_endpoints),
            on_ended=lambda subscription: gateway.over((subscription,)),
            on_line=on_line,
            on_canary=bird.hear if bird is not None else None,
        )
        keep = timedelta(seconds=settings.push.retry_for_seconds)
        cadence = Cadence.of(
            settings.imap.idle_restart_seconds, settings.imap.probe_seconds, settings.imap.poll_seconds
        )
        means = Means(store, status, clock, emit, random.random, cadence, keep, dispatcher.nudge)
        fleet = Fleet(means, sessions, door.reopen, keyring.holds)

        gateway = Gateway(
            store,
            door,
            keyring,
            sessions,
            status,
            fleet.nudge,
            dispatcher,
            policy_of(settings, egress),
            clock,
            os.urandom,
            emit,
            Reach(egress, resolver.resolve),
            discovery.find,
        )
        pruner = Pruner(store, emit, clock, gateway.over, dispatcher.nudge)
        heartbeats = Heartbeats(store, emit, clock, partial(_watched, status), dispatcher.nudge)
        accounts = Declared(gateway)
        for gauge in (*_gauges(fleet, status, keyring), *_canary_gauges(bird)):
            metrics.show(gauge)

        engine = Engine(settings, store, gateway, fleet, dispatcher, accounts, emit, metrics, bird)
        await engine.follow(declared)
        await fleet.announce_restart()
        watching = asyncio.create_task(fleet.run(), name="fleet")
        dispatcher.start()
        pruner.start()
        heartbeats.start()
        if bird is not None:
            bird.start(partial(accounts.standing, bird.account))
        try:
            yield engine
        finally:
            # In the order in which work flows: nothing new comes in, sessions take their leave, what is due goes out.
            if bird is not None:
                await bird.stop()
            await gateway.stop()
            await fleet.stop()
            watching.cancel()
            await pruner.stop()
            await heartbeats.stop()
            await dispatcher.stop()
            await asyncio.gather(watching, return_exceptions=True)


def _watched(status: Status, subscription: Subscription) -> bool:
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


def policy_of(settings: Settings, egress: Egress) -> Policy:
    return Policy(
        egress=egress,
        registration_open=settings.server.registration == "open",
        retentions=frozenset(settings.credentials.retention),
        max_mailboxes=settings.imap.max_mailboxes,
        max_endpoints_per_account=settings.push.max_endpoints_per_account,
        verify_endpoints=settings.push.verify_endpoints,
        vapid_subject=bool(settings.push.vapid_subject or settings.server.public_url),
        registrations_per_minute=settings.limits.registrations_per_minute,
        subscriptions_per_key=settings.limits.subscriptions_per_key,
    )


def _connect(connector: Connector, tls_policy: TlsPolicy, clock: Clock) -> Connect:
    share, wheel = SharedCapabilities(), Wheel()

    async def connect(target: ImapTarget) -> ImapConnection:
        return await open_connection(
            target, connector=connector, tls_policy=tls_policy, clock=clock, share=share, wheel=wheel
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


async def _signer(settings: Settings, store: Store) -> VapidSigner:
    der = await store.vapid_key() or await store.put_vapid_key(VapidKey.generate(os.urandom).der())
    return VapidSigner(VapidKey.load(der), settings.push.vapid_subject or settings.server.public_url or None)


def _rest_options(engine: Engine) -> RestOptions:
    server, canary = engine.settings.server, engine.canary
    readiness = Readiness(engine.store, Clock(), engine.emit, nothing_troubles if canary is None else canary.trouble)

    return RestOptions(
        host=server.listen.host,
        port=server.listen.port,
        public_url=server.public_url,
        tls_certificate=server.tls_certificate,
        tls_key=server.tls_key,
        trusted_proxies=server.trusted_proxies,
        cors=server.cors,
        ready=readiness.problem,
        metrics=engine.metrics.exposition,
        emit=engine.emit,
    )


def _gauges(fleet: Fleet, status: Status, keyring: Keyring) -> tuple[Gauge, ...]:
    return (
        Gauge("sessions", "IMAP sessions that are open.", fleet.sessions),
        Gauge("mailboxes", "Mailboxes by what is being done about them.", status.totals, "watch"),
        Gauge("credentials", "Sets of credentials that are held in memory.", lambda: len(keyring)),
    )


def _canary_gauges(canary: Canary | None) -> tuple[Gauge, ...]:
    if canary is None:
        return ()
    return (
        Gauge("canary_ok", "1 while the canary is neither late nor failed, else 0.", lambda: not canary.trouble()),
        Gauge("canary_seconds", "From handing in the last canary's mail to its notification.", canary.last_seconds),
        Gauge("canary_age_seconds", "Since a canary was last heard, or since the start.", canary.age_seconds),
    )
