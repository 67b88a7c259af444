"""Sealing, and the file of its key."""

from __future__ import annotations

import base64
import os
import stat
from pathlib import Path

import pytest

from idlebell.store.contract import StoreError
from idlebell.store.sealing import KEY_BYTES, Sealer, default_key_path, load_or_make_key

KEY = bytes(range(KEY_BYTES))


def test_what_was_sealed_opens_at_its_place_only() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(b"plain", b"table row 1")
    assert sealer.open(sealed, b"table row 1") == b"plain"
    with pytest.raises(StoreError, match="another key"):
        sealer.open(sealed, b"table row 2")


def test_sealing_twice_gives_different_bytes() -> None:
    sealer = Sealer(KEY)
    assert sealer.seal(b"plain", b"") != sealer.seal(b"plain", b"")


def test_nothing_of_the_plain_bytes_is_in_the_sealed() -> None:
    assert b"plain" not in Sealer(KEY).seal(b"plain" * 20, b"")


def test_another_key_opens_nothing() -> None:
    with pytest.raises(StoreError, match="another key"):
        Sealer(bytes(KEY_BYTES)).open(Sealer(KEY).seal(b"plain", b""), b"")


def test_a_change_of_any_byte_is_found() -> None:
    sealer = Sealer(KEY)
    sealed = sealer.seal(b"plain", b"")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(StoreError):
            sealer.open(bytes(changed), b"")


@pytest.mark.parametrize("length", [0, 1, 12, 13, 20])
def test_what_is_cut_short_is_found(length: int) -> None:
    sealer = Sealer(KEY)
    with pytest.raises(StoreError):
        sealer.open(sealer.seal(b"", b"")[:length], b"")


def test_a_fingerprint_is_the_same_for_the_same_value_and_key_only() -> None:
    assert Sealer(KEY).fingerprint(b"a") == Sealer(KEY).fingerprint(b"a")
    assert Sealer(KEY).fingerprint(b"a") != Sealer(KEY).fingerprint(b"b")
    assert Sealer(KEY).fingerprint(b"a") != Sealer(bytes(KEY_BYTES)).fingerprint(b"a")
    assert len(Sealer(KEY).fingerprint(b"")) == 32


def test_a_fingerprint_does_not_depend_on_those_before_it() -> None:
    sealer = Sealer(KEY)
    first = sealer.fingerprint(b"a")
    sealer.fingerprint(b"b")
    assert sealer.fingerprint(b"a") == first


def test_a_key_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="32"):
        Sealer(b"short")


def test_a_sealer_shows_nothing_of_its_key() -> None:
    assert repr(Sealer(KEY)) == str(Sealer(KEY)) == "Sealer(…)"


# The file


def test_the_key_lies_beside_the_database() -> None:
    assert default_key_path(Path("/var/lib/idlebell.db")) == Path("/var/lib/idlebell.db.key")


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "key"
    before = os.umask(0)
    try:
        key = load_or_make_key(path, may_make=True)
    finally:
        os.umask(before)
    assert len(key) == KEY_BYTES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_or_make_key(path, may_make=True) == key
    assert load_or_make_key(path, may_make=False) == key


def test_a_key_that_is_made_is_synced_with_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_mode)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    load_or_make_key(tmp_path / "key", may_make=True)
    assert [stat.S_ISDIR(mode) for mode in synced] == [False, True]


@pytest.mark.parametrize("content", [KEY, base64.b64encode(KEY), base64.b64encode(KEY) + b"\n"])
def test_a_key_is_read_raw_or_in_base64(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o400)
    assert load_or_make_key(path, may_make=False) == KEY


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_key_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key"
    path.write_bytes(KEY)
    path.chmod(mode)
    with pytest.raises(StoreError, match=f"run chmod 600 {path}"):
        load_or_make_key(path, may_make=True)


@pytest.mark.parametrize("content", [b"", KEY[:-1], KEY + b"\0", b"=" * 44, base64.b64encode(KEY[:-1]), b"a" * 9999])
def test_a_key_of_the_wrong_size_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=f"{path} does not hold 32 bytes"):
        load_or_make_key(path, may_make=True)
    assert path.read_bytes() == content


def test_a_missing_key_is_not_made_where_something_is_sealed_already(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with pytest.raises(StoreError, match=f"{path} is missing"):
        load_or_make_key(path, may_make=False)
    assert not path.exists()


def test_a_key_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.mkdir(mode=0o700)
    with pytest.raises(StoreError, match=f"{path} "):
        load_or_make_key(path, may_make=True)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(StoreError, match="cannot be read"):
        load_or_make_key(tmp_path / "loop", may_make=True)


def test_a_key_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot be made: .*There is no folder .*nowhere; make it"):
        load_or_make_key(tmp_path / "nowhere" / "key", may_make=True)
