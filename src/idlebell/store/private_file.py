"""A file that nobody but its owner can read: where keys lie."""

from __future__ import annotations

import os
import stat
from pathlib import Path


class NotAFileError(Exception):
    pass


class OpenToOthersError(Exception):
    pass


def read_private(path: Path, bytes_max: int) -> bytes:
    """Its content, at most ``bytes_max``. OSError where it cannot be read; what is told of it and what is read are the same
    file, whatever takes its name meanwhile."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotAFileError
        if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise OpenToOthersError
        return os.read(descriptor, bytes_max)
    finally:
        os.close(descriptor)
