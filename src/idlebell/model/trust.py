"""Whom a session believes to be the mail server. Pure.

Trust is a part of an account's identity, as host and port are: a login under another trust shows nothing about the server that
this account is watched at.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

PIN_BYTES: Final = 32
"""SHA-256 of a SubjectPublicKeyInfo (RFC 7469 section 2.4)."""
PINS_MAX: Final = 8
"""Of one account: the key of now, the next one, and as many for each of a few servers behind the name."""
FIRST: Final = "first"
"""How trust on first use is spelled."""
_SPELLED_CHARACTERS: Final = 100


@dataclass(frozen=True, slots=True)
class Authorities:
    """Whoever has a certificate of an authority for the host's name: the system's authorities and ``imap.ca_file``."""


@dataclass(frozen=True, slots=True)
class Pinned:
    """Whoever has one of these keys, whatever the certificate says besides (as DANE-EE: RFC 7671 section 5.1). ``pins``: in
    order, each once."""

    pins: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class FirstUse:
    """Whoever has the key of the first session. ``seen`` None: there was none yet."""

    seen: bytes | None = None


Trust: TypeAlias = Authorities | Pinned | FirstUse
AUTHORITIES: Final = Authorities()


def pinned(pins: Sequence[bytes]) -> Pinned:
    return Pinned(tuple(sorted(set(pins))))


def identity(trust: Trust) -> str:
    """What an account is told from others by. What was seen does not count."""
    match trust:
        case Authorities():
            return ""
        case Pinned(pins):
            return " ".join(pin.hex() for pin in pins)
        case FirstUse():
            return FIRST


def restored(text: str, seen: bytes | None) -> Trust:
    """Of what :func:`identity` gave."""
    if text == FIRST:
        return FirstUse(seen)
    return Pinned(tuple(bytes.fromhex(one) for one in text.split())) if text else AUTHORITIES


def keys_of(trust: Trust) -> tuple[bytes, ...] | None:
    """The keys of which the server must have one. None: any, if an authority vouches for it; empty: any."""
    match trust:
        case Authorities():
            return None
        case Pinned(pins):
            return pins
        case FirstUse(seen):
            return () if seen is None else (seen,)


def seen_of(trust: Trust) -> bytes | None:
    """What is stored beside :func:`identity`."""
    return trust.seen if isinstance(trust, FirstUse) else None


def spelled(pin: bytes) -> str:
    return b64encode(pin).decode("ascii")


def read_pin(text: Any) -> bytes:
    """Base64, as ``openssl`` and RFC 7469 give it, or hexadecimal, with or without colons. ValueError: neither."""
    if not isinstance(text, str) or len(text) > _SPELLED_CHARACTERS or not text.isascii():
        raise ValueError("must be the SHA-256 of a public key (SPKI) in base64 or hexadecimal")
    plain = text.strip().removeprefix("sha256//").removeprefix("sha256/")
    bare = plain.replace(":", "")
    try:
        pin = bytes.fromhex(bare) if len(bare) == 2 * PIN_BYTES else b64decode(plain, validate=True)
    except (ValueError, binascii.Error):
        pin = b""
    if len(pin) != PIN_BYTES:
        raise ValueError("must be the SHA-256 of a public key (SPKI) in base64 or hexadecimal")
    return pin


def read_pins(given: Any) -> Pinned:
    """One, or a list of them. ValueError."""
    listed = given if isinstance(given, list) else [given]
    if not listed or len(listed) > PINS_MAX:
        raise ValueError(f"must be 1 to {PINS_MAX} fingerprints")
    return pinned([read_pin(one) for one in listed])
