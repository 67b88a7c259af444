"""A backup: one sealed file.

A line that says what it is, a line of JSON that says how its key is made (scrypt of a passphrase, RFC 7914, or HKDF of a key
file, RFC 5869, each with a salt of the file's own), and pieces sealed by AES-256-GCM. The nonce of a piece is its number and
whether it is the last one, so pieces that are cut off, left out, moved or taken from another backup are noticed (the STREAM
construction: Hoang and others, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015). Inside: the
length of a JSON object (4 bytes), that object, the database.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FIRST_LINE: Final = b"idlebell backup 1\n"
PIECE_BYTES: Final = 65_536
TAG_BYTES: Final = 16
HEADER_BYTES_MAX: Final = 512
ABOUT_BYTES_MAX: Final = 65_536
SALT_BYTES: Final = 32
SCRYPT_LOG_N: Final = 17
"""128 MiB and a third of a second for each guess."""
SCRYPT_LOG_N_MAX: Final = 20
"""What is read of a strange file makes no machine work for longer than some seconds, nor take more than 1 GiB."""


class ArchiveError(Exception):
    """In one sentence what is wrong with a backup."""


@dataclass(frozen=True, slots=True)
class Lock:
    """What opens a backup: a passphrase, or 32 bytes of a key file."""

    secret: bytes = field(repr=False)
    passphrase: bool


@dataclass(frozen=True, slots=True)
class About:
    """What is told of a backup inside of it, where nobody can change it. ``key`` seals what is sealed in the database."""

    made_at: datetime
    program: str
    schema: int
    database_bytes: int
    key: bytes = field(repr=False)


def write_archive(out: BinaryIO, lock: Lock, about: About, database: BinaryIO, *, log_n: int = SCRYPT_LOG_N) -> None:
    salt = os.urandom(SALT_BYTES)
    header = {"kdf": "scrypt", "log_n": log_n} if lock.passphrase else {"kdf": "hkdf"}
    line = json.dumps({**header, "salt": base64.b64encode(salt).decode("ascii")}).encode("ascii") + b"\n"
    aead = AESGCM(_key(lock, header, salt))
    out.write(FIRST_LINE + line)
    for number, (piece, last) in enumerate(_pieces(_plain(about, database))):
        out.write(aead.encrypt(_nonce(number, last), piece, FIRST_LINE + line))


def sealed_by_passphrase(file: BinaryIO) -> bool:
    """Else by a key file. ArchiveError."""
    header, _ = _read_header(_header_line(file))
    return bool(header["kdf"] == "scrypt")


def read_archive(file: BinaryIO, lock: Lock, database: BinaryIO, *, newest_schema: int) -> About:
    """Writes the database to ``database``. ArchiveError: it is not whole, does not open, or has a schema above
    ``newest_schema``; what was written is of no use."""
    line = _header_line(file)
    header, salt = _read_header(line)
    if lock.passphrase != (header["kdf"] == "scrypt"):
        raise ArchiveError(f"this backup was sealed with {_kind(not lock.passphrase)}: open it with that")
    plain = _opened(file, AESGCM(_key(lock, header, salt)), FIRST_LINE + line, _kind(lock.passphrase))
    first = next(plain)
    length = int.from_bytes(first[:4], "big")
    while len(first) < 4 + min(length, ABOUT_BYTES_MAX):
        try:
            first += next(plain)
        except StopIteration:
            raise ArchiveError("this backup does not hold what it should") from None
    about = _read_about(first[4 : 4 + length])
    if about.schema > newest_schema:
        raise ArchiveError(
            f"this backup was made by a newer program, Idlebell {about.program}: its database has schema {about.schema}, this"
            f" program knows up to {newest_schema}; restore it with that version or a newer one"
        )
    written = database.write(first[4 + length :])
    for piece in plain:
        written += database.write(piece)
    if written != about.database_bytes:
        raise ArchiveError("this backup does not hold what it should")
    return about


def _plain(about: About, database: BinaryIO) -> Iterator[bytes]:
    told = json.dumps(
        {
            "made_at": about.made_at.isoformat(),
            "program": about.program,
            "schema": about.schema,
            "database_bytes": about.database_bytes,
            "key": base64.b64encode(about.key).decode("ascii"),
        }
    ).encode("ascii")
    yield len(told).to_bytes(4, "big") + told
    while part := database.read(PIECE_BYTES):
        yield part


def _read_about(told: bytes) -> About:
    """Whoever made it had the passphrase; it may be a newer program."""
    try:
        given: dict[str, Any] = json.loads(told)
        return About(
            datetime.fromisoformat(given["made_at"]),
            str(given["program"]),
            int(given["schema"]),
            int(given["database_bytes"]),
            base64.b64decode(given["key"], validate=True),
        )
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise ArchiveError("this backup does not hold what it should") from None


def _pieces(parts: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Of :data:`PIECE_BYTES` each, and which is the last."""
    held = bytearray()
    for part in parts:
        held += part
        while len(held) > PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES]), False
            del held[:PIECE_BYTES]
    yield bytes(held), True


def _opened(file: BinaryIO, aead: AESGCM, header: bytes, kind: str) -> Iterator[bytes]:
    number = 0
    piece = file.read(PIECE_BYTES + TAG_BYTES)
    while True:
        following = file.read(PIECE_BYTES + TAG_BYTES)
        try:
            yield aead.decrypt(_nonce(number, not following), piece, header)
        except (InvalidTag, ValueError):
            if number == 0:
                raise ArchiveError(
                    f"this backup was sealed with {kind}, and with another one; or it is damaged"
                ) from None
            raise ArchiveError("the backup is damaged, or cut off") from None
        if not following:
            return
        number, piece = number + 1, following


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _kind(passphrase: bool) -> str:
    return "a passphrase" if passphrase else "a key file"


def _header_line(file: BinaryIO) -> bytes:
    if file.read(len(FIRST_LINE)) != FIRST_LINE:
        raise ArchiveError("this is no backup of Idlebell, or one of a newer program")
    return file.readline(HEADER_BYTES_MAX)


def _read_header(line: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        header = json.loads(line)
        salt = base64.b64decode(header["salt"], validate=True)
        kind = header["kdf"]
        if kind == "scrypt" and not 1 <= int(header["log_n"]) <= SCRYPT_LOG_N_MAX:
            raise ValueError
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise ArchiveError("the backup is damaged, or one of a newer program") from None
    if kind not in ("scrypt", "hkdf"):
        raise ArchiveError("this is a backup of a newer program")
    return header, salt


def _key(lock: Lock, header: dict[str, Any], salt: bytes) -> bytes:
    if lock.passphrase:
        return Scrypt(salt=salt, length=32, n=1 << int(header["log_n"]), r=8, p=1).derive(lock.secret)
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"idlebell backup 1").derive(lock.secret)
