"""What a push of each kind looks like on the wire, for those who send prebuilt ones: as long as the gateway's own."""

from __future__ import annotations

import base64
import os
from typing import Any, Final

Built = tuple[str, str, dict[str, str], bytes]

BODY: Final = (
    b'{"type":"new_mail","subscription":"sub_aaaaaaaaaaaaaaaaaaaaaaaa","version":1,"at":"2026-01-01T00:00:00.000Z",'
    b'"mailbox":"INBOX","uid_validity":1,"count":1,"unseen":null}'
)
ENCRYPTION_BYTES: Final = 103
"""What RFC 8291 adds to a body."""
SIGNATURE: Final = "vapid t=" + "t" * 250 + ", k=" + "k" * 87


def built(kind: str, origins: list[str], number: int) -> Built:
    url = f"{origins[number % len(origins)]}/push/{number}-" + base64.urlsafe_b64encode(os.urandom(48)).decode()
    if kind == "simplepush":
        return "PUT", url, {"Content-Type": "application/x-www-form-urlencoded"}, b"version=1"
    headers = {
        "TTL": "86400",
        "Urgency": "high",
        "Topic": "t" * 32,
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "Authorization": SIGNATURE,
    }
    return "POST", url, headers, os.urandom(len(BODY) + ENCRYPTION_BYTES)


def browser(origins: list[str], number: int, public: bytes, auth: bytes) -> dict[str, Any]:
    """A ``PushSubscription`` as JSON."""
    return {
        "endpoint": built("webpush", origins, number)[1],
        "keys": {name: base64.urlsafe_b64encode(value).decode().rstrip("=") for name, value in
                 (("p256dh", public), ("auth", auth))},
    }  # fmt: skip
