"""Asks one server what it can do, over the same code that watches."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from idlebell.cli.failure import Failure
from idlebell.compose import egress_of
from idlebell.config import ImapUrl, Settings
from idlebell.discover.providers import of_address, of_host, sessions_taken
from idlebell.gateway.discovery import Discovery, Found, domain_of
from idlebell.imap import quirks
from idlebell.imap.errors import RemoteProtocolError
from idlebell.login.door import Door
from idlebell.login.keyring import Keyring
from idlebell.login.opener import LoginFailed, Opener
from idlebell.model.account import (
    Account,
    CertificateCredentials,
    ClientCertificate,
    Credentials,
    ImapTarget,
    PasswordCredentials,
    Tls,
)
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret
from idlebell.model.trust import AUTHORITIES, Trust, spelled
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.errors import TlsFailed, TransportError, Unreachable
from idlebell.net.http_client import HttpClient
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_mends import mend_of
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wire_log import WireLog
from idlebell.telemetry.facts import Fact
from idlebell.watch.lapses import Lapses
from idlebell.watch.strategy import Way, choose

LOGIN_SECONDS = 30.0
_TLS = {Tls.IMPLICIT: "TLS from the first byte", Tls.STARTTLS: "STARTTLS", Tls.NONE: "no TLS"}
WORTH_NAMING = (
    "IMAP4REV2",
    "IDLE",
    "NOTIFY",
    "QRESYNC",
    "CONDSTORE",
    "UIDPLUS",
    "ID",
    "ENABLE",
    "UTF8=ACCEPT",
    "PREVIEW",
)


Say: TypeAlias = Callable[[str], None]
Password: TypeAlias = Callable[[], Secret] | None


@dataclass(frozen=True, slots=True)
class _Tools:
    """The gateway's own, so that the answer is the one that a subscriber would get."""

    settings: Settings
    clock: Clock
    resolver: Resolver
    tls_policy: TlsPolicy
    egress: Egress

    @classmethod
    def of(cls, settings: Settings) -> _Tools:
        clock = Clock()
        return cls(settings, clock, Resolver(clock), TlsPolicy(settings.imap.ca_file), egress_of(settings))

    async def connect(
        self, target: ImapTarget, certificate: ClientCertificate | None = None, /, *, wire_log: WireLog | None = None
    ) -> ImapConnection:
        connector = Connector(self.egress, self.resolver, source_addresses=self.settings.imap.source_addresses)
        return await open_connection(
            target,
            connector=connector,
            tls_policy=self.tls_policy,
            clock=self.clock,
            wire_log=wire_log,
            certificate=certificate,
        )


async def report(
    settings: Settings, url: ImapUrl, password: Password, say: Say, certificate: ClientCertificate | None = None
) -> None:
    """Prints line by line. A Failure names the check that failed."""
    tools = _Tools.of(settings)
    try:
        await _report(tools, url, password, say, certificate)
    finally:
        await tools.resolver.close()


async def report_address(
    settings: Settings,
    address: str,
    password: Password,
    say: Say,
    trust: Trust = AUTHORITIES,
    certificate: ClientCertificate | None = None,
) -> None:
    """The same of the server that an app would be given that leaves the host out."""
    tools = _Tools.of(settings)
    http = HttpClient(tools.egress, tools.resolver, tools.tls_policy, proxy=settings.network.proxy)
    try:
        found = await Discovery(tools.resolver.services, http.send, tools.clock).find(address)
        chosen = _chosen(address, found, say)
        if password is not None and not chosen.confirmed:
            raise Failure(
                f"the password is not sent to {chosen.target.host}, which is not in the domain of the address; if it is"
                f" right, name it: imaps://{address}@{chosen.target.host}"
            )
        await _report(tools, ImapUrl(chosen.target, address, None).under(trust), password, say, certificate)
    finally:
        await http.close()
        await tools.resolver.close()


def _chosen(address: str, found: Sequence[Found], say: Say) -> Found:
    if not found:
        provider = of_address(address)
        if provider is not None:
            raise Failure(f"{provider.name}: {provider.login.value}. {provider.without_imap} See {provider.page}")
        domain = domain_of(address)
        if domain is None:
            raise Failure(f"{address} is no mail address whose server could be discovered")
        raise Failure(
            f"no IMAP server was found for {domain}: neither SRV records (RFC 6186) nor an autoconfig file could be had, and"
            f" it is not in the table of providers; name the server: imaps://{address}@HOST"
        )
    for one in found:
        name = f"; user name {one.username}" if one.username not in ("", address) else ""
        strange = "" if one.confirmed else "; not in the domain, so an app has to name it"
        say(f"Found {one.target}, {_TLS[one.target.tls]}, by {one.source}: {one.where}{name}{strange}")
    return next((one for one in found if one.confirmed), found[0])


