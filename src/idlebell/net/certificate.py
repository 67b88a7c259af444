"""The certificate that a server showed in a handshake that failed, so that the user can be told which one was refused."""

from __future__ import annotations

import ssl
from typing import Any, Final

from cryptography import x509

from idlebell.model.shown_text import shown
from idlebell.net.errors import CertificateFacts

CERTIFICATE: Final = 11
"""Handshake type (RFC 8446 section 4)."""
_TLS_1_3: Final = 0x0304
_MESSAGE_BYTES: Final = 65_536
_NAMES: Final = 10

_SHOWN: Final = "idlebell_shown"
"""Attribute of the ``SSLObject`` that holds the message until the handshake is over."""


def keep_shown_certificate(connection: ssl.SSLObject, direction: str, version: int, data: bytes) -> None:
    """Keeps a Certificate message of the server at its connection."""
    if direction == "read" and len(data) <= _MESSAGE_BYTES:
        setattr(connection, _SHOWN, (data, version))


def take_shown_certificate(connection: ssl.SSLObject) -> CertificateFacts | None:
    """What was kept, read; None where nothing was, or where it is no certificate. Nothing stays at the connection."""
    kept: dict[str, Any] = connection.__dict__
    shown = kept.pop(_SHOWN, None)
    if shown is None:
        return None
    data, version = shown
    return read_certificate_message(data, tls13=version >= _TLS_1_3)


def forget_shown_certificate(connection: ssl.SSLObject) -> None:
    """Drops what was kept: 4 KiB that an idle session does not need."""
    connection.__dict__.pop(_SHOWN, None)


def read_certificate_message(data: bytes, *, tls13: bool) -> CertificateFacts | None:
    """The first certificate of a Certificate message with its four bytes of header (RFC 5246 section 7.4.2, RFC 8446
    section 4.4.2)."""
    at = 4
    if tls13:
        at += 1 + data[at] if len(data) > at else 1  # certificate_request_context
    at += 3  # length of the list
    size = int.from_bytes(data[at : at + 3], "big")
    der = data[at + 3 : at + 3 + size]
    if not der or len(der) != size:
        return None
    try:
        return _facts(x509.load_der_x509_certificate(der))
    except (ValueError, x509.InvalidVersion, x509.UnsupportedGeneralNameType):
        return None


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    return CertificateFacts(
        subject=shown(certificate.subject.rfc4514_string()),
        issuer=shown(certificate.issuer.rfc4514_string()),
        not_before=certificate.not_valid_before_utc.isoformat(),
        not_after=certificate.not_valid_after_utc.isoformat(),
        names=_names(certificate),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    names = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return tuple(shown(str(name)) for name in [*names, *addresses][:_NAMES])
