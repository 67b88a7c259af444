"""What arrives at an endpoint: only what the gateway sent counts."""

from __future__ import annotations

import base64
import contextlib
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import http_ece
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from idlebell.client import Message, NotGenuineError, Push, WebPushKeys, read_push, read_webhook

NOW = datetime(2026, 11, 22, 3, 16, 42, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef01234567").decode()
BODY = json.dumps(
    {
        "type": "new_mail",
        "subscription": "sub_a",
        "version": 7,
        "at": "2026-11-22T03:16:42.000Z",
        "mailbox": "INBOX",
        "uid_validity": 1,
        "count": 1,
        "unseen": None,
        "messages": [{"uid": 11, "from": "Boss <b@example.org>", "subject": "Lunch?", "text": "At noon", "later": 1}],
        "later": {},
    }
).encode()


def signed(body: bytes = BODY, at: datetime = NOW, secret: str = SECRET) -> dict[str, str]:
    """By another implementation."""
    return {
        "Webhook-Id": "ntf_a",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("ntf_a", at, body.decode()),
    }


def test_a_push_is_typed_and_what_a_later_gateway_adds_is_passed_over() -> None:
    assert read_push(BODY) == Push(
        type="new_mail",
        subscription="sub_a",
        version=7,
        at=NOW,
        mailbox="INBOX",
        uid_validity=1,
        count=1,
        messages=(Message(uid=11, sender="Boss <b@example.org>", subject="Lunch?", text="At noon"),),
    )


def test_a_signed_webhook_is_read_by_the_old_and_the_new_secret() -> None:
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert read_webhook(signed(), BODY, SECRET, NOW).version == 7
    assert read_webhook(signed(), BODY, [other, SECRET], NOW + timedelta(minutes=4)).version == 7


@pytest.mark.parametrize(
    ("headers", "body", "secret"),
    [
        (signed(), BODY + b" ", SECRET),
        (signed(), BODY, "whsec_" + base64.b64encode(b"x" * 32).decode()),
        (signed(at=NOW - timedelta(minutes=6)), BODY, SECRET),
        (signed(at=NOW + timedelta(minutes=6)), BODY, SECRET),
        ({}, BODY, SECRET),
        ({**signed(), "Webhook-Timestamp": "soon"}, BODY, SECRET),
        ({**signed(), "Webhook-Id": "é"}, BODY, SECRET),
        (signed(b"[]"), b"[]", SECRET),
    ],
)
def test_another_is_not_genuine(headers: dict[str, str], body: bytes, secret: str) -> None:
    with pytest.raises(NotGenuineError):
        read_webhook(headers, body, secret, NOW)


def encrypted(keys: WebPushKeys, body: bytes) -> bytes:
    """By another implementation."""
    endpoint = keys.endpoint("https://up.example/x")
    sender = ec.generate_private_key(ec.SECP256R1())
    raw = {name: base64.urlsafe_b64decode(getattr(endpoint, name) + "==") for name in ("p256dh", "auth")}
    sealed: bytes = http_ece.encrypt(
        body, salt=os.urandom(16), private_key=sender, dh=raw["p256dh"], auth_secret=raw["auth"], version="aes128gcm"
    )
    return sealed


def test_a_web_push_is_decrypted_by_keys_that_were_kept() -> None:
    keys = WebPushKeys.generate()
    kept = WebPushKeys.load(keys.dump())
    assert kept.endpoint("https://up.example/x") == keys.endpoint("https://up.example/x")
    assert kept.read(encrypted(keys, BODY)).messages[0].text == "At noon"
    assert repr(keys) == "WebPushKeys(…)"


def test_a_web_push_for_others_is_not_genuine() -> None:
    for body in (encrypted(WebPushKeys.generate(), BODY), b"", b"\0" * 200):
        with pytest.raises(NotGenuineError):
            WebPushKeys.generate().read(body)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"private": "AA", "auth": "AA"}', '{"private": 1, "auth": 2}', "null"]
)
def test_what_are_no_keys_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="no keys"):
        WebPushKeys.load(text)


def test_what_is_no_secret_is_said() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        read_webhook(signed(), BODY, "whsec_é", NOW)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9), lambda one: st.lists(one, max_size=3), max_leaves=5
)


@given(
    st.binary(max_size=80)
    | st.dictionaries(st.sampled_from(Push.__struct_fields__), JSON).map(json.dumps).map(str.encode)
)
def test_whatever_comes_it_is_a_push_or_not_genuine(body: bytes) -> None:
    with contextlib.suppress(NotGenuineError):
        assert isinstance(read_push(body), Push)
