"""An authorization server as RFC 6749 and RFC 7636 want it, in a few lines: codes are good once, for their own client, redirect
URI and verifier. What it was asked is kept; it answers as the gateway's HTTP client does."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

from idlebell.push.exchange import Answer, HttpRequest, HttpResponse


class AuthorizationServer:
    def __init__(self, issuer: str = "https://login.example.org", **metadata: Any) -> None:
        self.issuer = issuer
        self.metadata = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,
        } | metadata
        self.codes: dict[str, dict[str, str]] = {}
        self.requests: list[HttpRequest] = []
        self.id_token: dict[str, Any] = {}
        """Claims in place of its own."""
        self.refresh_token: str | None = "r3fresh-token"

    def agree(self, url: str) -> dict[str, str]:
        """The user signs in: what the browser is sent back with."""
        asked = dict(parse_qsl(urlsplit(url).query))
        code = f"c0de-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": self.issuer}

    async def send(self, request: HttpRequest, /, *, timeout_seconds: float, body_bytes: int) -> Answer:
        self.requests.append(request)
        if request.method == "GET":
            return _said(200, self.metadata)
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        client = form.get("client_id") or _basic(request)
        asked = self.codes.pop(form["code"], {})
        challenge = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).rstrip(b"=").decode()
        known = (asked.get("code_challenge"), asked.get("redirect_uri"), asked.get("client_id"))
        if known != (challenge, form["redirect_uri"], client):
            return _said(400, {"error": "invalid_grant", "error_description": f"no such code: {form['code']}"})
        claims = {"iss": self.issuer, "aud": client, "nonce": asked.get("nonce"), **self.id_token}
        body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        tokens = {
            "access_token": "acc3ss-token",
            "token_type": "Bearer",
            "expires_in": 3600,
            "id_token": f"e30.{body}.x",
        }
        return _said(200, tokens | ({"refresh_token": self.refresh_token} if self.refresh_token else {}))


def _basic(request: HttpRequest) -> str:
    shown = dict(request.headers)["Authorization"].removeprefix("Basic ")
    return unquote_plus(base64.b64decode(shown).decode().partition(":")[0])


def _said(status: int, body: dict[str, Any]) -> HttpResponse:
    return HttpResponse(status, {}, json.dumps(body).encode())
