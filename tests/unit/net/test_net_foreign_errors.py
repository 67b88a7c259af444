"""What exceptions of the standard library become."""

from __future__ import annotations

import errno
import ssl

import pytest

from idlebell.net.errors import CertificateFacts
from idlebell.net.foreign_errors import handshake_failed, lost, unreachable

SHOWN = CertificateFacts("CN=imap", "CN=authority", "2026-01-01T00:00:00+00:00", "2026-02-01T00:00:00+00:00", ("imap",))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ECONNREFUSED, "refused"),
        (errno.EHOSTUNREACH, "no-route"),
        (errno.EMFILE, "local"),
        (errno.EADDRNOTAVAIL, "no-port"),
        (errno.ETIMEDOUT, "timeout"),
        (errno.EIO, "failed"),
    ],
)
def test_a_connect_that_fails_is_told_by_its_number(number: int, reason: str) -> None:
    assert unreachable(OSError(number, "words that differ between systems")).reason == reason


def test_an_error_without_a_number_is_unreachable_all_the_same() -> None:
    assert unreachable(OSError()).reason == "failed"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "timeout"),
        (ConnectionResetError(), "reset"),
        (BrokenPipeError(), "reset"),
        (OSError(errno.ENOBUFS, ""), "failed"),
    ],
)
def test_a_connection_that_breaks_is_told_by_its_kind(error: OSError, reason: str) -> None:
    assert lost(error).reason == reason


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("UNSUPPORTED_PROTOCOL", "old-protocol"),
        ("NO_SHARED_CIPHER", "no-common-cipher"),
        ("WRONG_VERSION_NUMBER", "not-tls"),
        ("TLSV1_ALERT_INTERNAL_ERROR", "alert"),
        ("SOMETHING_NEW", "handshake"),
        (None, "handshake"),
    ],
)
def test_a_handshake_that_fails_is_told_by_openssls_word(word: str | None, reason: str) -> None:
    error = ssl.SSLError(1, "prose")
    error.reason = word  # type: ignore[assignment]
    assert handshake_failed(error).reason == reason


def test_an_error_that_python_made_itself_has_no_word() -> None:
    assert handshake_failed(ssl.SSLError(1, "prose")).reason == "handshake"


@pytest.mark.parametrize(
    ("code", "reason"), [(10, "expired"), (62, "wrong-host"), (18, "self-signed"), (999, "untrusted")]
)
def test_a_certificate_that_does_not_verify_is_told_by_openssls_code(code: int, reason: str) -> None:
    error = ssl.SSLCertVerificationError(1, "prose")
    error.verify_code = code
    error.verify_message = "what OpenSSL says"

    failed = handshake_failed(error, SHOWN)

    assert (failed.reason, failed.certificate) == (reason, SHOWN)
    assert "valid until 2026-02-01" in failed.detail
