"""Credentials as a request brings them: read, compared, copied, and which retention fits them. Pure."""

from __future__ import annotations

import hmac
import unicodedata
from typing import Final

from idlebell.gateway.endpoints import url_fault
from idlebell.gateway.policy import Policy
from idlebell.gateway.reading import Faults
from idlebell.gateway.shapes import Auth, OAuth2Auth, PasswordAuth, ScramRelayAuth, SignInAuth
from idlebell.login.relay import Relay, first_fault
from idlebell.login.token_endpoint import TOKEN_CHARACTERS, is_token
from idlebell.model.account import (
    BearerCredentials,
    CertificateCredentials,
    Credentials,
    KeyedCredentials,
    PasswordCredentials,
    RelayedCredentials,
    RenewableCredentials,
    Retention,
)
from idlebell.model.endpoint import PushUrl
from idlebell.model.secret import Secret

PASSWORD_BYTES: Final = 4_096
CLIENT_BYTES: Final = 1_000
"""Of a client id, and of a client secret."""
_FOR_RENEWAL: Final = ("token_url", "client_id", "client_secret")


def read_auth(faults: Faults, auth: Auth, at: str, policy: Policy, *, username: str | None = None) -> Credentials:
    """``auth``'s secrets are owned by what is returned. ``username``: where the app may answer a challenge itself."""
    match auth:
        case PasswordAuth(password=password):
            check_text(faults, f"{at}/password", password.text(), PASSWORD_BYTES)
            return PasswordCredentials(policy.claim(password))
        case OAuth2Auth(refresh_token=token):
            return _bearer(faults, auth, at, policy) if token is None else _renewable(faults, auth, token, at, policy)
        case SignInAuth():  # where it is taken, it has been redeemed by now
            faults.add(at, "must be no sign-in here; PUT …/credentials takes it")
            return BearerCredentials(Secret(""))
        case ScramRelayAuth(mechanism=mechanism, client_first=first):
            if username is None:
                faults.add(at, "must be no scram-relay here; PUT …/credentials takes it")
            elif (fault := first_fault(first, username)) is not None:
                faults.add(f"{at}/client_first", fault)
            return RelayedCredentials(Relay(mechanism, first))


def _bearer(faults: Faults, auth: OAuth2Auth, at: str, policy: Policy) -> BearerCredentials:
    for name in _FOR_RENEWAL:
        if getattr(auth, name) is not None:
            faults.add(f"{at}/{name}", "must be left out without refresh_token")
    if auth.access_token is None:
        faults.add(f"{at}/access_token", "is missing")
        return BearerCredentials(Secret(""))
    _check_token(faults, f"{at}/access_token", auth.access_token)
    return BearerCredentials(policy.claim(auth.access_token))


def _renewable(
    faults: Faults, auth: OAuth2Auth, refresh_token: Secret, at: str, policy: Policy
) -> RenewableCredentials:
    _check_token(faults, f"{at}/refresh_token", refresh_token)
    if auth.access_token is not None:
        _check_token(faults, f"{at}/access_token", auth.access_token)
    if auth.token_url is None:
        faults.add(f"{at}/token_url", "is missing: it is where the refresh token is used")
    elif (fault := url_fault(auth.token_url, allow_plaintext=policy.allow_plaintext)) is not None:
        faults.add(f"{at}/token_url", fault)
    if auth.client_id is None:
        faults.add(f"{at}/client_id", "is missing: a refresh token belongs to the client that got it")
    else:
        check_text(faults, f"{at}/client_id", auth.client_id, CLIENT_BYTES)
    if auth.client_secret is not None:
        check_text(faults, f"{at}/client_secret", auth.client_secret.text(), CLIENT_BYTES)
    secret, access = auth.client_secret, auth.access_token
    return RenewableCredentials(
        policy.claim(refresh_token),
        PushUrl(auth.token_url or ""),
        auth.client_id or "",
        None if secret is None else policy.claim(secret),
        None if access is None else policy.claim(access),
    )


def retention_fault(credentials: Credentials | None, retention: Retention) -> str | None:
    """Why these cannot be kept so, or would be kept for nothing; None: they fit."""
    match credentials:
        case BearerCredentials() if retention is not Retention.SESSION:
            return "must be session with an access token alone: it ends before it could be used again"
        case RenewableCredentials() if retention in (Retention.SESSION, Retention.KEYS):
            return f"must be memory with a refresh token: with {retention.value} nothing is kept that could use it"
        case RelayedCredentials() if retention is not Retention.SESSION:
            return "must be session with scram-relay: nothing comes that could be kept"
        case _:
            return None


def to_be_kept(credentials: Credentials, retention: Retention) -> Credentials:
    """As ``retention`` wants them, in place of ``credentials``."""
    if retention is Retention.KEYS and isinstance(credentials, PasswordCredentials):
        return KeyedCredentials(credentials.password)
    return credentials


def copied(credentials: Credentials) -> Credentials:
    """Another copy, to be wiped by another owner."""
    match credentials:
        case KeyedCredentials():
            raise TypeError("keys belong to who has learnt them")
        case RelayedCredentials():
            return credentials
        case PasswordCredentials(password):
            return PasswordCredentials(password.again())
        case CertificateCredentials(certificate, password, names_user):
            another = None if password is None else password.again()
            return CertificateCredentials(certificate, another, names_user)
        case BearerCredentials(access_token):
            return BearerCredentials(access_token.again())
        case RenewableCredentials():
            secret, access = credentials.client_secret, credentials.access_token
            return RenewableCredentials(
                credentials.refresh_token.again(),
                credentials.token_url,
                credentials.client_id,
                None if secret is None else secret.again(),
                access.again(),
            )


def same_credentials(one: Credentials, other: Credentials) -> bool:
    """In constant time: who asks may be guessing. A refresh token is compared as it first was."""
    match one, other:
        case PasswordCredentials(), PasswordCredentials():
            return hmac.compare_digest(one.password.reveal(), other.password.reveal())
        case BearerCredentials(), BearerCredentials():
            return hmac.compare_digest(one.access_token.reveal(), other.access_token.reveal())
        case RenewableCredentials(), RenewableCredentials():
            return hmac.compare_digest(one.origin, other.origin)
        case KeyedCredentials(), PasswordCredentials() if one.password:
            return hmac.compare_digest(one.password.reveal(), other.password.reveal())
        case _:
            return False


def check_text(faults: Faults, at: str, text: str, most: int) -> None:
    if not text:
        faults.add(at, "must not be empty")
    elif len(text.encode("utf-8", "surrogatepass")) > most:
        faults.add(at, f"must have at most {most} bytes")
    elif any(unicodedata.category(one) in ("Cc", "Cs") for one in text):
        faults.add(at, "must hold no control characters")


def _check_token(faults: Faults, at: str, token: Secret) -> None:
    if not is_token(token.text()):
        faults.add(at, f"must be 1 to {TOKEN_CHARACTERS} visible ASCII characters (RFC 6750 section 2.1)")
