"""Node, for the tests of the web client's modules: the machine's own, or unpacked from Debian's package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from servers import packages


def node() -> str:
    """Its path. Needs the part ``node``."""
    if (own := shutil.which("node")) is not None:
        return own
    root = packages.find("node")
    assert root is not None
    return str(root / "usr/bin/node")


def _environment() -> dict[str, str]:
    root = packages.find("node")
    if shutil.which("node") is not None or root is None:
        return dict(os.environ)
    libraries = sorted({str(path.parent) for path in Path(root, "usr/lib").rglob("*.so*")})
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)}


ENVIRONMENT = _environment()
"""Unpacked, it finds its libraries beside itself."""


def why_not_node() -> str | None:
    if shutil.which("node") is None and packages.find("node") is None:
        return "Node is neither unpacked nor installed (./run test fetches it)"
    return None
