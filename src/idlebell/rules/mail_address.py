"""Addresses in a header field (RFC 5322 section 3.4), read in one pass whatever is written.

What is no address is passed over. Encoded words stand in display names alone (RFC 2047 section 5), and are decoded after the
addresses are told apart: a comma in a name divides nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from idlebell.rules.charsets import guessed
from idlebell.rules.header_text import decode_words

ADDRESSES: Final = 500
"""Of one field. More are not looked at."""
TOKENS: Final = 2_500
"""Of one field: words, spaces, marks and comments, some 1 µs each. In 8 KiB 250 names and addresses have 2,000."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[^\s"(),:;<>]++|\s++|[(),:;<>]', re.DOTALL)
_IN_COMMENT: Final = re.compile(r"[^()\\]++|\\.|[()\\]", re.DOTALL)
_QUOTED: Final = re.compile(r'".*"', re.DOTALL)
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class MailAddress:
    """``name`` decoded, may be empty; ``address`` as written: ``local@domain``, or what stands in its place."""

    name: str
    address: str

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0] if "@" in self.address else self.address

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2] if "@" in self.address else ""


def read_addresses(raw: bytes, tokens: int = TOKENS) -> tuple[MailAddress, ...]:
    """In their order, members of groups too, as far as ``tokens`` go."""
    text = guessed(raw)
    found: list[MailAddress] = []
    words: list[str] = []  # outside of < >
    route: list[str] | None = None  # inside of them, or what stood there
    inside = False
    place = 0
    while place < len(text) and len(found) < ADDRESSES and tokens > 0:
        tokens -= 1
        if text[place] == "(":
            place = _after_comment(text, place)
            (route if inside and route is not None else words).append(" ")
            continue
        token = _TOKEN.match(text, place)
        assert token is not None  # every character begins one
        place = token.end()
        part = token[0]
        if inside and route is not None:
            if part == ">":
                inside = False
            elif part != "<" and not part.isspace():
                route.append(part)
        elif part == "<":
            route, inside = [], True
        elif part in (",", ";"):
            _take(found, words, route)
            words, route = [], None
        elif part == ":":
            words, route = [], None  # the name of a group
        else:
            words.append(part)
    _take(found, words, route)
    return tuple(found[:ADDRESSES])


def _take(found: list[MailAddress], words: list[str], route: list[str] | None) -> None:
    if route is not None:
        written = "".join(route)
        # RFC 5322 section 4.4: an old route before the address says nothing of whose it is.
        address = written.rpartition(":")[2] if written.startswith("@") else written
        if address:
            found.append(MailAddress(_phrase(words), address))
        return
    address = "".join(one if _QUOTED.fullmatch(one) else "".join(one.split()) for one in words)
    if address:
        found.append(MailAddress("", address))


def _phrase(words: list[str]) -> str:
    plain = "".join(_ESCAPE.sub(r"\1", one[1:].removesuffix('"')) if one[:1] == '"' else one for one in words)
    return " ".join(decode_words(" ".join(plain.split())).split())


def _after_comment(text: str, place: int) -> int:
    """Comments nest (RFC 5322 section 3.2.2); they are counted, not followed."""
    depth = 0
    for token in _IN_COMMENT.finditer(text, place):
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
            if depth == 0:
                return token.end()
    return len(text)
