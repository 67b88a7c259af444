"""What an authorization server tells of itself: OpenID Connect Discovery 1.0 section 4, RFC 8414. Pure.

It is named by the operator, but what it tells is taken for what it is: bounded, and only where it tells of itself.
"""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.parse import urlsplit

from idlebell.login.authorization import Endpoints
from idlebell.model.endpoint import PushUrl
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse

METADATA_BYTES: Final = 131_072
"""Read of an answer. Keycloak's has 7 KB."""
URL_CHARACTERS: Final = 2_000


def metadata_requests(issuer: str) -> tuple[HttpRequest, ...]:
    """To be tried in this order: OpenID's place, then RFC 8414's, which goes between host and path."""
    parts = urlsplit(issuer)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    urls = (
        f"{issuer.rstrip('/')}/.well-known/openid-configuration",
        f"{origin}/.well-known/oauth-authorization-server{path}",
    )
    return tuple(HttpRequest("GET", PushUrl(url), (("Accept", "application/json"),), b"") for url in urls)


def read_metadata(answer: Answer, issuer: str, *, allow_plaintext: bool) -> Endpoints | str:
    """The endpoints, or why none can be had of this answer, for the operator."""
    if isinstance(answer, NoResponse):
        return f"{answer.reason}: {answer.detail}"
    if answer.status != 200:
        return f"HTTP status {answer.status}"
    given = _object(answer)
    if given.get("issuer") != issuer:
        return "it names another issuer"  # RFC 8414 section 3.3
    methods = given.get("code_challenge_methods_supported")
    if isinstance(methods, list) and "S256" not in methods:
        return "it has no PKCE with S256"
    urls = (given.get("authorization_endpoint"), given.get("token_endpoint"))
    authorization_url, token_url = urls
    if not isinstance(authorization_url, str) or not isinstance(token_url, str):
        return "it names no authorization_endpoint or no token_endpoint"
    if not all(is_endpoint(url, allow_plaintext=allow_plaintext) for url in (authorization_url, token_url)):
        return "its endpoints are no https URLs"
    tells = given.get("authorization_response_iss_parameter_supported") is True
    return Endpoints(authorization_url, PushUrl(token_url), issuer, tells)


def is_endpoint(url: str, *, allow_plaintext: bool) -> bool:
    """RFC 6749 sections 3.1 and 3.2: https, absolute, without a fragment; without a user name of somebody's either."""
    schemes = ("https", "http") if allow_plaintext else ("https",)
    if len(url) > URL_CHARACTERS or not all("!" <= one <= "~" for one in url) or "#" in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def _object(answer: HttpResponse) -> dict[str, Any]:
    try:
        found = json.loads(answer.body) if len(answer.body) <= METADATA_BYTES else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
