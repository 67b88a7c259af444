"""User names and passwords as SASL compares them (RFC 4013)."""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final

_PROHIBITED: Final[tuple[Callable[[str], bool], ...]] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """RFC 4013, as a query (unassigned code points are let through). ValueError for what it prohibits."""
    mapped = "".join(" " if stringprep.in_table_c12(one) else one for one in text if not stringprep.in_table_b1(one))
    prepared = unicodedata.normalize("NFKC", mapped)
    if not prepared:
        raise ValueError("nothing is left of it after SASLprep")
    if any(prohibited(one) for prohibited in _PROHIBITED for one in prepared):
        raise ValueError("it holds a character that SASLprep prohibits (RFC 4013 section 2.3)")
    if any(stringprep.in_table_d1(one) for one in prepared) and (
        any(stringprep.in_table_d2(one) for one in prepared)
        or not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1]))
    ):
        raise ValueError("it mixes writing directions (RFC 3454 section 6)")
    return prepared
