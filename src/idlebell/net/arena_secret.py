"""A secret of any length in the arena: pages that stay out of core dumps and swap."""

from __future__ import annotations

from idlebell.net.secret_arena import SLOT_BYTES, SecretArena


class ArenaSecret:
    """A copy of ``value`` in as many slots as it takes. :meth:`free` it once it is not needed; a second call does nothing."""

    __slots__ = ("_arena", "_length", "_slots")

    def __init__(self, arena: SecretArena, value: bytes) -> None:
        self._arena = arena
        self._length = len(value)
        self._slots = [arena.take() for _ in range(0, len(value), SLOT_BYTES)]
        for place, slot in enumerate(self._slots):
            piece = value[place * SLOT_BYTES : (place + 1) * SLOT_BYTES]
            arena.view(slot)[: len(piece)] = piece

    def __repr__(self) -> str:
        return "ArenaSecret(…)"

    def reveal(self) -> bytes:
        """Empty once it is freed."""
        return b"".join(self._arena.view(slot) for slot in self._slots)[: self._length]

    def free(self) -> None:
        slots, self._slots = self._slots, []
        for slot in slots:
            self._arena.free(slot)
