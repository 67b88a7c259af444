"""What a push service may demand of a Web Push before it takes it, without a key to read it: RFC 8030 section 5, RFC 8188's
name, and RFC 8292. Stricter than the real ones."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

MAX_BODY_BYTES = 4096
"""RFC 8030 section 7.2 asks for no more."""
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_URGENCIES = frozenset({"very-low", "low", "normal", "high"})
_AUTHORIZATION = re.compile(r"vapid t=([\w-]+)\.([\w-]+)\.([\w-]+), k=([\w-]{87})", re.ASCII)


class FaultError(Exception):
    """The request is not as it should be; the text says what. ``status``: how that is answered."""

    status = 400


class OtherKeyError(FaultError):
    """Another key than the app subscribed with (RFC 8292 section 4.2)."""

    status = 403


def check_webpush(
    headers: Mapping[str, str], body: bytes, *, origin: str, application_server_key: str | None = None
) -> None:
    """``headers`` with names in lower case, ``origin`` the push service's own. With ``application_server_key`` (87 characters
    of base64url) a push of another key is at fault."""
    if not headers.get("ttl", "").isdigit() or int(headers["ttl"]) == 0:
        raise FaultError("TTL is missing, no number or 0")
    if headers.get("urgency", "normal") not in _URGENCIES:
        raise FaultError("Urgency is none of RFC 8030's")
    if "topic" in headers and not _TOPIC.fullmatch(headers["topic"]):
        raise FaultError("Topic is not up to 32 characters of base64url")
    if headers.get("content-encoding") != "aes128gcm":
        raise FaultError("Content-Encoding is not aes128gcm")
    if headers.get("content-type") != "application/octet-stream":
        raise FaultError("Content-Type is not application/octet-stream")
    if len(body) > MAX_BODY_BYTES:
        raise FaultError(f"more than {MAX_BODY_BYTES} bytes")
    _check_vapid(headers.get("authorization", ""), origin, application_server_key)


def _check_vapid(authorization: str, origin: str, application_server_key: str | None) -> None:
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise FaultError("Authorization is not RFC 8292's")
    head, claimed, signature, key = match.groups()
    if application_server_key not in (None, key):
        raise OtherKeyError("another application server key than subscribed with")
    raw = _unbase64url(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    try:
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _unbase64url(key))
        public.verify(der, f"{head}.{claimed}".encode("ascii"), ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        raise FaultError("the JWT's signature is wrong") from None
    claims = json.loads(_unbase64url(claimed))
    left = claims["exp"] - datetime.now(UTC).timestamp()
    if claims["aud"] != origin:
        raise FaultError("aud is another origin")
    if not 0 < left <= 86_400:
        raise FaultError("exp is over or more than a day ahead")


def _unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
