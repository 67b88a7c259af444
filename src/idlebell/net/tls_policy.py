"""What TLS we accept, as contexts that all connections share: one of its own would cost a connection 840 KiB."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final, TypeAlias

from idlebell.model.account import ClientCertificate
from idlebell.model.trust import Authorities, Trust
from idlebell.net.client_certificates import ClientContexts
from idlebell.net.secret_arena import SecretArena
from idlebell.net.traffic_secrets import TrafficSecrets

SECURITY_LEVEL: Final = 2
"""OpenSSL's: 112 bits, so no RSA under 2,048 bits, no SHA-1 in a chain, no export and no NULL cipher. A system may be set
to less."""


class TlsPolicy:
    """Certificates are checked against the system's authorities and those in ``ca_file``, by name or address, always; or,
    where a session trusts keys, by the key (:mod:`.pinning`).

    There is no switch that turns the check off. ValueError: ``ca_file`` cannot be read or holds no certificate.
    """

    __slots__ = (
        "_ca_file",
        "_pinned_context",
        "_showing",
        "client_context",
        "no_parking",
        "secrets",
        "session_context",
    )

    def __init__(self, ca_file: Path | None = None, arena: SecretArena | None = None) -> None:
        """``arena``: where the traffic secrets of IMAP sessions are kept, so that they can be parked; without it none is."""
        self._ca_file = ca_file
        self.client_context: Final = _client_context(ca_file)
        """For what is asked and answered: push services, discovery, submission."""
        self.session_context = self.client_context
        """For sessions that last. Where they can be parked it is a context of its own, for its handshakes leave their secrets
        with us; those of push services should not."""
        self.secrets: TrafficSecrets | None = None
        self.no_parking = "parking is off"
        """Why no session can be parked, in words; empty where it can."""
        self._pinned_context: ssl.SSLContext | None = None
        self._showing: Final = ClientContexts(self._session_context)
        if arena is not None:
            self._listen(ca_file, arena)

    def context_for(self, trust: Trust, certificate: ClientCertificate | None = None) -> ssl.SSLContext:
        """For a session. Where it trusts keys the handshake proves no more than that the server has the key of its certificate;
        whether that is one of them is for :func:`.pinning.check_key` to say, before a byte is sent. ``certificate``: shown to
        a server that asks for one. TlsFailed ``own-certificate``."""
        by_key = not isinstance(trust, Authorities)
        if certificate is not None:
            return self._showing.of(certificate, by_key=by_key)
        if not by_key:
            return self.session_context
        if self._pinned_context is None:
            self._pinned_context = self._session_context(by_key)
        return self._pinned_context

    def _session_context(self, by_key: bool) -> ssl.SSLContext:
        """Another one for sessions."""
        if by_key:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # knows no authority
            _harden(context)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            context = _client_context(self._ca_file)
        if self.secrets is not None:
            self.secrets.listen(context)
        return context

    def http2_context(self) -> ssl.SSLContext:
        """For services that are spoken to by HTTP/2 only (RFC 9113 section 3.2): another one, for what it offers."""
        context = _client_context(self._ca_file)
        context.set_alpn_protocols(["h2"])
        return context

    def _listen(self, ca_file: Path | None, arena: SecretArena) -> None:
        context = _client_context(ca_file)
        try:
            secrets = TrafficSecrets(arena)
            secrets.listen(context)
        except (OSError, AttributeError) as error:
            self.no_parking = f"this system has no anonymous memory file for traffic secrets: {error}"
            return
        self.session_context, self.secrets, self.no_parking = context, secrets, ""


def _client_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    _harden(context)
    if ca_file is not None:
        _load_authorities(context, ca_file)
    return context


def _harden(context: ssl.SSLContext) -> None:
    # Python obeys SSLKEYLOGFILE; secrets of ours are written to no disk, whatever the environment says.
    if context.keylog_filename is not None:
        context.keylog_filename = None  # type: ignore[assignment]  # typeshed does not know that it can be unset
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996; RFC 8314 section 4.1
    # Python 3.11 would accept a certificate that has its name only in the subject (RFC 9525 section 6.3 forbids it).
    context.hostname_checks_common_name = False
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # CPython takes an EOF without close_notify for an orderly end; we want to know (RFC 8446 section 6.1).
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if context.security_level < SECURITY_LEVEL:
        context.set_ciphers(f"DEFAULT:@SECLEVEL={SECURITY_LEVEL}")


TlsContext: TypeAlias = ssl.SSLContext
"""For those who pass one on."""


def server_context(certificate: Path, key: Path, secrets: TrafficSecrets | None = None) -> ssl.SSLContext:
    """For a door of ours. ``certificate`` holds the chain, leaf first, as PEM. ``secrets``: is to listen, so that sessions can
    be parked. ValueError: they cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")  # of TLS 1.2 (RFC 9325 section 4.2); those of 1.3 are all good
    try:
        # Without a password OpenSSL would ask for one at the terminal, and a service would hang there.
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ssl.SSLError) as error:
        wanted = "expected PEM, the chain with the leaf first, the key without a passphrase"
        raise ValueError(f"{certificate} and {key} are not a certificate and its key: {error}; {wanted}") from error
    if secrets is not None:
        context.num_tickets = 0  # they would be sealed records that nobody here has counted
        secrets.listen(context)
    return context


def _load_authorities(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        known = None if isinstance(error, ssl.SSLError) else error.strerror
        why = f"cannot be read: {known}" if known else "holds no certificate authorities as PEM"
        raise ValueError(f"imap.ca_file: {ca_file} {why}") from error
