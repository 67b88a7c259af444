"""What SQLite says, in a sentence with its mend: the one place where foreign exceptions become ours."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from idlebell.store.contract import StoreError

_SENTENCES: Final = {
    sqlite3.SQLITE_FULL: "The disk is full: {path} cannot grow. Make room; nothing was changed.",
    sqlite3.SQLITE_BUSY: "The database {path} is locked by another process. Nothing was changed.",
    sqlite3.SQLITE_LOCKED: "The database {path} is locked by another process. Nothing was changed.",
    sqlite3.SQLITE_READONLY: "The database {path} cannot be written to: check its owner, mode and file system.",
    sqlite3.SQLITE_CANTOPEN: "The database {path} cannot be opened: check its directory, owner and mode, and how many files "
    "the process may open.",
    sqlite3.SQLITE_PERM: "The database {path} cannot be opened: check its owner and mode.",
    sqlite3.SQLITE_IOERR: "Reading or writing {path} failed: check the disk and the system's log.",
    sqlite3.SQLITE_CORRUPT: "The database {path} is damaged: move it away and restore a backup.",
    sqlite3.SQLITE_NOTADB: "The file {path} is not a database: name another in [store] url or move it away.",
}


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """SQLite's own text is left out where we know better: it may quote what was stored."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        # The low byte is the primary code, the rest narrows it down (https://sqlite.org/rescode.html).
        sentence = _SENTENCES.get(code & 0xFF)
        if sentence is not None:
            return StoreError(sentence.format(path=path))
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StoreError(f"The database {path} failed with {name}. Nothing was changed.")
