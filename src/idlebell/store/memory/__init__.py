"""The store that forgets: everything in dicts. For tests, and for ``idlebell watch`` without ``--state``."""

from idlebell.store.memory.store import MemoryStore

__all__ = ["MemoryStore"]
