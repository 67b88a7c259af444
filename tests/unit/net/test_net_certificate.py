"""What is read of a certificate, and how much of it is held."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID, ObjectIdentifier

from idlebell.net import certificate
from idlebell.net.certificate import KEPT_BYTES, read_certificate

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def made(more_bytes: int) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "imap.example.org")])
    stuffed = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.32473.1"), bytes(more_bytes))
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=90))
    return builder.add_extension(stuffed, critical=False).sign(key, SHA256()).public_bytes(Encoding.DER)


@pytest.mark.parametrize(("more_bytes", "kept"), [(10, True), (KEPT_BYTES, False)])
def test_what_a_server_stuffs_its_certificate_with_is_not_held(more_bytes: int, kept: bool) -> None:
    certificate._kept.cache_clear()
    found = read_certificate(made(more_bytes))
    assert found is not None
    assert found.subject == "CN=imap.example.org"
    assert certificate._kept.cache_info().currsize == kept
