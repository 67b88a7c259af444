"""What arrives at an endpoint: shown to be the gateway's, decrypted, and typed."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from idlebell.client.problems import NotGenuineError
from idlebell.client.shapes import WebPush
from idlebell.push.encryption import AUTH_BYTES, EncryptionError, decrypt, point, private_key
from idlebell.push.webhook import verifies

TOLERANCE: Final = timedelta(minutes=5)
"""Between the gateway's clock and ours; what is older may be a push that somebody kept and plays again."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one, as far as the payload says it."""

    uid: int
    message_id: str | None = None
    sender: str | None = msgspec.field(name="from", default=None)
    subject: str | None = None
    size: int | None = None
    preview: str | None = None
    received_at: datetime | None = None
    truncated: bool = False
    text: str | None = None
    no_text: str | None = None
    mailbox: str | None = None


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """``type``: ``new_mail reconnect expiring test verification heartbeat seen``, or a later one, which an app passes over.
    What another type has is None or empty. A push that comes twice has the same ``version``."""

    type: str
    subscription: str
    version: int
    at: datetime
    mailbox: str | None = None
    uid_validity: int | None = None
    count: int = 0
    unseen: int | None = None
    messages: tuple[Message, ...] = ()
    mailboxes: dict[str, int] = msgspec.field(default_factory=dict)
    uids: tuple[int, ...] = ()
    reason: str | None = None
    expires_at: datetime | None = None
    code: str | None = None
    truncated: bool = False
    reminder: bool = False
    """A ``new_mail`` that rang before and is unread still; ``uids`` says which messages."""


def read_push(body: bytes) -> Push:
    """The JSON of a push. NotGenuineError where it is none."""
    try:
        return msgspec.json.decode(body, type=Push)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise NotGenuineError("The body is none of Idlebell's.") from None


def read_webhook(
    headers: Mapping[str, str], body: bytes, secrets: str | Sequence[str], now: datetime | None = None
) -> Push:
    """A webhook (Standard Webhooks), signed with one of ``secrets``: several, while they change. ``headers`` in any case.
    NotGenuineError where the signature is not the gateway's or too old."""
    own = {name.lower(): value for name, value in headers.items()}
    stamp = own.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        raise NotGenuineError("The webhook has no timestamp.")
    if abs((now or datetime.now(UTC)).timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise NotGenuineError("The webhook is too old, or from the future.")
    message_id = own.get("webhook-id", "")
    known = [secrets] if isinstance(secrets, str) else secrets
    signature = own.get("webhook-signature", "")
    if not message_id.isascii() or not any(
        verifies(message_id, int(stamp), body, signature, _webhook_secret(one)) for one in known
    ):
        raise NotGenuineError("The webhook is not signed with this secret.")
    return read_push(body)


class WebPushKeys:
    """Of an app that decrypts by itself, as with UnifiedPush (RFC 8291). A browser has its own."""

    __slots__ = ("_auth", "_key")

    def __init__(self, key: ec.EllipticCurvePrivateKey, auth: bytes) -> None:
        self._key = key
        self._auth = auth

    @classmethod
    def generate(cls) -> WebPushKeys:
        return cls(private_key(os.urandom), os.urandom(AUTH_BYTES))

    @classmethod
    def load(cls, text: str) -> WebPushKeys:
        """What :meth:`dump` gave. ValueError where it is something else."""
        try:
            members = json.loads(text)
            scalar, auth = _unbase64(members["private"]), _unbase64(members["auth"])
            key = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())
        except (ValueError, TypeError, KeyError, AttributeError):
            raise ValueError("these are no keys of an app") from None
        if len(auth) != AUTH_BYTES:
            raise ValueError("these are no keys of an app: the authentication secret is too short or too long")
        return cls(key, auth)

    def dump(self) -> str:
        """To be kept as a password is: it decrypts what is pushed."""
        scalar = self._key.private_numbers().private_value.to_bytes(32, "big")
        return json.dumps({"private": _base64(scalar), "auth": _base64(self._auth)})

    def endpoint(self, url: str) -> WebPush:
        """At the URL that the distributor gave."""
        return WebPush(url, _base64(point(self._key)), _base64(self._auth))

    def read(self, body: bytes) -> Push:
        """A push as it arrived. NotGenuineError where it is not for these keys."""
        try:
            return read_push(decrypt(body, key=self._key, auth=self._auth))
        except EncryptionError as error:
            raise NotGenuineError(str(error)) from None

    def __repr__(self) -> str:
        return "WebPushKeys(…)"


def _webhook_secret(secret: str) -> bytes:
    try:
        return _unbase64(secret.removeprefix("whsec_"))
    except ValueError:
        raise ValueError("a webhook's secret is whsec_ and base64") from None


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _unbase64(text: str) -> bytes:
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
