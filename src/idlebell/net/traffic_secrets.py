"""How the traffic secrets of a TLS 1.3 session are got: OpenSSL's key log, on a file that is in memory alone.

A key log is meant for debugging, on a disk. Here it is an anonymous memory file, read after every step of a handshake and at
once overwritten and cut to nothing, so what is in it is of that one step. Of its lines the two traffic secrets of the
connection are kept, in the arena; handshake secrets, exporter secrets and those of TLS 1.2 are wiped unread.
"""

from __future__ import annotations

import binascii
import os
import re
import ssl
import weakref
from typing import Final

from idlebell.net.hardening import overwrite
from idlebell.net.secret_arena import SecretArena
from idlebell.net.traffic_keys import keep_secrets, suite_named

CLIENT_RANDOM_BYTES: Final = 32
_RANDOM_AT: Final = 11
"""In a record with a ClientHello: after record header (5), message header (4) and legacy_version (2); RFC 8446 sections 5.1, 4
and 4.1.2."""

LOG_BYTES: Final = 16_384
"""Read at once. One handshake writes five lines, about a kilobyte."""
_ZEROS: Final = bytes(LOG_BYTES)

_LINE: Final = re.compile(
    rb"^(CLIENT|SERVER)_TRAFFIC_SECRET_0 ([0-9A-Fa-f]{64}) ([0-9A-Fa-f]{64}|[0-9A-Fa-f]{96})$", re.M
)
"""The key log format of NSS: label, client random, secret."""


class TrafficSecrets:
    """OSError, AttributeError: this system has no anonymous memory file, or no way to open it by name.

    All of it is synchronous: between a step of a handshake and the call that follows it nothing else runs.
    """

    __slots__ = ("__weakref__", "_buffer", "_descriptor", "arena")

    def __init__(self, arena: SecretArena) -> None:
        self.arena = arena
        self._descriptor = os.memfd_create("tls-traffic-secrets", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._buffer = bytearray(LOG_BYTES)

    def __repr__(self) -> str:
        return "<TrafficSecrets>"

    def listen(self, context: ssl.SSLContext) -> None:
        """From now on the handshakes of ``context`` are heard. Replaces what SSLKEYLOGFILE may have set."""
        context.keylog_filename = f"/proc/self/fd/{self._descriptor}"
        self.discard()  # a line of explanation

    def discard(self) -> None:
        """Wipes what has been logged."""
        self._wipe(self._read())

    def collect(self, client_random: bytes, suite_name: str) -> int | None:
        """The slot with the secrets of the handshake that ended in the step before, no record counted yet; wipes what has
        been logged. None: they are not there (TLS 1.2), or not of a suite that can be parked."""
        suite = suite_named(suite_name)
        logged = self._read()
        wanted = binascii.hexlify(client_random)
        found: dict[bytes, bytes] = {}
        for line in _LINE.finditer(self._buffer, 0, logged):
            if line[2].lower() == wanted:
                start, end = line.span(3)
                found[line[1]] = binascii.unhexlify(memoryview(self._buffer)[start:end])
        self._wipe(logged)
        if suite is None or found.keys() != {b"CLIENT", b"SERVER"}:
            return None
        if any(len(secret) != suite.hash_bytes for secret in found.values()):
            return None
        slot = self.arena.take()
        keep_secrets(self.arena, slot, suite, receive=found[b"SERVER"], send=found[b"CLIENT"])
        for secret in found.values():
            overwrite(secret)
        return slot

    def _read(self) -> int:
        """How many bytes of the log are in the buffer now."""
        return os.preadv(self._descriptor, [self._buffer], 0)

    def _wipe(self, logged: int) -> None:
        if not logged:
            return
        self._buffer[:logged] = _ZEROS[:logged]
        # A log larger than the buffer (of steps that nobody followed) goes with the cut alone.
        os.pwrite(self._descriptor, memoryview(_ZEROS)[:logged], 0)
        os.ftruncate(self._descriptor, 0)


def client_random_of(record: bytes) -> bytes:
    """Of the record with the first ClientHello. The one after a HelloRetryRequest has the same (RFC 8446 section 4.1.2)."""
    return record[_RANDOM_AT : _RANDOM_AT + CLIENT_RANDOM_BYTES]
