"""Where inputs come from: the transcripts of real servers, and what the fuzzer found worth keeping (``corpus/TARGET``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fuzz.records import seeds
from fuzz.targets import TARGETS, TURN
from transcripts.transcript import load_all

CORPUS: Final = Path(__file__).parent / "corpus"
DICTIONARY: Final = Path(__file__).parent / "imap.dict"

_FETCH: Final = b" FETCH ("


def of_transcripts(target: str) -> Iterator[bytes]:
    """Real dialogues as inputs of ``target``; records are encrypted on the wire, so theirs are written."""
    if target == "records":
        yield from seeds()
        return
    for transcript in load_all():
        turns = {side: [wire for by, wire in transcript.exchanges if by == side] for side in "SC"}
        match target:
            case "client":
                yield b"\x00\x07" + TURN.join(turns["S"])
            case "framing":
                yield b"\x00\x05" + b"".join(turns["S"])
                yield b"\x02\x05" + b"".join(turns["C"])
            case "response":
                yield b"\x00\x00" + b"".join(turns["S"])
            case "server":
                yield b"\x01\x07" + b"".join(turns["C"])
            case "command" | "registration":
                yield b"\x00\x00" + b"".join(turns["C"])
            case "fetch":
                for line in b"".join(turns["S"]).split(b"\r\n* "):
                    if _FETCH in line and line.endswith(b")"):
                        yield b"\x00\x00" + line.partition(_FETCH)[2][:-1]


def kept(target: str) -> Iterator[bytes]:
    """What the fuzzer found and we keep."""
    for path in sorted((CORPUS / target).glob("*")):
        yield path.read_bytes()


def everything() -> list[tuple[str, bytes]]:
    """All of both, without repetition, by target."""
    found = {(target, data): None for target in TARGETS for data in (*of_transcripts(target), *kept(target))}
    return list(found)
