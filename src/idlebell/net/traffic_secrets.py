"""How the traffic secrets of a TLS 1.3 session are got: OpenSSL's key log, on a file that is in memory alone.

A key log is meant for debugging, on a disk. Here it is an anonymous memory file, read after every step of a handshake that
writes to it and at once overwritten, so what is in it is of that one step. Of its lines the two traffic secrets of the
connection are kept, in the arena; handshake secrets, exporter secrets and those of TLS 1.2 are wiped unread.
"""

from __future__ import annotations

import binascii
import ctypes
import os
import ssl
import weakref
from collections.abc import Callable
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
STREAM_BYTES: Final = 1_024
"""The C library's buffer of the file, written out after each line. No line has more than 250."""
FILE_BYTES: Final = 65_536
"""The file is cut to nothing when it has grown to this, all zeros by then: to cut it each time costs five times the writing."""
_ZEROS: Final = bytes(LOG_BYTES)

_M_PERTURB: Final = -6  # <malloc.h>
_FILL: Final = 0xFF
_LENT: Final = "idlebell_key_log_buffer"
"""Attribute of an ``SSLContext``."""


class TrafficSecrets:
    """OSError, AttributeError: this system has no anonymous memory file, or no way to open it by name.

    All of it is synchronous: between a step of a handshake and the call that follows it nothing else runs.
    """

    __slots__ = ("__weakref__", "_at", "_descriptor", "_log", "_mallopt", "_pages", "arena")

    def __init__(self, arena: SecretArena) -> None:
        self.arena = arena
        self._descriptor = os.memfd_create("tls-traffic-secrets", os.MFD_CLOEXEC)
        weakref.finalize(self, os.close, self._descriptor)
        self._at = 0  # where the next line will be
        self._pages = arena.pages(LOG_BYTES + STREAM_BYTES)  # what was read, and then the stream's buffer
        self._mallopt: Callable[[int, int], int] | None = getattr(ctypes.CDLL(None), "mallopt", None)
        self._log = memoryview(self._pages)[:LOG_BYTES]

    def __repr__(self) -> str:
        return "<TrafficSecrets>"

    def listen(self, context: ssl.SSLContext) -> None:
        """From now on the handshakes of ``context`` are heard. Replaces what SSLKEYLOGFILE may have set."""
        context.keylog_filename = f"/proc/self/fd/{self._descriptor}"
        if _lend_buffer(self._descriptor, memoryview(self._pages)[LOG_BYTES:]):
            setattr(context, _LENT, self._pages)  # for as long as the stream may be written to
        self.discard()  # a line of explanation

    def discard(self) -> None:
        """Wipes what has been logged."""
        self._wipe(self._read())

    def collect(self, client_random: bytes, suite_name: str) -> int | None:
        """The slot with the secrets of the handshake that ended in the step before, no record counted yet; wipes what has
        been logged. None: they are not there (TLS 1.2), or not of a suite that can be parked."""
        logged = self._read()
        suite = suite_named(suite_name)
        receive = send = None
        if suite is not None:
            random = binascii.hexlify(client_random)
            receive = self._find(b"SERVER_TRAFFIC_SECRET_0 " + random + b" ", suite.hash_bytes, logged)
            send = self._find(b"CLIENT_TRAFFIC_SECRET_0 " + random + b" ", suite.hash_bytes, logged)
        self._wipe(logged)
        if suite is None or receive is None or send is None:
            return None
        slot = self.arena.take()
        keep_secrets(self.arena, slot, suite, receive=receive, send=send)
        overwrite(receive)
        overwrite(send)
        return slot

    def taken(self, label: bytes, client_random: bytes, suite_name: str) -> bytes | None:
        """One secret of a handshake out of what the step before has logged, which is wiped; the caller overwrites it. None: it
        is not there. A server is told of the two one by one."""
        logged = self._read()
        suite = suite_named(suite_name)
        found = None
        if suite is not None:
            found = self._find(label + binascii.hexlify(client_random) + b" ", suite.hash_bytes, logged)
        self._wipe(logged)
        return found

    def free_wiped(self, held: list[object]) -> None:
        """Drops what is in ``held``, the last to hold it. OpenSSL gives its object back with the secrets in it, which are those
        that we go on with; glibc overwrites what is freed meanwhile (mallopt(3)), where this is glibc."""
        if self._mallopt is None:
            held.clear()
            return
        self._mallopt(_M_PERTURB, _FILL)
        held.clear()
        self._mallopt(_M_PERTURB, 0)

    def _find(self, label: bytes, size: int, logged: int) -> bytes | None:
        """The secret in a line of NSS's format: label, client random, secret, the last two in hexadecimal."""
        found = self._pages.find(label, 0, logged)
        start = found + len(label)
        end = start + 2 * size
        if found < 0 or self._pages[end : end + 1] != b"\n":
            return None
        return binascii.unhexlify(self._log[start:end])

    def _read(self) -> int:
        """How many bytes of the log are in the buffer now."""
        return os.preadv(self._descriptor, [self._log], self._at)

    def _wipe(self, logged: int) -> None:
        if not logged:
            return
        self._pages[:logged] = _ZEROS[:logged]
        self._pages[LOG_BYTES:] = _ZEROS[:STREAM_BYTES]
        os.pwrite(self._descriptor, _ZEROS[:logged], self._at)
        self._at += logged
        if self._at >= FILE_BYTES or logged == LOG_BYTES:  # more than the buffer held goes with the cut
            os.ftruncate(self._descriptor, 0)
            self._at = 0


def client_random_of(record: bytes) -> bytes:
    """Of the record with the first ClientHello. The one after a HelloRetryRequest has the same (RFC 8446 section 4.1.2)."""
    return record[_RANDOM_AT : _RANDOM_AT + CLIENT_RANDOM_BYTES]


def _lend_buffer(descriptor: int, buffer: memoryview) -> bool:
    """The C library's stream that Python has just opened for the key log gets ``buffer``, which we can wipe: in its own the
    last line would stay, and that is the secret under which the client of the latest session sent its password. False: this
    is not glibc, or another thread has opened a stream since; then it does stay, until the next handshake."""
    try:
        libc = ctypes.CDLL(None)
        stream = _newest_stream(libc)
        ours, its = os.fstat(descriptor), os.fstat(libc.fileno(stream))
    except (OSError, AttributeError, ValueError):
        return False
    if (ours.st_dev, ours.st_ino) != (its.st_dev, its.st_ino):
        return False
    address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    done: int = libc.setvbuf(stream, ctypes.c_void_p(address), 0, ctypes.c_size_t(len(buffer)))  # 0: _IOFBF
    return done == 0


def _newest_stream(libc: ctypes.CDLL) -> ctypes.c_void_p:
    """glibc's list of open streams begins with the latest. ValueError: it is not glibc."""
    return ctypes.c_void_p.in_dll(libc, "_IO_list_all")
