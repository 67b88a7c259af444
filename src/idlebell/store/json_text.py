"""What is stored as JSON, to bytes and back. Pure.

msgspec takes a fifteenth of the time of Python's own, which every mail and every push pays several times. It refuses what only
Python writes: half of a surrogate pair, which a mailbox's name may hold that is no UTF-8. That goes the old way.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

_DECODER: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()
_OLD_WAY: Final = json.JSONEncoder(separators=(",", ":")).encode


def load(encoded: bytes | str) -> Any:
    """ValueError where it is none."""
    try:
        return _DECODER.decode(encoded)
    except (msgspec.DecodeError, UnicodeError):
        return json.loads(encoded)


def dump(value: Any) -> bytes:
    """On one line."""
    try:
        return _ENCODER.encode(value)
    except UnicodeError:
        return dump_ascii(value).encode("ascii")


def dump_ascii(value: Any) -> str:
    """On one line, for what lies open in the database, and is written seldom."""
    return _OLD_WAY(value)
