"""Files that hold a key of the operator's: read once, and only where nobody else can read them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from idlebell.store.private_file import NotAFileError, OpenToOthersError, read_private

KEY_FILE_BYTES: Final = 65_536
"""A service account has 2.4 KB."""


def read_key_file(path: Path, key: str) -> bytes:
    """ValueError: the sentence names ``key`` of the configuration, the path and the mend."""
    try:
        content = read_private(path, KEY_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{key}: {path} cannot be read: {error.strerror}") from None
    except NotAFileError:
        raise ValueError(f"{key}: {path} is not a file") from None
    except OpenToOthersError:
        raise ValueError(f"{key}: {path} is open to others than its owner; run chmod 600 {path}") from None
    if len(content) > KEY_FILE_BYTES:
        raise ValueError(f"{key}: {path} is larger than any key")
    return content
