"""JSON Web Tokens in compact form (RFC 7515 section 7.1), as push services want them: ES256 and RS256. Made, never read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def token(header: Mapping[str, str], claims: Mapping[str, str | int], sign: Callable[[bytes], bytes]) -> str:
    unsigned = f"{_json(header)}.{_json(claims)}"
    return f"{unsigned}.{base64url(sign(unsigned.encode('ascii')))}"


def es256(key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
    """RFC 7518 section 3.4: r and s, 32 bytes each."""
    r, s = decode_dss_signature(key.sign(data, _ecdsa()))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def rs256(key: rsa.RSAPrivateKey, data: bytes) -> bytes:
    """RFC 7518 section 3.3."""
    return key.sign(data, padding.PKCS1v15(), SHA256())


def load_private_key(pem: bytes) -> object:
    """ValueError: it is no private key in PEM. What it holds is in no message."""
    try:
        return load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is not a private key in PEM without a password") from None


def base64url(data: bytes) -> str:
    """Without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _json(value: Mapping[str, str | int] | Mapping[str, str]) -> str:
    return base64url(json.dumps(dict(value), separators=(",", ":")).encode("ascii"))


def _ecdsa() -> ec.ECDSA:
    """With the nonce of RFC 6979 where OpenSSL has it: the same claims then have the same signature, and no bad source of
    randomness can give the key away."""
    try:
        return ec.ECDSA(SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:
        return ec.ECDSA(SHA256())
