"""The certificate that a server showed in a handshake that failed, so that the user can be told which one was refused."""

from __future__ import annotations

import ssl
from typing import Any, Final

from cryptography import x509

from idlebell.model.shown_text import shown
from idlebell.net.errors import CertificateFacts

_DER: Final = 2  # _ssl.ENCODING_DER
_NAMES: Final = 10


def shown_certificate(connection: ssl.SSLObject) -> CertificateFacts | None:
    """Of a connection whose handshake was refused; None where no certificate came, or none that can be read.

    ``getpeercert`` gives nothing there, but the chain is kept: OpenSSL parses it before it judges it. The method is public
    since Python 3.13 and there under its object since 3.10; where it is missing a refusal just names no certificate.
    """
    inner: Any = getattr(connection, "_sslobj", None)
    chain = getattr(inner, "get_unverified_chain", lambda: None)()
    if not chain:
        return None
    try:
        return _facts(x509.load_der_x509_certificate(chain[0].public_bytes(_DER)))
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
