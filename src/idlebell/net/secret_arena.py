"""Where the traffic secrets of TLS sessions are kept: pages that stay out of core dumps and swap, in slots that are zeroed
when they are given back.

A session costs a slot and the number of it, no ``bytes`` object. What is in a slot is :mod:`.tls_parked`'s business.
"""

from __future__ import annotations

import ctypes
import mmap
import resource
import sys
from collections.abc import Callable
from typing import Final

SLOT_BYTES: Final = 120
"""Two secrets of up to 48 bytes (SHA-384), two sequence numbers of 8, and a few bytes of state."""

CHUNK_BYTES: Final = 65_536
"""Mapped at once: 546 slots. Locked pages are resident from the first moment, so a small gateway should not pay for many."""

_SLOTS_A_CHUNK: Final = CHUNK_BYTES // SLOT_BYTES
_ZEROS: Final = bytes(SLOT_BYTES)

_MADV_WIPEONFORK: Final = 18
"""<asm-generic/mman-common.h>, Linux 4.14: a forked child finds zeros. (MADV_DONTFORK would crash it at a touch.)"""


class SecretArena:
    """Grows by chunks and never shrinks: what was needed once is needed again after the next outage."""

    __slots__ = ("_buffer", "_chunks", "_free", "_say", "locked", "used")

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        """``say`` is told in a sentence, once, where the system does not let memory be locked."""
        self._chunks: list[memoryview] = []
        self._free: list[int] = []
        self._buffer = memoryview(b"")
        self._say = say
        self.locked = True
        """All pages so far are kept out of swap."""
        self.used = 0
        """Slots that are taken."""

    def __repr__(self) -> str:
        return f"<SecretArena, {self.used} slots taken>"

    def take(self) -> int:
        """The number of a slot that is all zeros."""
        if not self._free:
            first = len(self._chunks) * _SLOTS_A_CHUNK
            self._chunks.append(memoryview(self.pages(CHUNK_BYTES)))
            self._free.extend(range(first + _SLOTS_A_CHUNK - 1, first - 1, -1))
        self.used += 1
        return self._free.pop()

    def view(self, slot: int) -> memoryview:
        """The :data:`SLOT_BYTES` of ``slot``, to be read and written in place."""
        chunk, index = divmod(slot, _SLOTS_A_CHUNK)
        start = index * SLOT_BYTES
        return self._chunks[chunk][start : start + SLOT_BYTES]

    def shared_buffer(self, size: int) -> memoryview:
        """Of ``size`` bytes, for ciphertext that is opened before anybody else runs. All sessions have this one: a long read
        costs no memory of each, nor pages that the kernel gives and takes each time."""
        if len(self._buffer) < size:
            self._buffer = memoryview(bytearray(size))
        return self._buffer[:size]

    def free(self, slot: int) -> None:
        """Zeroes ``slot`` and takes it back. Exactly once for each :meth:`take`."""
        self.view(slot)[:] = _ZEROS
        self._free.append(slot)
        self.used -= 1

    def pages(self, size_bytes: int) -> mmap.mmap:
        """Pages of the same kind for something else that is secret. They are the caller's, who wipes them."""
        # Private: MADV_WIPEONFORK is refused on shared mappings, which is what Python makes by default.
        pages = mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for advice in (getattr(mmap, "MADV_DONTDUMP", None), _MADV_WIPEONFORK):
            try:
                if advice is not None and sys.platform == "linux":
                    pages.madvise(advice)
            except OSError:
                pass  # an old kernel: the process makes no core dumps all the same (hardening)
        if self.locked and (trouble := _lock(pages)):
            self.locked = False
            if self._say is not None:
                self._say(
                    f"TLS traffic secrets may be swapped out: {trouble}; "
                    "more may be locked with LimitMEMLOCK= of systemd or ulimit -l"
                )
        return pages


def _lock(pages: mmap.mmap) -> str:
    """Keeps ``pages`` out of swap (mlock(2)); why not, or an empty string."""
    soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    try:
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (hard, hard))
        libc = ctypes.CDLL(None, use_errno=True)
        first = ctypes.c_char.from_buffer(pages)
        if libc.mlock(ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(pages))) != 0:
            return f"mlock failed with errno {ctypes.get_errno()} under a limit of {hard} bytes"
    except (OSError, ValueError, AttributeError) as error:
        return f"mlock failed: {error}"
    return ""
