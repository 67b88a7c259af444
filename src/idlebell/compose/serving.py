"""Runs what is built: as a server, or for one account in a terminal."""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from idlebell.compose.engine import Engine, running_engine
from idlebell.compose.front import front_gauges, front_of
from idlebell.compose.parts import (
    declared_accounts,
    open_store,
)
from idlebell.config import ConfigError, Settings, parse_imap_url
from idlebell.front.listener import Front
from idlebell.gateway.declared import DeclaredAccount
from idlebell.gateway.readiness import Readiness, nothing_troubles
from idlebell.gateway.verbs import Gateway
from idlebell.ingest.face import Ingest
from idlebell.model.account import ClientCertificate
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import PROBLEMS, Blame
from idlebell.model.secret import Secret
from idlebell.model.trust import AUTHORITIES, Trust
from idlebell.net.clock import Clock
from idlebell.net.descriptors import RESERVE_LEAST, descriptors
from idlebell.net.hardening import harden_process
from idlebell.net.outbound import foreign_addresses
from idlebell.rest.app import create_app, routed
from idlebell.rest.options import RestOptions
from idlebell.rest.server import RestServer, listen, url_of
from idlebell.rules.pace import Pace
from idlebell.store.contract import Store, StoreError
from idlebell.store.memory import MemoryStore
from idlebell.telemetry.facts import Complained, Fact, LoginFailed, Noted, SessionOpened, TokenNotRenewed, Warned

COLLECTED_AFTER: Final = (20_000, 10, 10)
"""Objects made and not freed before the collector looks at the youngest, and looks of one generation before one at the next.
What stood at the start is frozen and counts for nothing, so by CPython's own numbers (700, 10, 10) all sessions that are awake
were walked over and over while many are opened."""

SWITCH_SECONDS: Final = 0.0005
"""For how long a thread that computes keeps the interpreter from another that wants it. Each statement of the store's writer
gives it away, and a commit has fifteen: by CPython's own 5 ms a busy loop made it wait for most of a tenth of a second."""


NOT_A_MAIL_SERVER: Final = frozenset({"unreachable", "tls-failed", "certificate-changed", "not-imap"})
"""What a login comes to where host, port or certificate are not what they are taken for."""
TOLD_WITH_THEIR_MEND: Final = frozenset({"tls-failed", "certificate-changed"})
"""Their sentence says what to do about this very certificate."""
UNREACHED: Final = {
    "refused": "nothing listens there",
    "timeout": "it does not answer",
    "no-route": "there is no way to it",
    "no-such-name": "there is no such host",
    "dns": "the name server does not answer",
    "not-allowed": "its address or port is not allowed; allow it by network.allow or network.imap_ports",
    "bad-host": "that is no host name",
}
"""What the one at the terminal may know, unlike an app."""


@dataclass(frozen=True, slots=True)
class Running:
    """The whole gateway, with its door open at ``url``."""

    engine: Engine
    url: str
    renew_certificate: Callable[[], None]
    """Reads the files of our own certificate again. ValueError: they cannot be used."""
    front: Front | None = None

    @property
    def gateway(self) -> Gateway:
        return self.engine.gateway


@asynccontextmanager
async def running(settings: Settings, *, emit_also: Callable[[Fact], None] | None = None) -> AsyncIterator[Running]:
    """The gateway from its first watcher to its last. StoreError, OSError: it cannot start, and the sentence says why."""
    async with AsyncExitStack() as stack:
        pace = Pace(settings.push.coalesce_seconds, settings.push.flood_per_minute)
        store = await open_store(settings.store.path, settings.store.key_file, pace)
        stack.push_async_callback(store.close)
        engine = await stack.enter_async_context(
            running_engine(
                settings,
                store,
                emit_also,
                declared=declared_accounts(settings),
                canary=True,
                door_process=settings.credentials.door == "process",
            )
        )
        options = _rest_options(engine)
        if (neighbour := engine.neighbour) is None:
            rest = RestServer(create_app(engine.gateway, options), options)
            await rest.start()
            stack.push_async_callback(rest.stop)
            url, renew = rest.url, rest.renew_certificate
        else:
            listening = listen(options)
            url, renew = url_of(options, listening), neighbour.renew_certificate
            stack.push_async_callback(neighbour.listen_no_more)
            await neighbour.listen(routed(engine.gateway, options), listening)
        stack.callback(engine.gateway.close_events)
        front = front_of(engine)
        if front is not None:
            await front.start()
            stack.push_async_callback(front.stop)
            for gauge in front_gauges(front):
                engine.metrics.show(gauge)
            engine.emit(Noted(f"IMAP front at {front.url}"))
        yield Running(engine, url, renew, front)


