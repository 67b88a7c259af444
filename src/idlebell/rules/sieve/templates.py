"""Strings of a script that are not what they look like: ``${name}`` (RFC 5229 section 3), ``${hex: …}`` and ``${unicode: …}``
(RFC 5228 section 2.4.2.4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from idlebell.rules.sieve.errors import SieveError
from idlebell.rules.sieve.limits import COMPARISON, VARIABLE_CHARACTERS, VARIABLE_NAME_CHARACTERS
from idlebell.rules.sieve.run import Run

_HEX: Final = re.compile(r"\$\{hex:((?:\s*+[0-9a-f]{1,2}(?![0-9a-f]))++)\s*+\}", re.IGNORECASE)
_UNICODE: Final = re.compile(r"\$\{unicode:((?:\s*+[0-9a-f]{1,6}(?![0-9a-f]))++)\s*+\}", re.IGNORECASE)
_REFERENCE: Final = re.compile(r"\$\{(?:([0-9]++)|([A-Za-z_][A-Za-z0-9_]*+(?:\.[A-Za-z0-9_]++)*+))\}")
VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Template:
    """``pieces`` are text, and between them names and numbers of variables: text, reference, text, …, text."""

    pieces: tuple[str | int, ...]

    @property
    def constant(self) -> str | None:
        """What it always is; None: that depends."""
        return str(self.pieces[0]) if len(self.pieces) == 1 else None

    def text(self, run: Run) -> str:
        if len(self.pieces) == 1:
            return str(self.pieces[0])
        run.spend(COMPARISON * len(self.pieces))
        found: list[str] = []
        for place, piece in enumerate(self.pieces):
            if place % 2 == 0:
                found.append(str(piece))
            elif isinstance(piece, int):
                found.append(run.matched[piece] if piece < len(run.matched) else "")
            else:
                found.append(run.variables.get(piece, ""))
        text = "".join(found)[:VARIABLE_CHARACTERS]
        run.spend(len(text))
        return text


def read_template(text: str, line: int, *, variables: bool, encoded: bool) -> Template:
    """``variables`` and ``encoded``: the script requires that. SieveError."""
    if "${" not in text:
        return Template((text,))
    if encoded:
        text = _decoded(text, line)
    if not variables:
        return Template((text,))
    pieces: list[str | int] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        pieces.append(text[end : found.start()])
        pieces.append(_reference(found, line))
        end = found.end()
    pieces.append(text[end:])
    return Template(tuple(pieces))


def variable_name(name: str, line: int) -> str:
    """As it is kept: names have no case (RFC 5229 section 3). SieveError."""
    if VARIABLE.fullmatch(name) is None:
        raise SieveError(line, "the name of a variable has letters, digits and _, and begins with no digit")
    if len(name) > VARIABLE_NAME_CHARACTERS:
        raise SieveError(line, f"the name of a variable has no more than {VARIABLE_NAME_CHARACTERS} characters")
    return name.lower()


def _reference(found: re.Match[str], line: int) -> str | int:
    if found[1] is not None:
        # RFC 5229 section 3.2 counts to nine at least; behind that nothing matches.
        return int(found[1]) if len(found[1].lstrip("0")) <= 2 else 99
    if "." in found[2]:
        raise SieveError(line, "${" + found[2].partition(".")[0][:20] + ".…}: this namespace of variables is not known")
    return variable_name(found[2], line)


def _decoded(text: str, line: int) -> str:
    text = _HEX.sub(_of_bytes, text)

    def of_points(found: re.Match[str]) -> str:
        points = [int(one, 16) for one in found[1].split()]
        if any(one > 0x10FFFF or 0xD800 <= one <= 0xDFFF for one in points):
            raise SieveError(line, "${unicode: …} has a number that is no character")
        return "".join(map(chr, points))

    return _UNICODE.sub(of_points, text)


def _of_bytes(found: re.Match[str]) -> str:
    return bytes(int(one, 16) for one in found[1].split()).decode("utf-8", "replace")
