"""A login at the front, passed on: what the client brings opens a session at its upstream, by the same mechanism where the
upstream has it. Nothing of it is kept here."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from idlebell.imap.commands import Id
from idlebell.imap.encode import encode_command
from idlebell.imap.errors import LocalProtocolError, RemoteProtocolError
from idlebell.imap.responses import Condition, PlainCode, ResponseCode, StatusResponse
from idlebell.login import refusal
from idlebell.login.echo import unechoed
from idlebell.login.mechanism import revealed
from idlebell.login.opener import Connect, LoginFailed
from idlebell.login.relay import Unanswered
from idlebell.model.account import (
    Account,
    BearerCredentials,
    Credentials,
    ImapTarget,
    PasswordCredentials,
    RelayedCredentials,
    Tls,
)
from idlebell.model.problem import PROBLEMS, Fault
from idlebell.model.secret import Secret
from idlebell.net.errors import ServerSaidBye, TimedOut, TransportError
from idlebell.net.imap_connection import ImapConnection
from idlebell.net.reply import Reply

Ask: TypeAlias = Callable[[bytes], Awaitable[bytes]]
"""A challenge to the client, and its answer. Unanswered: it cancelled."""

_SCRAM: Final = re.compile(rb"[ny](?:=[^,]*)?,(?:a=([^,]*))?,n=([^,]+),")
_BEARER: Final = re.compile(rb"[ny],a=([^,]+),\x01")
_XOAUTH2: Final = re.compile(rb"user=([^\x01]+)\x01auth=Bearer ([^\x01]+)\x01\x01")
_TOKEN: Final = re.compile(rb"\x01auth=Bearer ([^\x01]+)\x01")
_OURS: Final = "x-"
"""Names of ID by which a proxy says whom it speaks for: ours alone to say (Dovecot believes them of trusted networks)."""


def introduction(own: tuple[tuple[str, str], ...], address: str) -> Id:
    """What a client at ``address`` says of itself, with what we say of it."""
    told = tuple((name, value) for name, value in own if not name.lower().startswith(_OURS))
    return Id((*told, ("x-originating-ip", address)))


def may_introduce(own: tuple[tuple[str, str], ...], address: str) -> bool:
    """Can it be passed on (RFC 2971 section 3.3)? At the login it would be too late to say so."""
    try:
        encode_command("id", introduction(own, address), literal_plus=False)
    except LocalProtocolError:
        return False
    return True


def unopened(error: TransportError | RemoteProtocolError, target: ImapTarget) -> Fault:
    """No session came about. Nobody looks at an upstream's greeting before the first client's login fails, so the log says
    what a server that says nothing in clear may be waiting for."""
    fault = refusal.failed(error, target.host)
    if isinstance(error, TimedOut) and error.reason == "greeting" and target.tls is Tls.STARTTLS:
        mend = 'if its port wants TLS at once, say [front] upstream_tls = "implicit"'
        return replace(fault, private=f"{fault.private}; {mend}")
    return fault


class NotUnderstood(Exception):  # noqa: N818 - named as the fact it is
    """The mechanism's first message breaks its grammar."""


@dataclass(frozen=True, slots=True)
class Brought:
    """``mechanism`` empty: the LOGIN command. ``message``: its first message, as it came."""

    mechanism: str
    username: str
    message: bytes = field(repr=False)
    secret: Secret
    acted_by: str = ""
    """Whose password it is, where that is not ``username``. Not every server looks at whom one acts for (Courier 5.0 does not),
    so the session that comes of it may be either's and proves nothing."""
    name_counts: bool = True
    """False: the upstream takes a token under any name, or it could not be found out."""

    @property
    def proves(self) -> bool:
        """Whether its session is sure to be ``username``'s."""
        return self.name_counts and not self.acted_by

    def credentials(self, ask: Ask) -> Credentials:
        return self.shown() or RelayedCredentials(_Passed(self, ask))

    def shown(self) -> PasswordCredentials | BearerCredentials | None:
        """None: the client has shown nothing that could be used again."""
        if self.mechanism.startswith("SCRAM"):
            return None
        return PasswordCredentials(self.secret) if self.mechanism in ("", "PLAIN") else BearerCredentials(self.secret)


def by_login(username: str, password: str) -> Brought:
    return Brought("", username, f"\0{username}\0{password}".encode(), Secret(password))


def by_mechanism(mechanism: str, message: bytes) -> Brought:
    """NotUnderstood."""
    try:
        if mechanism == "PLAIN":
            acts_for, name, password = message.split(b"\0")
            if not name or not password:
                raise NotUnderstood
            by = name if acts_for and acts_for != name else b""
            # An upstream and its session belong to whom one acts for.
            return Brought(mechanism, (acts_for or name).decode(), message, Secret(password.decode()), by.decode())
        if mechanism == "XOAUTH2":
            found = _XOAUTH2.fullmatch(message)
            if found is not None:
                return Brought(mechanism, found[1].decode(), message, Secret(found[2].decode()))
        elif mechanism == "OAUTHBEARER":
            user, token = _BEARER.match(message), _TOKEN.search(message)
            if user is not None and token is not None:
                return Brought(mechanism, _unescaped(user[1]), message, Secret(token[1].decode()))
        elif (user := _SCRAM.match(message)) is not None:
            other_user, own = _unescaped(user[1] or b""), _unescaped(user[2])
            return Brought(
                mechanism, other_user or own, message, Secret(""), own if other_user not in ("", own) else ""
            )
    except ValueError:  # not three parts, or no UTF-8
        pass
    raise NotUnderstood


