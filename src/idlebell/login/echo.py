"""What a server says of a login, without the secret that it was sent. Pure.

A refusal's words are shown, logged and kept with the subscription. Some servers repeat in them what they did not like.
"""

from __future__ import annotations

import base64
import re
from typing import Final

MASK: Final = "(…)"
SHORT_CHARACTERS: Final = 4
"""A secret that is shorter stands in other words by chance; of it whole words alone are masked."""


def unechoed(text: str, secret: str) -> str:
    """``text`` without ``secret``, as it is or in base64, alone or within a SASL message. An empty ``secret`` is one that was
    wiped meanwhile: then nothing of ``text`` is told."""
    if not secret:
        return MASK if text else text
    if len(secret) < SHORT_CHARACTERS:
        return re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", lambda _: MASK, text)
    text = text.replace(secret, MASK)
    if all(spelling not in text for spelling in _spellings(secret)):
        return text
    return re.sub(r"[A-Za-z0-9+/_=-]+", lambda word: MASK if _holds(word[0], secret) else word[0], text)


def _holds(word: str, secret: str) -> bool:
    return any(spelling in word for spelling in _spellings(secret))


def _spellings(secret: str) -> list[str]:
    """What of the base64 of a message is the same whatever stands before and after the secret in it."""
    raw = secret.encode("utf-8", "surrogatepass")
    found = []
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw).decode()
        inner = coded[(0, 2, 3)[before] : len(coded) - (0, 3, 2)[(before + len(raw)) % 3]]
        found += [inner, inner.replace("+", "-").replace("/", "_")]
    return found
