"""A service account of Google's: the key that it comes as, and the access token that is got for it (RFC 7523). Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric import rsa

from idlebell.model.endpoint import PushUrl
from idlebell.push import jwt
from idlebell.push.exchange import Answer, HttpRequest, HttpResponse, NoResponse

SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME: Final = timedelta(hours=1)
"""Of the assertion; Google takes no longer one."""
RENEWED_AHEAD: Final = timedelta(minutes=5)
TOKEN_SECONDS_MAX: Final = 86_400


@dataclass(frozen=True, slots=True)
class AccessToken:
    """``until``: from then on another one is to be got, which is before it ends."""

    value: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """As the file of the Firebase console has it."""

    project: str
    email: str
    key_id: str
    token_url: PushUrl
    _key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def load(cls, content: bytes) -> ServiceAccount:
        """ValueError: it is no such file; the sentence holds nothing of it."""
        try:
            given: Any = json.loads(content)
        except (ValueError, RecursionError):
            raise ValueError("is not JSON") from None
        names = ("project_id", "client_email", "private_key_id", "token_uri", "private_key")
        members = [given.get(name) if isinstance(given, dict) else None for name in names]
        for name, member in zip(names, members, strict=True):
            if not isinstance(member, str) or not member:
                raise ValueError(f"has no {name}: it is not the file of a service account")
        project, email, key_id, token_url, pem = (str(member) for member in members)
        key = jwt.load_private_key(pem.encode("utf-8", "replace"))
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError("holds no RSA key")
        return cls(project, email, key_id, PushUrl(token_url), key)

    def token_request(self, now: datetime) -> HttpRequest:
        """RFC 7523 section 2.1."""
        claims: dict[str, str | int] = {
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.token_url.reveal(),
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        assertion = jwt.token(header, claims, lambda data: jwt.rs256(self._key, data))
        body = urlencode({"grant_type": GRANT, "assertion": assertion}).encode("ascii")
        return HttpRequest("POST", self.token_url, (("Content-Type", "application/x-www-form-urlencoded"),), body)

    def read_token(self, answer: Answer, now: datetime) -> AccessToken | NoResponse:
        """NoResponse: there is none now; what is sent by it is tried again, for the operator can mend it."""
        if isinstance(answer, NoResponse):
            return answer
        given = _object(answer)
        value, seconds = given.get("access_token"), given.get("expires_in")
        if (
            answer.status == 200
            and isinstance(value, str)
            and _is_token(value)
            and type(seconds) is int
            and seconds > 0
        ):
            life = timedelta(seconds=min(seconds, TOKEN_SECONDS_MAX))
            return AccessToken(value, now + max(life - RENEWED_AHEAD, life / 2))
        error = given.get("error")
        why = f": {error}" if isinstance(error, str) and error.isidentifier() and len(error) < 40 else ""
        return NoResponse("broken", f"the token service answered {answer.status}{why}")


def _object(answer: HttpResponse) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_token(text: str) -> bool:
    return 0 < len(text) <= 4_096 and all("!" <= one <= "~" for one in text)
