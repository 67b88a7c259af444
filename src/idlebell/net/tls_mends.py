"""What a user or an operator can do about TLS that is refused, by the check that it fails. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from idlebell.model.trust import spelled
from idlebell.net.errors import TlsFailed

_NEW_CERTIFICATE: Final = "The server needs another certificate; tell its operator."
_NEWER: Final = "The server must be set to speak TLS 1.2 or newer with today's ciphers; tell its operator."
_IN_CLEAR: Final = "Use TLS from the first byte (port 993), or have STARTTLS switched on; nothing is sent in clear."
_VOUCH: Final = (
    "Have its authority named in imap.ca_file by this gateway's operator, or pin its key with tls_pin_sha256"
)

MENDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "expired": "The server's certificate has to be renewed; tell its operator.",
        "not-yet-valid": "Check the clock of the gateway, then the certificate's dates.",
        "self-signed": _VOUCH,
        "unknown-authority": f"If authorities everywhere should know it, its server leaves an intermediate out. {_VOUCH}",
        "wrong-host": "Name the server as its certificate does.",
        "wrong-purpose": _NEW_CERTIFICATE,
        "weak-key": f"{_NEW_CERTIFICATE} Its key should be P-256, or RSA with 2,048 bits at least.",
        "weak-signature": f"{_NEW_CERTIFICATE} It should be signed with SHA-256.",
        "not-an-authority": _NEW_CERTIFICATE,
        "name-not-permitted": _NEW_CERTIFICATE,
        "chain-too-long": _NEW_CERTIFICATE,
        "revoked": _NEW_CERTIFICATE,
        "untrusted": _NEW_CERTIFICATE,
        "other-key": (
            "Ask the server's operator, by another way than this one, whether its key was changed; trust the new one only then."
        ),
        "client-certificate": (
            "Compare client_certificate with the authority and the dates that the server's operator asks for; where none is "
            "given, the server wants one, which only the gateway's operator can name."
        ),
        "own-certificate": "Mend the files that client_certificate and client_key name: PEM, the key without a passphrase.",
        "old-protocol": _NEWER,
        "no-common-cipher": _NEWER,
        "alert": _NEWER,
        "handshake": _NEWER,
        "not-tls": "Check port and kind of TLS: implicit is 993, STARTTLS 143.",
        "starttls-missing": _IN_CLEAR,
        "starttls-refused": _IN_CLEAR,
        "starttls-injected": "Somebody on the way, or a broken server, speaks before TLS. Use port 993, and another network.",
        "preauth-in-clear": "Somebody on the way, or a broken server, keeps the session in clear. Use port 993.",
    }
)
_PINNABLE: Final = frozenset({"self-signed", "unknown-authority"})


def mend_of(error: TlsFailed) -> str:
    """A sentence or two; of a certificate that could be pinned with its key's fingerprint, for the user to compare."""
    sentence = MENDS.get(error.reason, _NEW_CERTIFICATE)
    if error.reason in _PINNABLE and error.certificate is not None:
        key = spelled(error.certificate.spki_sha256)
        return f"{sentence}, after comparing it with the server's own: what answered has {key}."
    return sentence if sentence.endswith(".") else f"{sentence}."
