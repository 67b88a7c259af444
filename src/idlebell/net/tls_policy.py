"""What TLS we accept, as contexts that all connections share: one of its own would cost a connection 840 KiB."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from idlebell.net.certificate import keep_shown_certificate


class TlsPolicy:
    """Certificates are checked against the system's authorities and those in ``ca_file``, by name or address, always.

    There is no switch that turns the check off. ValueError: ``ca_file`` cannot be read or holds no certificate.
    """

    __slots__ = ("client_context",)

    def __init__(self, ca_file: Path | None = None) -> None:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996; RFC 8314 section 4.1
        # Python 3.11 would accept a certificate that has its name only in the subject (RFC 9525 section 6.3 forbids it).
        context.hostname_checks_common_name = False
        context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        # CPython takes an EOF without close_notify for an orderly end; we want to know (RFC 8446 section 6.1).
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if ca_file is not None:
            _load_authorities(context, ca_file)
        _set_message_callback(context, keep_shown_certificate)
        self.client_context: Final = context


def server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """For a door of ours. ``certificate`` holds the chain, leaf first, as PEM. ValueError: they cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{certificate} and {key} are not a certificate and its key: {error}") from error
    return context


def _load_authorities(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"{ca_file} holds no certificate authorities: {error}") from error


def _set_message_callback(context: ssl.SSLContext, callback: Callable[..., None]) -> None:
    # The only way to learn which certificate was refused: OpenSSL forgets it with the failed handshake. The attribute is
    # there since Python 3.8, under a private name; where it is missing a refusal just names no certificate.
    # Set through the base class: the property of SSLContext turns every number of every message into an enum first.
    base: Any = ssl.SSLContext.__base__
    attribute = base.__dict__.get("_msg_callback")
    if attribute is not None:
        attribute.__set__(context, callback)
