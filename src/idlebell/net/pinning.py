"""Is it one of the keys that are trusted? Asked after the handshake, which has proven that the server has the key of the
certificate that it showed, and before anything is sent under it. Pure."""

from __future__ import annotations

import hmac

from idlebell.model.trust import FirstUse, Trust, keys_of, spelled
from idlebell.net.errors import CertificateFacts, TlsFailed


def check_key(trust: Trust, certificate: CertificateFacts | None) -> None:
    """TlsFailed ``other-key``, or ``weak-key``: nothing else looks at its length where a pin stands for the chain."""
    keys = keys_of(trust)
    if keys is None:
        return
    if certificate is None:
        raise TlsFailed("other-key", "the server's certificate cannot be read")
    if keys and not any(hmac.compare_digest(certificate.spki_sha256, key) for key in keys):
        before = "of the first session" if isinstance(trust, FirstUse) else "pinned"
        expected = " or ".join(spelled(key) for key in keys)
        found = f"the server's key is {spelled(certificate.spki_sha256)}, not the one {before}, {expected}"
        raise TlsFailed("other-key", found, certificate)
    if not certificate.strong:
        raise TlsFailed("weak-key", f"the key is too short; the certificate: {certificate}", certificate)