async def _report(
    tools: _Tools, url: ImapUrl, password: Password, say: Say, certificate: ClientCertificate | None
) -> None:
    heard: list[str] = []

    def listen(side: str, line: str) -> None:
        if side == "S" and not heard:
            heard.append(line)  # the greeting

    connection = await _connected(lambda target: tools.connect(target, certificate, wire_log=listen), url)
    try:
        say(f"{url.target}: connected")
        say(f"TLS: {connection.tls_description or 'none'}")
        if connection.certificate is not None:
            say(f"Certificate: {connection.certificate}")
            say(f"Its key, for tls_pin_sha256: {spelled(connection.certificate.spki_sha256)}")
        say(f"Before login: {_listed(connection)}")
        known = connection.capabilities
        if password is None and certificate is None:
            _tell_known(url.target.host, "".join(heard), known, say)
            told = _way_of(tools, url, connection)
            say(f"Would be watched by: {told}, as far as it tells before login (name a password option to ask more)")
            return
    finally:
        await connection.logout()
    door = Door(
        Opener(tools.connect, secrets.token_bytes, _unheard, support_url=tools.settings.imap.support_url).open,
        Keyring(),
        tools.clock,
        secrets.token_bytes,
        _unheard,
    )
    account = Account(AccountId("acc_check"), url.target, url.username)
    try:
        session = await door.log_in(account, _credentials(password, certificate), deadline_seconds=LOGIN_SECONDS)
    except LoginFailed as failure:
        raise Failure(f"{failure.fault.detail.rstrip('.')}. {failure.fault.problem().entry.mend}") from None
    say(f"After login: {_listed(session)}")
    _tell_known(url.target.host, "".join(heard), known | session.capabilities, say)
    say(f"Would be watched by: {_way_of(tools, url, session)}")
    await session.logout()


def _credentials(password: Password, certificate: ClientCertificate | None) -> Credentials:
    secret = None if password is None else password()
    if certificate is not None:
        return CertificateCredentials(certificate, secret)
    assert secret is not None, "asked for by one of the two"
    return PasswordCredentials(secret)


def _way_of(tools: _Tools, url: ImapUrl, session: ImapConnection) -> str:
    return way(session.has, sessions_taken(url.target.host), tools.settings.imap.poll_seconds)


def _tell_known(host: str, greeting: str, capabilities: frozenset[str], say: Say) -> None:
    """What the tables say of the server: its provider, and its departures from the RFCs."""
    provider = of_host(host)
    if provider is not None:
        say(f"Provider: {provider.name}")
        say(f"  password: {provider.login.value}; {provider.page}")
        for label, sentence, page in (
            ("IMAP", provider.switch_on, provider.switch_page),
            ("plans", provider.without_imap, ""),
        ):
            if sentence:
                say(f"  {label}: {sentence} {page}".rstrip())
        if provider.sessions is not None:
            bears = f"about {provider.sessions.value} of an account ({provider.sessions.evidence})"
            say(f"  sessions: it bears {bears}; Idlebell takes {provider.sessions_taken}")
        for note in provider.notes:
            say(f"  note: {note}")
    for quirk in sorted(quirks.detect(greeting, capabilities, host), key=lambda one: one.name):
        say(f"Quirk {quirk.name}: {quirk.sentence}")


def way(has: Callable[[str], bool], sessions: int, poll_seconds: int) -> str:
    """How mailboxes of this server are watched, as far as its capabilities tell: what it does not do right is found out later.
    ``sessions``: of one account, at most."""
    one, many = (choose(has, Lapses(), 0.0, several=several) for several in (False, True))
    if one.way is Way.POLL:
        return f"polling every {poll_seconds} s, for {one.reason}"
    if many.way is Way.NOTIFY:
        return "IDLE; several mailboxes by NOTIFY over the same session"
    return f"IDLE; several mailboxes by IDLE in up to {sessions} sessions and STATUS of the others, for {many.reason}"


async def _connected(connect: Callable[[ImapTarget], Awaitable[ImapConnection]], url: ImapUrl) -> ImapConnection:
    try:
        return await connect(url.target)
    except Unreachable as error:
        raise Failure(f"{url.target} cannot be reached ({error.reason}: {error.detail}); {_mend(error)}") from None
    except TlsFailed as error:
        said = f"{url.target}: TLS fails the check {error.check}: {error.detail.rstrip('.')}"
        raise Failure(f"{said}. {mend_of(error)}") from None
    except TransportError as error:
        raise Failure(f"{url.target}: {error}; check host and port: 993 is imaps://, 143 imap://") from None
    except RemoteProtocolError as error:
        raise Failure(f"{url.target} breaks the protocol: {error.detail}") from None


def _mend(error: Unreachable) -> str:
    if error.reason == "not-allowed":
        return "the rules are network.allow, network.imap_ports and imap.only_hosts"
    if error.reason == "no-source":
        return "put it on an interface, or mend imap.source_addresses"
    return "check host, port and network"


def _listed(connection: ImapConnection) -> str:
    named = [name for name in WORTH_NAMING if connection.has(name)]
    others = len(connection.capabilities - set(named))
    return " ".join(named) + (f" and {others} more" if others else "")


def _unheard(fact: Fact) -> None:
    """What a login emits is said on the terminal instead."""
