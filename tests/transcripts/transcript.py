"""Dialogues with real servers, as text.

``C:`` and ``S:`` lines in the order seen, each without its CRLF; a literal runs on over the next lines of its side. Lines
with ``#`` come first and say what is special. ``# unknown: PREFIX`` names server lines that are expected to have no
meaning for us.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Transcript:
    name: str
    """``dovecot/idle``."""
    exchanges: tuple[tuple[str, bytes], ...]
    """``C`` or ``S`` with the bytes of that side up to the other's turn."""
    unknown: tuple[bytes, ...]
    """How server lines begin that become ``Unknown``."""

    @property
    def server_bytes(self) -> bytes:
        return b"".join(wire for side, wire in self.exchanges if side == "S")


def load(path: Path) -> Transcript:
    exchanges: list[tuple[str, bytes]] = []
    unknown: list[bytes] = []
    for line in path.read_bytes().splitlines():
        if line.startswith(b"#"):
            if line.startswith(b"# unknown: "):
                unknown.append(line.removeprefix(b"# unknown: "))
            continue
        side, wire = line[:1].decode(), line[3:] + b"\r\n"
        if side not in ("C", "S") or line[1:3] not in (b": ", b":"):
            raise ValueError(f"{path}: neither C: nor S: nor #: {line!r}")
        if exchanges and exchanges[-1][0] == side:
            wire = exchanges.pop()[1] + wire
        exchanges.append((side, wire))
    return Transcript(path.relative_to(HERE).with_suffix("").as_posix(), tuple(exchanges), tuple(unknown))


def load_all() -> list[Transcript]:
    return [load(path) for path in sorted(HERE.glob("*/*.imap"))]
