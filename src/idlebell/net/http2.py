"""Is HTTP/2 spoken here? What speaks it is imported by those who need it."""

from __future__ import annotations

import importlib.util


def is_spoken() -> bool:
    return importlib.util.find_spec("h2") is not None
