"""A provider token is kept for most of an hour, and never made anew within 20 minutes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app_push_servers import pem, read_jwt
from idlebell.push.apns_key import ProviderToken

NOW = datetime(2026, 11, 22, 4, 0, 0, tzinfo=UTC)
KEY = pem(ec.generate_private_key(ec.SECP256R1()))


def issued_at(token: ProviderToken, now: datetime) -> float:
    _, claims, _, _ = read_jwt(token.authorization(now).removeprefix("bearer "))
    return claims["iat"] - NOW.timestamp()


def test_its_life() -> None:
    token = ProviderToken.load(KEY, "KEY", "TEAM")
    minute = timedelta(minutes=1)
    assert [issued_at(token, NOW + minute * at) for at in (0, 44, 45, 89, 90)] == [0, 0, 2_700, 2_700, 5_400]
    assert not token.renew(NOW + minute * 100)
    assert token.renew(NOW + minute * 110)
    assert issued_at(token, NOW + minute * 111) == 6_600
    assert issued_at(token, NOW) == 0, "a clock that was set back"
    assert "bearer" not in repr(token)


@pytest.mark.parametrize(
    "content",
    [b"secret", b"", pem(rsa.generate_private_key(65_537, 2_048)), pem(ec.generate_private_key(ec.SECP384R1()))],
)
def test_another_key_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="is not a") as caught:
        ProviderToken.load(content, "KEY", "TEAM")
    assert "secret" not in str(caught.value)
