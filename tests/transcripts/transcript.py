"""Dialogues with real servers, as text.

``C:`` and ``S:`` lines in the order seen, each without its CRLF; a literal runs on over the next lines of its side. Lines
with ``#`` come first and say what is special. ``# unknown: PREFIX`` names server lines that are expected to have no
meaning for us, ``# quirk: NAME`` what of :data:`~idlebell.imap.quirks.QUIRKS` it shows, ``# from: SERVER`` who was asked or
``# constructed from: SOURCE`` what it was put together from where nobody could be.
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
    quirks: tuple[str, ...]
    source: str
    """Where it is from."""
    constructed: bool

    @property
    def server_bytes(self) -> bytes:
        return b"".join(wire for side, wire in self.exchanges if side == "S")


def load(path: Path) -> Transcript:
    exchanges: list[tuple[str, bytes]] = []
    said: dict[str, list[str]] = {}
    for line in path.read_bytes().splitlines():
        if line.startswith(b"#"):
            key, _, value = line.decode().removeprefix("# ").partition(": ")
            said.setdefault(key, []).append(value)
            continue
        side, wire = line[:1].decode(), line[3:] + b"\r\n"
        if side not in ("C", "S") or line[1:3] not in (b": ", b":"):
            raise ValueError(f"{path}: neither C: nor S: nor #: {line!r}")
        if exchanges and exchanges[-1][0] == side:
            wire = exchanges.pop()[1] + wire
        exchanges.append((side, wire))
    [source] = said.get("from", []) + said.get("constructed from", [])
    return Transcript(
        path.relative_to(HERE).with_suffix("").as_posix(),
        tuple(exchanges),
        tuple(prefix.encode() for prefix in said.get("unknown", ())),
        tuple(said.get("quirk", ())),
        source,
        "constructed from" in said,
    )


def load_all() -> list[Transcript]:
    return [load(path) for path in sorted(HERE.glob("*/*.imap"))]
