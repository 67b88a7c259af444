"""Voluntary Application Server Identification (RFC 8292): who sends, signed with the key that apps subscribed with.

A subscription made with ``applicationServerKey`` takes pushes of that key only, so the key is made once and kept in the
store. A signed header is good for every push to one origin for hours; signing each push would cost as much as encrypting it.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from idlebell.push import jwt
from idlebell.push.encryption import point, private_key, public_key

LIFETIME = timedelta(hours=12)
"""``exp``; RFC 8292 section 2 allows 24 h, and a clock that is off by hours should not cost a push."""
CACHED_FOR = timedelta(hours=1)
"""A header that leaks is then of use for 12 h at most, and the next one is signed within the hour."""
MAX_ORIGINS = 1_024
"""Signed headers kept, about half a KiB each; the one used longest ago goes."""


def pem(public: str) -> str:
    """A public key of base64url as PEM text (RFC 7468 section 13), as COI's clients read it. ValueError where it is none."""
    key = public_key(base64.urlsafe_b64decode(public + "=" * (-len(public) % 4)))
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class VapidKey:
    """The application server's key pair (P-256). Its ``repr`` shows the public half only."""

    __slots__ = ("_key", "public_key")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public_key = jwt.base64url(point(key))
        """87 characters of base64url: ``k``, and what ``PushManager.subscribe`` takes."""

    @classmethod
    def generate(cls, entropy: Callable[[int], bytes]) -> VapidKey:
        return cls(private_key(entropy))

    @classmethod
    def load(cls, der: bytes) -> VapidKey:
        """From PKCS 8, DER, as :meth:`der` gives it. ValueError where it is no P-256 private key."""
        try:
            key = load_der_private_key(der, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise ValueError("the VAPID key is not a private key in PKCS 8") from None
        if not (isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1)):
            raise ValueError("the VAPID key is not on P-256 (RFC 8292 section 2: ES256)")
        return cls(key)

    def der(self) -> bytes:
        """The private key, to be stored sealed."""
        return self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, data: bytes) -> bytes:
        """ES256."""
        return jwt.es256(self._key, data)

    def __repr__(self) -> str:
        return f"VapidKey({self.public_key})"


@dataclass(frozen=True, slots=True)
class _Signed:
    header: str
    until: datetime


class VapidSigner:
    """Gives the ``Authorization`` of a push, signing once an hour for each origin.

    ``subject`` is a ``mailto:`` or ``https:`` URI of the operator (RFC 8292 section 2.1); None leaves ``sub`` out, which
    only push services of one's own accept.
    """

    __slots__ = ("_cache", "key", "subject")

    def __init__(self, key: VapidKey, subject: str | None) -> None:
        self.key = key
        self.subject = subject
        self._cache: OrderedDict[str, _Signed] = OrderedDict()

    def authorization(self, origin: str, now: datetime) -> str:
        """``vapid t=…, k=…`` for this origin (``scheme://host[:port]``), good for hours from ``now``."""
        signed = self._cache.get(origin)
        # A clock that was set back must not stretch the life of a header: it is too new then, and signed again.
        if signed is None or not now < signed.until <= now + CACHED_FOR:
            signed = _Signed(self._sign(origin, now), now + CACHED_FOR)
            self._cache[origin] = signed
        self._cache.move_to_end(origin)
        if len(self._cache) > MAX_ORIGINS:
            self._cache.popitem(last=False)
        return signed.header

    def forget(self, origin: str) -> None:
        """The service refused it: the next push signs anew."""
        self._cache.pop(origin, None)

    def _sign(self, origin: str, now: datetime) -> str:
        claims: dict[str, str | int] = {"aud": origin, "exp": int((now + LIFETIME).timestamp())}
        if self.subject is not None:
            claims["sub"] = self.subject
        signed = jwt.token({"typ": "JWT", "alg": "ES256"}, claims, self.key.sign)
        return f"vapid t={signed}, k={self.key.public_key}"
