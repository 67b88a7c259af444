"""The store in SQLite: WAL, every commit on disk before it is acknowledged, one writer thread that commits in groups."""

from idlebell.store.sqlite.store import SqliteStore, open_sqlite

__all__ = ["SqliteStore", "open_sqlite"]
