"""From credentials to what carries them to a server: a SASL mechanism, or the LOGIN command. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from idlebell.imap.sasl import (
    LOGIN_COMMAND,
    SCRAM_ENTROPY_BYTES,
    AnyMechanism,
    External,
    OAuthBearer,
    Plain,
    Proof,
    Scram,
    ScramKeys,
    ScramSha1,
    ScramSha256,
    XOAuth2,
    choose,
)
from idlebell.model.account import (
    Account,
    BearerCredentials,
    CertificateCredentials,
    ClientCertificate,
    Credentials,
    KeyedCredentials,
    PasswordCredentials,
    RelayedCredentials,
    RenewableCredentials,
)
from idlebell.model.secret import Secret

_SCRAM: Final[Mapping[str, type[Scram]]] = {one.name: one for one in (ScramSha256, ScramSha1)}


def offered(capabilities: frozenset[str], credentials: Credentials) -> tuple[str, ...]:
    """The mechanisms by which a server takes such credentials, best first. Keys are good for the one that they came by."""
    listed = choose(capabilities, proof_of(credentials))
    if isinstance(credentials, RelayedCredentials):
        return tuple(name for name in listed if name == credentials.exchange.name)
    if isinstance(credentials, KeyedCredentials) and credentials.client_key:
        return tuple(name for name in listed if name == credentials.mechanism)
    return listed


def proof_of(credentials: Credentials) -> Proof:
    match credentials:
        case PasswordCredentials():
            return Proof.PASSWORD
        case CertificateCredentials():
            return Proof.CERTIFICATE if credentials.password is None else Proof.PASSWORD
        case KeyedCredentials() | RelayedCredentials():
            return Proof.KEYS
        case _:
            return Proof.TOKEN


def shown_certificate(credentials: Credentials) -> ClientCertificate | None:
    """What the handshake is to show."""
    return credentials.certificate if isinstance(credentials, CertificateCredentials) else None


def has_secret(credentials: Credentials) -> bool:
    """Is the server sent anything that nobody else may read?"""
    return proof_of(credentials) is not Proof.CERTIFICATE


def revealed(credentials: Credentials) -> str:
    """What the server is sent."""
    match credentials:
        case PasswordCredentials(password):
            return password.text()
        case CertificateCredentials(password=password):
            return "" if password is None else password.text()
        case BearerCredentials(access_token):
            return access_token.text()
        case RenewableCredentials():
            return credentials.access_token.text()
        case KeyedCredentials(client_key=keys):
            return keys.reveal().hex() if keys else credentials.password.text()
        case RelayedCredentials(exchange):
            return exchange.client_first


def known_by(credentials: Credentials) -> str:
    """What tells these credentials from others, however often their tokens are renewed. A password that is to become keys is
    another than itself: a server that has no keys for the user may take it."""
    if isinstance(credentials, RenewableCredentials):
        return credentials.origin
    if isinstance(credentials, CertificateCredentials):
        return f"certificate {credentials.certificate.certificate}\0{credentials.names_user}\0{revealed(credentials)}"
    return f"keys {revealed(credentials)}" if isinstance(credentials, KeyedCredentials) else revealed(credentials)


def mechanism_of(
    name: str, account: Account, credentials: Credentials, entropy: Callable[[int], bytes]
) -> AnyMechanism | None:
    """None: the LOGIN command. ValueError: it cannot carry these credentials."""
    if isinstance(credentials, RelayedCredentials):
        return credentials.exchange
    secret = revealed(credentials)
    match name:
        case "SCRAM-SHA-256" | "SCRAM-SHA-1":
            return _SCRAM[name](account.username, _scram_keys(credentials) or secret, entropy(SCRAM_ENTROPY_BYTES))
        case "EXTERNAL":
            named = isinstance(credentials, CertificateCredentials) and credentials.names_user
            return External(account.username if named else "")
        case "PLAIN":
            return Plain(account.username, secret)
        case "OAUTHBEARER":
            return OAuthBearer(account.username, secret, account.target.host, account.target.port)
        case "XOAUTH2":
            return XOAuth2(account.username, secret)
        case _:
            assert name == LOGIN_COMMAND
            return None


def proven(credentials: Credentials, mechanism: AnyMechanism | None) -> None:
    """The server has let them in by ``mechanism``: those that are to become keys do."""
    if isinstance(credentials, KeyedCredentials) and isinstance(mechanism, Scram) and (keys := mechanism.keys):
        client_key, server_key = Secret(keys.client_key), Secret(keys.server_key)
        credentials.take(client_key, server_key, keys.salt, keys.iterations, mechanism.name)


def _scram_keys(credentials: Credentials) -> ScramKeys | None:
    if not isinstance(credentials, KeyedCredentials) or not credentials.client_key:
        return None
    client, server = credentials.client_key.reveal(), credentials.server_key.reveal()
    return ScramKeys(credentials.salt, credentials.iterations, client, server)
