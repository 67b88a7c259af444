"""The certificate that a server showed, whether it was accepted or refused, in words and by the fingerprint of its key."""

from __future__ import annotations

import ssl
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from idlebell.model.shown_text import shown
from idlebell.net.errors import CertificateFacts

_DER: Final = 2  # _ssl.ENCODING_DER
_NAMES: Final = 10
RSA_BITS_LEAST: Final = 2_048
EC_BITS_LEAST: Final = 224
"""112 bits of security: what OpenSSL's level 2, which we keep to, asks of a chain. Where a pin stands for the chain nothing
else would look at it."""
CERTIFICATES_KEPT: Final = 1_024
"""Read once and shared by all sessions of a server; beyond that they are read again."""
KEPT_BYTES: Final = 8_192
"""Of one that is kept. Real ones have one or two thousand; what TLS lets a server show, 100 KB each, would be ours to hold."""


FILE_BYTES: Final = 262_144
"""Read of a file of PEM: a chain, and perhaps a key."""


def shown_certificate(connection: ssl.SSLObject) -> CertificateFacts | None:
    """Of a connection whose handshake was refused; None where no certificate came, or none that can be read.

    ``getpeercert`` gives nothing there, but the chain is kept: OpenSSL parses it before it judges it. The method is public
    since Python 3.13 and there under its object since 3.10; where it is missing a refusal just names no certificate.
    """
    inner: Any = getattr(connection, "_sslobj", None)
    chain = getattr(inner, "get_unverified_chain", lambda: None)()
    if not chain:
        return None
    return read_certificate(chain[0].public_bytes(_DER))


def accepted_certificate(connection: ssl.SSLObject) -> CertificateFacts | None:
    """Of a connection whose handshake is done; None where it cannot be read."""
    der = connection.getpeercert(binary_form=True)
    return None if der is None else read_certificate(der)


def read_certificate_file(path: str) -> CertificateFacts | None:
    """Of the first certificate in a file of PEM. Blocks; None: there is none that can be read."""
    try:
        with Path(path).open("rb") as file:
            chain = x509.load_pem_x509_certificates(file.read(FILE_BYTES))
    except (OSError, ValueError):
        return None
    return read_certificate(chain[0].public_bytes(Encoding.DER))


def read_certificate(der: bytes) -> CertificateFacts | None:
    """None: it cannot be read."""
    return _kept(der) if len(der) <= KEPT_BYTES else _read(der)


@lru_cache(CERTIFICATES_KEPT)
def _kept(der: bytes) -> CertificateFacts | None:
    return _read(der)


def _read(der: bytes) -> CertificateFacts | None:
    try:
        return _facts(x509.load_der_x509_certificate(der))
    except (ValueError, x509.InvalidVersion, x509.UnsupportedGeneralNameType, UnsupportedAlgorithm):
        return None


def _strong(certificate: x509.Certificate) -> bool:
    match certificate.public_key():
        case rsa.RSAPublicKey(key_size=bits):
            return bits >= RSA_BITS_LEAST
        case ec.EllipticCurvePublicKey(key_size=bits):
            return bits >= EC_BITS_LEAST
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return True
        case _:
            return False


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    return CertificateFacts(
        subject=shown(certificate.subject.rfc4514_string()),
        issuer=shown(certificate.issuer.rfc4514_string()),
        not_before=certificate.not_valid_before_utc.isoformat(),
        not_after=certificate.not_valid_after_utc.isoformat(),
        names=_names(certificate),
        spki_sha256=sha256(
            certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).digest(),
        strong=_strong(certificate),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    names = extension.value.get_values_for_type(x509.DNSName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    return tuple(shown(str(name)) for name in [*names, *addresses][:_NAMES])
