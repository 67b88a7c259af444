"""The keys of a TLS 1.3 session after the handshake: its cipher suite, where its secrets lie in a slot of the arena, what is
derived from them, and the AEAD. Section numbers are RFC 8446's.

A key and an IV are derived when a record comes, and wiped as far as Python lets one: after it where the session is parked, else
when the session waits.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from idlebell.net.errors import ConnectionLost
from idlebell.net.hardening import overwrite
from idlebell.net.secret_arena import SecretArena

TAG_BYTES: Final = 16
"""Of all three AEADs."""
NONCE_BYTES: Final = 12
"""Of all three: max(8, N_MIN), with N_MIN = 12 (section 5.3)."""
SEQUENCE_END: Final = 2**64 - 1
"""Sequence numbers must not wrap (section 5.3). Only a peer that never changes its keys could get there."""

_SEQUENCE: Final = struct.Struct(">Q")

_Aead: TypeAlias = AESGCM | ChaCha20Poly1305


class Suite(NamedTuple):
    """A cipher suite (section B.4), by its name in OpenSSL. ``number`` is our own: 0 is an empty slot."""

    number: int
    name: str
    digest: str
    hash_bytes: int
    key_bytes: int
    aead: type[AESGCM] | type[ChaCha20Poly1305]


SUITES: Final = (
    Suite(1, "TLS_AES_128_GCM_SHA256", "sha256", 32, 16, AESGCM),
    Suite(2, "TLS_AES_256_GCM_SHA384", "sha384", 48, 32, AESGCM),
    Suite(3, "TLS_CHACHA20_POLY1305_SHA256", "sha256", 32, 32, ChaCha20Poly1305),
)
"""All that OpenSSL offers unasked. AES-CCM is for small devices."""


def suite_named(name: str) -> Suite | None:
    """None: not one that can be parked."""
    return next((suite for suite in SUITES if suite.name == name), None)


class Way(NamedTuple):
    """Where in a slot one direction's secret and sequence number are."""

    secret: int
    sequence: int


RECEIVE: Final = Way(0, 96)
SEND: Final = Way(48, 104)
_SUITE: Final = 112
STATE: Final = 113
"""A byte for the record layer, zero at first; and one more."""
QUIET: Final = 114


def keep_secrets(arena: SecretArena, slot: int, suite: Suite, *, receive: bytes, send: bytes) -> None:
    """Fills an empty ``slot``. ``receive``, ``send``: server_ and client_application_traffic_secret_N (section 7.1)."""
    view = arena.view(slot)
    for way, secret in ((RECEIVE, receive), (SEND, send)):
        view[way.secret : way.secret + suite.hash_bytes] = secret
    view[_SUITE] = suite.number


def keep_counts(arena: SecretArena, slot: int, *, received: int, sent: int) -> None:
    """How many records were protected under each secret of ``slot`` so far."""
    view = arena.view(slot)
    for way, count in ((RECEIVE, received), (SEND, sent)):
        _SEQUENCE.pack_into(view, way.sequence, count)


def suite_in(view: memoryview) -> Suite:
    """Of a slot that was filled."""
    return SUITES[view[_SUITE] - 1]


def sequence(view: memoryview, way: Way) -> int:
    """Of the next record."""
    number: int = _SEQUENCE.unpack_from(view, way.sequence)[0]
    return number


class Keys:
    """The key and IV of one direction (section 7.3), for the records of one call or of a session at work; wiped at the end of
    ``with``, or by :meth:`wipe`."""

    __slots__ = ("_aead", "_iv", "_key", "_view", "_way")

    def __init__(self, view: memoryview, way: Way) -> None:
        suite = suite_in(view)
        self._view = view
        self._way = way
        block = _expand(view, way, suite, _KEY_INFO[suite.key_bytes])
        self._key = block[: suite.key_bytes]  # the same object where it is all of it
        if suite.key_bytes < len(block):
            overwrite(block)
        self._iv = int.from_bytes(_expand(view, way, suite, _IV_INFO)[:NONCE_BYTES], "big")
        self._aead: _Aead = suite.aead(self._key)

    def __enter__(self) -> Keys:
        return self

    def __exit__(self, *ended: object) -> None:
        self.wipe()

    def seal(self, plaintext: bytes, header: bytes) -> bytes:
        """AEAD-Encrypt of one record with its header as additional data (section 5.2). Counts."""
        return self._aead.encrypt(self._nonce(), plaintext, header)

    def open(self, ciphertext: bytes | memoryview, header: bytes | memoryview) -> bytes | None:
        """AEAD-Decrypt of one record; None where that fails. Counts."""
        try:
            return self._aead.decrypt(self._nonce(), ciphertext, header)
        except (InvalidTag, ValueError):  # ValueError: shorter than a tag
            return None

    def wipe(self) -> None:
        """The AEAD is freed by its library, and the copy of ours is overwritten. An IV without its key opens nothing."""
        del self._aead
        overwrite(self._key)

    def _nonce(self) -> bytes:
        """Section 5.3: the sequence number, padded on the left, exclusive-or the IV."""
        number = sequence(self._view, self._way)
        if number >= SEQUENCE_END:
            raise ConnectionLost("tls", "a sequence number would wrap")
        _SEQUENCE.pack_into(self._view, self._way.sequence, number + 1)
        return (self._iv ^ number).to_bytes(NONCE_BYTES, "big")


def next_secret(view: memoryview, way: Way) -> None:
    """application_traffic_secret_N+1, with a sequence that begins anew (sections 7.2 and 5.3)."""
    suite = suite_in(view)
    secret = _expand(view, way, suite, _UPDATE_INFO[suite.hash_bytes])
    view[way.secret : way.secret + suite.hash_bytes] = secret
    view[way.sequence : way.sequence + 8] = bytes(8)
    overwrite(secret)


def _info(label: bytes, size: int) -> bytes:
    """HkdfLabel with an empty context (section 7.1), and the counter of HKDF-Expand's first block (RFC 5869 section 2.3)."""
    label = b"tls13 " + label
    return size.to_bytes(2, "big") + bytes((len(label),)) + label + b"\0" + b"\x01"


_KEY_INFO: Final[Mapping[int, bytes]] = MappingProxyType({size: _info(b"key", size) for size in (16, 32)})
_IV_INFO: Final = _info(b"iv", NONCE_BYTES)
_UPDATE_INFO: Final[Mapping[int, bytes]] = MappingProxyType({size: _info(b"traffic upd", size) for size in (32, 48)})


def _expand(view: memoryview, way: Way, suite: Suite, info: bytes) -> bytes:
    """HKDF-Expand-Label of one direction's secret: its first block, of which a key or an IV is the beginning. None is longer
    than the hash."""
    return hmac.digest(view[way.secret : way.secret + suite.hash_bytes], info, suite.digest)
