"""The key of an app's maker at Apple, and the provider token that it signs. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from idlebell.push import jwt

KEPT_FOR: Final = timedelta(minutes=45)
"""Apple refuses a token older than an hour, and one that is made anew more than once in 20 minutes."""
RENEWED_AFTER: Final = timedelta(minutes=20)


@dataclass(slots=True)
class ProviderToken:
    """Signs at most every 20 minutes. One for the process, for Apple counts them by key."""

    key_id: str
    team_id: str
    _key: ec.EllipticCurvePrivateKey = field(repr=False)
    _token: str = field(default="", init=False, repr=False)
    _made_at: datetime | None = field(default=None, init=False)

    @classmethod
    def load(cls, pem: bytes, key_id: str, team_id: str) -> ProviderToken:
        """From a ``.p8`` file. ValueError: it is no such key."""
        key = jwt.load_private_key(pem)
        if not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)):
            raise ValueError("is not a key on P-256, as Apple gives it (.p8)")
        return cls(key_id, team_id, key)

    def authorization(self, now: datetime) -> str:
        # A clock that was set back must not stretch its life.
        if self._made_at is None or not self._made_at <= now < self._made_at + KEPT_FOR:
            self._sign(now)
        return f"bearer {self._token}"

    def renew(self, now: datetime) -> bool:
        """It was refused: the next one is another, unless this one is too new for that. True: it is worth another try."""
        if self._made_at is not None and self._made_at <= now < self._made_at + RENEWED_AFTER:
            return False
        self._sign(now)
        return True

    def _sign(self, now: datetime) -> None:
        header = {"alg": "ES256", "kid": self.key_id}
        claims: dict[str, str | int] = {"iss": self.team_id, "iat": int(now.timestamp())}
        self._token = jwt.token(header, claims, lambda data: jwt.es256(self._key, data))
        self._made_at = now
