"""The door's process: ``python -m idlebell.door.process DESCRIPTOR``, started by the gateway with its end of their link.

It ends when the other end of the link does. Signals that are meant for the gateway may reach it, too (systemd tells all of a
unit's processes): they are ignored, for the gateway's last words go through here.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final

import msgspec

from idlebell.door import frames, sorts
from idlebell.door.front import LATE_SECONDS, Front
from idlebell.door.strongbox import Strongbox
from idlebell.door.succession import hand_on, take_on
from idlebell.door.tickets import ElsewhereError, Tickets, Use
from idlebell.imap.errors import RemoteProtocolError
from idlebell.login import refusal
from idlebell.login.opener import LoginFailed, Opener
from idlebell.login.own_tokens import printed_by
from idlebell.login.password_source import NoPassword, password_of
from idlebell.login.relay import Relay
from idlebell.login.renewals import refresh_by
from idlebell.login.sign_ins import redeem_by
from idlebell.login.token_endpoint import Granted
from idlebell.model.account import (
    BearerCredentials,
    CertificateCredentials,
    ClientCertificate,
    Credentials,
    ImapTarget,
    KeyedCredentials,
    PasswordCredentials,
    RelayedCredentials,
    RenewableCredentials,
)
from idlebell.model.endpoint import PushUrl
from idlebell.model.problem import Fault
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.errors import TransportError
from idlebell.net.handover import give
from idlebell.net.hardening import harden_process, overwrite
from idlebell.net.http_client import HttpClient
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.link import Link
from idlebell.net.open_connection import open_connection
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_policy import TlsPolicy
from idlebell.push.exchange import HttpRequest
from idlebell.rest.intake import Intake
from idlebell.rest.options import RestOptions
from idlebell.rest.server import RestServer
from idlebell.telemetry.facts import Complained, Fact
from idlebell.telemetry.foreign_logs import tell_by

REQUESTS_SECONDS: Final = 40.0
"""For requests of a door that is replaced: a registration waits 30 s at most for its session, readers of events come again."""


class DoorProcess:
    """All of it, from the first frame on."""

    def __init__(self, end: socket.socket) -> None:
        self.ended = asyncio.Event()
        tell_by(self._emit)
        self._link = Link(end, self._take, self.ended.set)
        self._tickets = Tickets(os.urandom)
        self._front = Front(self._say, self._tickets)
        self._strongbox = Strongbox(self._tickets, self._say)
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._relays: dict[int, Relay] = {}
        self._others: set[asyncio.Task[None]] = set()
        self._relayed: set[asyncio.Task[None]] = set()
        self._rest: RestServer | None = None

    def _configure(self, given: frames.Configure) -> None:
        clock = Clock()
        self._options = _rest_options(given, self._emit)
        egress = Egress(
            allow=tuple(map(ip_network, given.allow)),
            imap_ports=frozenset(given.imap_ports),
            endpoint_ports=frozenset(given.endpoint_ports),
            allow_plaintext=given.allow_plaintext,
            only_hosts=frozenset(given.only_hosts),
        )
        self._resolver = Resolver(clock)
        arena = SecretArena(lambda text: self._emit(Complained(text)))
        policy = TlsPolicy(Path(given.ca_file) if given.ca_file else None, arena)
        connector = Connector(egress, self._resolver, source_addresses=list(map(ip_address, given.source_addresses)))
        self._http = HttpClient(egress, self._resolver, policy, proxy=given.proxy)
        self._refresh = refresh_by(self._http.send)
        self._redeem = redeem_by(self._http.send)

        async def connect(target: ImapTarget, certificate: ClientCertificate | None = None, /) -> ImapConnection:
            return await open_connection(
                target, connector=connector, tls_policy=policy, clock=clock, certificate=certificate
            )

        self._opener = Opener(connect, os.urandom, self._emit, support_url=given.support_url)

    async def close(self) -> None:
        tasks = [*self._tasks.values(), *self._others, *self._relayed]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._link.close()

    def _say(self, frame: frames.Frame, descriptor: int = -1) -> None:
        self._link.send(frames.encode(frame), descriptor)

    def _emit(self, fact: Fact) -> None:
        self._say(frames.Told(type(fact).__name__, msgspec.to_builtins(fact)))

    def _take(self, packet: memoryview, descriptor: int) -> None:
        match frames.decode_from_gateway(packet):
            case frames.Head() | frames.Piece() | frames.Done() as frame:
                self._front.take(frame)
            case frames.Hold(ticket):
                self._tickets.hold(ticket)
            case frames.Release(ticket):
                self._tickets.release(ticket)
            case frames.LogIn() as frame:
                self._start(frame.number, self._log_in(frame))
            case frames.Answer(number, client_final):
                if (relay := self._relays.get(number)) is not None:
                    relay.answer_with(client_final)
            case frames.Refresh() as frame:
                self._start(frame.number, self._refreshed(frame))
            case frames.Redeem() as frame:
                self._start(frame.number, self._redeemed(frame))
            case frames.ReadPassword() as frame:
                self._start(frame.number, self._read_password(frame))
            case frames.PrintToken() as frame:
                self._start(frame.number, self._printed(frame))
            case frames.ReadVaultKey() as frame:
                self._start(frame.number, self._strongbox.read_key(frame))
            case frames.Seal() as frame:
                self._strongbox.seal(frame)
            case frames.Unseal() as frame:
                self._strongbox.unseal(frame)
            case frames.HandOn():
                hand_on(self._tickets, descriptor)
                self._front.retire()
                self._beside(self._retire())
            case frames.TakeOn():
                self._take_on(descriptor)
            case frames.Ping():
                self._say(frames.Pong())
            case frames.Cancel(number):
                if (task := self._tasks.get(number)) is not None:
                    task.cancel()
            case frames.Configure() as frame:
                self._configure(frame)
            case frames.Listen():
                self._beside(self._listen(socket.socket(fileno=descriptor)))
            case frames.RenewCertificate():
                self._renew_certificate()
            case frames.ListenNoMore():
                self._beside(self._listen_no_more())

    def _start(self, number: int, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks[number] = asyncio.create_task(work)
        task.add_done_callback(lambda _: self._tasks.pop(number, None))

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    # another one in its place

    def _take_on(self, descriptor: int) -> None:
        try:
            over = take_on(self._tickets, descriptor)
        except ValueError:
            self._say(frames.TakenOn(False))
            return
        asyncio.get_running_loop().call_later(LATE_SECONDS, over)
        self._say(frames.TakenOn(True))

    async def _retire(self) -> None:
        """Answers and logins that are under way are ended, and sessions that are relayed go on; then this process is over."""
        if self._rest is not None:
            await self._rest.stop(REQUESTS_SECONDS)
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.gather(*self._relayed, return_exceptions=True)
        self.ended.set()

    # requests

    async def _listen(self, listening: socket.socket) -> None:
        rest = RestServer(Intake(self._front, self._options), self._options)
        try:
            await rest.start(listening)
        except (OSError, ValueError) as error:
            self._say(frames.CannotListen(f"{getattr(error, 'strerror', None) or error}"))
            return
        self._rest = rest
        self._say(frames.Listening())

    def _renew_certificate(self) -> None:
        try:
            if self._rest is not None:
                self._rest.renew_certificate()
        except ValueError as error:
            self._emit(Complained(f"the certificate was not taken, the one from before stays: {error}"))

    async def _listen_no_more(self) -> None:
        if self._rest is not None:
            await self._rest.stop()
        self._say(frames.NotListening())

    # credentials

    async def _log_in(self, frame: frames.LogIn) -> None:
        account = sorts.account_of(frame.whose)
        use = sorts.login_at(frame.whose)
        try:
            with self._tickets.used(use, *sorts.tickets_of(frame.by)) as secrets:
                credentials = _credentials(frame.by, secrets)
                with self._relaying(frame.number, credentials) as relay:
                    try:
                        given = await give(await self._opener.open(account, credentials))
                    except (TransportError, RemoteProtocolError) as error:
                        raise LoginFailed(refusal.failed(error, frame.whose.host)) from None
                keys = self._keys_of(frame.by, credentials, use)
        except KeyError as error:
            self._say(frames.NotLoggedIn(frame.number, self._not_at_hand(error), False, True))
            return
        except LoginFailed as failure:
            self._say(frames.NotLoggedIn(frame.number, failure.fault, failure.unexplained, failure.ours))
            return
        except asyncio.CancelledError:
            self._say(frames.NotLoggedIn(frame.number, _forgotten(), False, True))
            raise
        said = "" if relay is None else relay.server_final
        self._say(frames.LoggedIn(frame.number, given.session, keys, said), given.descriptor)
        overwrite(given.session.secrets)
        if given.relay is not None:
            task = asyncio.create_task(given.relay.run())
            self._relayed.add(task)
            task.add_done_callback(self._relayed.discard)

    @contextmanager
    def _relaying(self, number: int, credentials: Credentials) -> Iterator[Relay | None]:
        """While it lasts the gateway hears of the challenge, and its answer comes here."""
        if not isinstance(credentials, RelayedCredentials) or not isinstance(credentials.exchange, Relay):
            yield None
            return
        relay = self._relays[number] = credentials.exchange
        relay.challenged.add_done_callback(lambda found: self._challenged(number, found))
        try:
            yield relay
        finally:
            del self._relays[number]

    def _challenged(self, number: int, found: asyncio.Future[str]) -> None:
        if not found.cancelled():
            self._say(frames.Challenge(number, found.result()))

    def _not_at_hand(self, error: KeyError) -> Fault:
        if isinstance(error, ElsewhereError):
            self._emit(
                Complained("credentials were to be used for something else than they were given for; they were not")
            )
        return _forgotten()

    def _keys_of(self, by: frames.Sort, credentials: Credentials, use: Use) -> frames.ScramKeys | None:
        """What a password has become, kept for the gateway."""
        if not isinstance(by, frames.ToBeKeys) or not isinstance(credentials, KeyedCredentials):
            return None
        found = (credentials.client_key, credentials.server_key)
        client, server = (self._tickets.keep(one.reveal(), uses=[use]) for one in found)
        keys = frames.ScramKeys(client, server, credentials.salt, credentials.iterations, credentials.mechanism)
        credentials.wipe()
        return keys

    async def _refreshed(self, frame: frames.Refresh) -> None:
        given = frame.client_secret or ""
        known = given if sorts.is_ticket(given) else ""
        tickets = [frame.refresh_token, *filter(None, (known, frame.access_token))]
        try:
            with self._tickets.used(sorts.refresh_at(frame.token_url), *tickets) as (refresh_token, *others):
                secret = others.pop(0) if known else Secret(given) if given else None
                access = others.pop(0) if frame.access_token else None
                own = RenewableCredentials(refresh_token, PushUrl(frame.token_url), frame.client_id, secret, access)
                found = await self._refresh(own)
        except KeyError as error:
            found = self._not_at_hand(error)
        except asyncio.CancelledError:
            self._say(frames.NotRefreshed(frame.number, _forgotten()))
            raise
        self._granted(frame.number, found, like=frame.refresh_token)

    async def _redeemed(self, frame: frames.Redeem) -> None:
        request = HttpRequest("POST", PushUrl(frame.url), tuple(frame.headers), frame.body)
        try:
            found = await self._redeem(request, list(map(Secret, frame.secrets)))
        except asyncio.CancelledError:
            self._say(frames.NotRefreshed(frame.number, _forgotten()))
            raise
        self._granted(frame.number, found)

    def _granted(self, number: int, found: Granted | Fault, like: str = "") -> None:
        """``like``: a ticket for what they may be used for, too."""
        if isinstance(found, Granted):
            tokens = [found.access_token, *([found.refresh_token] if found.refresh_token else [])]
            kept: list[str] = []
            for token in tokens:
                kept.append(self._tickets.keep(token.reveal(), like=like or next(iter(kept), "")))
                token.wipe()
            another = kept[1] if len(kept) > 1 else None
            who = None if found.id_token is None else found.id_token.text()
            self._say(frames.Refreshed(number, kept[0], another, found.seconds, who))
        else:
            self._say(frames.NotRefreshed(number, found))

    async def _printed(self, frame: frames.PrintToken) -> None:
        try:
            found = await printed_by(frame.command)
        except asyncio.CancelledError:
            self._say(frames.NotRefreshed(frame.number, _forgotten()))
            raise
        self._granted(frame.number, found)

    async def _read_password(self, frame: frames.ReadPassword) -> None:
        try:
            password = await password_of(Path(frame.file) if frame.file else None, frame.command)
        except NoPassword as error:
            self._say(frames.PasswordRead(frame.number, "", str(error)))
            return
        ticket = self._tickets.keep(password.reveal(), uses=[sorts.login_at(frame.whose)])
        self._say(frames.PasswordRead(frame.number, ticket, ""))
        password.wipe()


def _credentials(by: frames.Sort, secrets: list[Secret]) -> Credentials:
    """Of the caller's copies."""
    match by:
        case frames.Password():
            return PasswordCredentials(secrets[0])
        case frames.Certificate(certificate, key, _, names_user):
            shown = ClientCertificate(certificate, key)
            return CertificateCredentials(shown, secrets[0] if secrets else None, names_user)
        case frames.Token():
            return BearerCredentials(secrets[0])
        case frames.ToBeKeys():
            return KeyedCredentials(secrets[0])
        case frames.ScramKeys(_, _, salt, iterations, mechanism):
            keyed = KeyedCredentials(Secret(""))
            keyed.take(secrets[0], secrets[1], salt, iterations, mechanism)
            return keyed
        case frames.Relayed(mechanism, client_first):
            return RelayedCredentials(Relay(mechanism, client_first))


def _forgotten() -> Fault:
    return Fault("overloaded", "The credentials are not at hand any more.")


def _rest_options(given: frames.Configure, emit: Any) -> RestOptions:
    return RestOptions(
        host=given.host,
        port=given.port,
        connections=given.connections,
        connections_per_address=given.connections_per_address,
        requests_per_minute=given.requests_per_minute,
        public_url=given.public_url,
        tls_certificate=Path(given.tls_certificate) if given.tls_certificate else None,
        tls_key=Path(given.tls_key) if given.tls_key else None,
        trusted_proxies=tuple(map(ip_network, given.trusted_proxies)),
        cors=tuple(given.cors),
        emit=emit,
    )


async def _run(descriptor: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    harden_process()
    door = DoorProcess(socket.socket(fileno=descriptor))
    await door.ended.wait()
    await door.close()


def main() -> None:
    try:
        import uvloop
    except ImportError:
        new_loop = asyncio.new_event_loop
    else:
        new_loop = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_run(int(sys.argv[1])))


if __name__ == "__main__":
    main()
