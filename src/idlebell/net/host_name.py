"""The grammar of host names, applied before any resolver or URL parser sees one.

The C library turns ``127.1``, ``0x7f.1``, ``2130706433`` and full-width digits into 127.0.0.1, and cuts a name at a NUL.
So nothing reaches it but LDH labels (RFC 1123 section 2.1) and canonical address literals.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import idna

NAME_CHARACTERS: Final = 253
"""RFC 1035 section 2.3.4, without the root's dot."""

INPUT_CHARACTERS: Final = 1_024
"""Before IDNA shortens or lengthens it."""

HOSTS_KEPT: Final = 256
"""Names that were read last. A push service is named by each of its endpoints."""

_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_QUAD: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}", re.ASCII)


class BadHost(ValueError):  # noqa: N818
    """What was given is no host name. The message says why and may be shown."""


@lru_cache(HOSTS_KEPT)
def parse_host(text: str) -> str:
    """``text`` as an A-label name in lower case (IDNA2008, RFC 5891) or as a canonical address literal without brackets.

    BadHost: anything else: an empty label, a final dot, an underscore, a number that is no dotted quad, a zone, any
    spelling that some parser somewhere would read as an address.
    """
    if not text or len(text) > INPUT_CHARACTERS:
        raise BadHost("a host name has 1 to 253 characters")
    if ":" in text:
        return _ipv6(text)
    if not text.isascii():
        return _ldh(_to_ascii(text))
    return _ldh(text.lower())


def _ipv6(text: str) -> str:
    if not text.isascii():
        raise BadHost("an address literal is ASCII")
    try:
        canonical = str(IPv6Address(text))
    except AddressValueError as error:
        raise BadHost("not an IPv6 address, and a host name has no colon") from error
    if "%" in canonical or canonical != text.lower():
        raise BadHost("an IPv6 address is written in its canonical form (RFC 5952), without a zone")
    return canonical


def _to_ascii(text: str) -> str:
    try:
        # strict: only U+002E separates labels. Case is folded first, as RFC 5895 section 2 does; nothing else is mapped,
        # so full-width and circled characters are refused rather than turned into digits.
        return idna.encode(text.lower(), strict=True, std3_rules=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise BadHost("not a name by IDNA2008 (RFC 5891)") from error


def _ldh(name: str) -> str:
    if len(name) > NAME_CHARACTERS:
        raise BadHost("a host name has 1 to 253 characters")
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _ipv4(name)
    for label in labels:
        if _LABEL.fullmatch(label) is None:
            raise BadHost("the labels of a host name are 1 to 63 letters, digits and inner hyphens")
        if label.startswith("xn--"):
            _check_a_label(label)
    return name


def _ipv4(text: str) -> str:
    if _QUAD.fullmatch(text) is None:
        raise BadHost("a host name does not end in a number")
    try:
        return str(IPv4Address(text))  # refuses leading zeros and numbers over 255
    except AddressValueError as error:
        raise BadHost("not an IPv4 address in its canonical form") from error


def _check_a_label(label: str) -> None:
    try:
        again = idna.alabel(idna.ulabel(label)).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise BadHost("an xn-- label that is not IDNA2008 (RFC 5891 section 5.4)") from error
    if again != label:
        raise BadHost("an xn-- label that is not in its canonical form")
