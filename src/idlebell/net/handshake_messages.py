"""What a connection learns from the messages that OpenSSL shows to a callback, beyond what ``SSLObject`` tells.

OpenSSL shows 22 messages and headers in a handshake under TLS 1.3; all but two kinds are let go at the first comparison.
"""

from __future__ import annotations

import ssl
from typing import Any, Final

from idlebell.net.certificate import CERTIFICATE, keep_shown_certificate

_HANDSHAKE: Final = 22  # content type (RFC 8446 section 5.1)
_KEY_UPDATE: Final = 24  # handshake type (RFC 8446 section 4)

_CHANGED: Final = "idlebell_keys_changed"
"""Attribute of the ``SSLObject``, there once a KeyUpdate went either way."""


def hear_message(
    connection: ssl.SSLObject, direction: str, version: int, content: int, message: int, data: bytes
) -> None:
    """A message callback of an ``SSLContext``."""
    if content != _HANDSHAKE:
        return
    if message == CERTIFICATE:
        keep_shown_certificate(connection, direction, version, data)
    elif message == _KEY_UPDATE:
        setattr(connection, _CHANGED, True)


def keys_changed(connection: ssl.SSLObject) -> bool:
    """OpenSSL has sent or received a KeyUpdate (RFC 8446 section 4.6.3): its secrets are not the first ones any more."""
    kept: dict[str, Any] = connection.__dict__
    return _CHANGED in kept