def _unescaped(name: bytes) -> str:
    return name.decode().replace("=2C", ",").replace("=3D", "=")


class _Passed:
    """A mechanism whose messages go through as they are."""

    __slots__ = ("_ask", "_brought", "name")

    satisfied = True  # the client sees to that

    def __init__(self, brought: Brought, ask: Ask) -> None:
        self.name = brought.mechanism or "PLAIN"
        self._brought = brought
        self._ask = ask

    @property
    def client_first(self) -> str:
        return self._brought.message.decode("latin-1")

    def initial(self) -> bytes:
        return self._brought.message

    async def answer(self, challenge: bytes) -> bytes:
        return await self._ask(challenge)

    def prove(self, server_final: str) -> None:
        """The client has seen it."""


@dataclass(frozen=True, slots=True)
class Said:
    """The upstream's own words at the end of a login, and what it wanted the user to read before."""

    condition: Condition
    code: ResponseCode | None
    text: str
    alerts: tuple[StatusResponse, ...] = ()


class Passing:
    """One login under way; :meth:`open` is given to the door. ``introduced``: the fields of the client's own ID."""

    def __init__(
        self,
        connect: Connect,
        learn: Callable[[ImapConnection], None],
        brought: Brought,
        ask: Ask,
        address: str,
        introduced: tuple[tuple[str, str], ...],
    ) -> None:
        self.said: Said | None = None
        """None: the upstream was not asked."""
        self._connect = connect
        self._learn = learn
        self._brought = brought
        self._ask = ask
        self._id = introduction(introduced, address)

    async def open(self, account: Account, credentials: Credentials) -> ImapConnection:
        try:
            connection = await self._connect(account.target)
        except (TransportError, RemoteProtocolError) as error:
            raise LoginFailed(unopened(error, account.target)) from None
        self._learn(connection)
        try:
            await self._prove(connection, account, credentials)
        except BaseException:
            connection.close()
            raise
        return connection

    async def _prove(self, connection: ImapConnection, account: Account, credentials: Credentials) -> None:
        host = account.target.host
        sent = revealed(credentials)
        try:
            if connection.has("ID"):
                await connection.command(self._id)
            reply = await self._run(connection, account)
        except Unanswered:
            raise LoginFailed(refusal.not_answered()) from None
        except (LocalProtocolError, ValueError):
            detail = "The user name or the password holds characters that this mail server's login cannot carry."
            raise LoginFailed(Fault("authentication-failed", detail)) from None
        except ServerSaidBye as error:
            bye = replace(error.bye, text=unechoed(error.bye.text, sent))
            self.said = Said(Condition.NO, _without_referral(bye.code), bye.text)
            raise LoginFailed(refusal.failed(ServerSaidBye(bye, greeting=error.greeting), host)) from None
        except (TransportError, RemoteProtocolError) as error:
            raise LoginFailed(refusal.failed(error, host)) from None
        if reply is None:
            detail = "The mail server behind does not offer this way to log in."
            raise LoginFailed(Fault("authentication-failed", detail), ours=True)
        completed = reply.completed
        alerts = tuple(
            replace(one, text=unechoed(one.text, sent))
            for one in reply.untagged
            if isinstance(one, StatusResponse) and isinstance(one.code, PlainCode) and one.code.name == "ALERT"
        )
        code = _without_referral(completed.code)
        self.said = Said(completed.condition, code, unechoed(completed.text, sent), alerts)
        if not reply.ok:
            fault = refusal.refused(completed.condition, code, self.said.text, host)
            raise LoginFailed(fault, unexplained=refusal.unexplained(completed.condition, code, self.said.text))

    async def _run(self, connection: ImapConnection, account: Account) -> Reply | None:
        """None: the upstream has no way for it."""
        brought, known = self._brought, connection.capabilities
        exchange = _Passed(brought, self._ask)
        by_command = "LOGINDISABLED" not in known and not brought.acted_by
        if brought.mechanism == "" and by_command:
            return await connection.login(account.username, brought.secret.text())
        if f"AUTH={exchange.name}" in known:
            return await connection.authenticate(exchange)
        if brought.mechanism == "PLAIN" and by_command:
            return await connection.login(account.username, brought.secret.text())
        return None


def _without_referral(code: ResponseCode | None) -> ResponseCode | None:
    """RFC 2221: a client would follow it around us, with its password."""
    return None if isinstance(code, PlainCode) and code.name == "REFERRAL" else code


def refused_with(fault: Fault, said: Said | None) -> Said:
    """What the client is told: the upstream's own words where it has refused, ours where it was not asked."""
    if said is not None and said.condition is not Condition.OK:
        return said
    name = PROBLEMS[fault.code].imap_code
    return Said(Condition.NO, None if name is None else PlainCode(name), fault.detail)
