"""The border: exceptions of ``socket`` and ``ssl`` become :mod:`.errors`, by their numbers and words, never by their prose."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idlebell.net.errors import CertificateFacts, ConnectionLost, TlsFailed, Unreachable

VERIFY_REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        9: "not-yet-valid",
        10: "expired",
        18: "self-signed",
        19: "unknown-authority",  # self-signed certificate in the chain
        20: "unknown-authority",  # issuer not found: an intermediate is missing, or nobody knows it
        21: "unknown-authority",
        22: "chain-too-long",
        23: "revoked",
        24: "not-an-authority",
        26: "wrong-purpose",
        47: "name-not-permitted",  # name constraints
        62: "wrong-host",
        64: "wrong-host",  # address mismatch
        66: "weak-key",
        67: "weak-key",  # of an authority
        68: "weak-signature",
        79: "not-an-authority",
    }
)
"""OpenSSL's verification codes (x509_vfy.h), as stable words."""

_OLD_PROTOCOL = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW", "WRONG_SSL_VERSION")
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "RECORD_LAYER_FAILURE",
    "UNEXPECTED_MESSAGE",
    "PACKET_LENGTH_TOO_LONG",
    "BAD_RECORD_TYPE",
    "UNKNOWN_PROTOCOL",
)
_NO_CIPHER = (
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "NO_SHARED_CIPHER",
    "WRONG_CIPHER_RETURNED",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "DH_KEY_TOO_SMALL",
    "NO_PROTOCOLS_AVAILABLE",
)

CLIENT_CERTIFICATE_ALERTS: Final = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "TLSV1_ALERT_UNKNOWN_CA",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
)
"""What a server says of the client's certificate (RFC 8446 section 6.2), in OpenSSL's words. Under TLS 1.3 it comes after the
handshake, as the client sees it."""

_UNREACHABLE_REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        errno.ECONNREFUSED: "refused",
        errno.ETIMEDOUT: "timeout",
        errno.ENETUNREACH: "no-route",
        errno.EHOSTUNREACH: "no-route",
        errno.ENETDOWN: "no-route",
        errno.EADDRNOTAVAIL: "no-port",  # connect(2): all ports of the range are taken
        errno.EADDRINUSE: "no-port",
        errno.EMFILE: "local",
        errno.ENFILE: "local",
        errno.ENOBUFS: "local",
        errno.ENOMEM: "local",
        errno.EACCES: "no-route",
        errno.EPERM: "no-route",
    }
)


def unreachable(error: OSError) -> Unreachable:
    """What a failed ``connect`` means."""
    if isinstance(error, TimeoutError):
        return Unreachable("timeout", str(error))
    return Unreachable(_UNREACHABLE_REASONS.get(error.errno or 0, "failed"), str(error))


def lost(error: OSError) -> ConnectionLost:
    """What a failed ``recv`` or ``send`` means."""
    if isinstance(error, TimeoutError):
        return ConnectionLost("timeout", str(error))
    if isinstance(error, ConnectionError):
        return ConnectionLost("reset", str(error))
    return ConnectionLost("failed", str(error))


def certificate_refused(word: str, certificate: CertificateFacts | None = None) -> TlsFailed:
    """``word``: one of :data:`CLIENT_CERTIFICATE_ALERTS`. ``certificate``: the server's."""
    return TlsFailed(
        "client-certificate", f"the server refuses the client's certificate, or the lack of one ({word})", certificate
    )


def handshake_failed(error: ssl.SSLError, certificate: CertificateFacts | None = None) -> TlsFailed:
    """What a failed handshake means, and of which certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = VERIFY_REASONS.get(error.verify_code, "untrusted")
        shown = f"; the certificate: {certificate}" if certificate else ""
        return TlsFailed(reason, f"{error.verify_message}{shown}", certificate)
    word = getattr(error, "reason", None) or ""  # missing where Python made the error, not OpenSSL
    if word in _OLD_PROTOCOL:
        return TlsFailed("old-protocol", "the server speaks nothing newer than TLS 1.1", certificate)
    if word == "SSLV3_ALERT_HANDSHAKE_FAILURE" and certificate is not None:
        # With its certificate a server of TLS 1.2 has agreed on a cipher: what it misses is ours (RFC 5246 section 7.4.6).
        return certificate_refused(word, certificate)
    if word in _NO_CIPHER:
        return TlsFailed("no-common-cipher", f"no cipher suite in common ({word})", certificate)
    if word in _NOT_TLS:
        return TlsFailed("not-tls", f"what answers does not speak TLS ({word})", certificate)
    if word in CLIENT_CERTIFICATE_ALERTS:
        return certificate_refused(word, certificate)
    return TlsFailed("alert" if "ALERT" in word else "handshake", word or type(error).__name__, certificate)
