"""Bytes of a mail to text, by the name of a charset that whoever sent it chose.

Only charsets that are known beforehand are tried: a name that is looked up in Python's own registry is kept there for good, and
some of its codecs (punycode, unicode_escape) take time or do things that no mail needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from encodings.aliases import aliases
from types import MappingProxyType
from typing import Final

_NO_TEXT: Final = frozenset(
    {
        *("base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"),
        *("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"),
    }
)
_MORE: Final = (
    "koi8_u",
    "koi8_t",
    "cp720",
    "cp737",
    "cp856",
    "cp874",
    "cp875",
    "cp1006",
    "mac_croatian",
    "mac_romanian",
)
"""Codecs that have no alias."""
_MEANT: Final = MappingProxyType(
    {
        "latin_1": "cp1252",
        "ascii": "utf_8",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "euc_kr": "cp949",
        "shift_jis": "cp932",
    }
)
"""What is written under these names in truth, as every browser reads them (the Encoding Standard's labels)."""
_KNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        name: _MEANT.get(codec, codec)
        for name, codec in (*aliases.items(), *((one, one) for one in (*aliases.values(), *_MORE)))
        if codec not in _NO_TEXT
    }
)


def codec_named(charset: str) -> str | None:
    """The codec for a charset as mails name it, with the language of RFC 2231 or without; None: nobody knows it."""
    name = charset[:60].partition("*")[0].strip().lower()
    return _KNOWN.get(name.replace("-", "_").replace(" ", "_").replace(".", "_"))


def decoded(raw: bytes, charset: str | None = None) -> str:
    """Never fails: an unknown charset is guessed, what is not of its charset is replaced."""
    codec = codec_named(charset) if charset else None
    if codec is None:
        return guessed(raw)
    if codec == "utf_8":
        return guessed(raw)  # what is said to be ASCII or UTF-8 and is neither comes from an old program
    return raw.decode(codec, "replace")


def guessed(raw: bytes) -> str:
    """UTF-8, and where it is none Latin-1, which everything is."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def whole_characters(raw: bytes) -> bytes:
    """``raw`` that was cut somewhere, without the beginning of a UTF-8 character at its end."""
    for back in range(1, min(4, len(raw) + 1)):
        byte = raw[-back]
        if byte >= 0xC0:  # RFC 3629 section 3: the first of two to four
            return raw[:-back] if back < (2 if byte < 0xE0 else 3 if byte < 0xF0 else 4) else raw
        if byte < 0x80:
            break
    return raw
