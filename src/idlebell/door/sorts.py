"""Credentials as frames tell of them, and back. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from idlebell.door import frames
from idlebell.door.tickets import PREFIX, Use
from idlebell.model.account import (
    Account,
    BearerCredentials,
    CertificateCredentials,
    Credentials,
    ImapTarget,
    KeyedCredentials,
    PasswordCredentials,
    RelayedCredentials,
    RenewableCredentials,
)
from idlebell.model.endpoint import PushUrl
from idlebell.model.ids import AccountId
from idlebell.model.secret import Secret
from idlebell.model.trust import identity, restored, seen_of


def whose(account: Account) -> frames.Whose:
    target = account.target
    return frames.Whose(
        account.id,
        target.host,
        target.port,
        target.tls,
        identity(target.trust),
        seen_of(target.trust),
        account.username,
    )


def account_of(given: frames.Whose) -> Account:
    target = ImapTarget(given.host, given.port, given.tls, restored(given.trust, given.seen))
    return Account(AccountId(given.account), target, given.username)


def login_at(given: frames.Whose) -> Use:
    return ("login", given.host.lower(), str(given.port), given.username)


def refresh_at(token_url: str) -> Use:
    return ("refresh", token_url)


def sort_of(credentials: Credentials) -> frames.Sort:
    """By what a login is to be made."""
    match credentials:
        case PasswordCredentials(password):
            return frames.Password(password.text())
        case CertificateCredentials(shown, password, names_user):
            ticket = "" if password is None else password.text()
            return frames.Certificate(shown.certificate, shown.key, ticket, names_user)
        case BearerCredentials(token):
            return frames.Token(token.text())
        case RenewableCredentials():
            return frames.Token(credentials.access_token.text())
        case KeyedCredentials():
            if not credentials.client_key:
                return frames.ToBeKeys(credentials.password.text())
            return frames.ScramKeys(
                credentials.client_key.text(),
                credentials.server_key.text(),
                credentials.salt,
                credentials.iterations,
                credentials.mechanism,
            )
        case RelayedCredentials(exchange):
            return frames.Relayed(exchange.name, exchange.client_first)


def sealable(
    credentials: PasswordCredentials | RenewableCredentials, refresh_token: Secret | None = None
) -> frames.Sealable:
    """``refresh_token``: one that is to follow theirs."""
    if isinstance(credentials, PasswordCredentials):
        return frames.Password(credentials.password.text())
    secret = credentials.client_secret
    return frames.Renewable(
        (refresh_token or credentials.refresh_token).text(),
        credentials.token_url.reveal(),
        credentials.client_id,
        None if secret is None else secret.text(),
    )


def is_ticket(given: str | None) -> bool:
    return given is not None and given.startswith(PREFIX)


def tickets_of(by: frames.Sort | frames.Renewable) -> tuple[str, ...]:
    match by:
        case frames.Relayed() | frames.Certificate(ticket=""):
            return ()
        case frames.ScramKeys(client_key, server_key):
            return (client_key, server_key)
        case frames.Renewable(refresh_token, _, _, client_secret):
            return (refresh_token, *([client_secret] if client_secret is not None and is_ticket(client_secret) else []))
        case _:
            return (by.ticket,)


def sealed_of(by: frames.Sealable, secrets: Sequence[Secret]) -> PasswordCredentials | RenewableCredentials:
    """Of the secrets of :func:`tickets_of`, which are the caller's."""
    if isinstance(by, frames.Password):
        return PasswordCredentials(secrets[0])
    refresh_token, *others = secrets
    own = by.client_secret
    client_secret = others[0] if others else None if own is None else Secret(own)
    return RenewableCredentials(refresh_token, PushUrl(by.token_url), by.client_id, client_secret)


def tickets_in(answer: frames.LoggedIn | frames.Refreshed | frames.PasswordRead | frames.Unsealed) -> tuple[str, ...]:
    """Those that are held for the gateway with it."""
    found: tuple[str | None, ...] = ()
    match answer:
        case frames.LoggedIn(keys=frames.ScramKeys(client_key, server_key)):
            found = (client_key, server_key)
        case frames.Refreshed(_, access_token, refresh_token):
            found = (access_token, refresh_token)
        case frames.PasswordRead(_, ticket) | frames.Unsealed(_, frames.Password(ticket)):
            found = (ticket,)
        case frames.Unsealed(_, frames.Renewable(refresh_token, _, _, client_secret)):
            found = (refresh_token, client_secret)
        case _:
            pass
    return tuple(one for one in found if one)
