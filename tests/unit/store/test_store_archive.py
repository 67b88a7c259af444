from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime

import pytest

from idlebell.store import archive
from idlebell.store.archive import (
    FIRST_LINE,
    PIECE_BYTES,
    About,
    ArchiveError,
    Lock,
    read_archive,
    sealed_by_passphrase,
    write_archive,
)

BY_KEY, BY_PASSPHRASE = Lock(b"k" * 32, passphrase=False), Lock(b"correct horse", passphrase=True)
SEALED_PIECE = PIECE_BYTES + archive.TAG_BYTES


def about(size: int) -> About:
    return About(datetime(2026, 11, 26, tzinfo=UTC), "1.2.3", 17, size, b"canary of the sealing key".ljust(32))


def sealed(content: bytes, lock: Lock = BY_KEY) -> bytes:
    out = io.BytesIO()
    write_archive(out, lock, about(len(content)), io.BytesIO(content), log_n=4)
    return out.getvalue()


def opened(data: bytes, lock: Lock = BY_KEY) -> tuple[About, bytes]:
    out = io.BytesIO()
    return read_archive(io.BytesIO(data), lock, out, newest_schema=17), out.getvalue()


def pieces(data: bytes) -> tuple[bytes, list[bytes]]:
    """Its two lines, and what is sealed."""
    start = data.index(b"\n", len(FIRST_LINE)) + 1
    return data[:start], [data[at : at + SEALED_PIECE] for at in range(start, len(data), SEALED_PIECE)]


@pytest.mark.parametrize("lock", [BY_KEY, BY_PASSPHRASE])
@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 300, PIECE_BYTES, 3 * PIECE_BYTES + 7])
def test_what_was_put_in_comes_out(lock: Lock, size: int) -> None:
    content = os.urandom(size)
    assert opened(sealed(content, lock), lock) == (about(size), content)


def test_a_last_piece_that_is_full_is_the_last() -> None:
    told = len(pieces(sealed(b""))[1][0]) - archive.TAG_BYTES
    # Sizes are told in digits, so this is near enough, from both sides.
    for size in range(2 * PIECE_BYTES - told - 8, 2 * PIECE_BYTES - told + 1):
        assert len(opened(sealed(bytes(size)))[1]) == size


def test_nothing_of_it_is_to_be_seen() -> None:
    data = sealed(b"canary in the database" * 9)
    assert b"canary" not in data
    assert data != sealed(b"canary in the database" * 9), "two of the same have nothing in common"
    assert "kkk" not in repr(BY_KEY)
    assert "canary" not in repr(about(1))


def test_every_flipped_byte_is_noticed() -> None:
    data = sealed(b"database" * 4)
    for index in range(len(data)):
        with pytest.raises(ArchiveError):
            opened(data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :])


def test_pieces_that_are_cut_off_left_out_moved_or_anothers_are_noticed() -> None:
    content = os.urandom(4 * PIECE_BYTES)
    head, own = pieces(sealed(content))
    _, other = pieces(sealed(content))
    for wrong in (
        own[:-1],
        own[:2],
        [own[0], *own[2:]],
        [own[0], own[2], own[1], *own[3:]],
        [*own, own[-1]],
        [own[0], other[1], *own[2:]],
        [*own[:-1], own[-1][:-1]],
        [],
    ):
        with pytest.raises(ArchiveError):
            opened(head + b"".join(wrong))


def test_another_passphrase_or_key_is_told_so() -> None:
    with pytest.raises(ArchiveError, match="sealed with a passphrase, and with another one"):
        opened(sealed(b"x", BY_PASSPHRASE), Lock(b"wrong", passphrase=True))
    with pytest.raises(ArchiveError, match="sealed with a passphrase: open it with that"):
        opened(sealed(b"x", BY_PASSPHRASE), BY_KEY)
    with pytest.raises(ArchiveError, match="sealed with a key file: open it with that"):
        opened(sealed(b"x"), BY_PASSPHRASE)


def test_a_newer_database_is_refused_before_it_is_written() -> None:
    out = io.BytesIO()
    told = r"newer program, Idlebell 1\.2\.3: its database has schema 17, this program knows up to 16"
    with pytest.raises(ArchiveError, match=told):
        read_archive(io.BytesIO(sealed(b"x")), BY_KEY, out, newest_schema=16)
    assert out.getvalue() == b""


@pytest.mark.parametrize("lock", [BY_KEY, BY_PASSPHRASE])
def test_the_kind_of_lock_is_told_without_opening_it(lock: Lock) -> None:
    assert sealed_by_passphrase(io.BytesIO(sealed(b"x", lock))) is lock.passphrase
    with pytest.raises(ArchiveError, match="no backup of Idlebell"):
        sealed_by_passphrase(io.BytesIO(b"SQLite format 3\0"))


@pytest.mark.parametrize(
    "header",
    [
        {"kdf": "scrypt", "log_n": 60, "salt": "AA=="},
        {"kdf": "scrypt", "log_n": -1, "salt": "AA=="},
        {"kdf": "scrypt", "salt": "AA=="},
        {"kdf": "argon2id", "salt": "AA=="},
        {"kdf": "hkdf", "salt": "not base64"},
        ["hkdf"],
    ],
)
def test_a_strange_file_makes_no_machine_work(header: object) -> None:
    with pytest.raises(ArchiveError):
        opened(FIRST_LINE + json.dumps(header).encode() + b"\n" + bytes(100), BY_PASSPHRASE)
    for start in (b"", b"SQLite format 3\0", FIRST_LINE, FIRST_LINE + b"x" * 2_000):
        with pytest.raises(ArchiveError):
            opened(start)
