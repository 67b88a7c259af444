"""The other end of a parked TLS session, made after the same RFC with other tools: keys by ``HKDFExpand`` of ``cryptography``.
It can also say what no honest server says."""

from __future__ import annotations

import os
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from idlebell.net.secret_arena import SecretArena
from idlebell.net.tls_parked import ParkedTls
from idlebell.net.traffic_keys import keep_counts, keep_secrets, suite_named

ALERT: Final = 21
HANDSHAKE: Final = 22
APPLICATION_DATA: Final = 23

SUITES: Final = {
    "TLS_AES_128_GCM_SHA256": (hashes.SHA256(), 16, AESGCM),
    "TLS_AES_256_GCM_SHA384": (hashes.SHA384(), 32, AESGCM),
    "TLS_CHACHA20_POLY1305_SHA256": (hashes.SHA256(), 32, ChaCha20Poly1305),
}

TICKET: Final = b"\x04\x00\x00\x17" + bytes(4) * 2 + b"\x02ab" + b"\x00\x08ticketed" + b"\0\0"
"""NewSessionTicket: lifetime, age_add, nonce, ticket, no extension (RFC 8446 section 4.6.1)."""


class Half:
    """One direction."""

    def __init__(self, suite: str, secret: bytes, sequence: int = 0) -> None:
        self.hash, self.key_bytes, self.aead = SUITES[suite]
        self.secret = secret
        self.sequence = sequence

    def expand(self, label: bytes, size: int) -> bytes:
        info = size.to_bytes(2, "big") + bytes([6 + len(label)]) + b"tls13 " + label + b"\0"
        return HKDFExpand(self.hash, size, info).derive(self.secret)

    @property
    def key(self) -> bytes:
        return self.expand(b"key", self.key_bytes)

    @property
    def iv(self) -> bytes:
        return self.expand(b"iv", 12)

    def nonce(self) -> bytes:
        padded = bytes(4) + self.sequence.to_bytes(8, "big")
        self.sequence += 1
        return bytes(a ^ b for a, b in zip(self.iv, padded, strict=True))

    def update(self) -> None:
        self.secret = self.expand(b"traffic upd", self.hash.digest_size)
        self.sequence = 0


class RecordPeer:
    """A server. ``received`` and ``sent`` are its own counts."""

    def __init__(
        self,
        suite: str = "TLS_AES_128_GCM_SHA256",
        *,
        client: bytes = b"",
        server: bytes = b"",
        sent: int = 0,
        received: int = 0,
    ) -> None:
        self.suite = suite
        size = SUITES[suite][0].digest_size
        self.sending = Half(suite, server or os.urandom(size), sent)
        self.receiving = Half(suite, client or os.urandom(size), received)

    def parked(self, arena: SecretArena | None = None) -> ParkedTls:
        """The client at the other end."""
        arena = arena or SecretArena()
        slot, suite = arena.take(), suite_named(self.suite)
        assert suite is not None
        keep_secrets(arena, slot, suite, receive=self.sending.secret, send=self.receiving.secret)
        keep_counts(arena, slot, received=self.sending.sequence, sent=self.receiving.sequence)
        return ParkedTls(arena, slot)

    def record(
        self, content: bytes, kind: int = APPLICATION_DATA, *, padding: int = 0, head: bytes = b"\x17\x03\x03"
    ) -> bytes:
        return self.seal(content + bytes([kind]) + bytes(padding), head)  # fmt: skip

    def seal(self, inner: bytes, head: bytes = b"\x17\x03\x03") -> bytes:
        """Any TLSInnerPlaintext at all."""
        header = head + (len(inner) + 16).to_bytes(2, "big")
        return header + self.sending.aead(self.sending.key).encrypt(self.sending.nonce(), inner, header)

    def key_update(self, request: int = 0) -> bytes:
        record = self.record(bytes((24, 0, 0, 1, request)), HANDSHAKE)
        self.sending.update()
        return record

    def open(self, stream: bytes) -> list[tuple[int, bytes]]:
        """Types and contents of whole records; follows the client's KeyUpdate."""
        found = []
        while stream:
            header, size = stream[:5], int.from_bytes(stream[3:5], "big")
            ciphertext, stream = stream[5 : 5 + size], stream[5 + size :]
            inner = self.receiving.aead(self.receiving.key).decrypt(self.receiving.nonce(), ciphertext, header)
            inner = inner.rstrip(b"\0")
            found.append((inner[-1], inner[:-1]))
            if inner[-1] == HANDSHAKE:
                assert inner[:-1] in (b"\x18\0\0\1\0", b"\x18\0\0\1\1")
                self.receiving.update()
        return found
