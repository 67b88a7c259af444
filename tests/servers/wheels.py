"""A wheel of Python's package index, for a file that it brings and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FETCH_SECONDS = 300


def download(wheel: str, sha256: str, folder: Path, *options: str) -> Path:
    """``wheel`` (``name==version``) into ``folder``, by its hash and without what it depends on. OSError, SubprocessError or
    StopIteration where it cannot be had."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{wheel} --hash=sha256:{sha256}\n")
    pip = [sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "--no-input", "download"]
    command = [*pip, "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(wanted), "-d", str(folder)]
    subprocess.run([*command, *options], timeout=FETCH_SECONDS, check=True)
    return next(folder.glob("*.whl"))
