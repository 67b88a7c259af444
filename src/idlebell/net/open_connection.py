"""From a target to a connection that is under TLS, greeted, and knows what the server can do. No credential is at hand here,
so none can leak before TLS."""

from __future__ import annotations

from collections.abc import Callable

from idlebell.imap.client import Client
from idlebell.imap.commands import Capability
from idlebell.imap.errors import RemoteProtocolError
from idlebell.imap.limits import DEFAULT_LIMITS, Limits
from idlebell.imap.redacted import offence
from idlebell.imap.responses import Condition, StatusResponse
from idlebell.model.account import ClientCertificate, ImapTarget, Tls
from idlebell.net.clock import Clock
from idlebell.net.connector import Connector
from idlebell.net.deadlines import DEFAULT_DEADLINES, Deadlines
from idlebell.net.egress import Purpose
from idlebell.net.errors import ConnectionLost, NotImap, TimedOut, TlsFailed
from idlebell.net.foreign_errors import CLIENT_CERTIFICATE_ALERTS, certificate_refused
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.pinning import check_key
from idlebell.net.plain_channel import PlainChannel
from idlebell.net.tls_engine import TlsChannel, start_tls
from idlebell.net.tls_policy import TlsPolicy
from idlebell.net.wheel import Wheel
from idlebell.net.wire import Wire
from idlebell.net.wire_log import WireLog


async def open_connection(
    target: ImapTarget,
    *,
    connector: Connector,
    tls_policy: TlsPolicy,
    clock: Clock,
    limits: Limits = DEFAULT_LIMITS,
    deadlines: Deadlines = DEFAULT_DEADLINES,
    share: Callable[[frozenset[str]], frozenset[str]] | None = None,
    wire_log: WireLog | None = None,
    allow_preauth: bool = False,
    wheel: Wheel | None = None,
    certificate: ClientCertificate | None = None,
) -> ImapConnection:
    """Connects to ``target``, by its rules for TLS, and reads greeting and capabilities.

    ``share``: an :class:`~idlebell.imap.capabilities.SharedCapabilities`. ``allow_preauth``: take a server's word that we
    are logged in already (only ever under TLS). ``certificate``: shown to a server that asks for one.

    Unreachable; TlsFailed; TimedOut (``tls``, ``greeting``, ``CAPABILITY``, ``STARTTLS``); ServerSaidBye; ConnectionLost;
    NotImap; RemoteProtocolError. Nothing stays open where it raises.
    """
    encrypted = target.tls is not Tls.NONE
    sock = await connector.connect(
        target.host,
        target.port,
        Purpose.IMAP if encrypted else Purpose.IMAP_PLAINTEXT,
        timeout_seconds=deadlines.connect_seconds,
    )
    try:
        if target.tls is Tls.IMPLICIT:
            channel: TlsChannel | PlainChannel = await _handshake(
                Wire(sock, wheel), target, tls_policy, deadlines, certificate
            )
        else:
            channel = PlainChannel(Wire(sock, wheel))
    except BaseException:
        sock.close()
        raise
    client = Client(limits, tls=target.tls is Tls.IMPLICIT, allow_plaintext_login=not encrypted, share=share)
    connection = ImapConnection(target, channel, client, clock=clock, deadlines=deadlines, wire_log=wire_log)
    try:
        greeting = await _greeting(connection)
        if greeting.condition is Condition.PREAUTH and not allow_preauth:
            raise RemoteProtocolError("preauth", "the server says that we are logged in already")
        if isinstance(channel, PlainChannel) and target.tls is Tls.STARTTLS:
            await _start_tls(connection, channel, target, tls_policy, certificate)
        if not client.capabilities_known:
            await connection.command(Capability())
    except RemoteProtocolError as error:
        connection.close()
        if error.reason == "preauth-in-clear":
            # RFC 9051 section 7.1.4: STARTTLS is not possible any more; an attacker says it to keep us in clear.
            raise TlsFailed(error.reason, error.detail) from error
        if error.reason == "injected-plaintext":
            raise TlsFailed("starttls-injected", error.detail) from error
        raise
    except ConnectionLost as error:
        connection.close()
        if error.detail in CLIENT_CERTIFICATE_ALERTS:
            raise certificate_refused(error.detail, connection.certificate) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


async def _greeting(connection: ImapConnection) -> StatusResponse:
    try:
        return await connection.greeting()
    except RemoteProtocolError as error:
        if error.reason == "preauth-in-clear":
            raise
        raise NotImap(offence(error)) from error  # whatever rule its first line breaks


async def _start_tls(
    connection: ImapConnection,
    channel: PlainChannel,
    target: ImapTarget,
    tls_policy: TlsPolicy,
    certificate: ClientCertificate | None,
) -> None:
    """STARTTLS or nothing (RFC 8314 section 4.1): there is no way on in clear."""
    if not connection.client.capabilities_known:
        await connection.command(Capability())
    if not connection.has("STARTTLS"):
        raise TlsFailed("starttls-missing", "the server does not offer STARTTLS, or somebody has hidden it")
    reply = await connection.start_tls()
    if not reply.ok:
        raise TlsFailed("starttls-refused", f"the server answers STARTTLS with {reply.completed.condition}")
    wire, injected = channel.release()
    if injected:
        # RFC 9051 section 11.1; a server speaks next only after our ClientHello.
        raise TlsFailed("starttls-injected", "bytes in clear after the OK of STARTTLS")
    connection.secured(await _handshake(wire, target, tls_policy, connection.deadlines, certificate))


async def _handshake(
    wire: Wire, target: ImapTarget, tls_policy: TlsPolicy, deadlines: Deadlines, certificate: ClientCertificate | None
) -> TlsChannel:
    wire.limit(deadlines.tls_seconds)
    try:
        context = tls_policy.context_for(target.trust, certificate)
        channel = await start_tls(wire, context, target.host, tls_policy.secrets)
    except TimeoutError as error:
        wire.close()
        raise TimedOut("tls", f"no TLS handshake with {target} within {deadlines.tls_seconds:g} s") from error
    except BaseException:
        wire.close()
        raise
    wire.limit(None)
    try:
        check_key(target.trust, channel.certificate)
    except TlsFailed:
        channel.shut_down()
        raise
    return channel
