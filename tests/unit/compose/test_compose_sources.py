"""Mail servers of the configuration, as the gateway knows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from idlebell.compose.sources import sources_of
from idlebell.config.loader import load
from idlebell.model.account import ImapTarget, Tls

KEY = "0123456789abcdef0123456789abcdef"


def configured(folder: Path, text: str, key: str = KEY, mode: int = 0o600) -> Path:
    key_file = folder / "source.key"
    key_file.write_text(key)
    key_file.chmod(mode)
    path = folder / "idlebell.toml"
    path.write_text(f'[[ingest]]\nname = "main"\nkey_file = "{key_file}"\n{text}\n')
    return path


def test_a_source_has_its_key_its_users_and_its_server(tmp_path: Path) -> None:
    text = 'form = "lua"\nusers = ["bob", "@Example.ORG"]\nimap = "IMAP.example.org:993"\nreports_per_minute = 5'
    found = sources_of(load(configured(tmp_path, text), {}))
    assert list(found) == ["dovecot:main"]
    source = found["dovecot:main"]
    assert source.target == ImapTarget("imap.example.org", 993, Tls.IMPLICIT)
    assert (source.key.text(), source.reports_per_minute) == (KEY, 5)
    told = {
        user: source.speaks_of(user)
        for user in ("bob", "a@example.org", "a@EXAMPLE.org", "@example.org", "alice", "Bob")
    }
    assert told == {
        "bob": True, "a@example.org": True, "a@EXAMPLE.org": True, "@example.org": True, "alice": False, "Bob": False,
    }  # fmt: skip


def test_port_143_is_that_of_starttls_and_without_a_server_there_is_none(tmp_path: Path) -> None:
    (source,) = sources_of(load(configured(tmp_path, 'imap = "h.example.org:143"'), {})).values()
    assert source.target.tls is Tls.STARTTLS
    (source,) = sources_of(load(configured(tmp_path, ""), {})).values()
    assert (source.target.host, source.target.port) == ("dovecot:main", 0)
    assert source.speaks_of("anybody")


@pytest.mark.parametrize(("key", "mode", "said"), [("short", 0o600, "openssl rand -hex 32"), (KEY, 0o644, "chmod 600")])
def test_a_key_that_cannot_be_used_names_the_file_and_the_mend(tmp_path: Path, key: str, mode: int, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        sources_of(load(configured(tmp_path, "", key, mode), {}))
    assert "[[ingest]] 1 key_file" in str(caught.value)
    assert "source.key" in str(caught.value)
