"""What lies in the database under a key that does not: endpoint secrets, push URLs, contents of notifications, the VAPID key.

In: plain bytes and a context that names where they lie. Out: sealed bytes that open only there. Sealing protects a stolen
database, backup or disk, not a stolen machine: whoever reads the key file too reads everything.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from idlebell.store.contract import StoreError
from idlebell.store.durable import sync_folder
from idlebell.store.private_file import NotAFileError, OpenToOthersError, read_private

KEY_BYTES = 32
NONCE_BYTES = 12
"""Random nonces of 96 bits: safe for 2^32 seals under one key (NIST SP 800-38D, section 8.3), a century at one a second."""
_FORMAT = b"\x01"
_KEY_FILE_MAX_BYTES = 256


class Sealer:
    """AES-256-GCM and HMAC-SHA256 under subkeys of one key (HKDF, RFC 5869). Safe to use from any thread."""

    __slots__ = ("_aead", "_digest")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes, got {len(key)}")
        self._aead = AESGCM(_subkey(key, b"idlebell seal 1"))
        self._digest = hmac.new(_subkey(key, b"idlebell fingerprint 1"), digestmod="sha256")

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """``context`` names table, column and row: sealed bytes moved to another place do not open there."""
        nonce = os.urandom(NONCE_BYTES)
        return _FORMAT + nonce + self._aead.encrypt(nonce, plain, _FORMAT + context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """StoreError where they were sealed with another key, for another place, or were changed since."""
        if sealed[:1] != _FORMAT:
            raise StoreError("A sealed value has an unknown format: it was written by a newer Idlebell or is damaged.")
        nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._aead.decrypt(nonce, rest, _FORMAT + context)
        except (InvalidTag, ValueError):
            raise StoreError(
                "A sealed value does not open: it was sealed with another key, or changed or moved since."
            ) from None

    def fingerprint(self, value: bytes) -> bytes:
        """32 bytes: the same for the same value, and of no use to guess it without the key."""
        digest = self._digest.copy()
        digest.update(value)
        return digest.digest()

    def __repr__(self) -> str:
        return "Sealer(…)"

    __str__ = __repr__


def default_key_path(database: Path) -> Path:
    """Where the key lies when ``[store] key_file`` is left out: beside the database."""
    return database.with_name(database.name + ".key")


def load_or_make_key(path: Path, *, may_make: bool) -> bytes:
    """The key in ``path``: 32 bytes as they are or in base64. Where there is none, one is made if ``may_make`` says so: the
    caller knows that nothing is sealed yet. StoreError names the path and the mend."""
    try:
        content = read_private(path, _KEY_FILE_MAX_BYTES + 1)
    except FileNotFoundError:
        if not may_make:
            raise StoreError(
                f"The key file {path} is missing, and the database is sealed with it: put it back from a backup."
            ) from None
        return make_key(path)
    except OSError as error:
        raise StoreError(f"The key file {path} cannot be read: {error.strerror}.") from None
    except NotAFileError:
        raise StoreError(f"The key file {path} is not a file: name one in [store] key_file.") from None
    except OpenToOthersError:
        raise StoreError(f"The key file {path} is open to others than its owner: run chmod 600 {path}.") from None
    key = decoded_key(content)
    if key is None:
        raise StoreError(
            f"The key file {path} does not hold {KEY_BYTES} bytes, raw or in base64: put the right file back."
        )
    return key


def decoded_key(content: bytes) -> bytes | None:
    """What a key file holds: 32 bytes as they are or in base64."""
    if len(content) == KEY_BYTES:
        return content
    try:
        key = base64.b64decode(content.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return key if len(key) == KEY_BYTES else None


def make_key(path: Path) -> bytes:
    """Durable before it is used: a key lost in a power cut would take everything that it sealed along. StoreError."""
    key = os.urandom(KEY_BYTES)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        sync_folder(path.parent)
    except OSError as error:
        raise not_made("key file", path, error) from None
    return key


def not_made(what: str, path: Path, error: OSError) -> StoreError:
    """The error of a file of the store that could not be made, with the mend where one is known."""
    said = f"The {what} {path} cannot be made: {error.strerror}."
    if path.parent.is_dir():
        return StoreError(said)
    return StoreError(f"{said} There is no folder {path.parent}; make it, writable by the gateway.")


def _subkey(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
