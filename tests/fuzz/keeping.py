"""Chooses from what the fuzzer has learnt the few inputs that go into the repository, and makes them small.

``./run fuzz --keep``. An input is kept for a step from one line of what is fuzzed to another that neither the transcripts nor
the inputs kept before it take; what is not needed for that is cut away.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeAlias

from fuzz.inputs import CORPUS, of_transcripts
from fuzz.targets import OPTION_BYTES, TARGETS, hold

KEPT_A_TARGET: Final = 15
TRIED_BYTES: Final = 600
"""Larger ones are left alone: small ones reach the same."""

FUZZED: Final = ("/idlebell/imap/", "/idlebell/net/tls_parked.py")

Steps: TypeAlias = frozenset[tuple[str, int, int]]
"""File, line before, line."""


def steps_of(target: str, data: bytes) -> Steps:
    found: set[tuple[str, int, int]] = set()

    def trace(frame: Any, event: str, argument: Any) -> Callable[..., Any] | None:
        name = frame.f_code.co_filename
        if not any(part in name for part in FUZZED):
            return None
        last = frame.f_lineno

        def inside(frame: Any, event: str, argument: Any) -> Callable[..., Any]:
            nonlocal last
            if event == "line":
                found.add((name, last, frame.f_lineno))
                last = frame.f_lineno
            return inside

        return inside

    sys.settrace(trace)
    try:
        hold(target, data)
    finally:
        sys.settrace(None)
    return frozenset(found)


def smaller(target: str, data: bytes, wanted: Steps) -> bytes:
    """``data`` without what is not needed to take the steps that are wanted."""
    size = len(data) // 2
    while size:
        start = OPTION_BYTES
        while start < len(data):
            shorter = data[:start] + data[start + size :]
            if len(shorter) > OPTION_BYTES and wanted <= steps_of(target, shorter):
                data = shorter
            else:
                start += size
        size //= 2
    return data


def keep(target: str, learnt: Path) -> int:
    """Rewrites the corpus of ``target``; how many inputs it holds now."""
    taken: set[tuple[str, int, int]] = set()
    for data in of_transcripts(target):
        taken |= steps_of(target, data)
    folder = CORPUS / target
    candidates = {
        data: steps_of(target, data)
        for path in [*folder.glob("*"), *learnt.glob("*")]
        if OPTION_BYTES < len(data := path.read_bytes()) <= TRIED_BYTES
    }
    chosen: list[bytes] = []
    while candidates and len(chosen) < KEPT_A_TARGET:
        # Most new steps first; of those the shortest.
        best = max(candidates, key=lambda data: (len(candidates[data] - taken), -len(data), data))
        new = candidates.pop(best) - taken
        if not new:
            break
        small = smaller(target, best, new)
        taken |= steps_of(target, small)
        chosen.append(small)
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*"):
        path.unlink()
    for data in chosen:
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    return len(chosen)


def keep_all(folder: Path) -> None:
    for target in TARGETS:
        print(f"{target:<10} {keep(target, folder / target):>3} inputs kept")
