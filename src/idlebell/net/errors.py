"""What can go wrong between us and a peer. ``socket``, ``ssl``, resolver and HTTP exceptions are mapped to these where they
arise; nothing above ``net`` sees a foreign one.

Every error has a ``reason``, a stable word for metrics and tests, and a ``detail``, a sentence for the operator. Neither
holds a secret. Of :class:`Unreachable` neither may reach a user: that would let anyone scan a network through us.
"""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from idlebell.imap.responses import StatusResponse


class TransportError(Exception):
    """A connection could not be made or is finished. Never raised itself."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Unreachable(TransportError):  # noqa: N818
    """Nothing was connected. ``reason`` is private: ``refused``, ``timeout``, ``no-route``, ``no-such-name``, ``dns`` (the
    resolver failed), ``not-allowed`` (our own rules), ``bad-host`` (no host name), ``local`` (our own lack of descriptors
    or ports), ``failed`` (anything else)."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Of the certificate that the server showed. ``not_after``: ISO 8601, UTC."""

    subject: str
    issuer: str
    not_before: str
    not_after: str
    names: tuple[str, ...]
    """At most ten of its DNS names and addresses."""

    def __str__(self) -> str:
        names = ", ".join(self.names) or "no name"
        return f"{self.subject or '(no subject)'}, for {names}, by {self.issuer}, valid until {self.not_after}"


class TlsFailed(TransportError):  # noqa: N818
    """No TLS that we accept. ``reason`` names the check that failed: a value of :data:`VERIFY_REASONS`, ``untrusted``,
    ``old-protocol``, ``no-common-cipher``, ``not-tls``, ``handshake``, ``alert``; for STARTTLS ``starttls-missing``,
    ``starttls-refused``, ``starttls-injected`` or ``preauth-in-clear``. ``certificate`` is None where none was shown.
    This may be told to the user."""

    def __init__(self, reason: str, detail: str = "", certificate: CertificateFacts | None = None) -> None:
        super().__init__(reason, detail)
        self.certificate = certificate

    @property
    def check(self) -> str:
        """The check that failed: :attr:`reason` by its name in the interface."""
        return self.reason


class ConnectionLost(TransportError):  # noqa: N818
    """It was there and is gone. ``reason``: ``eof`` (closed without a word), ``truncated`` (closed without TLS's
    close_notify), ``reset``, ``timeout`` (the kernel gave up: keep-alive or TCP_USER_TIMEOUT), ``tls`` (a record that does
    not decrypt, an alert), ``closed`` (by ourselves), ``failed``."""


class ServerSaidBye(TransportError):  # noqa: N818
    """The server ended the session with BYE (RFC 9051 section 7.1.5), in its greeting or later. ``reason`` is ``bye``."""

    def __init__(self, bye: StatusResponse, *, greeting: bool = False) -> None:
        super().__init__("bye", bye.text[:200])
        self.bye = bye
        self.greeting = greeting


class TimedOut(TransportError):  # noqa: N818
    """The peer did not do it within its deadline. ``reason`` says what: ``greeting``, ``tls``, ``IDLE``, ``DONE``, or the
    name of a command."""


class NotImap(TransportError):  # noqa: N818
    """What answers there does not speak IMAP."""

    def __init__(self, detail: str = "") -> None:
        super().__init__("not-imap", detail)


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

_UNREACHABLE_REASONS: Final[Mapping[int, str]] = MappingProxyType(
    {
        errno.ECONNREFUSED: "refused",
        errno.ETIMEDOUT: "timeout",
        errno.ENETUNREACH: "no-route",
        errno.EHOSTUNREACH: "no-route",
        errno.ENETDOWN: "no-route",
        errno.EADDRNOTAVAIL: "local",
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
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return Unreachable("timeout", str(error))
    return Unreachable(_UNREACHABLE_REASONS.get(error.errno or 0, "failed"), str(error))


def lost(error: OSError) -> ConnectionLost:
    """What a failed ``recv`` or ``send`` means."""
    if isinstance(error, TimeoutError):
        return ConnectionLost("timeout", str(error))
    if isinstance(error, ConnectionError):
        return ConnectionLost("reset", str(error))
    return ConnectionLost("failed", str(error))


def handshake_failed(error: ssl.SSLError, certificate: CertificateFacts | None = None) -> TlsFailed:
    """What a failed handshake means, and of which certificate."""
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = VERIFY_REASONS.get(error.verify_code, "untrusted")
        shown = f"; the certificate: {certificate}" if certificate else ""
        return TlsFailed(reason, f"{error.verify_message}{shown}", certificate)
    word = error.reason or ""
    if word in _OLD_PROTOCOL:
        return TlsFailed("old-protocol", "the server speaks nothing newer than TLS 1.1", certificate)
    if word in _NO_CIPHER:
        return TlsFailed("no-common-cipher", f"no cipher suite in common ({word})", certificate)
    if word in _NOT_TLS:
        return TlsFailed("not-tls", f"what answers does not speak TLS ({word})", certificate)
    return TlsFailed("alert" if "ALERT" in word else "handshake", word or type(error).__name__, certificate)
