"""Keys are read where nobody else can read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from idlebell.store.key_file import KEY_FILE_BYTES, read_key_file


def test_a_file_of_the_owner_alone_is_read(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"secret")
    path.chmod(0o600)
    assert read_key_file(path, "[fcm] service_account_file") == b"secret"


def test_others_are_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_key_file(path, "[apns] key_file")
    path.write_bytes(b"s" * (KEY_FILE_BYTES + 1))
    for mode, sentence in ((0o640, "run chmod 600"), (0o604, "run chmod 600"), (0o600, "larger than any key")):
        path.chmod(mode)
        with pytest.raises(ValueError, match=sentence) as caught:
            read_key_file(path, "[apns] key_file")
        assert "ssss" not in str(caught.value)
    with pytest.raises(ValueError, match="is not a file"):
        read_key_file(tmp_path, "[apns] key_file")
