"""RFC 8292: the header, its cache and the key."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from idlebell.push import vapid
from idlebell.push.vapid import CACHED_FOR, MAX_ORIGINS, VapidKey, VapidSigner

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
ORIGIN = "https://push.example.net"


def counted(count: int) -> bytes:
    return hashlib.shake_256(b"vapid").digest(count)


KEY = VapidKey.generate(counted)


def b64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(header: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes, bytes]:
    assert header.startswith("vapid t=")
    token, _, key = header.removeprefix("vapid t=").partition(", k=")
    head, claims, signature = token.split(".")
    return json.loads(b64(head)), json.loads(b64(claims)), b64(signature), b64(key), token.encode()


def test_the_header_names_the_origin_the_operator_and_an_end_within_12_hours() -> None:
    head, claims, _, _, _ = parts(VapidSigner(KEY, "mailto:ops@example.org").authorization(ORIGIN, NOW))
    assert head == {"typ": "JWT", "alg": "ES256"}
    assert claims == {
        "aud": ORIGIN,
        "exp": int((NOW + timedelta(hours=12)).timestamp()),
        "sub": "mailto:ops@example.org",
    }


def test_without_a_subject_the_claim_is_left_out() -> None:
    assert "sub" not in parts(VapidSigner(KEY, None).authorization(ORIGIN, NOW))[1]


def test_the_signature_is_es256_by_the_key_in_the_header() -> None:
    _, _, signature, encoded, token = parts(VapidSigner(KEY, None).authorization(ORIGIN, NOW))
    assert (len(signature), len(encoded)) == (64, 65)
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), encoded)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    public.verify(encode_dss_signature(r, s), token.rpartition(b".")[0], ec.ECDSA(SHA256()))


def test_the_same_claims_have_the_same_signature() -> None:
    assert VapidSigner(KEY, None).authorization(ORIGIN, NOW) == VapidSigner(KEY, None).authorization(ORIGIN, NOW)


def test_an_openssl_without_rfc6979_signs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ec.ECDSA

    def old(algorithm: SHA256, deterministic_signing: bool = False) -> ec.ECDSA:
        if deterministic_signing:
            raise UnsupportedAlgorithm("not here")
        return real(algorithm)

    monkeypatch.setattr(vapid.ec, "ECDSA", old)
    assert len(KEY.sign(b"data")) == 64


def test_a_header_is_signed_once_an_hour_for_each_origin() -> None:
    signer = VapidSigner(KEY, None)
    first = signer.authorization(ORIGIN, NOW)
    assert signer.authorization(ORIGIN, NOW + CACHED_FOR - timedelta(seconds=1)) == first
    assert signer.authorization("https://other.example.net", NOW) != first
    assert signer.authorization(ORIGIN, NOW + CACHED_FOR) != first


def test_a_clock_set_back_does_not_stretch_the_life_of_a_header() -> None:
    signer = VapidSigner(KEY, None)
    ahead = signer.authorization(ORIGIN, NOW + timedelta(days=2))
    assert signer.authorization(ORIGIN, NOW) != ahead


def test_a_forgotten_header_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = VapidSigner(KEY, None)
    first = signer.authorization(ORIGIN, NOW)
    signer.forget(ORIGIN)
    signer.forget("https://never.example.net")
    assert signer.authorization(ORIGIN, NOW + timedelta(seconds=1)) != first


def test_the_cache_is_bounded_and_keeps_what_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    signed: list[bytes] = []
    monkeypatch.setattr(VapidKey, "sign", lambda self, data: signed.append(data) or bytes(64))
    signer = VapidSigner(KEY, None)
    for number in range(MAX_ORIGINS + 1):
        signer.authorization(ORIGIN, NOW)
        signer.authorization(f"https://{number}.example.net", NOW)
    assert len(signed) == MAX_ORIGINS + 2
    signer.authorization("https://0.example.net", NOW)
    assert len(signed) == MAX_ORIGINS + 3


def test_a_key_survives_the_store() -> None:
    loaded = VapidKey.load(KEY.der())
    assert loaded.public_key == KEY.public_key
    assert len(loaded.public_key) == 87


def test_a_repr_shows_the_public_half_only() -> None:
    assert repr(KEY) == f"VapidKey({KEY.public_key})"


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"not a key",
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
    ],
)
def test_what_is_no_p256_key_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError, match="VAPID key is not"):
        VapidKey.load(der)


def test_a_public_key_is_told_as_pem() -> None:
    found = load_pem_public_key(vapid.pem(KEY.public_key).encode())
    assert isinstance(found, ec.EllipticCurvePublicKey)
    assert found.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) == b64(KEY.public_key)
    with pytest.raises(ValueError, match="p256dh"):
        vapid.pem("AAAA")