async def serve(
    settings: Settings,
    *,
    ready: Callable[[str], None] | None = None,
    reload: Callable[[], Settings] | None = None,
    warnings: Callable[[Settings], Sequence[str]] = lambda _: (),
) -> None:
    """Until SIGTERM or SIGINT. SIGHUP: ``reload`` reads the configuration again, and declared accounts follow it; the files of
    our own certificate are read again too. ``warnings``: of settings, when they are taken."""
    if foreign := foreign_addresses(settings.imap.source_addresses):
        raise ValueError(f"imap.source_addresses: {', '.join(map(str, foreign))} is no address of this machine")
    loop = asyncio.get_running_loop()
    stop, again = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, again.set)
    hardened = harden_process()
    if not (places := descriptors()).sessions:
        raise ValueError(
            f"a limit of {places.limit} descriptors leaves none for IMAP sessions; "
            f"it has to be above {RESERVE_LEAST} (ulimit -n, or LimitNOFILE= of systemd)"
        )
    async with running(settings) as found:
        for sentence in hardened:
            found.engine.emit(Noted(sentence))
        for sentence in warnings(settings):
            found.engine.emit(Warned(sentence))
        if ready is not None:
            ready(found.url)
        # What stands now stands for long: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTED_AFTER)
        sys.setswitchinterval(SWITCH_SECONDS)
        while not stop.is_set():
            waits = [asyncio.create_task(stop.wait()), asyncio.create_task(again.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            if again.is_set():
                again.clear()
                renew_certificate(found)
                await follow_configuration(found.engine, reload, warnings)
        # A second signal is not waited for: it ends the process as it always did.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def renew_certificate(found: Running) -> None:
    try:
        found.renew_certificate()
        if found.front is not None:
            found.front.renew_certificate()
    except ValueError as error:
        found.engine.emit(Complained(f"the certificate was not taken, the one from before stays: {error}"))


async def follow_configuration(
    engine: Engine,
    reload: Callable[[], Settings] | None,
    warnings: Callable[[Settings], Sequence[str]] = lambda _: (),
) -> None:
    if reload is None:
        return
    try:
        settings = reload()
    except ConfigError as error:
        for line in error.lines:
            engine.emit(Complained(f"the configuration was not taken: {line}"))
        return
    for sentence in warnings(settings):
        engine.emit(Warned(sentence))
    try:
        await engine.follow(declared_accounts(settings))
    except StoreError as error:
        # Every session would go with the process.
        engine.emit(Complained(f"the configuration was taken in part only: {error}"))


async def watch_one(
    settings: Settings,
    url: str,
    credentials: Callable[[], Secret] | None,
    *,
    notify: Sequence[str] = (),
    exec_command: str | None = None,
    filter_text: str | None = None,
    state: Path | None = None,
    trust: Trust = AUTHORITIES,
    certificate: ClientCertificate | None = None,
    token_command: str = "",
    on_line: Callable[[str], None],
) -> None:
    """One account without a server, until SIGINT or SIGTERM. ``state``: a database that remembers what was announced.
    ``filter_text``: as a subscription keeps it. ``credentials`` None: ``certificate`` or what ``token_command``
    prints is the login.

    ValueError: it goes on no longer, for the server refused the credentials or something given cannot be used. Nobody would
    send other ones. Before it was ever watched, which ``state`` tells too, that holds of host, port and mailbox as well: what
    worked once is waited for, what never did is rather a slip of the pen.
    """
    parsed = parse_imap_url(url)
    account = DeclaredAccount(
        target=parsed.under(trust).target,
        username=parsed.username,
        mailboxes=(parsed.mailbox or "INBOX",),
        notify=tuple(PushUrl(one) for one in notify),
        command=exec_command or "",
        filter=filter_text,
        ask=credentials,
        terminal=True,
        certificate=certificate,
        # As the other commands that are given at a terminal: a shell reads it.
        token_command=shlex.join(("sh", "-c", token_command)) if token_command else "",
    )
    stop = asyncio.Event()
    hopeless: list[str] = []
    proven = False
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    harden_process()

    def give_up(sentence: str) -> None:
        hopeless.append(sentence)
        stop.set()

    def heed(fact: Fact) -> None:
        nonlocal proven
        match fact:
            case SessionOpened():
                proven = True
            case LoginFailed(code=code, detail=detail) if (entry := PROBLEMS[code]).blame is Blame.CREDENTIALS:
                give_up(f"{detail.rstrip('.')}. {entry.mend}")
            case LoginFailed(code=code, detail=detail, private=private) if not proven and code in NOT_A_MAIL_SERVER:
                why = UNREACHED.get(private.partition(":")[0])
                if why is not None:
                    give_up(f"{detail.rstrip('.')} at {account.target}: {why}. Check host and port.")
                elif code in TOLD_WITH_THEIR_MEND:
                    give_up(f"{account.target}: {detail}")
                else:
                    more = "" if private in detail else f" ({private})"
                    give_up(f"{account.target}: {detail.rstrip('.')}{more}. {PROBLEMS[code].mend}")
            case TokenNotRenewed(detail=detail, private=private) if not proven:
                give_up(f"{detail} {private}".strip())
            case Complained(text=text):
                give_up(text)
            case _:
                pass

    async def first_look(engine: Engine) -> None:
        with suppress(StoreError):  # the watcher meets it too
            fault = await engine.declared.unopened(account)
            if fault is not None:
                give_up(f"{fault.detail.rstrip('.')}. {PROBLEMS[fault.code].mend}")

    async with AsyncExitStack() as stack:
        store: Store = MemoryStore(os.urandom) if state is None else await open_store(state, None)
        stack.push_async_callback(store.close)
        known = await store.account_by_key(account.target, account.username)
        proven = known is not None and await store.cursor(known.id, account.mailboxes[0]) is not None
        engine = await stack.enter_async_context(
            running_engine(settings, store, heed, declared=(account,), on_line=on_line)
        )
        if not proven:
            looking = asyncio.create_task(first_look(engine))
            stack.callback(looking.cancel)
        await stop.wait()
    if hopeless:
        raise ValueError(hopeless[0])


def _rest_options(engine: Engine) -> RestOptions:
    server, canary = engine.settings.server, engine.canary
    ingest = Ingest(engine.gateway, engine.gateway.means.policy.sources, Clock())
    readiness = Readiness(engine.store, Clock(), engine.emit, nothing_troubles if canary is None else canary.trouble)

    return RestOptions(
        host=server.listen.host,
        port=server.listen.port,
        connections=descriptors().clients,
        connections_per_address=engine.settings.limits.connections_per_address,
        requests_per_minute=engine.settings.limits.requests_per_minute,
        public_url=server.public_url,
        tls_certificate=server.tls_certificate,
        tls_key=server.tls_key,
        trusted_proxies=server.trusted_proxies,
        cors=server.cors,
        ready=readiness.problem,
        metrics=engine.metrics.exposition,
        emit=engine.emit,
        take_dovecot=ingest.take_dovecot,
        take_signed=ingest.take_signed,
    )
