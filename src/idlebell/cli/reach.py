"""Asks one server what it can do, over the same code that watches."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from idlebell.cli.failure import Failure
from idlebell.config import ImapUrl, Settings
from idlebell.imap.errors import RemoteProtocolError
from idlebell.login.door import Door, LoginFailed
from idlebell.login.keyring import Keyring
from idlebell.model.account import Account, ImapTarget, PasswordCredentials
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.dns import Resolver
from idlebell.net.egress import Egress
from idlebell.net.errors import TlsFailed, TransportError, Unreachable
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.open_connection import open_connection
from idlebell.net.tls_policy import TlsPolicy
from idlebell.telemetry.facts import Fact

LOGIN_SECONDS = 30.0
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


async def report(
    settings: Settings, url: ImapUrl, password: Callable[[], Secret] | None, say: Callable[[str], None]
) -> None:
    """Prints line by line. A Failure names the check that failed."""
    clock = Clock()
    resolver = Resolver(clock)
    network = settings.network
    # The gateway's own rules, so that the answer is the one that a subscriber would get.
    egress = Egress(
        allow=network.allow,
        imap_ports=frozenset(network.imap_ports),
        allow_plaintext=network.allow_plaintext,
        only_hosts=frozenset(settings.imap.only_hosts),
    )
    connector = Connector(egress, resolver, source_addresses=settings.imap.source_addresses)
    tls_policy = TlsPolicy(settings.imap.ca_file)

    async def connect(target: ImapTarget) -> ImapConnection:
        return await open_connection(target, connector=connector, tls_policy=tls_policy, clock=clock)

    try:
        connection = await _connected(connect, url)
        try:
            say(f"{url.target}: connected")
            say(f"TLS: {connection.tls_description or 'none'}")
            say(f"Before login: {_listed(connection)}")
            if password is None:
                say(
                    f"Would be watched by: {way(connection.has)} (servers tell more after login; name a password option)"
                )
                return
        finally:
            await connection.logout()
        door = Door(connect, Keyring(), clock, secrets.token_bytes, _unheard)
        account = Account(AccountId("acc_check"), url.target, url.username)
        try:
            session = await door.log_in(account, PasswordCredentials(password()), deadline_seconds=LOGIN_SECONDS)
        except LoginFailed as failure:
            raise Failure(f"{failure.fault.detail} {failure.fault.problem().entry.mend}") from None
        say(f"After login: {_listed(session)}")
        say(f"Would be watched by: {way(session.has)}")
        await session.logout()
    finally:
        await resolver.close()


def way(has: Callable[[str], bool]) -> str:
    """How a mailbox of this server is watched."""
    return "IDLE" if has("IDLE") else "polling by STATUS, for the server lists no IDLE"


async def _connected(connect: Callable[[ImapTarget], Awaitable[ImapConnection]], url: ImapUrl) -> ImapConnection:
    try:
        return await connect(url.target)
    except Unreachable as error:
        raise Failure(f"{url.target} cannot be reached ({error.reason}: {error.detail}); {_mend(error)}") from None
    except TlsFailed as error:
        raise Failure(f"{url.target}: TLS fails the check {error.check}: {error.detail}") from None
    except TransportError as error:
        raise Failure(f"{url.target}: {error}; check host and port: 993 is imaps://, 143 imap://") from None
    except RemoteProtocolError as error:
        raise Failure(f"{url.target} breaks the protocol: {error.detail}") from None


def _mend(error: Unreachable) -> str:
    if error.reason == "not-allowed":
        return "the rules are network.allow, network.imap_ports and imap.only_hosts"
    return "check host, port and network"


def _listed(connection: ImapConnection) -> str:
    named = [name for name in WORTH_NAMING if connection.has(name)]
    others = len(connection.capabilities - set(named))
    return " ".join(named) + (f" and {others} more" if others else "")


def _unheard(fact: Fact) -> None:
    """What a login emits is said on the terminal instead."""
