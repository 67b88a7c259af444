"""Hands one message in at a submission server (RFC 6409).

aiosmtplib speaks the protocol and bounds a reply at 32 KiB; the rules are ours: the socket comes from the connector, which
checks the address that is really dialled, TLS is that of our policy, a login goes over TLS only, and one deadline holds for
all of it.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass
from socket import socket
from typing import Final

import aiosmtplib

from idlebell.model.account import Tls
from idlebell.model.secret import Secret
from idlebell.model.shown_text import shown
from idlebell.model.smtp import SmtpTarget
from idlebell.net.connector import Connector
from idlebell.net.egress import Purpose
from idlebell.net.errors import ConnectionLost, SubmissionRefused, TimedOut, TlsFailed, TransportError
from idlebell.net.foreign_errors import handshake_failed, lost
from idlebell.net.tls_policy import TlsPolicy

SUBMIT_SECONDS: Final = 60.0
"""From the name to the server's word that it has the message. RFC 5321 section 4.5.3.2 grants a server ten minutes after
the last dot; one that takes more than this one does not do its work."""
QUIT_SECONDS: Final = 5.0
"""QUIT is a courtesy: the message is the server's already."""

_ENHANCED: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)")
"""RFC 3463."""


@dataclass(frozen=True, slots=True)
class Login:
    """Of the account that submits."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class Letter:
    """``sender`` and ``recipient`` are addresses in ASCII, checked by whoever made them; ``content`` is a whole message."""

    sender: str
    recipient: str
    content: bytes


async def submit(
    target: SmtpTarget,
    login: Login | None,
    letter: Letter,
    *,
    connector: Connector,
    tls_policy: TlsPolicy,
    timeout_seconds: float = SUBMIT_SECONDS,
) -> None:
    """Returns when the server has taken the message. ``login`` None: without one.

    Unreachable, TlsFailed, SubmissionRefused, ConnectionLost, TimedOut (``smtp``). ValueError: a login without TLS.
    """
    if login is not None and target.tls is Tls.NONE:
        raise ValueError("a password does not go over a connection without TLS")
    try:
        await _submitted(target, login, letter, connector, tls_policy, timeout_seconds)
    finally:
        # aiosmtplib waits by asyncio.wait_for, which before Python 3.12 drops a cancellation that comes together with what it
        # waits for. Whoever was cancelled must not go on.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError


async def _submitted(
    target: SmtpTarget,
    login: Login | None,
    letter: Letter,
    connector: Connector,
    tls_policy: TlsPolicy,
    timeout_seconds: float,
) -> None:
    try:
        async with asyncio.timeout(timeout_seconds):
            purpose = Purpose.SMTP_PLAINTEXT if target.tls is Tls.NONE else Purpose.SMTP
            sock = await connector.connect(target.host, target.port, purpose, timeout_seconds=timeout_seconds)
            client = _client(target, sock, tls_policy, timeout_seconds)
            try:
                await _converse(client, target, login, letter)
            except BaseException:
                client.close()
                raise
    except TimeoutError as error:  # aiosmtplib's own is one, too
        raise TimedOut("smtp", f"{target} did not take the message within {timeout_seconds:g} s") from error
    except aiosmtplib.SMTPException as error:
        raise _meaning(error) from error
    except ssl.SSLError as error:
        raise handshake_failed(error) from error
    except OSError as error:
        raise lost(error) from error
    with suppress(aiosmtplib.SMTPException, OSError):
        await client.quit(timeout=QUIT_SECONDS)
    client.close()


def _client(target: SmtpTarget, sock: socket, tls_policy: TlsPolicy, timeout_seconds: float) -> aiosmtplib.SMTP:
    own = sock.getsockname()[0]
    return aiosmtplib.SMTP(
        hostname=target.host,
        sock=sock,
        use_tls=target.tls is Tls.IMPLICIT,
        start_tls=False,  # asked for below, where its absence has a name
        tls_context=tls_policy.client_context,
        # RFC 5321 section 4.1.3. Our name would have to be looked up, and is nobody's business.
        local_hostname=f"[IPv6:{own.partition('%')[0]}]" if ":" in own else f"[{own}]",
        timeout=timeout_seconds,
    )


async def _converse(client: aiosmtplib.SMTP, target: SmtpTarget, login: Login | None, letter: Letter) -> None:
    await client.connect()
    await client.ehlo()
    if target.tls is Tls.STARTTLS:
        await _start_tls(client)
        await client.ehlo()
    if login is not None:
        await _log_in(client, login)
    await client.sendmail(letter.sender, [letter.recipient], letter.content)


async def _start_tls(client: aiosmtplib.SMTP) -> None:
    """STARTTLS or nothing (RFC 8314 section 4.1): there is no way on in clear."""
    if not client.supports_extension("starttls"):
        raise TlsFailed("starttls-missing", "the server does not offer STARTTLS, or somebody has hidden it")
    try:
        await client.starttls()
    except aiosmtplib.SMTPResponseException as error:
        raise TlsFailed("starttls-refused", f"the server answers STARTTLS with {error.code}") from error


async def _log_in(client: aiosmtplib.SMTP, login: Login) -> None:
    """By one mechanism: the library's own ``login`` tries the password with each, and a wrong one would count three
    times."""
    offered = client.server_auth_methods
    if "plain" in offered:
        await client.auth_plain(login.username, login.password.reveal())
    elif "login" in offered:
        await client.auth_login(login.username, login.password.reveal())
    else:
        raise SubmissionRefused("no-login", "the server offers neither AUTH PLAIN nor AUTH LOGIN")


def _meaning(error: aiosmtplib.SMTPException) -> TransportError:
    """Of what the library raises. Cases go from the special to the general."""
    match error:
        case aiosmtplib.SMTPResponseException(code=-1):  # the library's word for a reply that is none
            return SubmissionRefused("protocol", "what answers does not speak SMTP")
        case aiosmtplib.SMTPAuthenticationError():
            # Some servers quote the command, and the password is in it: nothing but numbers is taken over.
            enhanced = _ENHANCED.match(error.message)
            return SubmissionRefused("login", f"{error.code} {enhanced[0] if enhanced else ''}".strip(), error.code)
        case aiosmtplib.SMTPRecipientsRefused():
            return _answered("recipient", error.recipients[0])
        case aiosmtplib.SMTPSenderRefused():
            return _answered("sender", error)
        case aiosmtplib.SMTPDataError():
            return _answered("content", error)
        case aiosmtplib.SMTPHeloError():
            return _answered("hello", error)
        case aiosmtplib.SMTPResponseException():
            return _answered("greeting", error)
        case _:
            pass
    cause = error.__cause__
    while isinstance(cause, aiosmtplib.SMTPException):
        cause = cause.__cause__
    if isinstance(cause, ssl.SSLError):
        return handshake_failed(cause)
    if isinstance(cause, OSError):
        return lost(cause)
    return ConnectionLost("eof", "the server closed the connection")


def _answered(reason: str, error: aiosmtplib.SMTPResponseException) -> SubmissionRefused:
    return SubmissionRefused(reason, f"{error.code} {shown(error.message)}", error.code)
