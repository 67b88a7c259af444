"""The push service of the tests refuses what a real one might: each rule by its own breach."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from idlebell.push.vapid import VapidKey, VapidSigner
from idlebell.testing.webpush_check import FaultError, check_webpush

ORIGIN = "http://127.0.0.1:8"
KEY = VapidKey.generate(os.urandom)


def _headers(origin: str = ORIGIN, at: datetime | None = None, **changed: str) -> dict[str, str]:
    signer = VapidSigner(KEY, "mailto:operator@example.org")
    return {
        "ttl": "60",
        "urgency": "high",
        "topic": "t1",
        "content-encoding": "aes128gcm",
        "content-type": "application/octet-stream",
        "authorization": signer.authorization(origin, at or datetime.now(UTC)),
        **{name.replace("_", "-"): value for name, value in changed.items()},
    }


def test_what_the_gateway_sends_is_taken() -> None:
    check_webpush(_headers(), b"x" * 4096, origin=ORIGIN, application_server_key=KEY.public_key)


@pytest.mark.parametrize(
    ("headers", "body", "words"),
    [
        (_headers(ttl="0"), b"", "TTL"),
        (_headers(ttl="soon"), b"", "TTL"),
        (_headers(urgency="now"), b"", "Urgency"),
        (_headers(topic="a b"), b"", "Topic"),
        (_headers(content_encoding="aesgcm"), b"", "Content-Encoding"),
        (_headers(content_type="text/plain"), b"", "Content-Type"),
        (_headers(), b"x" * 4097, "4096"),
        (_headers(authorization="Bearer x"), b"", "Authorization"),
        (_headers(origin="http://127.0.0.1:9"), b"", "aud"),
        (_headers(at=datetime.now(UTC) - timedelta(days=2)), b"", "exp"),
        (_headers(at=datetime.now(UTC) + timedelta(days=2)), b"", "exp"),
    ],
)
def test_each_breach_is_named(headers: dict[str, str], body: bytes, words: str) -> None:
    with pytest.raises(FaultError, match=words):
        check_webpush(headers, body, origin=ORIGIN)


def test_a_push_of_another_key_than_subscribed_with_is_refused() -> None:
    other = VapidKey.generate(os.urandom)
    with pytest.raises(FaultError, match="another application server key"):
        check_webpush(_headers(), b"", origin=ORIGIN, application_server_key=other.public_key)


def test_a_signature_by_another_key_is_refused() -> None:
    signed, _, _ = _headers()["authorization"].partition(", k=")
    other = VapidKey.generate(os.urandom)
    with pytest.raises(FaultError, match="signature"):
        check_webpush(_headers(authorization=f"{signed}, k={other.public_key}"), b"", origin=ORIGIN)
