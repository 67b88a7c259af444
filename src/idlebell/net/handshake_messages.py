"""What a connection learns from the messages that OpenSSL shows to a callback, beyond what ``SSLObject`` tells.

OpenSSL shows 22 messages and headers in a handshake under TLS 1.3; those that are no handshake message are let go at the first
comparison.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

from idlebell.net.certificate import CERTIFICATE, keep_shown_certificate

_HANDSHAKE: Final = 22  # content type (RFC 8446 section 5.1)
_SERVER_HELLO: Final = 2  # handshake types (RFC 8446 section 4)
_KEY_UPDATE: Final = 24

_CHANGED: Final = "idlebell_keys_changed"
"""Attribute of the ``SSLObject``, there once a KeyUpdate went either way."""

_HELLO: Final = "idlebell_hello"
"""Attribute, there from a ServerHello until it is asked for."""


def hear_message(
    connection: ssl.SSLObject, direction: str, version: int, content: int, message: int, data: bytes
) -> None:
    """A message callback of an ``SSLContext``."""
    if content != _HANDSHAKE:
        return
    if message == CERTIFICATE:
        keep_shown_certificate(connection, direction, version, data)
    elif message == _SERVER_HELLO:
        setattr(connection, _HELLO, True)
    elif message == _KEY_UPDATE:
        setattr(connection, _CHANGED, True)


def keys_changed(connection: ssl.SSLObject) -> bool:
    """OpenSSL has sent or received a KeyUpdate (RFC 8446 section 4.6.3): its secrets are not the first ones any more."""
    kept: dict[str, Any] = connection.__dict__
    return _CHANGED in kept


def take_server_hello(connection: ssl.SSLObject) -> bool:
    """A ServerHello, or HelloRetryRequest, has come since this was last asked."""
    kept: dict[str, Any] = connection.__dict__
    return kept.pop(_HELLO, None) is not None
