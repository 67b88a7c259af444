from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from idlebell.login.vault_source import CREDENTIAL, VaultSource, has_source, next_path, read_vault_keys

KEY = bytes(range(32))


def of_file(path: Path) -> VaultSource:
    return VaultSource(path)


@pytest.fixture(autouse=True)
def no_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_a_file_holds_the_key_raw_or_in_base64(tmp_path: Path) -> None:
    for content in (KEY, base64.b64encode(KEY) + b"\n"):
        assert read_vault_keys(of_file(private(tmp_path / "key", content)), may_make=False) == (KEY,)


def test_a_file_is_made_where_nothing_is_sealed_yet_and_never_else(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(ValueError, match=r"vault_key_file: .*key cannot be read: No such file"):
        read_vault_keys(of_file(path), may_make=False)
    made = read_vault_keys(of_file(path), may_make=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read_vault_keys(of_file(path), may_make=True) == made


def test_a_key_that_is_to_follow_opens_too(tmp_path: Path) -> None:
    path = private(tmp_path / "key", KEY)
    private(next_path(path), b"n" * 32)
    assert read_vault_keys(of_file(path), may_make=False) == (KEY, b"n" * 32)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"x" * 33, base64.b64encode(b"x" * 31)])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match=r"key is not 32 bytes.*openssl rand -base64 32"):
        read_vault_keys(of_file(private(tmp_path / "key", content)), may_make=False)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = private(tmp_path / "key", KEY)
    path.chmod(0o640)
    with pytest.raises(ValueError, match="chmod 600"):
        read_vault_keys(of_file(path), may_make=False)


def test_a_command_prints_the_key_and_sees_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDLEBELL_CANARY", "secret")
    script = tmp_path / "key.sh"
    script.write_text(f'test -z "$IDLEBELL_CANARY" || exit 3\necho {base64.b64encode(KEY).decode()}\n')
    kept = VaultSource(command=f"sh {script}")
    assert read_vault_keys(kept, may_make=False) == (KEY,)


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("false", "failed with status 1"),
        ("/nonexistent/program", "cannot be started"),
        ("echo 'unbalanced", "cannot be started"),
        ("echo secret", "what credentials.vault_key_command prints is not 32 bytes"),
    ],
)
def test_a_command_that_gives_no_key_is_told_without_what_it_said(command: str, told: str) -> None:
    with pytest.raises(ValueError, match=told) as caught:
        read_vault_keys(VaultSource(command=command), may_make=False)
    assert "secret" not in str(caught.value)


def test_systemd_hands_over_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = VaultSource()
    assert not has_source(nothing)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert not has_source(nothing)
    with pytest.raises(ValueError, match=CREDENTIAL):
        read_vault_keys(nothing, may_make=False)
    # systemd lets the service read it by an access list, whose mask is what the group's bits show.
    private(tmp_path / CREDENTIAL, base64.b64encode(KEY)).chmod(0o440)
    assert has_source(nothing)
    assert read_vault_keys(nothing, may_make=False) == (KEY,)
    os.truncate(tmp_path / CREDENTIAL, 5)
    with pytest.raises(ValueError, match=r"systemd credential .* is not 32 bytes"):
        read_vault_keys(nothing, may_make=False)
