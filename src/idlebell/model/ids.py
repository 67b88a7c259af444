"""Identifiers and tokens. Entropy is an argument, so that nothing here is random."""

from __future__ import annotations

import base64
import hashlib
from typing import NewType

AccountId = NewType("AccountId", str)
SubscriptionId = NewType("SubscriptionId", str)
NotificationId = NewType("NotificationId", str)
ApiKeyId = NewType("ApiKeyId", str)

ID_ENTROPY_BYTES = 15
"""24 characters of base32: enough that two never meet, short enough to read out."""
TOKEN_ENTROPY_BYTES = 32
"""256 bits (interface: "Tokens have 256 bits")."""


def account_id(entropy: bytes) -> AccountId:
    return AccountId("acc_" + _base32(entropy))


def subscription_id(entropy: bytes) -> SubscriptionId:
    return SubscriptionId("sub_" + _base32(entropy))


def notification_id(entropy: bytes) -> NotificationId:
    """Also the ``webhook-id``, which must hold no dot (Standard Webhooks)."""
    return NotificationId("ntf_" + _base32(entropy))


def api_key_id(entropy: bytes) -> ApiKeyId:
    return ApiKeyId("key_" + _base32(entropy))


def invitation_id(entropy: bytes) -> str:
    return "inv_" + _base32(entropy)


def subscription_token(entropy: bytes) -> str:
    return "ibs_" + _base64url(entropy)


def api_key_token(entropy: bytes) -> str:
    return "ibk_" + _base64url(entropy)


def invitation_token(entropy: bytes) -> str:
    return "ibi_" + _base64url(entropy)


def link_token(entropy: bytes) -> str:
    return "ibl_" + _base64url(entropy)


def login_token(entropy: bytes) -> str:
    return "ibr_" + _base64url(entropy)


def sign_in_token(entropy: bytes) -> str:
    return "ibo_" + _base64url(entropy)


def token_hash(token: str) -> bytes:
    """What is stored of a token. A token is random, so a plain SHA-256 cannot be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _base32(entropy: bytes) -> str:
    if len(entropy) != ID_ENTROPY_BYTES:
        raise ValueError(f"an identifier takes {ID_ENTROPY_BYTES} bytes of entropy, got {len(entropy)}")
    return base64.b32encode(entropy).decode("ascii").lower()


def _base64url(entropy: bytes) -> str:
    if len(entropy) != TOKEN_ENTROPY_BYTES:
        raise ValueError(f"a token takes {TOKEN_ENTROPY_BYTES} bytes of entropy, got {len(entropy)}")
    return base64.urlsafe_b64encode(entropy).rstrip(b"=").decode("ascii")
