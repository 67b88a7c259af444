"""Files that hold a key of the operator's: read once, and only where nobody else can read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

KEY_FILE_BYTES: Final = 65_536
"""A service account has 2.4 KB."""


def read_key_file(path: Path, key: str) -> bytes:
    """ValueError: the sentence names ``key`` of the configuration, the path and the mend."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ValueError(f"{key}: {path} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{key}: {path} is not a file")
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise ValueError(f"{key}: {path} is open to others than its owner; run chmod 600 {path}")
        content = os.read(descriptor, KEY_FILE_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(content) > KEY_FILE_BYTES:
        raise ValueError(f"{key}: {path} is larger than any key")
    return content
