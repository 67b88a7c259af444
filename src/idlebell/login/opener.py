"""From an account and credentials to a session: connects, proves, says who we are. Here alone credentials are looked at.

It decides nothing of when, how often or by which of several: that is :class:`~idlebell.login.door.Door`'s, which may be in
another process and not know what it asks to be used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final, Protocol, TypeAlias

from idlebell.imap.commands import Id
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.quirks import ID_BEFORE_SELECT
from idlebell.imap.sasl import Scram
from idlebell.login import refusal, token_names
from idlebell.login.identity import identity
from idlebell.login.mechanism import mechanism_of, offered, proof_of, proven, revealed, shown_certificate
from idlebell.login.relay import Unanswered
from idlebell.login.said import alerts_of, said_of, without_secret
from idlebell.login.token_names import TokenNames
from idlebell.model.account import (
    Account,
    ClientCertificate,
    CommandedCredentials,
    Credentials,
    FiledCredentials,
    ImapTarget,
)
from idlebell.model.ids import AccountId
from idlebell.model.problem import Fault
from idlebell.model.shown_text import ALERT_CHARACTERS, shown
from idlebell.net.errors import ServerSaidBye, TransportError
from idlebell.net.imap_connection import ImapConnection
from idlebell.telemetry import facts


class Connect(Protocol):
    def __call__(
        self, target: ImapTarget, certificate: ClientCertificate | None = None, /
    ) -> Awaitable[ImapConnection]:
        """``certificate``: shown to a server that asks for one."""


Open: TypeAlias = Callable[[Account, Credentials], Awaitable[ImapConnection]]
"""An authenticated session; LoginFailed: none was opened. It has no deadline: whoever asks cancels it."""


_THE_OPERATORS: Final = (CommandedCredentials, FiledCredentials)
"""Whose account these open is the operator's word, whatever the server looks at. (A door process is not told of it.)"""


class LoginFailed(Exception):  # noqa: N818 - named as the fact it is
    """``unexplained``: the server refused without a word why. ``ours``: it was not asked, by a bound of this gateway."""

    def __init__(self, fault: Fault, *, unexplained: bool = False, ours: bool = False) -> None:
        super().__init__(f"{fault.code}: {fault.detail}")
        self.fault = fault
        self.unexplained = unexplained
        self.ours = ours


class Opener:
    """``connect`` opens a connection that is greeted and, unless the target says otherwise, under TLS. ``entropy`` gives that
    many random bytes. ``support_url``: told to servers by ID (RFC 2971), after a login and never before one."""

    def __init__(
        self, connect: Connect, entropy: Callable[[int], bytes], emit: facts.Emit, *, support_url: str = ""
    ) -> None:
        self._connect = connect
        self._entropy = entropy
        self._token_names = TokenNames(connect, entropy)
        self._emit = emit
        self._identity = identity(support_url)

    async def open(self, account: Account, credentials: Credentials) -> ImapConnection:
        connection = await self._connected(account.target, shown_certificate(credentials))
        try:
            await self._prove(connection, account, credentials)
            await self._introduce(connection, account.id)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _connected(self, target: ImapTarget, certificate: ClientCertificate | None) -> ImapConnection:
        try:
            return await (self._connect(target) if certificate is None else self._connect(target, certificate))
        except (TransportError, RemoteProtocolError) as error:
            raise LoginFailed(refusal.failed(error, target.host)) from None

    async def _prove(self, connection: ImapConnection, account: Account, credentials: Credentials) -> None:
        proof = proof_of(credentials)
        host = account.target.host
        fault: Fault | None = None
        unexplained = False
        for name in offered(connection.capabilities, credentials):
            try:
                mechanism = mechanism_of(name, account, credentials, self._entropy)
            except ValueError:
                fault = fault or _cannot_be_carried()
                continue
            try:
                if mechanism is not None:
                    reply = await connection.authenticate(mechanism)
                else:
                    reply = await connection.login(account.username, revealed(credentials))
            except LocalProtocolError:
                fault = fault or _cannot_be_carried()  # LOGIN of what is no ASCII; nothing was sent
                continue
            except ValueError:
                raise LoginFailed(_cannot_be_carried()) from None
            except Unanswered:
                raise LoginFailed(refusal.not_answered()) from None
            except ServerSaidBye as error:
                bye = replace(error.bye, text=without_secret(error.bye.text, credentials))
                raise LoginFailed(refusal.failed(ServerSaidBye(bye, greeting=error.greeting), host)) from None
            except (TransportError, RemoteProtocolError) as error:
                raise LoginFailed(refusal.failed(error, host)) from None
            if reply.ok:
                if name in token_names.MECHANISMS and not isinstance(credentials, _THE_OPERATORS):
                    await self._see_to_the_name(account, revealed(credentials), name)
                proven(credentials, mechanism)
                self._hand_on(account.id, host, alerts_of(reply, credentials))
                return
            said = said_of(reply, credentials)
            unexplained = refusal.unexplained(*said)
            fault = refusal.with_alerts(refusal.refused(*said, host, proof=proof), alerts_of(reply, credentials))
            nothing_sent = isinstance(mechanism, Scram) and not mechanism.challenged
            if not (nothing_sent and refusal.lets_another_be_tried(*said)):
                break
        fault = fault or refusal.no_way(proof)
        await connection.logout()
        raise LoginFailed(fault, unexplained=unexplained)

    async def _see_to_the_name(self, account: Account, token: str, mechanism: str) -> None:
        """A token that opens any name has shown nothing of this account."""
        looked_at = await self._token_names.are_looked_at(account.target, account.username, token, mechanism)
        if not looked_at:
            raise LoginFailed(token_names.NOT_TOLD if looked_at is None else token_names.ANY_NAME)

    async def _introduce(self, connection: ImapConnection, account: AccountId) -> None:
        """ID, once a session. A server that does not like it is not asked for more than that."""
        host = connection.target.host
        if not (connection.has("ID") or ID_BEFORE_SELECT.fits("", connection.capabilities, host)):
            return
        try:
            reply = await connection.command(Id(self._identity))
        except (TransportError, RemoteProtocolError) as error:
            raise LoginFailed(refusal.failed(error, host)) from None
        self._hand_on(account, host, alerts_of(reply))
        fault = None if reply.ok else refusal.not_connected(reply.completed.text)
        if fault is not None:
            await connection.logout()
            raise LoginFailed(refusal.with_alerts(fault, alerts_of(reply)))

    def _hand_on(self, account: AccountId, host: str, alerts: list[str]) -> None:
        """Alerts beside what went well: there is no fault to carry them."""
        for text in alerts:
            self._emit(facts.AlertReceived(account, host, shown(text, ALERT_CHARACTERS)))


def _cannot_be_carried() -> Fault:
    return Fault("authentication-failed", "The user name or the password holds characters that no login can carry.")
