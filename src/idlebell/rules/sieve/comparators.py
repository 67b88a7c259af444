"""How two texts compare: i;octet, i;ascii-casemap and i;ascii-numeric (RFC 4790 section 9).

Each maps a text to a key, and the keys compare as the texts do. A key of the first two is text itself, to search in; i;octet
works on characters, which order as their UTF-8 does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Comparator:
    name: str
    key: Callable[[str], Any]
    searches: bool
    """:contains and :matches are defined (RFC 4790 section 4.2.3: substring operations)."""


def _octets(text: str) -> str:
    return text


def casemapped(text: str) -> str:
    """A to Z for a to z, all else as it is."""
    if text.isascii():
        return text.upper()
    return text.encode("utf-8", "surrogatepass").upper().decode("utf-8", "surrogatepass")


_DIGITS: Final = re.compile(r"0*+([0-9]*+)")


def number(text: str) -> tuple[bool, int, str]:
    """RFC 4790 section 9.1.1: what does not begin with a digit is infinite. Compared by how many digits there are and what they
    are, for a number of 16,000 digits takes its time to become one."""
    if not "0" <= text[:1] <= "9":
        return True, 0, ""
    found = _DIGITS.match(text)
    digits = found[1] if found is not None else ""
    return False, len(digits), digits


COMPARATORS: Final[Mapping[str, Comparator]] = MappingProxyType(
    {
        one.name: one
        for one in (
            Comparator("i;octet", _octets, True),
            Comparator("i;ascii-casemap", casemapped, True),
            Comparator("i;ascii-numeric", number, False),
        )
    }
)
DEFAULT: Final = COMPARATORS["i;ascii-casemap"]
"""RFC 5228 section 2.7.3."""
