"""What TLS we accept, whoever is trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from idlebell.model.trust import AUTHORITIES, FirstUse, Trust, pinned
from idlebell.net.foreign_errors import VERIFY_REASONS
from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_mends import MENDS
from idlebell.net.tls_policy import SECURITY_LEVEL, TlsPolicy

KEY = b"k" * 32
TRUSTS: tuple[Trust, ...] = (AUTHORITIES, pinned([KEY]), FirstUse(), FirstUse(KEY))


@pytest.mark.parametrize("trust", TRUSTS)
def test_versions_ciphers_and_key_lengths_do_not_depend_on_whom_one_trusts(trust: Trust) -> None:
    context = TlsPolicy().context_for(trust)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.security_level >= SECURITY_LEVEL
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert not context.hostname_checks_common_name
    assert not any("NULL" in cipher["name"] or "ADH" in cipher["name"] for cipher in context.get_ciphers())


def test_keys_have_one_context_and_authorities_another() -> None:
    """A session of the one is never resumed by the other, and thousands of accounts make no more of them."""
    policy = TlsPolicy()
    by_authority, *by_key = (policy.context_for(trust) for trust in TRUSTS)
    assert len({id(one) for one in by_key}) == 1
    assert by_key[0] is not by_authority
    assert by_authority.verify_mode is ssl.CERT_REQUIRED
    assert by_authority.check_hostname
    assert by_key[0].cert_store_stats()["x509"] == 0, "it believes no authority either"


def test_a_file_of_authorities_that_is_none_is_told_with_its_place(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    empty.write_text("nothing\n")
    for path, told in ((tmp_path / "none.pem", "cannot be read: No such file"), (empty, "holds no certificate auth")):
        with pytest.raises(ValueError, match=f"imap.ca_file: {path} {told}"):
            TlsPolicy(path)


def test_nothing_of_a_session_is_written_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    for policy in (TlsPolicy(), TlsPolicy(arena=SecretArena(lambda _: None))):
        for trust in TRUSTS:
            name = policy.context_for(trust).keylog_filename
            assert name is None or name.startswith("/proc/self/fd/")


def test_every_check_that_openssl_makes_has_its_mend() -> None:
    assert set(VERIFY_REASONS.values()) <= MENDS.keys()
