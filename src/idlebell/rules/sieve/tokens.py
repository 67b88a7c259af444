"""The words of a script (RFC 5228 section 8.1), each with the line that it begins on. One pass, linear."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from idlebell.model.shown_text import shown
from idlebell.rules.sieve.errors import SieveError
from idlebell.rules.sieve.limits import NUMBER, SAID_CHARACTERS, SCRIPT_CHARACTERS, TOKENS


class Kind(Enum):
    NAME = auto()
    TAG = auto()
    NUMBER = auto()
    STRING = auto()
    MARK = auto()
    END = auto()


@dataclass(slots=True)
class Token:
    """``text``: a name or tag in lower case, a tag without its colon; a string without its quotes; a mark as it is. Not frozen,
    for there are thousands of them and that makes them twice as fast."""

    kind: Kind
    text: str
    line: int
    number: int = 0

    def __str__(self) -> str:
        match self.kind:
            case Kind.END:
                return "the end of the script"
            case Kind.STRING:
                return f'the string "{shown(self.text, SAID_CHARACTERS)}"'
            case Kind.TAG:
                return ":" + shown(self.text, SAID_CHARACTERS)
            case _:
                return shown(self.text, SAID_CHARACTERS)


_SPACE: Final = re.compile(r"(?:[ \t\r\n]++|\#[^\n]*+)*+")
_TOKEN: Final = re.compile(
    r"""(?P<multiline>text:[ \t]*+(?:\#[^\n]*+)?\r?\n)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*+)
    |(?P<mark>[][(){},;])
    |"(?P<string>(?:[^"\\]++|\\.)*+)"
    |:(?P<tag>[A-Za-z_][A-Za-z0-9_]*+)
    |(?P<number>[0-9]++[KMG]?)(?![A-Za-z0-9_])
    |(?P<comment>/\*)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_LAST_LINE: Final = re.compile(r"^\.\r?(?:\n|\Z)", re.MULTILINE)
_STUFFED: Final = re.compile(r"^\.\.", re.MULTILINE)
_LINE_END: Final = re.compile(r"\r?\n")
_UNITS: Final = MappingProxyType({"k": 2**10, "m": 2**20, "g": 2**30})


def tokens(script: str) -> Iterator[Token]:
    """Ends with one of kind END, on the last line. SieveError."""
    if len(script) > SCRIPT_CHARACTERS:
        raise SieveError(1, f"the script has more than {SCRIPT_CHARACTERS} characters")
    place, line, count = 0, 1, 0
    while True:
        start = _space_end(script, place)
        line += script.count("\n", place, start)
        place = start
        if place == len(script):
            break
        found = _TOKEN.match(script, place)
        if found is None:
            raise SieveError(line, _nothing(script, place))
        end = found.end()
        which = found.lastgroup or ""
        if which == "comment":
            end = script.find("*/", end) + 2
            if end < 2:
                raise SieveError(line, "this comment is not closed; end it with */")
            line += script.count("\n", place, end)
            place = end
            continue
        count += 1
        if count > TOKENS:
            raise SieveError(line, f"the script has more than {TOKENS} words and marks")
        text = found[which]
        if which == "string":
            yield Token(Kind.STRING, _unquoted(text), line)
            line += text.count("\n")
        elif which == "mark":
            yield Token(Kind.MARK, text, line)
        elif which == "name":
            yield Token(Kind.NAME, text.lower(), line)
        elif which == "tag":
            yield Token(Kind.TAG, text.lower(), line)
        elif which == "number":
            yield Token(Kind.NUMBER, text, line, _number(text, line))
        else:
            last = _LAST_LINE.search(script, end)
            if last is None:
                raise SieveError(line, "the text that begins here is not ended; end it with a line that is a dot alone")
            yield Token(Kind.STRING, _lines(_STUFFED.sub(".", script[end : last.start()])), line)
            end = last.end()
            line += script.count("\n", place, end)
        place = end
    yield Token(Kind.END, "", line)


def _space_end(script: str, place: int) -> int:
    found = _SPACE.match(script, place)
    return found.end() if found is not None else place


def _unquoted(text: str) -> str:
    return _lines(_ESCAPE.sub(r"\1", text) if "\\" in text else text)


def _number(text: str, line: int) -> int:
    """RFC 5228 section 2.4.1."""
    unit = _UNITS.get(text[-1].lower(), 1)
    digits = text.rstrip("KMGkmg").lstrip("0") or "0"
    number = int(digits) * unit if len(digits) <= len(str(NUMBER)) else NUMBER + 1
    if number > NUMBER:
        raise SieveError(line, f"this number is more than {NUMBER}")
    return number


def _lines(text: str) -> str:
    """RFC 5228 section 2.4.2: lines end with CRLF, however the script came here."""
    return _LINE_END.sub("\r\n", text) if "\n" in text else text


def _nothing(script: str, place: int) -> str:
    if script[place] == '"':
        return "the string that begins here is not closed"
    word = shown(script[place : place + 20].partition("\n")[0], 20)
    if script[place].isdigit():
        return f"{word} is no number; only K, M or G may stand behind the digits"
    return f"nothing of Sieve begins with {word or 'this character'}"
