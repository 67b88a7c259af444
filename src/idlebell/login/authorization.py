"""The authorization code grant with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1). Pure.

In: a client that the operator has registered, and randomness. Out: the address that a browser is sent to, the request that
redeems the code it comes back with, and what is wrong with an answer. The gateway redeems, never the browser: a client's
secret, the verifier and the tokens are in no page.
"""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from urllib.parse import urlencode

from idlebell.login.token_endpoint import shown_client
from idlebell.model.endpoint import PushUrl
from idlebell.model.secret import Secret
from idlebell.push.exchange import HttpRequest

CODE_CHARACTERS: Final = 8_192
"""Of an authorization code. Microsoft's have about a thousand, personal accounts' fewer."""
STATE_CHARACTERS: Final = 200
ISSUER_CHARACTERS: Final = 1_000
NONCES_LABEL: Final = b"idlebell nonce"
OPENID: Final = "openid"
OFFLINE: Final = "offline_access"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Of an authorization server. ``issuer`` empty: it has told none. ``tells_issuer``: each of its answers names it (RFC
    9207), so that one without is somebody else's."""

    authorization_url: str
    token_url: PushUrl
    issuer: str = ""
    tells_issuer: bool = False


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """As the operator has registered it. ``endpoints`` None: to be asked of ``issuer``. ``hosts``: IMAP servers that take its
    tokens, domains of names included; no other one is ever shown a token."""

    name: str
    title: str
    client_id: str
    hosts: tuple[str, ...]
    issuer: str = ""
    endpoints: Endpoints | None = None
    secret: Secret | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    offline_scopes: tuple[str, ...] = ()
    offline_parameters: tuple[tuple[str, str], ...] = ()

    def serves(self, host: str) -> bool:
        """``host`` in lower case, as an A-label."""
        return any(host == one or host.endswith(f".{one}") for one in self.hosts)

    def asked_scopes(self, *, offline: bool) -> tuple[str, ...]:
        return (*self.scopes, *(self.offline_scopes if offline else ()))


@dataclass(frozen=True, slots=True)
class Proofs:
    """What one sign-in is known by. ``state``: in the browser's address, there and back. ``verifier``: never leaves the gateway
    but to the token endpoint. ``nonce``: comes back in an ID token."""

    state: str
    verifier: Secret
    nonce: str

    @classmethod
    def of(cls, entropy: bytes) -> Proofs:
        """64 bytes of randomness: half for the state, half for the verifier, of which the nonce is a digest."""
        state, verifier = _base64url(entropy[:32]), _base64url(entropy[32:64])
        return cls(state, Secret(verifier), _base64url(sha256(NONCES_LABEL + verifier.encode()).digest()))


def authorization_url(
    client: OAuthClient, endpoints: Endpoints, proofs: Proofs, redirect_uri: str, username: str, *, offline: bool
) -> str:
    """Where the browser goes (RFC 6749 section 4.1.1, RFC 7636 section 4.3)."""
    scopes = client.asked_scopes(offline=offline)
    challenge = _base64url(sha256(proofs.verifier.reveal()).digest())
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(scopes),
        "state": proofs.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "login_hint": username,
    }
    if OPENID in scopes:
        asked["nonce"] = proofs.nonce
        if OFFLINE in scopes:
            asked["prompt"] = "consent"  # OpenID Connect Core 1.0 section 11
    asked |= dict(client.offline_parameters if offline else ())
    # What stands in the query already is kept (RFC 6749 section 3.1).
    joint = "&" if "?" in endpoints.authorization_url else "?"
    return endpoints.authorization_url + joint + urlencode({name: value for name, value in asked.items() if value})


def code_request(
    client: OAuthClient, endpoints: Endpoints, proofs: Proofs, redirect_uri: str, code: Secret
) -> HttpRequest:
    """RFC 6749 section 4.1.3, RFC 7636 section 4.5."""
    form = {
        "grant_type": "authorization_code",
        "code": code.text(),
        "redirect_uri": redirect_uri,
        "code_verifier": proofs.verifier.text(),
    }
    return shown_client(endpoints.token_url, form, client.client_id, client.secret)


def issuer_fault(endpoints: Endpoints, told: str | None) -> str | None:
    """What is wrong with ``iss`` of an answer (RFC 9207 section 2.4); None: nothing."""
    if not endpoints.issuer:
        return None  # nothing to compare with; its own redirect URI tells one provider from another (RFC 9700 section 4.4.2)
    if told is None:
        return "no iss, although this provider tells it always" if endpoints.tells_issuer else None
    return None if told == endpoints.issuer else "iss of another provider"


def id_token_fault(client: OAuthClient, endpoints: Endpoints, proofs: Proofs, id_token: Secret | None) -> str | None:
    """What is wrong with the ID token that came with the tokens (OpenID Connect Core 1.0 section 3.1.3.7); None: nothing, or
    none was asked for. It came over TLS from the token endpoint itself, which stands in for its signature (ibid., point 6)."""
    if OPENID not in client.scopes:
        return None
    claims = _claims(id_token)
    audience = claims.get("aud")
    nonce = claims.get("nonce")
    if endpoints.issuer and claims.get("iss") != endpoints.issuer:
        return "an ID token of another issuer"
    if client.client_id not in (audience if isinstance(audience, list) else [audience]):
        return "an ID token for another client"
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode("utf-8", "replace"), proofs.nonce.encode()):
        return "an ID token of another sign-in"
    return None


def _claims(token: Secret | None) -> dict[str, Any]:
    parts = [] if token is None else token.text().split(".")
    if len(parts) != 3:
        return {}
    try:
        found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
